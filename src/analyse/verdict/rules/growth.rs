//! How throughput grows over an axis of workers, beside what limits it at each point.

use crate::analyse::verdict::{Confidence, CurveFacts, Evidence, Figure, Kind, Lever, Number, Verdict, limits};

/// Falling, or linear; `None` where neither is shown.
pub fn growth(evidence: &Evidence) -> Option<Verdict> {
    let curve = evidence.curve.as_ref()?;
    let verdict = retrograde(curve).or_else(|| linear(curve))?;
    let confidence = if evidence.visits >= limits::VISITS { Confidence::High } else { Confidence::Low };
    Some(Verdict { confidence, ..verdict })
}

/// The last point is surely below the best one.
fn retrograde(curve: &CurveFacts) -> Option<Verdict> {
    let fall = curve.last_over_best.filter(|ratio| ratio.high < 1.0)?;
    let numbers = vec![
        Number::against(Figure::LastOverBest, fall.estimate, 1.0),
        Number::of(Figure::BestWorkers, f64::from(curve.best_workers)),
    ];
    Some(Verdict { numbers, levers: vec![Lever::FewerWorkers], ..Verdict::new(Kind::Retrograde, Confidence::High) })
}

/// Efficiency is surely about 1 everywhere.
fn linear(curve: &CurveFacts) -> Option<Verdict> {
    let [least, most] = limits::LINEAR;
    let is_linear = |ratio: f64| (least..=most).contains(&ratio);
    let last = curve.efficiency.iter().max_by_key(|at| at.workers)?;
    if !curve.efficiency.iter().all(|at| is_linear(at.ratio.low) && is_linear(at.ratio.high)) {
        return None;
    }
    let numbers = vec![
        Number::against(Figure::Efficiency, last.ratio.estimate, least),
        Number::of(Figure::LastWorkers, f64::from(last.workers)),
    ];
    Some(Verdict { numbers, ..Verdict::new(Kind::Linear, Confidence::High) })
}
