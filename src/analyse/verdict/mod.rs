//! What limits a target at one point, and how its throughput grows: from [`Evidence`] to [`Judgement`], pure. `ceilings`
//! says what each limit would allow, `rules` which of them binds, `limits` has every number by which they judge;
//! [`decision`] chooses among the points, and [`rules_of_thumb`] answers what a person would read off their curves.

mod ceilings;
pub mod decision;
mod evidence;
pub mod limits;
mod observed;
mod rules;
mod rules_of_thumb;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod simulation;

pub use ceilings::{Ceiling, Resource, ceilings};
pub use evidence::{
    Alternation, BackendEvidence, Connections, CpuEvidence, CurveFacts, Efficiency, Estimate, Evidence, FailedGate,
    FailedKind, GeneratorEvidence, LoadEvidence, Modes, Setting, StallEvidence, WorkerEvidence,
};
pub(super) use observed::twice_the_load;
pub use rules_of_thumb::{Answer, PointRead, Rule, RuleOfThumb, rules_of_thumb};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What follows from a point's evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Judgement {
    /// What limits the throughput here.
    pub limit: Verdict,
    /// How it grows over the axis that the point is on; absent where nothing can be said of it.
    pub growth: Option<Verdict>,
    /// What each limit alone would allow, the lowest first.
    pub ceilings: Vec<Ceiling>,
}

/// What limits, or how it grows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// In a word.
    pub kind: Kind,
    /// How much it can be relied on, as observed: only an intervention proves it.
    pub confidence: Confidence,
    /// The limits that bind together, where it is [`Kind::CoLimited`].
    pub together: Vec<Kind>,
    /// What carries it.
    pub numbers: Vec<Number>,
    /// What would change it; several, where all must be moved.
    pub levers: Vec<Lever>,
    /// The ceiling behind the one that binds, where one is known.
    pub next: Option<Next>,
    /// What would be needed to say more.
    pub missing: Vec<Missing>,
}

/// A verdict's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Invalid: workers or limits are not what was asked for.
    SweepNotApplied,
    /// Invalid: the load generator was the limit.
    LoadgenBound,
    /// Invalid: the mock's CPU was the limit.
    MockBound,
    /// Invalid: too many requests failed.
    Erroring,
    /// Invalid: others used the machine, or it changed its speed.
    HostContended,
    /// Invalid: the throughput moved within the window.
    Unstable,
    /// Throughput grows as the workers do, up to the last point.
    Linear,
    /// The target's CPUs are full.
    CpuBound,
    /// Its quota is used up.
    CpuThrottled,
    /// One thread in each worker is busy all the time while CPUs idle.
    WorkerSaturated,
    /// Each worker holds a request while it waits, so that only more workers take more requests.
    BlockingWorkers,
    /// A lock or another part of the work that only one does at a time.
    Serialised,
    /// The backend answers as many at once as it can.
    BackendBound,
    /// All of the target's connections to the backend are in use.
    PoolBound,
    /// One worker is full while others idle.
    Imbalanced,
    /// Memory is full.
    MemoryBound,
    /// A disk is waited for.
    DiskBound,
    /// The network is full.
    NetworkBound,
    /// The users do not ask for more.
    UnderDriven,
    /// Two limits within a twentieth of each other.
    CoLimited,
    /// Two limits that take turns.
    Alternating,
    /// Throughput falls as the workers grow.
    Retrograde,
    /// Visits of the same point fall into two clusters.
    TwoModes,
    /// The evidence does not carry an answer.
    Inconclusive,
}

/// How much an observed verdict can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// A hint: too few visits, or too little of the evidence.
    Low,
    /// All of its own evidence, with another limit near or not looked at.
    Moderate,
    /// All of its own evidence, and no other limit near.
    High,
}

/// One number of the evidence beside its limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Number {
    /// What it is of.
    pub figure: Figure,
    /// As measured.
    pub value: f64,
    /// What it was held against; absent where it stands for itself.
    pub limit: Option<f64>,
}

/// What a number is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Figure {
    /// CPU used, of the quota.
    QuotaUse,
    /// Share of the quota's periods that were throttled.
    ThrottledPeriods,
    /// Share of the time that was.
    ThrottledTime,
    /// CPU used, of the CPUs it may run on.
    CpusetUse,
    /// Time waited for a CPU, as a share of the CPUs' time.
    RunQueueWait,
    /// Of a CPU, by the busiest thread of each worker.
    BusiestThreads,
    /// Of a CPU, by the busiest worker's thread.
    BusiestWorker,
    /// The busiest worker over the mean.
    Imbalance,
    /// Slots in use, of those there are.
    SlotUse,
    /// Requests at the backend.
    BackendInFlight,
    /// Connections to it.
    Connections,
    /// Time at the backend over its processing there.
    BackendQueueing,
    /// Bytes a second, of the most measured.
    NetworkUse,
    /// Working set, of the memory limit.
    MemoryUse,
    /// Share of the time waited for memory.
    MemoryPressure,
    /// Pages read back a second.
    MajorFaults,
    /// Share of the time waited for a disk.
    IoPressure,
    /// Throughput with twice the users over that with these.
    DoubledUsers,
    /// Throughput with more workers over that with fewer.
    MoreWorkers,
    /// Times that threads gave up their CPU for each request.
    VoluntarySwitches,
    /// Throughput over linear growth.
    Efficiency,
    /// The serialised share.
    Sigma,
    /// Workers beyond which nothing is gained.
    Knee,
    /// Share of the 100 ms ticks at the CPU limit.
    TicksAtLimit,
    /// Share of them far below it.
    TicksFarBelow,
    /// Throughput of the lower cluster of visits.
    LowerMode,
    /// And of the upper.
    UpperMode,
    /// Throughput at the last point over the best.
    LastOverBest,
    /// Workers with the highest throughput.
    BestWorkers,
    /// Workers of the last point.
    LastWorkers,
}

/// What can be moved to move a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Lever {
    /// A higher CPU quota.
    Quota,
    /// More CPUs.
    Cpus,
    /// More workers.
    Workers,
    /// Fewer workers.
    FewerWorkers,
    /// More slots at the backend.
    BackendSlots,
    /// More connections to it.
    PoolSize,
    /// Work spread evenly.
    Balance,
    /// Less of the work under a lock.
    Lock,
    /// More memory.
    Memory,
    /// A faster disk, or less use of it.
    Disk,
    /// A faster network, or fewer bytes.
    Network,
    /// More users.
    Users,
}

/// The ceiling behind the one that binds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Next {
    /// What it comes from.
    pub resources: Vec<Resource>,
    /// The throughput that it allows.
    pub rps: f64,
    /// That over the measured one.
    pub times: f64,
}

/// What an answer needs and the evidence does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// A throughput.
    Throughput,
    /// What a gate requires was not read.
    RequiredEvidence,
    /// Enough visits of each point.
    Visits,
    /// The target's CPU time.
    CpuTime,
    /// What its quota held back.
    Throttling,
    /// CPU time of its threads.
    ThreadTimes,
    /// Time that its threads waited for a CPU.
    RunQueueWait,
    /// How often its threads gave up their CPU.
    Switches,
    /// Requests at the backend, its connections and what it takes for one.
    BackendTruth,
    /// Memory in use.
    WorkingSet,
    /// Waiting for memory.
    MemoryPressure,
    /// Waiting for a disk.
    IoPressure,
    /// The most that the network can do.
    NetworkLimit,
    /// The same with twice the users.
    DoubledUsers,
    /// Other worker counts.
    WorkerSweep,
}

/// What limits the throughput at a point, and how it grows there.
pub fn judge(evidence: &Evidence) -> Judgement {
    let ceilings = ceilings(evidence);
    let limit = rules::limit(evidence, &ceilings);
    let growth = if evidence.failed.is_empty() { rules::growth(evidence) } else { None };
    Judgement { limit, growth, ceilings }
}

impl Kind {
    /// Whether it says that the measurement itself was at fault.
    pub fn is_invalid(self) -> bool {
        use Kind::{Erroring, HostContended, LoadgenBound, MockBound, SweepNotApplied, Unstable};
        matches!(self, SweepNotApplied | LoadgenBound | MockBound | Erroring | HostContended | Unstable)
    }
}

impl Verdict {
    fn new(kind: Kind, confidence: Confidence) -> Self {
        Self {
            kind,
            confidence,
            together: Vec::new(),
            numbers: Vec::new(),
            levers: Vec::new(),
            next: None,
            missing: Vec::new(),
        }
    }
}

impl Number {
    fn of(figure: Figure, value: f64) -> Self {
        Self { figure, value, limit: None }
    }

    fn against(figure: Figure, value: f64, limit: f64) -> Self {
        Self { figure, value, limit: Some(limit) }
    }
}
