//! Every number by which a verdict is given: what *near*, *high*, *constant* and *sure* mean.

use crate::analyse::gates;

/// A limit is near, where this share of it is used.
pub const NEAR: f64 = gates::CPU_BOUND;

/// Limits of which this share is used are within a twentieth of the throughput, and of each other.
pub const AT: f64 = 0.95;

/// Where this share of a limit is used, nothing but the limit itself can add much.
pub const USED_UP: f64 = 0.97;

/// Two ceilings are apart from each other, where the higher one is at least so many times the throughput.
pub const APART: f64 = 1.1;

/// All ceilings are far, where the lowest is at least so many times the throughput: queues at several of them do not add up to
/// a limit.
pub const FAR: f64 = 4.0 / 3.0;

/// More than this share of the periods ended early for the quota.
pub const THROTTLED_PERIODS: f64 = 0.25;

/// More than this share of the time went by with the target held back by its quota.
pub const THROTTLED_TIME: f64 = 0.01;

/// Threads wait for a CPU, where this share of the target's CPUs' time is waited.
pub const RUN_QUEUE_WAIT: f64 = 0.1;

/// One thread does a worker's work, where the busiest threads have this share of the target's CPU time.
pub const ONE_THREAD: f64 = 0.9;

/// Capacities that differ by no more than this share are the same number, read from two places.
pub const SAME: f64 = 0.001;

/// The busiest worker does at least so many times the mean: the work is not spread evenly.
pub const IMBALANCED: f64 = 1.25;

/// A count is constant, where it moves by no more than this share of its mean.
pub const CONSTANT: f64 = 0.05;

/// A backend does not make requests wait, where they take no longer than so many times their processing.
pub const NO_QUEUE: f64 = 1.1;

/// A backend idles, where no more than this share of the connections to it is in use.
pub const CONNECTIONS_IDLE: f64 = 0.5;

/// Doubling the users raises the throughput, where it does so at least by this factor.
pub const RAISED: f64 = 1.05;

/// Doubling the users raises it so much that nothing else can be near.
pub const RAISED_MUCH: f64 = 1.2;

/// Doubling the users does not raise the throughput, where it is surely below this factor.
pub const NOT_RAISED: f64 = 1.1;

/// Requests block, where threads give up their CPU at least so many times for each.
pub const VOLUNTARY_SWITCHES: f64 = 0.5;

/// A serialised share of the work at least this high.
pub const SIGMA: f64 = 0.1;

/// Beyond a knee, efficiency is surely below this.
pub const LOST_EFFICIENCY: f64 = 0.9;

/// Linear growth: the efficiency's interval lies inside.
pub const LINEAR: [f64; 2] = [0.95, 1.05];

/// Memory is at its limit, where the working set has this share of it.
pub const MEMORY_FULL: f64 = 0.95;

/// Somebody waits for memory or a disk for this share of the time.
pub const PRESSURE: f64 = 0.1;

/// Pages read back from a disk, so many a second.
pub const MAJOR_FAULTS: f64 = 100.0;

/// A disk with fewer bytes a second than this is not what is waited for.
pub const DISK_IDLE_BYTES_PER_S: f64 = 1e6;

/// A network with fewer bytes a second than this is not what is waited for.
pub const NETWORK_IDLE_BYTES_PER_S: f64 = 10e6;

/// Far below a limit is less than this share of it.
pub const FAR_BELOW: f64 = 0.5;

/// Two limits take turns, where each holds for at least this share of the 100 ms ticks.
pub const TAKES_TURNS: f64 = 0.2;

/// They take turns, where they change at least so often in a window.
pub const CHANGES: f64 = 4.0;

/// Two clusters of visits, the upper at least so many times the lower.
pub const MODES_APART: f64 = 1.15;

/// Visits that each of them has at least.
pub const MODE_VISITS: usize = 2;

/// Fewer visits than this carry no confidence.
pub const VISITS: usize = 3;

/// A throughput whose interval reaches further than this share to either side is not known well.
pub const PRECISE: f64 = 0.1;

/// A setting within this share of the best is as good.
pub const AS_GOOD: f64 = 0.95;

/// Of the tests that a decision rests on.
pub const LEVEL: f64 = 0.95;

/// The rules of thumb: throughput grows as workers do, where it does so by this share of them.
pub const THUMB_LINEAR: f64 = 0.9;

/// The rules of thumb: what grows by less than this factor stays.
pub const THUMB_STABLE: f64 = 1.1;

/// The rules of thumb: throughput hardly grows below this factor.
pub const THUMB_HARDLY: f64 = 1.2;

/// The rules of thumb: latency grows much from this factor on.
pub const THUMB_MUCH: f64 = 1.5;
