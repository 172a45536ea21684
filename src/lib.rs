//! vscale: how does this server scale up on one host, and why does it stop?
//!
//! A run reads from left to right, one module a step; `ARCHITECTURE.md` has the picture.

pub mod error;
pub mod model;
pub mod report;
pub mod store;
pub mod units;
