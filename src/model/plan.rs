//! What a run will do, decided before anything is started: flags, compose file and host resolved.

use super::{
    AbPlan, BackendRequests, CpuSet, Endpoint, Limits, LoadModel, LoadPlan, LoadToolPlan, Ready, Side, StudyPlan, Turn,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All visits of a run, as data; `plan::next` makes the next one of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The compose file's project name.
    pub name: String,
    /// Which service is which.
    pub roles: Roles,
    /// How a worker count reaches the target, and how it is proved; `None` where the target is taken as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<WorkersPlan>,
    /// The hosts, and who runs where on each; one so far.
    pub hosts: Vec<HostPlan>,
    /// What every visit runs besides a generator's work, in the order of its start.
    pub containers: Vec<ContainerPlan>,
    /// How the target is loaded, but for the model, which each point has.
    pub load: LoadPlan,
    /// Who loads, if not our own load generator: in the generator's container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<LoadToolPlan>,
    /// What stands at each worker count, where that differs in more than commands and environments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_workers: Vec<AtWorkers>,
    /// The settings to visit.
    pub points: Vec<Point>,
    /// The order of visits.
    pub blocks: Vec<Vec<Turn>>,
    /// How it goes on beyond these blocks; `None` where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study: Option<StudyPlan>,
    /// What B is, where every setting is visited as A and as B: the second half of the points is B's, in A's order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ab: Option<AbPlan>,
    /// Whether each visit loads the backend directly as well.
    #[serde(default = "yes")]
    pub baseline: bool,
    /// Why it does not, where nobody asked for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_baseline: Option<String>,
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

/// What stands at one worker count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AtWorkers {
    /// The count.
    pub workers: u32,
    /// As the plan's own.
    pub containers: Vec<ContainerPlan>,
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
    /// Of what.
    #[serde(default, skip_serializing_if = "Side::is_a")]
    pub side: Side,
}

/// Service names of the compose file, by what they are for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Roles {
    /// The service under test.
    pub target: String,
    /// What it calls; loaded directly for the baseline. `None` for a target that calls nothing, or nothing that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// What loads.
    pub generator: String,
}

/// How a worker count reaches the target, and how it is proved. Wherever a service says `${WORKERS}`, the count stands as
/// well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkersPlan {
    /// Environment variable of the target that carries the count, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// What is counted.
    pub count: CountBy,
}

/// What counts as a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountBy {
    /// A process whose command line matches this regular expression and none of whose children match.
    Process(String),
    /// A thread whose name matches this regular expression.
    Thread(String),
    /// What the target says itself, before and after the load.
    Http {
        /// Where: a GET at the target's port.
        path: String,
        /// Which number of the answer's JSON (RFC 6901); empty for all of it.
        #[serde(default)]
        pointer: String,
    },
    /// Nothing does: how many workers there are is not proved, and nothing is claimed of them.
    None,
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
    /// CPUs of the backend, and of other services; none where there is neither.
    #[serde(default, skip_serializing_if = "CpuSet::is_empty")]
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

impl ContainerPlan {
    /// Whether its own check shows that it is ready.
    pub fn is_ready_when_healthy(&self) -> bool {
        self.ready.as_ref().is_some_and(|endpoint| endpoint.ready == Ready::Healthy)
    }
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

impl Plan {
    /// The container that times a fixed piece of work on the target's CPUs.
    pub const SPEED: &str = "vscale-speed";
    /// The container that asks the backend what it saw, where a load generator that is not ours loads.
    pub const WITNESS: &str = "vscale-witness";

    /// The placement on the first host, where all runs until there are more.
    pub fn placement(&self) -> &Placement {
        &self.hosts[0].placement
    }

    /// Block and turn of each visit of the plan's own blocks, in order.
    pub fn order(&self) -> impl Iterator<Item = (usize, Turn)> + '_ {
        self.blocks.iter().enumerate().flat_map(|(block, turns)| turns.iter().map(move |&turn| (block, turn)))
    }

    /// What stands at a point.
    pub fn containers_at(&self, point: &Point) -> &[ContainerPlan] {
        let (all, at_workers) = self.of_side(point.side);
        at_workers.iter().find(|at| at.workers == point.workers).map_or(all, |at| &at.containers)
    }

    /// Whether it is known what stands there.
    pub fn knows(&self, point: &Point) -> bool {
        let (_, at_workers) = self.of_side(point.side);
        at_workers.is_empty() || at_workers.iter().any(|at| at.workers == point.workers)
    }

    fn of_side(&self, side: Side) -> (&[ContainerPlan], &[AtWorkers]) {
        match &self.ab {
            Some(ab) if side == Side::B => (&ab.containers, &ab.at_workers),
            _ => (&self.containers, &self.at_workers),
        }
    }

    /// A point's place among the settings that both sides have; its own where there is only one side.
    pub fn setting(&self, point: usize) -> usize {
        if self.ab.is_some() { point % (self.points.len() / 2).max(1) } else { point }
    }

    /// Where a container answers, as the others reach it.
    pub fn url(&self, container: &str) -> String {
        let endpoint = self.containers.iter().find(|one| one.name == container).and_then(|one| one.ready.as_ref());
        endpoint.map_or_else(
            || format!("http://{container}:80"),
            |endpoint| endpoint.origin(container) + endpoint.path.trim_end_matches('/'),
        )
    }

    /// Names of backend, target and generator (who is loaded, then who loads), then of the other services.
    pub fn services(&self) -> Vec<&str> {
        let Roles { backend, target, generator } = &self.roles;
        let roles = backend.iter().chain([target, generator]).map(String::as_str);
        roles.chain(self.others().map(|container| container.name.as_str())).collect()
    }

    /// Services that are there because the target, or the backend, needs them: a database, a cache.
    pub fn others(&self) -> impl Iterator<Item = &ContainerPlan> {
        let is_ours = |name: &str| [Self::SPEED, Self::WITNESS].contains(&name);
        self.containers.iter().filter(move |container| !self.roles.has(&container.name) && !is_ours(&container.name))
    }

    /// What the target needs, by name, and the CPUs of each: the backend, and the other services.
    pub fn helpers(&self) -> impl Iterator<Item = (&str, &CpuSet)> {
        let backend = self.roles.backend.as_deref().map(|name| (name, &self.placement().backend));
        let others = self.others().filter_map(|one| Some((one.name.as_str(), one.limits.cpuset()?)));
        backend.into_iter().chain(others)
    }

    /// Whether it is known how many workers there are.
    pub fn proves_workers(&self) -> bool {
        self.workers.as_ref().is_some_and(|workers| workers.count != CountBy::None)
    }
}

impl Roles {
    /// Whether a service of this name has one.
    pub fn has(&self, service: &str) -> bool {
        [&self.target, &self.generator].into_iter().chain(&self.backend).any(|name| name == service)
    }

    /// Whether this is the backend.
    pub fn is_backend(&self, service: &str) -> bool {
        self.backend.as_deref() == Some(service)
    }
}

/// What stands for the number of workers, in the compose file and in what a plan has of it.
pub const WORKERS_VARIABLE: &str = "${WORKERS}";
