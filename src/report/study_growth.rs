//! How throughput grows along each curve of a study, in a sentence, and the law that it follows.

use super::{
    axes::{self, with},
    cells,
    workers::Workers,
};
use crate::analyse::{
    Over, Study, StudyCurve,
    fit::{Candidate, Curve, CurvePoint, Law, WhyNone},
    stats::Interval,
};

/// `With 0.20 CPUs a worker: linear up to 4 workers. Not known beyond.`
pub fn growth(study: &Study, of: &StudyCurve, workers: &Workers) -> String {
    let curve = &of.curve;
    let Some(last) = last_visited(study, of) else { return String::new() };
    let beyond = format!("not known beyond {}", axes::at(of.over, last.n));
    let parts = [Some(shape(of.over, curve, last)), law(of.over, curve), Some(beyond)];
    format!("With {}: {}.", with(of, workers), parts.into_iter().flatten().collect::<Vec<_>>().join("; "))
}

/// The largest setting of a curve that has a valid visit: beyond it nothing is known.
pub fn last_visited<'a>(study: &Study, of: &'a StudyCurve) -> Option<&'a CurvePoint> {
    let is_visited = |at: &usize| study.points.get(*at).is_some_and(|point| point.visits > 0);
    of.points.iter().zip(&of.curve.points).rfind(|(at, _)| is_visited(at)).map(|(_, point)| point)
}

/// What holds without a law.
fn shape(over: Over, curve: &Curve, last: &CurvePoint) -> String {
    let workers = |n: f64| axes::at(over, n);
    if let Some(fall) = curve.contrast.filter(|_| curve.is_retrograde()) {
        return format!("falls: {} do {} of what {} do", workers(fall.last), ratio(&fall.ratio), workers(fall.best));
    }
    match (curve.linear_to, &last.efficiency) {
        (Some(to), _) if to >= last.n => format!("linear up to {}, each efficiency within 5 % of 1", workers(to)),
        (Some(to), Some(efficiency)) => {
            format!("linear up to {}; efficiency {} at {}", workers(to), ratio(efficiency), workers(last.n))
        }
        (None, Some(efficiency)) => format!("efficiency {} at {}", ratio(efficiency), workers(last.n)),
        (_, None) => "too few blocks for an interval".into(),
    }
}

/// The law that is believed, or why none is.
fn law(over: Over, curve: &Curve) -> Option<String> {
    let why = curve.why_none.map(|why| why_none(why).to_owned());
    curve.fit().map(|fit| fitted(over, fit)).or(why)
}

/// Why no law is named.
pub fn why_none(why: WhyNone) -> &'static str {
    match why {
        WhyNone::TooFewBlocks => "no law is fitted to fewer than 3 blocks",
        WhyNone::TooFewPoints => "too few settings to tell one law from another",
        WhyNone::NoneFits => "no law fits",
    }
}

/// A law with its parameters.
pub fn fitted(over: Over, candidate: &Candidate) -> String {
    let (alone, several) = axes::unit(over);
    let share =
        |interval: &Interval| format!("{:.3}{}", interval.estimate, between(interval, |value| format!("{value:.3}")));
    let rps =
        |interval: &Interval| format!("{} requests/s{}", cells::rps(interval.estimate), between(interval, cells::rps));
    let parameters = [
        candidate.lambda.as_ref().map(|lambda| format!("{} {alone}", rps(lambda))),
        candidate.sigma.as_ref().map(|sigma| format!("serialised share {}", share(sigma))),
        candidate.kappa.as_ref().map(|kappa| format!("cost of agreeing {}", share(kappa))),
        candidate.ceiling.as_ref().map(|ceiling| format!("ceiling {}", rps(ceiling))),
        candidate.peak.as_ref().map(|peak| {
            format!("most at {:.1} {several}{}", peak.estimate, between(peak, |workers| format!("{workers:.1}")))
        }),
    ];
    let parameters: Vec<String> = parameters.into_iter().flatten().collect();
    format!("{} fits: {}", law_name(candidate.fitted.law), parameters.join(", "))
}

/// As it is known.
pub fn law_name(law: Law) -> &'static str {
    match law {
        Law::Linear => "a line",
        Law::Amdahl => "Amdahl's law",
        Law::Hinge => "a line up to a ceiling",
        Law::Usl => "the universal scalability law",
    }
}

/// `0.98 (95 %: 0.97 to 0.99)`.
pub fn ratio(of: &Interval) -> String {
    let text = |value: f64| format!("{value:.2}");
    format!("{}{}", text(of.estimate), between(of, text))
}

/// ` (95 %: 396 to 408)`.
pub fn between(of: &Interval, text: impl Fn(f64) -> String) -> String {
    format!(" (95 %: {} to {})", text(of.low), text(of.high))
}
