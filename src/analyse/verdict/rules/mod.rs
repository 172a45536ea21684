//! Which limit binds. The rules stand in a fixed order and the first that has an answer gives it: what makes the rest
//! meaningless, then limits that show by their own evidence (`claims`), then those that show by elimination.

mod claims;
mod elimination;
mod growth;
mod whole;

use super::{Ceiling, Confidence, Evidence, Kind, Lever, Next, Number, Resource, Verdict, limits};
use claims::{Claim, Sight};
pub(super) use growth::growth;

/// In the order in which they are asked.
const RULES: [fn(&Case) -> Option<Verdict>; 10] = [
    whole::invalid,
    whole::unmeasured,
    whole::two_modes,
    whole::under_driven,
    co_limited,
    lowest,
    whole::alternating,
    elimination::serialised,
    elimination::blocking_workers,
    whole::slightly_under_driven,
];

/// What limits the throughput.
pub(super) fn limit(evidence: &Evidence, ceilings: &[Ceiling]) -> Verdict {
    let claims = claims::claims(Sight { evidence, ceilings });
    let case = Case { evidence, ceilings, claims };
    RULES.iter().find_map(|rule| rule(&case)).unwrap_or_else(|| whole::inconclusive(&case))
}

/// A point's evidence with what was made of it.
struct Case<'a> {
    evidence: &'a Evidence,
    ceilings: &'a [Ceiling],
    claims: Vec<Claim>,
}

impl Case<'_> {
    fn sight(&self) -> Sight<'_> {
        Sight { evidence: self.evidence, ceilings: self.ceilings }
    }

    /// Claims with all of their own evidence.
    fn shown(&self) -> impl Iterator<Item = &Claim> {
        self.claims.iter().filter(|claim| claim.is_shown())
    }

    /// The lowest ceiling that none of `levers` moves. The users' one is left out near the throughput, where it says nothing, and
    /// where twice the users did no more: their least latency is then of the queue, and falls when the limit is moved.
    fn next(&self, levers: &[Lever]) -> Option<Next> {
        let rps = self.evidence.rps()?;
        let is_moved = |ceiling: &Ceiling| {
            ceiling.resources.iter().filter_map(|it| claims::lever(*it)).any(|it| levers.contains(&it))
        };
        let are_users_known = !self.users_do_not_matter();
        let is_known = |ceiling: &&Ceiling| {
            !ceiling.is_of(Resource::Users) || are_users_known && ceiling.rps >= limits::APART * rps
        };
        let ceiling = self.ceilings.iter().filter(is_known).find(|ceiling| !is_moved(ceiling))?;
        Some(Next { resources: ceiling.resources.clone(), rps: ceiling.rps, times: ceiling.rps / rps })
    }

    /// High where visits carry it and the next ceiling is at least so many times the throughput.
    fn high_beyond(&self, next: Option<&Next>, times: f64) -> Confidence {
        let is_apart = next.is_none_or(|next| next.times >= times);
        if is_apart && self.is_well_known() { Confidence::High } else { self.at_most(Confidence::Moderate) }
    }

    /// Whether visits and interval carry a firm answer.
    fn is_well_known(&self) -> bool {
        let is_precise = self.evidence.throughput_rps.is_some_and(|rps| rps.reach() <= limits::PRECISE);
        self.evidence.visits >= limits::VISITS && is_precise
    }

    /// `most`, and less with too few visits.
    fn at_most(&self, most: Confidence) -> Confidence {
        if self.evidence.visits >= limits::VISITS { most } else { Confidence::Low }
    }

    /// Whether twice the users were tried and did no more.
    fn users_do_not_matter(&self) -> bool {
        let load = &self.evidence.load;
        load.users.is_none() || load.doubled_users.is_some_and(|ratio| ratio.high < limits::NOT_RAISED)
    }
}

/// Two limits within a twentieth of the throughput, each with its own evidence.
fn co_limited(case: &Case) -> Option<Verdict> {
    let at: Vec<&Claim> =
        case.shown().filter(|claim| claim.utilisation.is_some_and(|share| share >= limits::AT)).collect();
    if at.len() < 2 {
        return None;
    }
    let levers: Vec<Lever> = at.iter().flat_map(|claim| claim.levers.clone()).collect();
    let next = case.next(&levers);
    Some(Verdict {
        together: at.iter().map(|claim| claim.kind).collect(),
        numbers: at.iter().flat_map(|claim| claim.numbers.clone()).collect(),
        levers,
        next,
        ..Verdict::new(Kind::CoLimited, case.at_most(Confidence::Moderate))
    })
}

/// The lowest ceiling that has its own evidence; without a ceiling, a stall that has.
fn lowest(case: &Case) -> Option<Verdict> {
    let share = |claim: &&Claim| claim.utilisation.unwrap_or(0.0);
    // Of equals the first in the rules' order.
    let claim = case.shown().reduce(|best, other| if share(&other) > share(&best) { other } else { best })?;
    let next = case.next(&claim.levers);
    let confidence = confidence(case, claim, next.as_ref());
    let Claim { kind, numbers, levers, .. } = claim.clone();
    Some(Verdict { numbers: with_users(case, numbers), levers, next, ..Verdict::new(kind, confidence) })
}

/// Twice the users beside a limit's own numbers, where they were tried.
fn with_users(case: &Case, mut numbers: Vec<Number>) -> Vec<Number> {
    let raised = case.evidence.load.doubled_users;
    numbers.extend(raised.map(|raised| Number::of(super::Figure::DoubledUsers, raised.estimate)));
    numbers
}

/// High where the limit is used up, all others were looked at, and none is near: neither users, nor the next ceiling, nor
/// another claim, nor a lock, which has no ceiling, but makes threads give up their CPU.
fn confidence(case: &Case, claim: &Claim, next: Option<&Next>) -> Confidence {
    let is_only = case.claims.len() == 1 && elimination::not_ruled_out(case.sight()).is_empty();
    let is_used_up = claim.utilisation.is_some_and(|share| share >= limits::USED_UP);
    // Connections in use are no proof by themselves, nor is one busy worker: users make them so.
    let is_proof = is_used_up && !matches!(claim.kind, Kind::PoolBound | Kind::Imbalanced);
    let users_may_matter = !case.users_do_not_matter() && !is_proof;
    let switches = case.evidence.cpu.voluntary_switches_per_request;
    let is_for_cpu =
        matches!(claim.kind, Kind::CpuThrottled | Kind::CpuBound | Kind::WorkerSaturated | Kind::Imbalanced);
    let may_block = is_for_cpu && switches.is_none_or(|times| times >= limits::VOLUNTARY_SWITCHES);
    if is_only && is_used_up && !users_may_matter && !may_block {
        case.high_beyond(next, limits::APART)
    } else {
        case.at_most(Confidence::Moderate)
    }
}

#[cfg(test)]
mod confidence_tests;
#[cfg(test)]
mod tests;
