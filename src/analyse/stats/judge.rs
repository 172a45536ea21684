//! Whether a ratio is as good as 1, and whether it is worse than a limit: each with the answer "nobody knows".

use super::{ALPHA, Geometric, Interval};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Of the interval whose ends are one-sided bounds at 95 %.
const BOTH_SIDES: f64 = 0.9;

/// Whether a ratio is 1 but for a margin, by two one-sided tests (D. J. Schuirmann, J. Pharmacokinetics and
/// Biopharmaceutics 15, 1987). Noise makes this harder to claim, where it makes "no significant difference" easier.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Equivalence {
    /// The ratio may be this share below or above 1.
    pub margin: f64,
    /// The ratio, at 90 %: within the margin just where `p_value` is below 0.05.
    pub interval: Interval,
    /// The larger of the two tests': how probable such values are where the ratio is at the margin or beyond.
    pub p_value: f64,
    /// Whether the ratio is shown to be within the margin.
    pub is_shown: bool,
}

impl Equivalence {
    pub(super) fn of(ratio: &Geometric, margin: f64) -> Self {
        let p_value = ratio.p_above(1.0 - margin).max(ratio.p_below(1.0 + margin));
        Self { margin, interval: ratio.interval(BOTH_SIDES), p_value, is_shown: p_value < ALPHA }
    }
}

/// What a comparison with a limit says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// It is below the limit.
    Worse,
    /// It is above the limit.
    NotWorse,
    /// It may be either.
    Inconclusive,
}

impl Judgement {
    /// By one-sided bounds of something that should be high.
    pub fn of(lower: f64, upper: f64, limit: f64) -> Self {
        match (lower > limit, upper < limit) {
            (true, false) => Self::NotWorse,
            (false, true) => Self::Worse,
            _ => Self::Inconclusive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ratio with bounds that are told by its values: four pairs around `centre`.
    fn ratio(centre: f64, spread: f64) -> Geometric {
        let pairs = [1.0, -1.0, 1.0, -1.0].map(|sign: f64| (centre * (sign * spread).exp(), 1.0));
        Geometric::paired(&pairs).unwrap()
    }

    #[test]
    fn equivalence_is_the_interval_within_the_margin() {
        for (centre, spread) in [(1.0, 0.01), (1.0, 0.04), (1.0, 0.06), (1.04, 0.01), (1.06, 0.01), (0.955, 0.001)] {
            let found = ratio(centre, spread).equivalence(0.05);
            let is_within = found.interval.low > 0.95 && found.interval.high < 1.05;
            assert_eq!((found.is_shown, found.interval.level), (is_within, 0.9), "{centre} {spread}: {found:?}");
        }
        assert!(ratio(1.0, 0.01).equivalence(0.05).is_shown);
        // Noise is no proof of sameness.
        assert!(!ratio(1.0, 0.1).equivalence(0.05).is_shown);
    }

    #[test]
    fn three_answers() {
        assert_eq!(ratio(0.90, 0.01).judge(0.97), Judgement::Worse);
        assert_eq!(ratio(1.00, 0.01).judge(0.97), Judgement::NotWorse);
        assert_eq!(ratio(0.97, 0.01).judge(0.97), Judgement::Inconclusive);
        assert_eq!(ratio(0.90, 0.20).judge(0.97), Judgement::Inconclusive);
        // A bound at the limit is on neither side.
        assert_eq!(Judgement::of(0.97, 1.0, 0.97), Judgement::Inconclusive);
        assert_eq!(Judgement::of(0.9, 0.97, 0.97), Judgement::Inconclusive);
    }
}
