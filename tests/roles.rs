//! The mock and the load generator over loopback, with real sockets: against each other, and the load generator against
//! servers that misbehave in every way it tells apart.

#[path = "roles/failures.rs"]
mod failures;
#[path = "roles/load.rs"]
mod load;
#[path = "roles/mock.rs"]
mod mock;
#[path = "roles/servers.rs"]
mod servers;
