//! What a case's study says beside what is true of it.

use super::Case;
use crate::analyse::{
    Outcome as Confirmed, Study, StudyPoint,
    verdict::{Confidence, Kind, Resource},
};
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;

/// A limit binds where lifting it raises the throughput by this factor at least.
const BINDS: f64 = 1.1;
/// A case is spoiled where the host spoiled more than this share of its visits.
const SPOILED: f64 = 0.5;

/// How a case came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The verdict is the truth.
    Right,
    /// It does not claim to know.
    Inconclusive,
    /// It is something else, said with little or moderate confidence.
    Wrong,
    /// It is something else, said with high confidence.
    ConfidentWrong,
    /// The limit does not bind on this host.
    Excluded,
    /// The host was too busy.
    Spoiled,
}

/// One case.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CaseResult {
    /// Its name.
    pub name: String,
    /// In a sentence.
    pub about: String,
    /// What is true of it; several where more than one name is right.
    pub truth: Vec<Kind>,
    /// Whether lifting the limit raised the throughput; absent for a fault, which has nothing to lift.
    pub binds: Option<bool>,
    /// What the study said; absent where it could not be made.
    pub verdict: Option<Kind>,
    /// How surely.
    pub confidence: Option<Confidence>,
    /// What it said of the growth, where that was asked.
    pub growth: Option<Kind>,
    /// How it came out.
    pub outcome: Outcome,
    /// The ceiling that was programmed.
    pub estimated: Option<Estimated>,
    /// What the throughput was to be multiplied by when the limit was moved, where the verdict was put to the test.
    pub predicted: Option<f64>,
    /// What it was multiplied by; absent where that was not observed.
    pub observed: Option<f64>,
    /// Whether the verdict stood the test.
    pub confirmation: Option<Confirmed>,
    /// What went wrong.
    pub error: Option<String>,
    /// How long it took.
    pub took_us: u64,
}

/// A ceiling as it was programmed and as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Estimated {
    /// Which.
    pub resource: Resource,
    /// As programmed.
    pub programmed_rps: f64,
    /// As computed from what was measured; absent where it was not.
    pub found_rps: Option<f64>,
}

/// Compares a case's study with the truth. `lifted_rps` is the throughput without the limit.
pub fn score(case: &Case, study: Result<&Study, String>, lifted_rps: Option<f64>, took_us: u64) -> CaseResult {
    let empty = CaseResult {
        name: case.name.into(),
        about: case.about.clone(),
        truth: case.truth.clone(),
        binds: None,
        verdict: None,
        confidence: None,
        growth: None,
        outcome: Outcome::Inconclusive,
        estimated: None,
        predicted: None,
        observed: None,
        confirmation: None,
        error: None,
        took_us,
    };
    let study = match study {
        Ok(study) => study,
        Err(error) => return CaseResult { error: Some(error), ..empty },
    };
    let Some(judged) = study.points.iter().max_by_key(|point| point.setting.workers) else { return empty };
    let verdict = &judged.judgement.limit;
    let growth = judged.judgement.growth.as_ref().map(|growth| growth.kind);
    let binds = case.lifted.as_ref().map(|_| binds(judged, lifted_rps));
    let confirmation = study.confirmation.as_ref();
    CaseResult {
        binds,
        verdict: Some(verdict.kind),
        confidence: Some(verdict.confidence),
        growth: case.growth.and(growth),
        outcome: outcome(case, verdict.kind, verdict.confidence, growth, binds, study.spoiled_ratio),
        estimated: case.programmed.map(|(resource, programmed_rps)| Estimated {
            resource,
            programmed_rps,
            found_rps: judged.judgement.ceilings.iter().find(|it| it.is_of(resource)).map(|ceiling| ceiling.rps),
        }),
        predicted: confirmation.map(|it| it.prediction.ratio),
        observed: confirmation.and_then(|it| it.observed).map(|observed| observed.estimate),
        confirmation: confirmation.map(|it| it.outcome),
        ..empty
    }
}

/// Where nothing valid was measured with the limit, as with a starved generator, what was measured without it shows nothing
/// against its binding.
fn binds(judged: &StudyPoint, lifted_rps: Option<f64>) -> bool {
    let limited = judged.throughput_rps.map(|rps| rps.estimate);
    limited.is_none_or(|limited| lifted_rps.is_some_and(|lifted| lifted > BINDS * limited))
}

fn outcome(
    case: &Case,
    verdict: Kind,
    confidence: Confidence,
    growth: Option<Kind>,
    binds: Option<bool>,
    spoiled_ratio: f64,
) -> Outcome {
    let growth_is_right = case.growth.is_none_or(|truth| growth == Some(truth));
    let growth_is_open = matches!(growth, None | Some(Kind::Inconclusive));
    match verdict {
        _ if binds == Some(false) => Outcome::Excluded,
        kind if case.truth.contains(&kind) && growth_is_right => Outcome::Right,
        _ if spoiled_ratio > SPOILED || verdict == Kind::HostContended => Outcome::Spoiled,
        Kind::Inconclusive => Outcome::Inconclusive,
        kind if case.truth.contains(&kind) && growth_is_open => Outcome::Inconclusive,
        _ if confidence == Confidence::High => Outcome::ConfidentWrong,
        _ => Outcome::Wrong,
    }
}

/// All cases together.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Matrix {
    /// Of the cases' parameters.
    pub seed: u64,
    /// In the order in which they were run.
    pub cases: Vec<CaseResult>,
}

impl Matrix {
    /// How many came out so.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.cases.iter().filter(|case| case.outcome == outcome).count()
    }

    /// How many say something of the tool: those that bind and were not spoiled.
    pub fn counted(&self) -> usize {
        self.cases.len() - self.count(Outcome::Excluded) - self.count(Outcome::Spoiled)
    }

    /// Whether the host left nothing that says something of the tool.
    pub fn is_spoiled(&self) -> bool {
        self.counted() == 0
    }

    /// Nothing wrong was said with confidence, and nine of ten were right; not where no case could be judged.
    pub fn is_met(&self) -> bool {
        self.counted() > 0
            && self.count(Outcome::ConfidentWrong) == 0
            && self.count(Outcome::Right) * 10 >= self.counted() * 9
    }

    /// The largest rate of confident wrong verdicts that so many cases without one leave possible, at 95 %: the exact
    /// binomial bound for none (C. J. Clopper, E. S. Pearson, Biometrika 26, 1934).
    pub fn confident_wrong_below(&self) -> Option<f64> {
        let n = self.counted();
        (n > 0 && self.count(Outcome::ConfidentWrong) == 0).then(|| 1.0 - 0.05_f64.powf(1.0 / n as f64))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Right => "right",
            Self::Inconclusive => "inconclusive",
            Self::Wrong => "wrong",
            Self::ConfidentWrong => "confident-wrong",
            Self::Excluded => "excluded",
            Self::Spoiled => "spoiled",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::cases;

    fn outcome_of(name: &str, verdict: Kind, confidence: Confidence, growth: Option<Kind>, spoiled: f64) -> Outcome {
        let case = cases(1).into_iter().find(|case| case.name == name).expect("a case");
        outcome(&case, verdict, confidence, growth, Some(true), spoiled)
    }

    #[test]
    fn a_case_comes_out_as_its_verdict_stands_to_the_truth() {
        use Confidence::{High, Moderate};
        let quota = |verdict, confidence| outcome_of("quota", verdict, confidence, None, 0.0);
        assert_eq!(quota(Kind::CpuThrottled, Moderate), Outcome::Right);
        assert_eq!(quota(Kind::Inconclusive, Moderate), Outcome::Inconclusive);
        assert_eq!(quota(Kind::PoolBound, Moderate), Outcome::Wrong);
        assert_eq!(quota(Kind::PoolBound, High), Outcome::ConfidentWrong);
        assert_eq!(quota(Kind::HostContended, High), Outcome::Spoiled);
        assert_eq!(outcome_of("neighbour", Kind::HostContended, High, None, 1.0), Outcome::Right);
        let linear = |growth| outcome_of("linear", Kind::CpuThrottled, High, growth, 0.0);
        assert_eq!(linear(Some(Kind::Linear)), Outcome::Right);
        assert_eq!(linear(None), Outcome::Inconclusive);
        assert_eq!(linear(Some(Kind::Retrograde)), Outcome::ConfidentWrong);
        let case = cases(1).into_iter().find(|case| case.name == "quota").expect("a case");
        assert_eq!(outcome(&case, Kind::CpuThrottled, High, None, Some(false), 0.0), Outcome::Excluded);
    }

    #[test]
    fn none_of_sixty_proves_a_rate_below_4_9_percent() {
        let case = score(&cases(1)[0], Err("no engine".into()), None, 0);
        let right = CaseResult { outcome: Outcome::Right, ..case };
        let matrix = Matrix { seed: 1, cases: vec![right; 60] };
        let bound = matrix.confident_wrong_below().expect("60 cases");
        assert!((bound - 0.0487).abs() < 1e-4, "{bound}");
        assert!(matrix.is_met());
    }
}
