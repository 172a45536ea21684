//! The host that the engine runs on, as seen from inside one of its containers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What matters of a host for a measurement.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct HostFacts {
    /// `uname -r`.
    pub kernel: String,
    /// As `/proc/cpuinfo` names it; empty where it does not.
    pub cpu_model: String,
    /// CPUs online, in order.
    pub cpus: Vec<Cpu>,
    /// Frequency governor of CPU 0; `None` where the kernel shows none (virtual machines).
    pub governor: Option<String>,
    /// `MemTotal`.
    pub memory_bytes: u64,
}

/// One logical CPU and where it sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cpu {
    /// Its number.
    pub id: u32,
    /// Physical core; CPUs that share one are SMT siblings.
    pub core: u32,
    /// Socket.
    pub package: u32,
    /// NUMA node.
    pub node: u32,
}
