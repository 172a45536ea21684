//! The load generator: closed loop, open loop and stages, over HTTP/1.1 connections.
//!
//! [`run`] carries out a plan. Each thread has an event loop and counts for itself; they share little but a clock, and the
//! calling thread merges the counts. `pace/` says when requests are due, `http/` renders them and reads answers, `addresses`
//! says where connections go to, `user` which step of a scenario comes next, `count/` keeps what came of them. `connection` is the hot path, `event_loop` gives
//! connections their turns, `conductor` says when the window starts and ends. `capacity` searches with whole runs. No tokio here.

mod addresses;
mod ask;
mod backend;
mod capacity;
mod conductor;
mod connection;
mod count;
mod current;
mod event_loop;
mod http;
mod lane;
mod pace;
mod run;
mod user;
mod validate;

pub use ask::{Asker, Told};
pub use backend::close_window_of;
pub use capacity::find_capacity;
pub use http::{RequestFile, names_left, parse_requests, read_data_file, read_request_file};
pub use run::{check, run};
pub use validate::{RATES, SPAWN_RATES};
