//! A whole run: what was asked, where, and what each level gave. Serialised as `result.json`.

use super::{CgroupLimits, ContainerUsage, HostFacts, LoadModel, LoadResult, ProbeSample, Stage, Warning};
use serde::{Deserialize, Serialize};

/// Of `result.json`; raised when a field changes its meaning or goes.
pub const SCHEMA_VERSION: u32 = 2;

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunResult {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// `20261124T114421Z-bench-3f9a1c`, also the name of its folder.
    pub id: String,
    /// The compose file's project name.
    pub name: String,
    /// Microseconds since 1970 UTC.
    pub started_unix_us: u64,
    /// `None` while the run goes on, or when it was cut short.
    pub finished_unix_us: Option<u64>,
    /// What was asked for.
    pub settings: Settings,
    /// Where it ran.
    pub host: HostFacts,
    /// The engine it ran on.
    pub engine: EngineFacts,
    /// Who got which CPUs.
    pub placement: Placement,
    /// The images, by service.
    pub images: Vec<ImageFacts>,
    /// One an entry of the sweep, in the order visited; a level is added when it is complete.
    pub levels: Vec<Level>,
    /// What concerns the whole run.
    pub warnings: Vec<Warning>,
}

impl RunResult {
    /// Every warning, the run's first and then each level's.
    pub fn all_warnings(&self) -> impl Iterator<Item = &Warning> {
        self.warnings.iter().chain(self.levels.iter().flat_map(|level| &level.warnings))
    }

    /// Whether every level measured what it says it measured.
    pub fn is_valid(&self) -> bool {
        self.all_warnings().all(|warning| !warning.invalidates())
    }
}

/// What the user asked for, defaults filled in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// Worker counts to visit.
    pub workers: Vec<u32>,
    /// Who sends, and when.
    pub model: LoadModel,
    /// How the users, or the rate, change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Stage>,
    /// Length of each counted window.
    pub run_time_us: u64,
    /// Longest warm-up before it.
    pub warm_up_us: u64,
    /// CPU quota of the target; `None` for none.
    pub cpus_cores: Option<f64>,
    /// Memory limit of the target; `None` for the compose file's or none.
    pub memory_bytes: Option<u64>,
    /// The target's service name: `stack`.
    pub target: String,
    /// The backend's: `mock`.
    pub backend: String,
    /// The load generator's: `loadgen`.
    pub load: String,
}

/// The Docker engine.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct EngineFacts {
    /// `Docker Engine - Community`, `Podman Engine`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The API version agreed on.
    pub api_version: String,
    /// 1 or 2.
    pub cgroup_version: String,
    /// Storage driver.
    pub storage_driver: String,
}

/// An image that a service ran.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImageFacts {
    /// Service name.
    pub service: String,
    /// `vscale/stack:3f9a...`.
    pub reference: String,
    /// `sha256:...`.
    pub id: String,
    /// Unpacked size.
    pub size_bytes: u64,
}

/// Who may run where, and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    /// CPUs of the load generator.
    pub load: Vec<u32>,
    /// CPUs of the backend.
    pub backend: Vec<u32>,
    /// CPUs of the target.
    pub target: Vec<u32>,
    /// In a sentence.
    pub reason: String,
}

/// One entry of the sweep.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Level {
    /// `w2`, or `w2-c1.5` with a quota: also the folder's name.
    pub name: String,
    /// Workers asked for.
    pub workers: u32,
    /// What was found to be so.
    pub attestation: Attestation,
    /// From starting the target's container to its first 2xx answer.
    pub ready_after_us: u64,
    /// Requests a second that the load generator did on its CPUs against a mock that answers at once, closed loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub null_rps: Option<f64>,
    /// The backend loaded directly.
    pub baseline: Phase,
    /// The target loaded, which calls the backend.
    pub stack: Phase,
    /// What concerns this level.
    pub warnings: Vec<Warning>,
}

impl Level {
    /// Derived: what the target adds to a median request, in microseconds; `None` where a side has no successes.
    pub fn overhead_p50_us(&self) -> Option<f64> {
        let (stack, baseline) = (self.stack.load.latency(), self.baseline.load.latency());
        (stack.count() > 0 && baseline.count() > 0)
            .then(|| stack.percentile_us(50.0) as f64 - baseline.percentile_us(50.0) as f64)
    }

    /// Derived: CPU time of the target's container for each request, in microseconds.
    pub fn target_cpu_per_request_us(&self, target: &str) -> Option<f64> {
        let cores = self.stack.usage(target)?.cpu_cores?;
        let answered_rps = self.stack.load.request_count() as f64 * 1e6 / self.stack.load.window.duration_us as f64;
        (answered_rps > 0.0).then(|| cores * 1e6 / answered_rps)
    }
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseName {
    /// The backend loaded directly.
    Baseline,
    /// The target loaded.
    Stack,
}

impl std::fmt::Display for PhaseName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Baseline => "baseline",
            Self::Stack => "stack",
        })
    }
}

/// One load phase with all that was watched during it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Phase {
    /// Which.
    pub name: PhaseName,
    /// What the load generator found.
    pub load: LoadResult,
    /// What each container used.
    pub containers: Vec<ContainerUsage>,
    /// The target's processes, about once a second (empty in the baseline phase).
    pub processes: Vec<ProbeSample>,
}

impl Phase {
    /// Usage of the service of that name, if it was sampled.
    pub fn usage(&self, service: &str) -> Option<&ContainerUsage> {
        self.containers.iter().find(|usage| usage.service == service)
    }
}

/// What was asked and what was read back, of one level.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attestation {
    /// Workers found before the load.
    pub workers_before: u32,
    /// Workers found after it.
    pub workers_after: u32,
    /// By service: limits asked for, those the engine says are set, those seen inside.
    pub limits: Vec<Limits>,
}

/// The limits of one container, three times.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Service name.
    pub service: String,
    /// What was asked for.
    pub asked: CgroupLimits,
    /// What the engine's inspect says.
    pub engine: CgroupLimits,
    /// What was read inside; `None` where that was not possible.
    pub inside: Option<CgroupLimits>,
    /// `Cpus_allowed_list` of its processes as the kernel gives it; `None` where not read.
    pub cpus_allowed: Option<String>,
}
