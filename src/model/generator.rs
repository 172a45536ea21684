//! What the load generators themselves used, so that nobody takes their limit for the server's.

use super::{CpuSet, Histogram, Limits, LoadResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one load generator used in the window (getrusage) and how.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GeneratorUsage {
    /// Threads that sent requests.
    pub threads: u32,
    /// CPUs it may run on, at its start.
    pub cpus_allowed: CpuSet,
    /// The limits of its container as read inside; none where it sees none.
    #[serde(default)]
    pub limits: Limits,
    /// CPU time in user mode.
    pub cpu_user_us: u64,
    /// CPU time in the kernel.
    pub cpu_system_us: u64,
    /// Largest resident set since its start (VmHWM).
    pub max_rss_bytes: u64,
    /// Longest time in the window for which it was kept from running; `None` in runs from before it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_pause_us: Option<u64>,
    /// How late requests were sent: from when they were due; `None` in closed loop without think time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_lag: Option<Histogram>,
}

impl GeneratorUsage {
    /// CPU time in user mode and in the kernel.
    pub fn cpu_us(&self) -> u64 {
        self.cpu_user_us + self.cpu_system_us
    }

    /// CPUs that it could use at once.
    pub fn cpus(&self) -> u32 {
        self.threads.min(self.cpus_allowed.len() as u32)
    }
}

/// All generators of the load together.
impl LoadResult {
    /// CPUs in use on average in the window.
    pub fn generator_cores(&self) -> f64 {
        self.generator_cpu_us() as f64 / self.window.duration_us.max(1) as f64
    }

    /// CPU time for each request, in microseconds; `None` without requests.
    pub fn generator_cpu_per_request_us(&self) -> Option<f64> {
        (self.request_count() > 0).then(|| self.generator_cpu_us() as f64 / self.request_count() as f64)
    }

    /// CPUs that all of them could use at once.
    pub fn generator_cpus(&self) -> u32 {
        self.generators.iter().map(GeneratorUsage::cpus).sum()
    }

    /// Threads that sent requests.
    pub fn generator_threads(&self) -> u32 {
        self.generators.iter().map(|one| one.threads).sum()
    }

    /// Sum of the largest resident sets.
    pub fn generator_memory_bytes(&self) -> u64 {
        self.generators.iter().map(|one| one.max_rss_bytes).sum()
    }

    /// How late requests were sent, from when they were due; `None` in closed loop without think time.
    pub fn send_lag(&self) -> Option<Histogram> {
        self.generators.iter().filter_map(|one| one.send_lag.clone()).reduce(|mut all, lag| {
            all.merge(&lag);
            all
        })
    }

    fn generator_cpu_us(&self) -> u64 {
        self.generators.iter().map(GeneratorUsage::cpu_us).sum()
    }
}
