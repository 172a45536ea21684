//! Two things beside each other in the same blocks: A is what a plan describes without more, B is another.

use super::{AtWorkers, ContainerPlan};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which of the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Side {
    /// What B is compared with.
    #[default]
    A,
    /// What is compared with A.
    B,
}

/// What B is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AbPlan {
    /// What A was asked for by: `compose.yaml`.
    pub a: String,
    /// What B was: `other.yaml`, `TAG=2`.
    pub b: String,
    /// In place of the plan's containers where B is visited.
    pub containers: Vec<ContainerPlan>,
    /// In place of the plan's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_workers: Vec<AtWorkers>,
}

impl Side {
    /// Whether it is what there is where nothing is compared.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's way to call it")]
    pub fn is_a(&self) -> bool {
        *self == Self::A
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::B => "B",
        })
    }
}
