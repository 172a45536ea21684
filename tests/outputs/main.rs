//! The roles as processes: exit statuses and signals; what `vscale load` writes, read by others than us, and its JSON against
//! what is written about it.

mod document;
mod histograms;
mod processes;
#[path = "../shared/programs.rs"]
mod programs;
mod streams;
