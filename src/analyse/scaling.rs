//! How throughput grows with workers.

use crate::model::{PhaseKind, Run, Visited};
use serde::Serialize;

/// Growth over a run's visits.
#[derive(Clone, Debug, Serialize)]
pub struct Scaling {
    /// Which of the visited the others are compared with, from 0: the first of the valid ones with the fewest workers.
    pub reference: Option<usize>,
    /// A row a visit, in the run's order.
    pub rows: Vec<Scaled>,
}

/// A visit beside the one that it is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scaled {
    /// Its throughput; `None` where the target was not loaded.
    pub throughput_rps: Option<f64>,
    /// Throughput over that of the reference.
    pub speed_up: Option<f64>,
    /// Speed-up over the ratio of the workers; 1 is linear.
    pub efficiency: Option<f64>,
    /// The throughput that linear growth from the reference would give.
    pub ideal_rps: Option<f64>,
}

impl Scaling {
    /// Of all visits; only a valid one can be the reference.
    pub(super) fn of(run: &Run, is_valid: &dyn Fn(&Visited) -> bool) -> Self {
        let valid = run.visited.iter().enumerate().filter(|(_, visited)| is_valid(visited));
        let reference = valid.min_by_key(|(_, visited)| visited.workers);
        Self {
            reference: reference.map(|(index, _)| index),
            rows: run.visited.iter().map(|visited| scale(visited, reference.map(|(_, it)| it))).collect(),
        }
    }
}

fn scale(visited: &Visited, reference: Option<&Visited>) -> Scaled {
    let rps = |visited: &Visited| visited.phase(PhaseKind::Target).map(|phase| phase.load.throughput_rps());
    let reference_rps = reference.and_then(rps).filter(|rps| *rps > 0.0);
    let times_workers =
        f64::from(visited.workers) / f64::from(reference.map_or(1, |reference| reference.workers.max(1)));
    let throughput_rps = rps(visited);
    let speed_up = throughput_rps.zip(reference_rps).map(|(rps, reference)| rps / reference);
    Scaled {
        throughput_rps,
        speed_up,
        efficiency: speed_up.map(|times| times / times_workers),
        ideal_rps: reference_rps.map(|rps| rps * times_workers),
    }
}
