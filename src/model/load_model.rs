//! Who sends requests, and when.

use super::Distribution;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who sends, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LoadModel {
    /// Users that send, wait for the answer, think, and send again.
    Closed {
        /// At full load; with stages, at their start.
        users: u32,
        /// Users started each second until all run; meaningless with stages.
        spawn_rate_per_s: f64,
        /// Between an answer and the user's next request.
        #[serde(default = "Distribution::zero", skip_serializing_if = "Distribution::is_zero")]
        think_time: Distribution,
    },
    /// Requests that are due at times that do not depend on the answers.
    Open {
        /// With stages, at their start.
        rate_rps: f64,
        /// How the due times lie.
        arrivals: Arrivals,
        /// Most requests at once; beyond it, due requests wait and are sent late.
        max_in_flight: u32,
    },
}

/// How the due times of an open loop lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// At equal distances.
    Constant,
    /// As a Poisson process, the sum of many independent users.
    Poisson,
}

/// A part of a load phase in which users (or the rate) go straight from where they were to a target.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stage {
    /// From where it was to the target.
    pub duration_us: u64,
    /// Users in closed loop, requests a second in open loop, at its end.
    pub target: f64,
}

impl LoadModel {
    /// Users at full load; 0 in open loop.
    pub fn users(&self) -> u32 {
        if let Self::Closed { users, .. } = self { *users } else { 0 }
    }

    /// Most requests at once, without stages.
    pub fn at_once(&self) -> u32 {
        match *self {
            Self::Closed { users, .. } => users,
            Self::Open { max_in_flight, .. } => max_in_flight,
        }
    }

    /// Longest time until all users run, where there are no stages; 0 in open loop.
    pub fn spawning_us(&self) -> u64 {
        match *self {
            Self::Closed { users, spawn_rate_per_s: rate, .. } => (f64::from(users) / rate * 1e6) as u64,
            Self::Open { .. } => 0,
        }
    }
}

/// `16 users, 10 started each second`, `500 requests/s at poisson times, at most 1000 in flight`.
impl fmt::Display for LoadModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { users, spawn_rate_per_s, think_time } => {
                let s = if *users == 1 { "" } else { "s" };
                write!(f, "{users} user{s}, {spawn_rate_per_s} started each second")?;
                if think_time.is_zero() { Ok(()) } else { write!(f, ", think time {think_time}") }
            }
            Self::Open { rate_rps, arrivals, max_in_flight } => {
                let times = if *arrivals == Arrivals::Constant { "at equal distances" } else { "at Poisson times" };
                write!(f, "{rate_rps} requests/s {times}, at most {max_in_flight} in flight")
            }
        }
    }
}
