//! What goes wrong around a run, on the real engine: after each fault the levels that were finished can be read, the message
//! says what happened and whose fault it is, the exit status is the one that the README has for it, and nothing is left.
//! `make test-faults` runs these.

mod bench;
mod containers;
mod endings;
mod engine;
mod files;
mod orphans;
mod proxy;
#[path = "../shared/runs.rs"]
mod runs;
