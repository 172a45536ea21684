//! Where the time of a visit goes.

use crate::model::Step;
use tokio::time::Instant;

/// A stopwatch whose laps are a visit's steps.
pub(super) struct Steps {
    laps: Vec<Step>,
    since: Instant,
}

impl Steps {
    pub(super) fn start() -> Self {
        Self { laps: Vec::new(), since: Instant::now() }
    }

    /// What was done since the last lap.
    pub(super) fn lap(&mut self, name: impl Into<String>) {
        let duration_us = self.since.elapsed().as_micros() as u64;
        self.laps.push(Step { name: name.into(), duration_us });
        self.since = Instant::now();
    }

    pub(super) fn so_far(&self) -> Vec<Step> {
        self.laps.clone()
    }
}
