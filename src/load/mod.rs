//! The load generator: closed loop, open loop and stages, over HTTP/1.1 connections.
//!
//! [`run`] is all there is to call. One event loop a thread, nothing shared between threads but a clock; each counts
//! for itself, and the calling thread merges. `pace/` says when requests are due, `http/` renders them and reads
//! answers, `count/` keeps what came of them; `connection` is the hot path, `event_loop` gives the connections their
//! turns, and `run` leads. `capacity` searches with whole runs. No tokio here.

mod backend;
mod capacity;
mod connection;
mod count;
mod event_loop;
mod http;
mod lane;
mod pace;
mod run;
mod validate;

pub use capacity::find_capacity;
pub use count::SteadyDetector;
pub use http::{parse_requests, read_data_file, read_request_file};
pub use run::run;
pub use validate::MAX_USERS;
