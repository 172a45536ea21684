//! What happened in a visit: measured values only. What follows from them, `measure` and `analyse` say.

use super::{Change, ContainerUsage, LimitRow, LoadResult, PhaseKind, ProbeSample, Tick, Turn};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A visit: finished, or cut short after a phase.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Visited {
    /// The visit's id.
    pub id: String,
    /// Its place in the run, from 0.
    pub sequence: usize,
    /// Its point, by its place in the plan.
    pub point: usize,
    /// Its block, from 0.
    pub block: usize,
    /// What was changed of the point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// Workers asked for.
    pub workers: u32,
    /// Microseconds since 1970 UTC.
    pub started_unix_us: u64,
    /// From starting the target's container to when it was ready.
    pub ready_after_us: u64,
    /// What was asked for and what was found to be so.
    pub attestation: Attestation,
    /// In the order in which they were; without the target's where the visit was cut short.
    pub phases: Vec<Phase>,
    /// Why its baseline is not among them, where it was tried and can mean nothing; no later visit tries it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_baseline: Option<String>,
    /// Containers that should have run to the end and did not.
    pub ended: Vec<Ended>,
    /// Where its time went, in order.
    pub steps: Vec<Step>,
}

/// What was asked for and what was found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Attestation {
    /// Workers counted before the load; `None` where they could not be counted.
    pub workers_before: Option<u32>,
    /// Workers counted after it.
    pub workers_after: Option<u32>,
    /// Why the target did not tell how many there are, where it was asked; of several times, the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers_not_told: Option<String>,
    /// Every limit of every container.
    pub limits: Vec<LimitRow>,
    /// Quotas on cgroups above the target's, which no container sees; `None` where they could not be read, as with an
    /// engine on another host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<Vec<QuotaAbove>>,
    /// Containers of which the engine did not tell, after the loads, whether they still ran.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_seen: Vec<String>,
    /// Whether all this was looked at after the loads: a signal may have come before.
    #[serde(default = "yes")]
    pub is_complete: bool,
}

/// What was written before there was such a field.
fn yes() -> bool {
    true
}

/// A quota on a cgroup above the target's, and what it did from before the load to after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuotaAbove {
    /// The cgroup's path.
    pub cgroup: String,
    /// CPU time in each period.
    pub quota_us: u64,
    /// Length of the period.
    pub period_us: u64,
    /// Periods in which it was used up.
    pub throttled_periods: u64,
}

/// One load phase with all that was watched during it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Phase {
    /// What was loaded.
    pub kind: PhaseKind,
    /// What the generators found.
    pub load: LoadResult,
    /// What each container used.
    pub usage: Vec<ContainerUsage>,
    /// The target's processes, about once a second; none unless the target is loaded.
    pub processes: Vec<ProbeSample>,
    /// The counters of the target's cgroup, about ten times a second; none unless the target is loaded and its cgroup may
    /// be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ticks: Vec<Tick>,
    /// How fast the target's CPUs were before it; `None` where that was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_before: Option<SpeedReading>,
    /// And after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_after: Option<SpeedReading>,
}

/// A fixed piece of work, timed on the target's CPUs while the target is idle: it shows what steal and frequency often do
/// not, that the machine has become slower. The least of several times counts, on the slowest CPU.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpeedReading {
    /// Arithmetic in registers.
    pub arithmetic_us: f64,
    /// Reads from memory; shown, and not judged: they vary on a quiet machine too.
    pub memory_us: f64,
}

/// A container that ended before its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ended {
    /// Its name.
    pub container: String,
    /// Exit status, and whether the kernel ended it for its memory.
    pub how: String,
}

/// A part of a visit and the time that it took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// `start mock`, `settle`, `target`, `save`.
    pub name: String,
    /// How long.
    pub duration_us: u64,
}

impl Visited {
    /// The phase of this kind, if there was one.
    pub fn phase(&self, kind: PhaseKind) -> Option<&Phase> {
        self.phases.iter().find(|phase| phase.kind == kind)
    }

    /// Whether it got as far as its last phase, the target's, and what was to be seen after it. One that was cut short keeps
    /// the phases before.
    pub fn is_whole(&self) -> bool {
        self.phase(PhaseKind::Target).is_some() && self.attestation.is_complete
    }

    /// The file, in a visit's folder, of what a container wrote. A service may have a name that a file cannot: a dot at the
    /// beginning would hide it, and the longest are cut.
    pub fn log_file(container: &str) -> String {
        const LONGEST: usize = 96;
        let visible = if container.starts_with('.') { "@" } else { "" };
        let name: String = visible.chars().chain(container.chars()).take(LONGEST).collect();
        name + ".log"
    }

    /// What it was a visit of.
    pub fn turn(&self) -> Turn {
        Turn { point: self.point, change: self.change }
    }

    /// How long it took, from its first step to its last.
    pub fn took_us(&self) -> u64 {
        self.steps.iter().map(|step| step.duration_us).sum()
    }
}

impl Phase {
    /// What the container of this name used, if it was watched.
    pub fn usage(&self, container: &str) -> Option<&ContainerUsage> {
        self.usage.iter().find(|usage| usage.container == container)
    }
}
