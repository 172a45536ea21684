//! What makes a run a study: every point visited in each of several blocks, in random order, until the answer is as precise as
//! asked for.

use super::Change;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a study goes on beyond the blocks of its plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StudyPlan {
    /// Of the order of the visits within each block.
    pub seed: u64,
    /// Half width of every point's 95 % interval that is asked for, relative: 0.03. The plan's own blocks are then the first
    /// stage of Stein's two, and say how many there are to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<f64>,
    /// No block is begun that would end later than this after the first visit's start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_us: Option<u64>,
    /// Whether the verdict on the point that is decided for is put to the test.
    #[serde(default)]
    pub confirm: bool,
    /// What a setting must keep to be decided for: `p99 < 250ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slo: Option<String>,
}

/// One visit of a block: a point, and what is changed of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Turn {
    /// By its place in the plan.
    pub point: usize,
    /// `None` for the point as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
}

/// What the visits so far ask for besides the plan's own blocks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// Visits that the host has spoiled, by their places in the run.
    pub spoiled: Vec<usize>,
    /// Blocks in all, where that is more than the plan has.
    pub blocks: usize,
    /// Then these, one after the other.
    pub trials: Vec<Trial>,
}

/// One point looked at more closely: blocks of it as it is, and changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Of one block.
    pub turns: Vec<Turn>,
    /// How many blocks.
    pub blocks: usize,
}

impl Turn {
    /// A point as it is.
    pub fn plain(point: usize) -> Self {
        Self { point, change: None }
    }
}
