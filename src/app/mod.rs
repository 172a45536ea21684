//! A server whose limit is known: the target that a measurement is tried on.
//!
//! It is built as most Python, Ruby and Node servers are: a parent that binds a socket (`supervisor`) and worker processes that
//! accept connections on it, each thread of them an event loop that serves its requests one at a time (`event_loop`). What a
//! request costs is as programmed (`work`), what limits all workers together lies in a file that they share (`board`), and
//! waiting for a backend blocks no thread (`backend`). Besides what is programmed a request costs one read, one write and one
//! look at what else is due.

mod backend;
mod board;
mod client;
mod config;
mod event_loop;
mod http;
mod supervisor;
mod work;
mod worker;

pub use config::{AppConfig, BackendUrl, Usl};
pub use supervisor::supervise;
pub use worker::{Place, serve};
