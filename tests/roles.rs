//! The mock, the app and the load generator over loopback, with real sockets: against each other, and the load generator against
//! servers that misbehave in every way it tells apart.

#[path = "roles/app.rs"]
mod app;
#[path = "roles/failures.rs"]
mod failures;
#[path = "roles/generator.rs"]
mod generator;
#[path = "roles/hostile.rs"]
mod hostile;
#[path = "roles/load.rs"]
mod load;
#[path = "roles/mock.rs"]
mod mock;
#[path = "roles/mock_behaviour.rs"]
mod mock_behaviour;
#[path = "roles/pacing.rs"]
mod pacing;
#[path = "roles/probe.rs"]
mod probe;
#[path = "roles/requests.rs"]
mod requests;
#[path = "roles/scenarios.rs"]
mod scenarios;
#[path = "roles/servers.rs"]
mod servers;
#[path = "roles/streams.rs"]
mod streams;
#[path = "roles/tls.rs"]
mod tls;
#[path = "shared/window.rs"]
mod window;
