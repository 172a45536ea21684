//! vscale: how does this server scale up on one host, and why does it stop?
//!
//! A run reads from left to right, one module a step; `ARCHITECTURE.md` has the picture.

pub mod analyse;
pub mod calibrate;
pub mod cli;
mod commands;
pub mod compose;
pub mod engine;
pub mod events;
pub mod init;
pub mod load_tools;
pub mod measure;
pub mod plan;
pub mod redact;
pub mod report;
pub mod run;
pub mod store;
pub mod threshold;

pub use commands::main;
#[doc(inline)]
pub use vscale_roles::{app, distribution, error, files, limits, load, mock, model, probe, text, this_process, units};
