//! What a visit changes of its point, to see what becomes of the throughput.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing of a point, moved.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// What is moved.
    pub lever: Lever,
    /// What it is multiplied by; above 0. A quota below 1 of a target that has none is that share of its CPUs.
    pub factor: f64,
    /// What for.
    pub purpose: Purpose,
}

impl Change {
    /// Whether the target is driven.
    pub const DOUBLED: Self = Self { lever: Lever::Load, factor: 2.0, purpose: Purpose::Check };
    /// As it is, beside that.
    pub const BESIDE_DOUBLED: Self = Self { lever: Lever::Load, factor: 1.0, purpose: Purpose::Reference };
}

/// What can be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Lever {
    /// The target's CPU quota.
    Quota,
    /// The target's CPUs.
    Cpuset,
    /// The target's workers.
    Workers,
    /// Users of a closed loop, or the rate of an open one.
    Load,
    /// Requests that the mock works on at once.
    Slots,
    /// How long the mock works on a request.
    ServiceTime,
}

/// What a change is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Whether the target is driven: more load must not raise its throughput.
    Check,
    /// As it is, beside those that are changed: the factor is 1.
    Reference,
    /// Whether what is said to limit it does: its throughput must move as predicted.
    Test,
    /// Whether the next limit is none yet: its throughput must stay.
    Control,
}

impl fmt::Display for Lever {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quota => "quota",
            Self::Cpuset => "cpuset",
            Self::Workers => "workers",
            Self::Load => "load",
            Self::Slots => "slots",
            Self::ServiceTime => "service-time",
        })
    }
}
