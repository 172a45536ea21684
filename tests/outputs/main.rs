//! The roles as processes: exit statuses and signals; what `vscale load` writes, and what the mock answers, read by others than
//! us; its JSON against what is written about it.

mod histograms;
mod openai;
mod processes;
#[path = "../shared/programs.rs"]
mod programs;
mod streams;
