//! A verdict put to the test: what the throughput will be if the limit is moved is stated first, then it is moved, in pairs of
//! visits; and the next limit is moved as a control, by which it must stay.

use super::{
    Analysis,
    stats::{Geometric, Interval, LEVEL, Pilot, pairs},
    study_point::StudyPoint,
    verdict::{Kind, Lever as Remedy, Resource},
    visits::{by_block, is_test},
};
use crate::{
    model::{Change, Lever, Plan, Purpose, Run, Trial, Turn},
    plan,
};
use schemars::JsonSchema;
use serde::Serialize;

/// How far a limit is moved up, where there is room, and otherwise down.
const UP: f64 = 1.5;
const DOWN: f64 = 2.0 / 3.0;
/// A prediction holds where the observed throughput is this near to it.
pub const PREDICTED_WITHIN: f64 = 0.10;
/// A control holds where the throughput stays within this.
const STAYS_WITHIN: f64 = 0.05;
/// A control's ceiling stays at least so many times the throughput.
const CONTROL_APART: f64 = 1.1;
/// Blocks of a trial: enough for an interval, and no more than an evening's patience.
const LEAST_BLOCKS: usize = 3;
const MOST_BLOCKS: usize = 12;

/// What is moved, and what will become of it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Prediction {
    /// At which point, by its place in the plan.
    pub point: usize,
    /// The verdict that is tested.
    pub verdict: Kind,
    /// What is moved.
    pub change: Change,
    /// What the throughput is multiplied by, if the verdict is right: the moved ceiling, or the one behind it.
    pub ratio: f64,
    /// What is moved as a control; absent where nothing is far enough from the throughput.
    pub control: Option<Change>,
}

/// A prediction beside what was observed.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Confirmation {
    /// What was stated before.
    pub prediction: Prediction,
    /// Throughput with the change over that without, by paired visits.
    pub observed: Option<Interval>,
    /// The same of the control.
    pub control_observed: Option<Interval>,
    /// Each pair's, of what is tested.
    pub pairs: Vec<f64>,
    /// And of the control.
    pub control_pairs: Vec<f64>,
    /// Blocks in which both were visited.
    pub blocks: usize,
    /// What follows.
    pub outcome: Outcome,
}

/// Whether a verdict stood the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The throughput moved as predicted, and the control did not move it.
    Confirmed,
    /// It did not, or the control did.
    Refuted,
    /// The pairs do not tell.
    CouldNotTell,
}

/// What to move at the point that is decided for; `None` where nothing that the verdict speaks of can be moved.
pub fn prediction(plan: &Plan, answer: &StudyPoint) -> Option<Prediction> {
    let rps = answer.throughput_rps?.estimate;
    let verdict = &answer.judgement.limit;
    let point = &plan.points[answer.point];
    let can = |change: &Change| plan::apply(plan, point, change).is_some();
    let test = |lever, factor| Change { lever, factor, purpose: Purpose::Test };
    let change = verdict
        .levers
        .iter()
        .filter_map(|remedy| lever(*remedy, verdict.kind))
        .find_map(|(lever, factors)| factors.into_iter().map(|factor| test(lever, factor)).find(can))?;
    Some(Prediction {
        point: answer.point,
        verdict: verdict.kind,
        change,
        ratio: predicted_ratio(&change, answer, rps),
        control: control(&change, answer, rps).into_iter().find(can),
    })
}

/// What of a plan moves what a verdict says would change it, and by how much, what is tried first coming first.
fn lever(remedy: Remedy, kind: Kind) -> Option<(Lever, Vec<f64>)> {
    Some(match (remedy, kind) {
        // One that waits for its connections answers faster with a faster backend.
        (Remedy::PoolSize, _) => (Lever::ServiceTime, vec![DOWN]),
        (Remedy::Quota, _) => (Lever::Quota, vec![DOWN]),
        (Remedy::Cpus, _) => (Lever::Quota, vec![DOWN]),
        (Remedy::Workers, _) => (Lever::Workers, vec![2.0]),
        (Remedy::BackendSlots, _) => (Lever::Slots, vec![2.0, 0.5]),
        (Remedy::Users, _) => (Lever::Load, vec![2.0, 0.5]),
        _ => return None,
    })
}

/// A ceiling moves with its factor, a time against it; the one behind it stays.
fn predicted_ratio(change: &Change, answer: &StudyPoint, rps: f64) -> f64 {
    let times = if change.lever == Lever::ServiceTime { change.factor.recip() } else { change.factor };
    let next = answer.judgement.limit.next.as_ref().map_or(f64::INFINITY, |next| (next.rps / rps).max(1.0));
    times.min(next)
}

/// Changes that must leave the throughput as it is, the nearest ceiling's first.
fn control(test: &Change, answer: &StudyPoint, rps: f64) -> Vec<Change> {
    let of = |resource: &Resource| match resource {
        Resource::Quota => Some(Lever::Quota),
        Resource::Users => Some(Lever::Load),
        Resource::Backend => Some(Lever::Slots),
        _ => None,
    };
    let far = answer.judgement.ceilings.iter().filter(|ceiling| ceiling.rps * DOWN > CONTROL_APART * rps);
    let levers = far.flat_map(|ceiling| ceiling.resources.iter().filter_map(of)).chain([Lever::Load]);
    // More load than a full server can take leaves it full; less is only a control where a ceiling says so.
    let change = |lever: Lever| Change {
        lever,
        factor: if lever == Lever::Load { UP } else { DOWN },
        purpose: Purpose::Control,
    };
    levers.filter(|lever| *lever != test.lever).map(change).collect()
}

/// The blocks that put the verdict to the test.
pub(super) fn trial(run: &Run, answer: &StudyPoint) -> Option<Trial> {
    let prediction = prediction(&run.plan, answer)?;
    let values: Vec<f64> = answer.by_block_rps.iter().copied().flatten().collect();
    let pilot = Pilot::of(&Geometric::mean(&values)?);
    let turns = turns(&prediction);
    Some(Trial { turns, blocks: pilot.blocks_needed(STAYS_WITHIN, LEVEL).clamp(LEAST_BLOCKS, MOST_BLOCKS) })
}

fn turns(prediction: &Prediction) -> Vec<Turn> {
    let reference = Change { factor: 1.0, purpose: Purpose::Reference, ..prediction.change };
    let changes = [Some(reference), Some(prediction.change), prediction.control];
    changes.into_iter().flatten().map(|change| Turn { point: prediction.point, change: Some(change) }).collect()
}

impl Confirmation {
    /// Of what was visited; `None` without a trial.
    pub(super) fn of(run: &Run, analysis: &Analysis, answer: &StudyPoint) -> Option<Self> {
        let has_trial = run.visited.iter().any(is_test);
        let prediction = prediction(&run.plan, answer).filter(|_| has_trial)?;
        let blocks = run.visited.iter().map(|it| it.block + 1).max()?;
        let turns = turns(&prediction);
        let of = |turn: &Turn| by_block(run, analysis, *turn, blocks);
        let reference = of(&turns[0]);
        let pairs = |turn: Option<&Turn>| turn.map_or_else(Vec::new, |turn| pairs(&of(turn), &reference));
        let (tested, controlled) = (pairs(turns.get(1)), pairs(turns.get(2)));
        let (observed, control) = (Geometric::paired(&tested), Geometric::paired(&controlled));
        let each = |pairs: &[(f64, f64)]| pairs.iter().map(|(changed, reference)| changed / reference).collect();
        Some(Self {
            outcome: outcome(&prediction, observed.as_ref(), control.as_ref()),
            observed: observed.map(|ratio| ratio.interval(LEVEL)),
            control_observed: control.map(|ratio| ratio.interval(LEVEL)),
            prediction,
            pairs: each(&tested),
            control_pairs: each(&controlled),
            blocks: tested.len(),
        })
    }
}

/// Confirmed is what moved, and to where it was said to; refuted is what surely did not, or whose control surely moved.
fn outcome(prediction: &Prediction, observed: Option<&Geometric>, control: Option<&Geometric>) -> Outcome {
    let Some(observed) = observed else { return Outcome::CouldNotTell };
    let (low, high) = (observed.lower(LEVEL), observed.upper(LEVEL));
    let wanted = [prediction.ratio * (1.0 - PREDICTED_WITHIN), prediction.ratio * (1.0 + PREDICTED_WITHIN)];
    let moved = if prediction.ratio > 1.0 { low > 1.0 } else { high < 1.0 };
    let control_moved =
        control.is_some_and(|it| it.lower(LEVEL) > 1.0 + STAYS_WITHIN || it.upper(LEVEL) < 1.0 - STAYS_WITHIN);
    if high < wanted[0] || low > wanted[1] || control_moved {
        return Outcome::Refuted;
    }
    let is_near = (wanted[0]..=wanted[1]).contains(&observed.value());
    let control_stayed = control.is_none_or(|it| it.equivalence(STAYS_WITHIN).is_shown);
    if moved && is_near && control_stayed { Outcome::Confirmed } else { Outcome::CouldNotTell }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(centre: f64) -> Geometric {
        let pairs = [1.01, 0.99, 1.0, 1.005].map(|noise| (100.0 * centre * noise, 100.0));
        Geometric::paired(&pairs).expect("four pairs")
    }

    fn judged(predicted: f64, observed: f64, control: Option<f64>) -> Outcome {
        let change = Change { lever: Lever::Quota, factor: DOWN, purpose: Purpose::Test };
        let prediction = Prediction { point: 0, verdict: Kind::CpuThrottled, change, ratio: predicted, control: None };
        outcome(&prediction, Some(&ratio(observed)), control.map(ratio).as_ref())
    }

    #[test]
    fn a_limit_that_binds_takes_the_throughput_with_it_and_one_that_does_not_is_refuted() {
        assert_eq!(judged(0.667, 0.66, Some(1.0)), Outcome::Confirmed);
        assert_eq!(judged(0.667, 0.98, Some(1.0)), Outcome::Refuted);
        assert_eq!(judged(0.667, 0.66, Some(1.3)), Outcome::Refuted, "the control moved it");
        assert_eq!(judged(0.667, 0.66, None), Outcome::Confirmed, "there may be nothing far enough away to move");
        assert_eq!(judged(0.667, 0.737, Some(1.0)), Outcome::CouldNotTell, "just beyond a tenth, and it may be within");
        assert_eq!(judged(1.5, 1.48, Some(1.0)), Outcome::Confirmed);
    }

    #[test]
    fn without_pairs_nobody_can_tell() {
        let change = Change { lever: Lever::Load, factor: 2.0, purpose: Purpose::Test };
        let prediction = Prediction { point: 0, verdict: Kind::UnderDriven, change, ratio: 2.0, control: None };
        assert_eq!(outcome(&prediction, None, None), Outcome::CouldNotTell);
    }
}
