//! All that verdicts about one point rest on: means over its valid visits. Absent is what was not read, or does not apply.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A value with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// The most likely value.
    pub estimate: f64,
    /// The interval's lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// What was measured at one point.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// The point.
    pub setting: Setting,
    /// Valid visits, of which all else are means.
    pub visits: usize,
    /// Gates that leave nothing to judge, the worst first.
    pub failed: Vec<FailedGate>,
    /// Successful answers a second.
    pub throughput_rps: Option<Estimate>,
    /// Users and latencies.
    pub load: LoadEvidence,
    /// The target's CPU.
    pub cpu: CpuEvidence,
    /// The target's workers; none where they could not be told apart.
    pub workers: Vec<WorkerEvidence>,
    /// What the target calls; absent where it calls nothing.
    pub backend: Option<BackendEvidence>,
    /// The load generator.
    pub generator: GeneratorEvidence,
    /// Memory, disk and network.
    pub stalls: StallEvidence,
    /// How the target's CPU use went up and down, by ticks of 100 ms.
    pub alternation: Option<Alternation>,
    /// Two clusters of visits, where there are two.
    pub modes: Option<Modes>,
    /// How throughput goes over the axis that this point is on.
    pub curve: Option<CurveFacts>,
}

/// A point's limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Setting {
    /// Workers asked for, and found.
    pub workers: u32,
    /// CPUs that it may run on.
    pub cpuset_cpus: Option<f64>,
    /// CPUs that its quota is worth; absent where there is none.
    pub quota_cores: Option<f64>,
    /// Memory limit; absent where there is none.
    pub memory_bytes: Option<f64>,
}

/// A gate that failed in the visits of a point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailedGate {
    /// What is wrong.
    pub kind: FailedKind,
    /// The finding's sentence.
    pub note: String,
}

/// What a failed gate says of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailedKind {
    /// Workers or limits are not what was asked for.
    SweepNotApplied,
    /// The load generator was the limit.
    LoadgenBound,
    /// The mock's CPU was the limit.
    MockBound,
    /// Too many requests failed.
    Erroring,
    /// Others used the machine, or it changed its speed.
    HostContended,
    /// The throughput moved within the window.
    Unstable,
    /// What must be read was not.
    EvidenceMissing,
}

/// Users and latencies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadEvidence {
    /// Users of a closed loop; absent for an open one.
    pub users: Option<f64>,
    /// From when a request was sent.
    pub latency_mean_us: Option<f64>,
    /// The median.
    pub latency_p50_us: Option<f64>,
    /// The least: what a request takes that waits for nobody, if any did.
    pub latency_min_us: Option<f64>,
    /// Throughput with twice the users over the throughput with these.
    pub doubled_users: Option<Estimate>,
    /// Connections that waited to be accepted.
    pub accept_queue: Option<f64>,
}

/// The target's CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CpuEvidence {
    /// CPUs used.
    pub cores: Option<f64>,
    /// CPU time for each request, in microseconds.
    pub us_per_request: Option<Estimate>,
    /// Share of its quota's periods in which it was throttled.
    pub throttled_periods_ratio: Option<f64>,
    /// Share of the time for which it was.
    pub throttled_time_ratio: Option<f64>,
    /// Threads that could run and waited for a CPU, on average, the quota's own holding back left out.
    pub run_queue_wait_cores: Option<f64>,
    /// Times that threads gave up their CPU for each request.
    pub voluntary_switches_per_request: Option<f64>,
}

/// One worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerEvidence {
    /// CPUs that it used.
    pub cores: f64,
    /// CPUs that its busiest thread used, at most 1.
    pub busiest_thread_cores: f64,
}

/// What the target calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BackendEvidence {
    /// Requests that it answers at once; absent where there is no limit, or none is told.
    pub slots: Option<f64>,
    /// In a slot, for each of the target's requests.
    pub processing_us: Option<Estimate>,
    /// The same with the wait for a slot: what the target sees, but for the network.
    pub service_us: Option<f64>,
    /// Requests at the backend, on average, those waiting for a slot included.
    pub in_flight_mean: Option<f64>,
    /// The most at once.
    pub in_flight_peak: Option<f64>,
    /// CPU that it used of what it was given.
    pub cpu_ratio: Option<f64>,
    /// Connections from the target, over the window.
    pub connections: Option<Connections>,
}

/// A number of connections over a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Connections {
    /// The fewest.
    pub min: f64,
    /// On average.
    pub mean: f64,
    /// The most.
    pub max: f64,
}

/// The load generator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GeneratorEvidence {
    /// CPU that it used of what it was given.
    pub cpu_ratio: Option<f64>,
    /// What it does against a mock that answers at once.
    pub null_rps: Option<f64>,
}

/// Memory, disk and network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StallEvidence {
    /// Memory in use without what can be dropped.
    pub working_set_bytes: Option<f64>,
    /// Pages read from a disk, a second.
    pub major_faults_per_s: Option<f64>,
    /// Share of the time in which somebody waited for memory (PSI, "some").
    pub memory_pressure_ratio: Option<f64>,
    /// Share of the time in which somebody waited for a disk (PSI, "some").
    pub io_pressure_ratio: Option<f64>,
    /// Bytes read from and written to disks, a second.
    pub disk_bytes_per_s: Option<f64>,
    /// Bytes sent and received, a second.
    pub network_bytes_per_s: Option<f64>,
    /// The most that was measured on this network.
    pub network_limit_bytes_per_s: Option<f64>,
}

/// The target's CPU use by ticks of 100 ms, against the lower of quota and cpuset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alternation {
    /// Share of the ticks at the limit.
    pub at_limit_ratio: f64,
    /// Share of the ticks at less than half of it.
    pub far_below_ratio: f64,
    /// Changes from one to the other in a window.
    pub changes: f64,
}

/// Two clusters that the visits of a point fall into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Modes {
    /// Throughput of the lower.
    pub lower_rps: f64,
    /// Its visits.
    pub lower_visits: usize,
    /// Throughput of the upper.
    pub upper_rps: f64,
    /// Its visits.
    pub upper_visits: usize,
}

/// How throughput goes over an axis of workers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CurveFacts {
    /// Efficiency against the first point, for each that follows.
    pub efficiency: Vec<Efficiency>,
    /// Fewest workers, to which the others are compared; 0 where that is not known.
    #[serde(default)]
    pub least_workers: u32,
    /// Workers with the highest throughput.
    pub best_workers: u32,
    /// Throughput at the last point over that at the best one before it; absent where the last one is the best.
    pub last_over_best: Option<Estimate>,
    /// The serialised share, by Amdahl's law or the USL, where one of them is what fits.
    pub sigma: Option<Estimate>,
    /// Workers beyond which nothing is gained, where a hinge is what fits.
    pub knee_workers: Option<Estimate>,
}

/// A point's throughput over what linear growth from the first point would give.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Efficiency {
    /// Workers there.
    pub workers: u32,
    /// 1 is linear.
    pub ratio: Estimate,
}

impl Estimate {
    /// How far the interval reaches to its wider side, as a share of the estimate.
    pub fn reach(&self) -> f64 {
        (self.high - self.estimate).max(self.estimate - self.low) / self.estimate
    }
}

impl Evidence {
    /// Throughput; `None` where nothing was measured.
    pub fn rps(&self) -> Option<f64> {
        self.throughput_rps.map(|rps| rps.estimate).filter(|rps| rps.is_finite() && *rps > 0.0)
    }

    /// CPUs that the busiest thread of each worker uses, on average; `None` where workers could not be told apart.
    pub fn busiest_threads_cores(&self) -> Option<f64> {
        let sum: f64 = self.workers.iter().map(|worker| worker.busiest_thread_cores).sum();
        (!self.workers.is_empty() && sum > 0.0).then(|| sum / self.workers.len() as f64)
    }

    /// CPUs that the busiest thread of the busiest worker uses.
    pub fn busiest_thread_cores(&self) -> Option<f64> {
        self.workers.iter().map(|worker| worker.busiest_thread_cores).reduce(f64::max)
    }

    /// Whether each worker does its work in one thread; `None` where threads or CPU were not read.
    pub fn has_one_thread_a_worker(&self) -> Option<bool> {
        let threads = self.busiest_threads_cores()? * self.workers.len() as f64;
        Some(threads >= super::limits::ONE_THREAD * self.cpu.cores?)
    }

    /// How many times the mean the busiest worker does; `None` with fewer than two.
    pub fn imbalance(&self) -> Option<f64> {
        if self.workers.len() < 2 {
            return None;
        }
        Some(self.busiest_thread_cores()? / self.busiest_threads_cores()?)
    }

    /// Efficiency here; `None` at the first point of an axis and off it.
    pub fn efficiency(&self) -> Option<Estimate> {
        let at = self.curve.as_ref()?.efficiency.iter().find(|at| at.workers == self.setting.workers)?;
        Some(at.ratio)
    }
}
