//! Geometric means and ratios: Student's t over logs.

use super::{Equivalence, Estimate, Interval, Judgement, LEVEL};

/// A geometric mean, or a ratio of two: an [`Estimate`] of its log. All that its methods take and give is a mean or a
/// ratio again, and above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Geometric(Estimate);

impl Geometric {
    /// Of values that are log-normal and independent. `None` below two, and where one has no log.
    pub fn mean(values: &[f64]) -> Option<Self> {
        Estimate::mean(&logs(values)).map(Self)
    }

    /// The ratio of the first to the second of each pair, pairs being independent of each other: what both of a pair
    /// share (the block's drift) is not in it. `None` below two pairs, and where a value has no log.
    pub fn paired(pairs: &[(f64, f64)]) -> Option<Self> {
        let log_ratios: Vec<f64> = pairs.iter().map(|(a, b)| a.ln() - b.ln()).collect();
        Estimate::mean(&log_ratios).map(Self)
    }

    /// The ratio of the first mean to the second, all values being independent; spreads may differ (Welch). `None`
    /// below two values on either side, and where one has no log.
    pub fn unpaired(a: &[f64], b: &[f64]) -> Option<Self> {
        let (a, b) = (Estimate::mean(&logs(a))?, Estimate::mean(&logs(b))?);
        Estimate::weighted_sum(&[(1.0, a), (-1.0, b)]).map(Self)
    }

    /// The geometric mean of independent ratios, each of the same weight. `None` of none.
    pub fn pooled(ratios: &[Self]) -> Option<Self> {
        let weight = 1.0 / ratios.len() as f64;
        let terms: Vec<(f64, Estimate)> = ratios.iter().map(|ratio| (weight, ratio.0)).collect();
        Estimate::weighted_sum(&terms).map(Self)
    }

    /// Of an estimate of its log.
    pub fn of_log(log: Estimate) -> Self {
        Self(log)
    }

    /// The estimate of its log.
    pub fn log(&self) -> Estimate {
        self.0
    }

    /// This ratio, divided by a number that is known and above 0.
    pub fn over(&self, divisor: f64) -> Self {
        Self(Estimate { value: self.0.value - divisor.ln(), ..self.0 })
    }

    /// The other way round: of the second to the first.
    pub fn inverse(&self) -> Self {
        Self(Estimate { value: -self.0.value, ..self.0 })
    }

    /// The best single value.
    pub fn value(&self) -> f64 {
        self.0.value.exp()
    }

    /// See [`Estimate::interval`].
    pub fn interval(&self, level: f64) -> Interval {
        self.0.interval(level).map(f64::exp)
    }

    /// See [`Estimate::lower`].
    pub fn lower(&self, level: f64) -> f64 {
        self.0.lower(level).exp()
    }

    /// See [`Estimate::upper`].
    pub fn upper(&self, level: f64) -> f64 {
        self.0.upper(level).exp()
    }

    /// See [`Estimate::p_below`].
    pub fn p_below(&self, limit: f64) -> f64 {
        self.0.p_below(limit.ln())
    }

    /// See [`Estimate::p_above`].
    pub fn p_above(&self, limit: f64) -> f64 {
        self.0.p_above(limit.ln())
    }

    /// See [`Estimate::p_differs`].
    pub fn p_differs(&self, value: f64) -> f64 {
        self.0.p_differs(value.ln())
    }

    /// Whether this ratio is 1 but for `margin`, which is a share in 0..1.
    pub fn equivalence(&self, margin: f64) -> Equivalence {
        Equivalence::of(self, margin)
    }

    /// Whether this ratio, of something that should be high, is below `limit`.
    pub fn judge(&self, limit: f64) -> Judgement {
        Judgement::of(self.lower(LEVEL), self.upper(LEVEL), limit)
    }
}

/// Of values that are not above 0, no number.
fn logs(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| value.ln()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_ratios_of_what_grows_by_factors() {
        let mean = Geometric::mean(&[1.0, 10.0, 100.0]).unwrap();
        assert!((mean.value() - 10.0).abs() < 1e-12);
        let interval = mean.interval(0.95);
        // As far below as above, as factors.
        assert!((interval.low * interval.high - 100.0).abs() < 1e-9, "{interval:?}");
        // What the blocks share is not in the ratio.
        let paired = Geometric::paired(&[(2.0, 1.0), (40.0, 20.0), (600.0, 300.0)]).unwrap();
        let interval = paired.interval(0.95);
        assert!((interval.low - 2.0).abs() < 1e-9 && (interval.high - 2.0).abs() < 1e-9, "{interval:?}");
        let unpaired = Geometric::unpaired(&[2.0, 40.0, 600.0], &[1.0, 20.0, 300.0]).unwrap();
        assert!((unpaired.value() - 2.0).abs() < 1e-9 && unpaired.interval(0.95).low < 0.01);
    }

    #[test]
    fn what_has_no_log_has_no_mean() {
        assert_eq!(Geometric::mean(&[1.0, 0.0]), None);
        assert_eq!(Geometric::mean(&[1.0, -1.0]), None);
        assert_eq!(Geometric::paired(&[(1.0, 1.0), (1.0, 0.0)]), None);
        assert_eq!(Geometric::paired(&[(1.0, 1.0)]), None);
        assert_eq!(Geometric::unpaired(&[1.0, 2.0], &[1.0]), None);
        assert_eq!(Geometric::pooled(&[]), None);
    }

    #[test]
    fn pooling_narrows_and_keeps_the_effect() {
        let one = Geometric::unpaired(&[0.9, 0.92, 0.88, 0.9], &[1.0, 1.02, 0.98, 1.0]).unwrap();
        let pooled = Geometric::pooled(&[one; 4]).unwrap();
        assert!((pooled.value() - one.value()).abs() < 1e-12);
        assert!((pooled.log().standard_error - one.log().standard_error / 2.0).abs() < 1e-12);
        assert!(pooled.log().degrees_of_freedom > one.log().degrees_of_freedom);
    }
}
