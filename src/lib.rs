//! vscale: how does this server scale up on one host, and why does it stop?
//!
//! A run reads from left to right, one module a step; `ARCHITECTURE.md` has the picture.

pub mod analyse;
pub mod app;
pub mod calibrate;
pub mod cli;
pub mod compose;
pub mod distribution;
pub mod engine;
pub mod error;
pub mod events;
pub mod init;
pub mod limits;
pub mod load;
pub mod load_tools;
pub mod measure;
pub mod mock;
pub mod model;
pub mod plan;
pub mod probe;
pub mod redact;
pub mod report;
pub mod run;
pub mod store;
pub mod text;
pub mod this_process;
pub mod threshold;
pub mod units;
mod wire;
