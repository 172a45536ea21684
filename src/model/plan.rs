//! What a run will do, decided before anything is started: flags, compose file and host resolved.

use super::{BackendRequests, CpuSet, Limits, LoadModel, LoadPlan, StudyPlan, Turn};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All visits of a run, as data; [`crate::plan::next`] makes the next one of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The compose file's project name.
    pub name: String,
    /// Which service is which.
    pub roles: Roles,
    /// How a worker count reaches the target, and how it is proved.
    pub workers: WorkersPlan,
    /// The hosts, and who runs where on each; one so far.
    pub hosts: Vec<HostPlan>,
    /// What every visit runs besides a generator's work, in the order of its start.
    pub containers: Vec<ContainerPlan>,
    /// How the target is loaded, but for the model, which each point has.
    pub load: LoadPlan,
    /// The settings to visit.
    pub points: Vec<Point>,
    /// The order of visits.
    pub blocks: Vec<Vec<Turn>>,
    /// How it goes on beyond these blocks; `None` where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study: Option<StudyPlan>,
    /// Whether each visit loads the backend directly as well.
    #[serde(default = "yes")]
    pub baseline: bool,
    /// Longest wait for a container to be ready.
    pub ready_timeout_us: u64,
    /// A larger share of failed requests invalidates a visit.
    #[serde(default = "any_share")]
    pub max_failure_rate: f64,
    /// Requests that the target makes of its backend for each one that it gets.
    #[serde(default)]
    pub backend_requests: BackendRequests,
}

/// What runs of before this limit allowed.
fn any_share() -> f64 {
    1.0
}

fn yes() -> bool {
    true
}

/// One setting of the target and of its load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// Workers of the target.
    pub workers: u32,
    /// Limits of the target: its CPUs, quota, memory.
    pub limits: Limits,
    /// Who sends, and when.
    pub load: LoadModel,
}

/// Service names of the compose file, by what they are for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Roles {
    /// The service under test.
    pub target: String,
    /// What it calls; loaded directly for the baseline.
    pub backend: String,
    /// What loads.
    pub generator: String,
}

/// How a worker count reaches the target, and how it is proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkersPlan {
    /// Environment variable of the target that carries the count.
    pub env: String,
    /// What is counted.
    pub count: CountBy,
}

/// What counts as a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountBy {
    /// A process whose command line matches this regular expression and none of whose children match.
    Process(String),
}

/// One host's part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostPlan {
    /// CPUs of each role.
    pub placement: Placement,
}

/// Who may run where, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Placement {
    /// CPUs of the generator.
    pub generator: CpuSet,
    /// CPUs of the backend.
    pub backend: CpuSet,
    /// CPUs of the target.
    pub target: CpuSet,
    /// In a sentence.
    pub reason: String,
}

/// A container to run: a service of the compose file, with what the plan adds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContainerPlan {
    /// Under which the others reach it.
    pub name: String,
    /// The service whose image, mounts and the like it has.
    pub service: String,
    /// In place of the service's command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Besides the service's environment, and over it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// From its start on.
    pub limits: Limits,
    /// Set once it is ready: a server that starts under a small quota may never get there.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits_once_ready: Limits,
    /// Where it answers when it is ready; `None` where nobody asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Endpoint>,
    /// CPUs of the probe that asks.
    #[serde(default, skip_serializing_if = "CpuSet::is_empty")]
    pub probe_cpus: CpuSet,
    /// How long it lives.
    pub life: Life,
}

/// How long a container lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    /// It is started afresh for each visit.
    Visit,
    /// The first visit starts it, and it stays for all others.
    Run,
}

/// Where a service answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Endpoint {
    /// TCP port in its container.
    pub port: u16,
    /// Path that answers with a 2xx once the service is ready.
    pub ready: String,
}

impl Plan {
    /// The container that times a fixed piece of work on the target's CPUs.
    pub const SPEED: &str = "vscale-speed";

    /// The placement on the first host, where all runs until there are more.
    pub fn placement(&self) -> &Placement {
        &self.hosts[0].placement
    }

    /// Block and turn of each visit of the plan's own blocks, in order.
    pub fn order(&self) -> impl Iterator<Item = (usize, Turn)> + '_ {
        self.blocks.iter().enumerate().flat_map(|(block, turns)| turns.iter().map(move |&turn| (block, turn)))
    }

    /// Where a container answers, as the others reach it.
    pub fn url(&self, container: &str) -> String {
        let endpoint = self.containers.iter().find(|one| one.name == container).and_then(|one| one.ready.as_ref());
        format!("http://{container}:{}", endpoint.map_or(80, |endpoint| endpoint.port))
    }

    /// Names of backend, target and generator: who is loaded, then who loads.
    pub fn services(&self) -> [&str; 3] {
        [&self.roles.backend, &self.roles.target, &self.roles.generator].map(String::as_str)
    }
}
