//! Statistics of studies: intervals, tests and what they take, over plain numbers. Knows no run, does no I/O.
//!
//! The visit is the unit: every sample here is of visits. Throughputs are compared on logs, where noise that is a share
//! of the throughput is the same at every point. No resampling: below 15 blocks its intervals cover too little.

mod distributions;
mod estimate;
mod geometric;
mod judge;
mod modes;
mod near_best;
mod power;
mod several;
mod spread;
mod stein;

#[cfg(test)]
pub(super) mod coverage;

pub use distributions::f_above;
pub use estimate::{Estimate, Interval};
pub use geometric::Geometric;
pub use judge::{Equivalence, Judgement};
pub use modes::modes;
pub use near_best::{NearBest, near_best};
pub(super) use near_best::{best, pairs};
pub use power::{power, smallest_effect};
pub use several::holm;
pub use spread::{Remedy, Spread};
pub use stein::Pilot;

/// Of every interval and one-sided bound, unless said otherwise.
pub const LEVEL: f64 = 0.95;

/// A p value below this is a claim: beyond one-sided bounds at [`LEVEL`], or a two-sided interval.
pub const ALPHA: f64 = 0.05;
