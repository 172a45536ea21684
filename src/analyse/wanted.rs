//! What the visits of a study so far ask for besides the blocks of its plan.

use super::{
    Analysis, confirm,
    stats::{Geometric, LEVEL, Pilot},
    study::Study,
    verdict::{Confidence, Evidence, judge, twice_the_load},
    visits::spoiled,
};
use crate::{
    model::{Change, Run, Trial, Turn, Wanted},
    plan,
};

/// A precision that would take more blocks than this is not to be had.
const MOST_BLOCKS: usize = 200;

/// Nothing, where the run is no study.
pub fn wanted(run: &Run) -> Wanted {
    let Some(plan) = &run.plan.study else { return Wanted::default() };
    let analysis = Analysis::of(run);
    let pilot = run.plan.blocks.len();
    let is_pilot_done = run.visited.len() >= run.plan.blocks.iter().map(Vec::len).sum();
    // Its fits take time, and nobody asks for them earlier.
    let study = if is_pilot_done { Study::of(run, &analysis) } else { None };
    let blocks =
        study.as_ref().zip(plan.precision).map_or(pilot, |(study, half_width)| needed(study, pilot, half_width));
    let study = study.filter(|study| study.blocks >= blocks);
    let check = study.as_ref().and_then(|study| check(run, &analysis, study));
    let confirmed = study.as_ref().filter(|_| plan.confirm).and_then(|study| confirm::trial(run, study.answer()?));
    Wanted { spoiled: spoiled(run, &analysis), blocks, trials: check.into_iter().chain(confirmed).collect() }
}

/// Whether the point that is decided for is driven, where the plan looks at that of another point only: without it a limit
/// that no counter names cannot be told from users who ask for too little. What such visits say must not change whether
/// they are asked for.
fn check(run: &Run, analysis: &Analysis, study: &Study) -> Option<Trial> {
    let (plan, point) = (&run.plan, study.answer()?.point);
    let turns = [Change::BESIDE_DOUBLED, Change::DOUBLED].map(|change| Turn { point, change: Some(change) });
    let is_known = plan.blocks.iter().flatten().any(|turn| *turn == turns[1]) || twice_the_load(plan, point).is_some();
    let mut evidence = Evidence::of(run, analysis, point, study.curve_over_workers(point));
    evidence.load.users?;
    evidence.load.doubled_users = None;
    let limit = judge(&evidence).limit;
    let is_sure = limit.confidence == Confidence::High || limit.kind.is_invalid();
    let is_wanted = !is_known
        && !is_sure
        && plan.blocks.len() > 1
        && plan::apply(plan, &plan.points[point], &Change::DOUBLED).is_some();
    is_wanted.then(|| Trial { turns: turns.into(), blocks: plan.blocks.len() })
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
