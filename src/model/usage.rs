//! What a container used: the engine's counters as read. `measure` makes rates of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The engine's counters of one container at one moment.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ContainerSample {
    /// When the engine read it by its own word, else when its answer came; microseconds since 1970 UTC.
    pub unix_us: u64,
    /// CPU time since the container started.
    pub cpu_us: u64,
    /// In user mode.
    pub cpu_user_us: Option<u64>,
    /// In the kernel.
    pub cpu_system_us: Option<u64>,
    /// Quota periods that have passed; `None` where the engine does not say.
    pub periods: Option<u64>,
    /// Those in which it was throttled.
    pub throttled_periods: Option<u64>,
    /// Time for which it was throttled.
    pub throttled_us: Option<u64>,
    /// Memory in use without the inactive page cache.
    pub memory_bytes: Option<u64>,
    /// Bytes received on all its networks.
    pub received_bytes: Option<u64>,
    /// Bytes sent on all its networks.
    pub sent_bytes: Option<u64>,
    /// Bytes read from block devices.
    pub disk_read_bytes: Option<u64>,
    /// Bytes written to block devices.
    pub disk_written_bytes: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u64>,
    /// Page faults that had to wait for a disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub major_page_faults: Option<u64>,
}

/// What one container used in one phase: its counters, about one a second, in order of time.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ContainerUsage {
    /// Its name: `mock`, `stack`, `loadgen`.
    pub container: String,
    /// As the engine told them.
    pub samples: Vec<ContainerSample>,
}
