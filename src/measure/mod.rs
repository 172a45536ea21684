//! From counters to rates, and from processes to workers. Pure over samples; what cannot be told is `None`, never 0.

mod counters;
mod host;
mod rates;
mod target;
mod workers;

pub use counters::{Counter, Growth, busiest, process_cores, process_counter};
pub use host::HostUse;
pub use rates::Rates;
pub use target::{ConnectionsTo, PressureUse, TargetUse, ThrottledUse, WorkerUse, tick_cores};
pub use workers::{WorkerCounter, busy_cores};
