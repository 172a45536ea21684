//! What a reader must know before believing a number. Findings are derived by `analyse`; every reporter shows them.

use super::{Limit, PhaseKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing that limits what a result says: what was measured, and the limit that it is beyond.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What it concerns.
    pub scope: Scope,
    /// What was judged.
    pub gate: Gate,
    /// What was found; `None` where it could not be read.
    pub measured: Option<Value>,
    /// What it should have been; `None` for a gate that has no number.
    pub limit: Option<Value>,
    /// What the numbers do not say: the most frequent error, how a container ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What it means for what it concerns.
    pub severity: Severity,
}

/// What a finding means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// To be known when one reads the numbers.
    Warning,
    /// The host was too busy to believe them.
    Spoiled,
    /// They are not what they say they are.
    Invalid,
}

impl Finding {
    /// Whether what it concerns must not be believed.
    pub fn invalidates(&self) -> bool {
        self.severity != Severity::Warning
    }
}

/// What a finding concerns; the whole run where nothing is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Scope {
    /// Id of a visit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit: Option<String>,
    /// A phase of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<PhaseKind>,
    /// A container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// A limit of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
}

/// A number, or words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Value {
    /// In the unit of the gate.
    Number(f64),
    /// What has no number.
    Text(String),
}

/// What is judged; `analyse::gates` has the limit of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// The workers in the container are those asked for.
    Workers,
    /// A limit reads as asked, in the engine and inside.
    LimitApplied,
    /// A container runs to the end.
    ContainerLives,
    /// A visit gets as far as its target's load.
    VisitWhole,
    /// Something succeeded.
    SomethingMeasured,
    /// No request failed.
    Failures,
    /// Nearly all requests that were asked for were answered as expected.
    Served,
    /// The load lasted its time.
    Complete,
    /// The generator has CPU to spare.
    GeneratorCpu,
    /// The backend has CPU to spare.
    BackendCpu,
    /// The generator sends on time.
    SendLag,
    /// The server keeps up: no request has to wait for others to be answered before it is sent.
    Delayed,
    /// The server keeps up: every request is sent before the load's end.
    Unsent,
    /// Every request is answered before the drain is over.
    Unanswered,
    /// Streams end with `[DONE]`.
    StreamsDone,
    /// Streams have tokens.
    StreamTokens,
    /// As many requests reach the backend as the target is to make of those sent.
    Amplification,
    /// The backend tells what it saw.
    BackendTells,
    /// The generator can do much more than was measured.
    Headroom,
    /// Roles have CPUs of their own.
    CpusApart,
    /// The target has a CPU for each worker.
    CpuForEachWorker,
    /// The quota is not beyond the target's CPUs.
    QuotaWithinCpus,
    /// What a result rests on could be read.
    EvidenceRead,
    /// No quota holds the target back that nobody asked for.
    NoQuotaUnasked,
    /// Nobody else uses the target's CPUs.
    ForeignCpu,
    /// The hypervisor gives the target's CPUs what they want.
    Steal,
    /// The target waits for a CPU only while its CPUs are busy: else a quota above its container holds it back.
    IdleWait,
    /// The machine is as fast after a load as before it.
    SpeedHeld,
    /// The machine is as fast as in the block's other visits.
    SpeedInBlock,
    /// The generator was never kept from running for long.
    GeneratorPaused,
    /// Throughput times latency is what was in flight.
    LittlesLaw,
    /// The second half of the window is like the first.
    Stationary,
    /// The target was looked at as often as it should have been.
    SamplesComplete,
    /// No more processes than are looked at.
    ProcessesWhole,
    /// A container has memory to spare below its limit.
    MemoryFree,
    /// A speed-up that the workers and CPUs can give.
    SpeedUpPossible,
    /// The baseline is the same from visit to visit.
    BaselineHeld,
    /// A service that the target needs has CPU to spare.
    ServiceCpu,
    /// It is known how many workers there are.
    WorkersProved,
    /// A backend that is not ours answers what the target is asked: else there is no baseline.
    BaselineMeans,
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
