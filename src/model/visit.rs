//! The next thing to do. Everything in it is decided: whoever carries it out chooses nothing.

use super::{Change, ContainerPlan, LoadPlan, LoadToolRun};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The target started afresh at one point, loaded, and taken down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Visit {
    /// `w2`, or `w2-c1.5` with a quota, `w2-load2` with twice the load, `w2-r3` when it is the third of its kind: also the
    /// name of its folder.
    pub id: String,
    /// Its place in the run, from 0.
    pub sequence: usize,
    /// Which point, by its place in the plan.
    pub point: usize,
    /// In which block, from 0.
    pub block: usize,
    /// What is changed of the point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// Workers that the target is to have.
    pub workers: u32,
    /// Started in this order, unless it runs already.
    pub containers: Vec<ContainerPlan>,
    /// One after the other.
    pub phases: Vec<PhasePlan>,
}

/// One load phase of a visit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhasePlan {
    /// What is loaded, and what for.
    pub kind: PhaseKind,
    /// A container that is there for this phase only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<ContainerPlan>,
    /// What the generator is told.
    pub load: LoadPlan,
    /// Who carries it out, if not our own load generator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<LoadToolRun>,
}

/// What a phase loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PhaseKind {
    /// The backend, directly: what generator and backend do without the target.
    Baseline,
    /// A mock that answers at once: the most that the generator can do on its CPUs.
    Null,
    /// The target, which calls the backend.
    Target,
}

impl PhaseKind {
    /// What its files are called: the seed benchmark's name for the target is `stack`.
    pub fn file_stem(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Null => "null",
            Self::Target => "stack",
        }
    }
}

impl fmt::Display for PhaseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Baseline => "baseline",
            Self::Null => "null",
            Self::Target => "target",
        })
    }
}
