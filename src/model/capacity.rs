//! How much a server can do, as a search with load phases found it.

use super::LoadResult;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the search found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Capacity {
    /// The highest throughput of the closed loop.
    pub capacity_rps: f64,
    /// Users at the knee: the fewest that come within 3 % of the capacity.
    pub users: u32,
    /// Whether more users gained nothing any more; otherwise the search ended at its largest count, or was stopped.
    pub is_saturated: bool,
    /// In the order they were made.
    pub steps: Vec<CapacityStep>,
}

/// One load phase of the search.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CapacityStep {
    /// Share of the capacity that was asked for, 0 to 1; `None` while the capacity is searched for.
    pub share: Option<f64>,
    /// As `vscale load` gives it.
    pub result: LoadResult,
}
