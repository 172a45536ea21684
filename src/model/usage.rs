//! What a container used: the engine's counters as read, and the rates derived from them.

use serde::{Deserialize, Serialize};

/// The engine's counters of one container at one moment, with our own clock.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ContainerSample {
    /// Wall clock when the answer came, microseconds since 1970 UTC.
    pub unix_us: u64,
    /// CPU time since the container started.
    pub cpu_us: u64,
    /// In user mode.
    pub cpu_user_us: u64,
    /// In the kernel.
    pub cpu_system_us: u64,
    /// Quota periods that have passed; `None` where the engine does not say.
    pub periods: Option<u64>,
    /// Those in which it was throttled.
    pub throttled_periods: Option<u64>,
    /// Time for which it was throttled.
    pub throttled_us: Option<u64>,
    /// Memory in use without the inactive page cache.
    pub memory_bytes: u64,
    /// Bytes received on all its networks.
    pub received_bytes: u64,
    /// Bytes sent on all its networks.
    pub sent_bytes: u64,
    /// Bytes read from block devices.
    pub disk_read_bytes: u64,
    /// Bytes written to block devices.
    pub disk_written_bytes: u64,
    /// Processes and threads.
    pub pids: u64,
}

/// One container in one phase: its samples, and the rates over those that lie in the counted window.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ContainerUsage {
    /// Service name of the compose file: `mock`, `stack`, `loadgen`.
    pub service: String,
    /// About one a second, in order of time.
    pub samples: Vec<ContainerSample>,
    /// Derived: mean CPUs in use over the window; `None` with fewer than two samples in it.
    pub cpu_cores: Option<f64>,
    /// Derived: the share of quota periods in which it was throttled; `None` when unknown or without periods.
    pub throttled_ratio: Option<f64>,
    /// Derived: the largest memory in use.
    pub memory_peak_bytes: u64,
    /// Derived: bytes received a second.
    pub received_bytes_per_s: Option<f64>,
    /// Derived: bytes sent a second.
    pub sent_bytes_per_s: Option<f64>,
}
