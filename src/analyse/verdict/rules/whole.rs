//! Verdicts about a point as a whole: that it cannot be judged, that its visits or its seconds differ, that nobody asked it
//! for more.

use super::{Case, elimination};
use crate::analyse::{
    gates,
    verdict::{Confidence, FailedKind, Figure, Kind, Lever, Missing, Number, Verdict, limits},
};
use crate::model::Gate;

/// A gate that failed leaves nothing to judge.
pub(super) fn invalid(case: &Case) -> Option<Verdict> {
    let evidence = case.evidence;
    let most = gates::limit(Gate::GeneratorCpu);
    let is_starved = |ratio: Option<f64>| ratio.is_some_and(|ratio| ratio >= most);
    let failed = evidence.failed.first().map(|gate| gate.kind);
    let generator = is_starved(evidence.generator.cpu_ratio).then_some(FailedKind::LoadgenBound);
    let mock = is_starved(evidence.backend.and_then(|backend| backend.cpu_ratio)).then_some(FailedKind::MockBound);
    Some(match failed.or(generator).or(mock)? {
        FailedKind::EvidenceMissing => lacking(vec![Missing::RequiredEvidence]),
        kind => Verdict::new(named(kind), Confidence::High),
    })
}

/// Without a throughput there is no limit of it.
pub(super) fn unmeasured(case: &Case) -> Option<Verdict> {
    match (case.evidence.visits, case.evidence.rps()) {
        (0, _) => Some(lacking(vec![Missing::Throughput])),
        (_, None) => Some(lacking(vec![Missing::Visits])),
        (_, Some(_)) => None,
    }
}

/// A mean of two kinds of visits is no point's throughput.
pub(super) fn two_modes(case: &Case) -> Option<Verdict> {
    let modes = case.evidence.modes?;
    let is_apart = modes.upper_rps >= limits::MODES_APART * modes.lower_rps;
    let are_both = modes.lower_visits.min(modes.upper_visits) >= limits::MODE_VISITS;
    (is_apart && are_both).then(|| Verdict {
        numbers: vec![Number::of(Figure::LowerMode, modes.lower_rps), Number::of(Figure::UpperMode, modes.upper_rps)],
        ..Verdict::new(Kind::TwoModes, case.at_most(Confidence::High))
    })
}

/// Twice the users do so much more that no other limit can be near, unless they did it at idle workers beside a full one.
pub(super) fn under_driven(case: &Case) -> Option<Verdict> {
    let raised = case.evidence.load.doubled_users?;
    if case.shown().any(|claim| claim.kind == Kind::Imbalanced) {
        return None;
    }
    let is_much = raised.low > limits::RAISED && raised.estimate >= limits::RAISED_MUCH;
    is_much.then(|| by_users(case, raised.estimate))
}

/// Twice the users do a little more, and nothing else is near.
pub(super) fn slightly_under_driven(case: &Case) -> Option<Verdict> {
    let raised = case.evidence.load.doubled_users.filter(|raised| raised.low > limits::RAISED)?;
    let verdict = by_users(case, raised.estimate);
    case.claims.is_empty().then(|| Verdict { confidence: case.at_most(Confidence::Moderate), ..verdict })
}

fn by_users(case: &Case, raised: f64) -> Verdict {
    let next = case.next(&[Lever::Users]);
    // Where workers were not told apart, one may be full beside idle ones to which new users go.
    let confidence = if case.evidence.workers.is_empty() {
        case.at_most(Confidence::Moderate)
    } else {
        case.high_beyond(next.as_ref(), limits::FAR)
    };
    Verdict {
        numbers: vec![Number::against(Figure::DoubledUsers, raised, limits::RAISED)],
        levers: vec![Lever::Users],
        next,
        ..Verdict::new(Kind::UnderDriven, confidence)
    }
}

/// The target's CPU is at its limit for a part of the time and far below for another, over and over.
pub(super) fn alternating(case: &Case) -> Option<Verdict> {
    let ticks = case.evidence.alternation?;
    let takes_turns = ticks.at_limit_ratio.min(ticks.far_below_ratio) >= limits::TAKES_TURNS;
    (takes_turns && ticks.changes >= limits::CHANGES).then(|| Verdict {
        numbers: vec![
            Number::against(Figure::TicksAtLimit, ticks.at_limit_ratio, limits::TAKES_TURNS),
            Number::against(Figure::TicksFarBelow, ticks.far_below_ratio, limits::TAKES_TURNS),
        ],
        ..Verdict::new(Kind::Alternating, case.at_most(Confidence::Moderate))
    })
}

/// With what is missing: of the limits that are near, or else of those that only elimination shows.
pub(super) fn inconclusive(case: &Case) -> Verdict {
    let mut missing: Vec<Missing> = case.claims.iter().flat_map(|claim| claim.missing.clone()).collect();
    if missing.is_empty() {
        missing = elimination::missing(case);
    }
    if !case.is_well_known() {
        missing.push(Missing::Visits);
    }
    missing.sort_unstable();
    missing.dedup();
    let numbers = case.claims.iter().flat_map(|claim| claim.numbers.clone()).collect();
    Verdict { numbers, ..lacking(missing) }
}

fn lacking(missing: Vec<Missing>) -> Verdict {
    Verdict { missing, ..Verdict::new(Kind::Inconclusive, Confidence::Low) }
}

fn named(failed: FailedKind) -> Kind {
    match failed {
        FailedKind::SweepNotApplied => Kind::SweepNotApplied,
        FailedKind::LoadgenBound => Kind::LoadgenBound,
        FailedKind::MockBound => Kind::MockBound,
        FailedKind::Erroring => Kind::Erroring,
        FailedKind::HostContended => Kind::HostContended,
        FailedKind::Unstable => Kind::Unstable,
        FailedKind::EvidenceMissing => Kind::Inconclusive,
    }
}
