//! An estimate whose error is known to follow Student's t, and the intervals, bounds and tests that come of it.

use super::distributions::{t_below, t_quantile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An estimate with its confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// The best single value.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How often such an interval holds the true value: 0.95.
    pub level: f64,
    /// How many independent values it rests on: visits, pairs of visits, or blocks.
    pub n: usize,
}

impl Interval {
    /// Whether a value is within, the ends included.
    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Each of the three numbers as `to`, which must rise, has it.
    pub fn map(self, to: impl Fn(f64) -> f64) -> Self {
        Self { estimate: to(self.estimate), low: to(self.low), high: to(self.high), ..self }
    }
}

/// An estimate whose error, over its standard error, follows Student's t.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The best single value.
    pub value: f64,
    /// The standard deviation of [`Self::value`], as far as it is known.
    pub standard_error: f64,
    /// Of the standard error, above 0.
    pub degrees_of_freedom: f64,
    /// How many independent values it rests on.
    pub n: usize,
}

impl Estimate {
    /// The mean of a normal distribution by a sample of it; `None` below two values, and where one is not finite.
    pub fn mean(values: &[f64]) -> Option<Self> {
        if values.len() < 2 || !values.iter().all(|value| value.is_finite()) {
            return None;
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let degrees_of_freedom = n - 1.0;
        let standard_error = (squares / degrees_of_freedom / n).sqrt();
        Some(Self { value: mean, standard_error, degrees_of_freedom, n: values.len() })
    }

    /// The sum of independent estimates, each times its weight. The degrees of freedom are Satterthwaite's (Biometrics
    /// Bulletin 2, 1946); with weights 1 and -1 that is Welch's comparison (Biometrika 34, 1947). `None` of none.
    pub fn weighted_sum(terms: &[(f64, Self)]) -> Option<Self> {
        let variances: Vec<f64> = terms.iter().map(|(weight, it)| (weight * it.standard_error).powi(2)).collect();
        let variance: f64 = variances.iter().sum();
        let of_all: f64 = terms.iter().map(|(_, it)| it.degrees_of_freedom).sum();
        let shares = terms.iter().zip(&variances);
        let spread: f64 = shares.map(|((_, it), own)| (own / variance).powi(2) / it.degrees_of_freedom).sum();
        (!terms.is_empty()).then(|| Self {
            value: terms.iter().map(|(weight, it)| weight * it.value).sum(),
            standard_error: variance.sqrt(),
            degrees_of_freedom: if variance > 0.0 { 1.0 / spread } else { of_all },
            n: terms.iter().map(|(_, it)| it.n).sum(),
        })
    }

    /// The standard deviation of a sample of which this is the mean.
    pub fn standard_deviation(&self) -> f64 {
        self.standard_error * (self.n as f64).sqrt()
    }

    /// Holds the true value with probability `level`, as often beyond one end as beyond the other.
    pub fn interval(&self, level: f64) -> Interval {
        let one_sided = 0.5 + level / 2.0;
        Interval { estimate: self.value, low: self.lower(one_sided), high: self.upper(one_sided), level, n: self.n }
    }

    /// The true value is above this with probability `level`.
    pub fn lower(&self, level: f64) -> f64 {
        self.value - self.standard_error * t_quantile(level, self.degrees_of_freedom)
    }

    /// The true value is below this with probability `level`.
    pub fn upper(&self, level: f64) -> f64 {
        self.value + self.standard_error * t_quantile(level, self.degrees_of_freedom)
    }

    /// How probable an estimate as low as this is where the true value is not below `limit`: small where it is below.
    pub fn p_below(&self, limit: f64) -> f64 {
        match (self.value - limit) / self.standard_error {
            // Neither spread nor distance: nothing speaks for either side.
            t if t.is_nan() => 1.0,
            t => t_below(t, self.degrees_of_freedom),
        }
    }

    /// As [`Self::p_below`], of the other side.
    pub fn p_above(&self, limit: f64) -> f64 {
        Self { value: -self.value, ..*self }.p_below(-limit)
    }

    /// How probable an estimate as far from `value` as this is, to either side, where that is the true one.
    pub fn p_differs(&self, value: f64) -> f64 {
        (2.0 * self.p_below(value).min(self.p_above(value))).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-3
    }

    #[test]
    fn a_mean_by_hand() {
        let estimate = Estimate::mean(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_eq!((estimate.value, estimate.degrees_of_freedom, estimate.n), (3.0, 4.0, 5));
        assert!(near(estimate.standard_deviation(), 2.5_f64.sqrt()) && near(estimate.standard_error, 0.5_f64.sqrt()));
        let interval = estimate.interval(0.95);
        assert!(near(interval.low, 1.0368) && near(interval.high, 4.9632), "{interval:?}");
        assert!(near(estimate.lower(0.95), 1.4925) && near(estimate.upper(0.95), 4.5075));
        assert!(interval.holds(interval.low) && !interval.holds(interval.low - 1e-9));
    }

    #[test]
    fn two_values_are_needed_and_each_must_be_a_number() {
        assert_eq!(Estimate::mean(&[]), None);
        assert_eq!(Estimate::mean(&[1.0]), None);
        assert_eq!(Estimate::mean(&[1.0, f64::NAN]), None);
        assert!(Estimate::mean(&[1.0, 2.0]).is_some());
        assert_eq!(Estimate::weighted_sum(&[]), None);
    }

    /// The test and the interval say the same: beyond an end of the 95 % interval p is below 5 %.
    #[test]
    fn tests_agree_with_intervals() {
        let estimate = Estimate::mean(&[9.0, 10.0, 10.5, 11.0]).unwrap();
        let interval = estimate.interval(0.95);
        for (value, p) in [(interval.low, 0.05), (interval.high, 0.05), (estimate.value, 1.0)] {
            assert!(near(estimate.p_differs(value), p), "{value}");
        }
        assert!(near(estimate.p_above(estimate.lower(0.9)), 0.1) && near(estimate.p_below(estimate.upper(0.9)), 0.1));
    }

    #[test]
    fn without_spread_only_what_is_equal_may_be() {
        let estimate = Estimate::mean(&[2.0, 2.0, 2.0]).unwrap();
        assert_eq!((estimate.interval(0.95).low, estimate.interval(0.95).high), (2.0, 2.0));
        assert_eq!((estimate.p_differs(2.0), estimate.p_differs(2.1)), (1.0, 0.0));
        assert_eq!((estimate.p_above(1.9), estimate.p_above(2.1)), (0.0, 1.0));
    }

    /// Welch's own form, by hand, of two samples with unlike spreads.
    #[test]
    fn the_difference_of_two_means() {
        let a = Estimate::mean(&[10.0, 12.0, 14.0]).unwrap();
        let b = Estimate::mean(&[1.0, 1.1, 0.9, 1.0]).unwrap();
        let difference = Estimate::weighted_sum(&[(1.0, a), (-1.0, b)]).unwrap();
        let (va, vb) = (4.0 / 3.0, 0.02 / 3.0 / 4.0);
        let expected = f64::powi(va + vb, 2) / (va * va / 2.0 + vb * vb / 3.0);
        assert!(near(difference.value, 11.0) && difference.n == 7);
        assert!(near(difference.standard_error, f64::sqrt(va + vb)), "{difference:?}");
        assert!(near(difference.degrees_of_freedom, expected), "{difference:?}");
    }
}
