//! What the visits of a study so far ask for besides the blocks of its plan.

use super::{
    Analysis, confirm,
    stats::{Geometric, LEVEL, Pilot},
    study::Study,
};
use crate::model::{Run, Severity, Wanted};

/// A precision that would take more blocks than this is not to be had.
const MOST_BLOCKS: usize = 200;

/// Nothing, where the run is no study.
pub fn wanted(run: &Run) -> Wanted {
    let Some(plan) = &run.plan.study else { return Wanted::default() };
    let analysis = Analysis::of(run);
    let pilot = run.plan.blocks.len();
    let is_pilot_done = run.visited.len() >= run.plan.blocks.iter().map(Vec::len).sum();
    // Its fits take time, and nobody asks for them earlier.
    let is_asked = is_pilot_done && (plan.precision.is_some() || plan.confirm);
    let study = if is_asked { Study::of(run, &analysis) } else { None };
    let blocks =
        study.as_ref().zip(plan.precision).map_or(pilot, |(study, half_width)| needed(study, pilot, half_width));
    let is_done = |study: &Study| plan.confirm && study.blocks >= blocks;
    let trial = study.filter(is_done).and_then(|study| confirm::trial(run, &study));
    Wanted { spoiled: spoiled(run, &analysis), blocks, trial }
}

/// Visits that only the host is to blame for.
pub(super) fn spoiled(run: &Run, analysis: &Analysis) -> Vec<usize> {
    let is_spoiled = |place: &usize| {
        let findings = analysis.of_visit(&run.visited[*place]);
        findings.map(|finding| finding.severity).max() == Some(Severity::Spoiled)
    };
    (0..run.visited.len()).filter(is_spoiled).collect()
}

/// As many blocks as the point with the widest spread takes, by the pilot alone: looking again would stop too early.
fn needed(study: &Study, pilot: usize, half_width: f64) -> usize {
    let first = |by_block: &[Option<f64>]| -> Option<Pilot> {
        let values: Vec<f64> = by_block.iter().take(pilot).copied().flatten().collect();
        Geometric::mean(&values).map(|mean| Pilot::of(&mean))
    };
    let needed = study.points.iter().filter_map(|point| first(&point.by_block_rps));
    let needed = needed.map(|pilot| pilot.blocks_needed(half_width, LEVEL)).max();
    needed.unwrap_or(pilot).clamp(pilot, MOST_BLOCKS.max(pilot))
}
