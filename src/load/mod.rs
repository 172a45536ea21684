//! The load generator: closed-loop users over HTTP/1.1 keep-alive connections.
//!
//! [`run`] is all there is to call. One event loop a thread, nothing shared between threads but a clock; each counts
//! for itself, and the calling thread merges. From the socket up: `user` is the hot path, `event_loop` gives the users
//! their turns, `response` and `expect` judge answers, `recorder` counts, `timeline` says in which slice, `collect`
//! merges the slices, and `run` leads. No tokio here.

mod chunked;
mod collect;
mod config;
mod event_loop;
mod expect;
mod failures;
mod own_usage;
mod recorder;
mod request;
mod response;
mod run;
mod spawn;
mod steady;
mod target;
mod timeline;
mod user;

pub use config::{LoadConfig, MAX_USERS, RequestTemplate, WarmUp};
pub use expect::{BodyCheck, JsonPointer};
pub use run::run;
pub use spawn::Spawning;
pub use steady::SteadyDetector;
