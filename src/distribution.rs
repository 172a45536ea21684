//! Reads distributions from their text and draws times from them. Does no I/O; the same seed gives the same times.

use crate::{
    model::{Distribution, Shape},
    units::parse_duration,
};
use rand_distr::{Distribution as _, Exp1, StandardNormal, StandardUniform};
use rand_pcg::{Pcg64Mcg, rand_core::SeedableRng};
use std::{str::FromStr, time::Duration};

/// Gives the same numbers on every host (PCG XSL RR 128/64, M. E. O'Neill, 2014).
pub type Random = Pcg64Mcg;

/// The streams of one seed are independent of each other.
pub fn random(seed: u64, stream: u64) -> Random {
    Random::seed_from_u64(seed ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17))
}

impl Distribution {
    /// Draws a time.
    #[inline]
    pub fn sample(&self, random: &mut Random) -> Duration {
        match self.parts.as_slice() {
            [(_, only)] => only.sample(random),
            parts => {
                let at = uniform(random);
                let chosen = parts.iter().find(|(up_to, _)| at < *up_to).or(parts.last());
                chosen.map_or(Duration::ZERO, |(_, shape)| shape.sample(random))
            }
        }
    }
}

impl Shape {
    fn sample(&self, random: &mut Random) -> Duration {
        match *self {
            Self::Constant(time) => time,
            Self::Uniform { low, high } => low + times(high - low, uniform(random)),
            Self::Exponential { mean } => times(mean, unit_exponential(random)),
            Self::LogNormal { median, sigma } => {
                let normal: f64 = StandardNormal.sample(random);
                times(median, (sigma * normal).exp())
            }
        }
    }
}

/// Uniform in 0..1.
pub fn uniform(random: &mut Random) -> f64 {
    StandardUniform.sample(random)
}

/// Exponential of mean 1: the gaps of a Poisson process of rate 1.
pub fn unit_exponential(random: &mut Random) -> f64 {
    Exp1.sample(random)
}

/// A day at most: a draw from a long tail must not be more than can be added to a clock.
fn times(time: Duration, factor: f64) -> Duration {
    const LONGEST_S: f64 = 86_400.0;
    Duration::from_secs_f64((time.as_secs_f64() * factor).min(LONGEST_S))
}

impl FromStr for Distribution {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |part: &str, why: &str| {
            format!("`{part}` {why}: use 10ms, 5ms..15ms, exp 10ms, lognormal 10ms 0.5 or 95% 10ms, 5% 200ms")
        };
        let mut parts = Vec::new();
        let mut sum_percent = 0.0;
        for part in text.split(',').map(str::trim) {
            let (percent, shape) = match part.split_once('%') {
                Some((percent, shape)) => (percent.trim().parse::<f64>().ok(), shape.trim()),
                None => (Some(100.0), part),
            };
            let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
            sum_percent += percent.ok_or_else(|| wrong(part, "has no share from 0 to 100 %"))?;
            let shape = shape.parse().map_err(|why: String| wrong(part, &why))?;
            parts.push((sum_percent / 100.0, shape));
        }
        if (sum_percent - 100.0).abs() > 1e-6 {
            return Err(wrong(text, &format!("has shares of {sum_percent} % in all, not 100 %")));
        }
        Ok(Self { parts, text: text.to_owned() })
    }
}

/// For reading JSON.
impl TryFrom<String> for Distribution {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = |text: &str| parse_duration(text).map_err(|_| "is not a time".to_owned());
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["exp", mean] => Ok(Self::Exponential { mean: time(mean)? }),
            ["lognormal", median, sigma] => match sigma.parse::<f64>() {
                Ok(sigma) if (0.0..=10.0).contains(&sigma) => Ok(Self::LogNormal { median: time(median)?, sigma }),
                _ => Err("has no standard deviation from 0 to 10".into()),
            },
            [range] => match range.split_once("..") {
                Some((low, high)) => match (time(low)?, time(high)?) {
                    (low, high) if low <= high => Ok(Self::Uniform { low, high }),
                    _ => Err("ends before it begins".into()),
                },
                None => Ok(Self::Constant(time(range)?)),
            },
            _ => Err("is not a distribution".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quantiles of many samples, in ms.
    fn quantiles<const N: usize>(text: &str, quantiles: [f64; N]) -> [f64; N] {
        let distribution: Distribution = text.parse().unwrap();
        let mut random = random(1, 0);
        let mut times: Vec<f64> = (0..200_000).map(|_| distribution.sample(&mut random).as_secs_f64() * 1e3).collect();
        times.sort_by(f64::total_cmp);
        quantiles.map(|quantile| times[((times.len() as f64 * quantile) as usize).min(times.len() - 1)])
    }

    fn assert_near<const N: usize>(found: [f64; N], theory: [f64; N]) {
        for (found, theory) in found.into_iter().zip(theory) {
            assert!((found / theory - 1.0).abs() < 0.02, "{found} is not {theory}");
        }
    }

    #[test]
    fn samples_follow_the_theory() {
        assert_eq!(quantiles("10ms", [0.0, 1.0]), [10.0, 10.0]);
        assert_near(quantiles("5ms..15ms", [0.1, 0.5, 0.9]), [6.0, 10.0, 14.0]);
        let exponential = |quantile: f64| -10.0 * (1.0 - quantile).ln();
        assert_near(quantiles("exp 10ms", [0.5, 0.95, 0.99]), [0.5, 0.95, 0.99].map(exponential));
        let log_normal = |z: f64| 10.0 * (0.5 * z).exp();
        assert_near(quantiles("lognormal 10ms 0.5", [0.5, 0.95, 0.99]), [0.0, 1.6449, 2.3263].map(log_normal));
        assert_eq!(quantiles("95% 10ms, 5% 200ms", [0.5, 0.94, 0.96, 0.999]), [10.0, 10.0, 200.0, 200.0]);
    }

    #[test]
    fn the_same_seed_gives_the_same_times_and_streams_differ() {
        let distribution: Distribution = "exp 1s".parse().unwrap();
        let times = |seed, stream| {
            let mut random = random(seed, stream);
            (0..10).map(|_| distribution.sample(&mut random)).collect::<Vec<_>>()
        };
        assert_eq!(times(1, 0), times(1, 0));
        assert_ne!(times(1, 0), times(1, 1));
        assert_ne!(times(1, 0), times(2, 0));
    }

    #[test]
    fn what_is_no_distribution_is_refused_by_name() {
        let wrong =
            ["", "10", "10 ms", "x", "15ms..5ms", "exp", "lognormal 1ms", "lognormal 1ms -1", "95% 10ms, 6% 1ms"];
        for text in wrong {
            let parsed = text.parse::<Distribution>();
            assert_eq!(parsed.is_err(), text != "10", "{text}: {parsed:?}");
        }
        let error = "95% 10ms, 4% 1ms".parse::<Distribution>().unwrap_err();
        assert!(error.starts_with("`95% 10ms, 4% 1ms` has shares of 99 % in all, not 100 %: use 10ms,"), "{error}");
        assert!(Distribution::zero().is_zero() && "0ms".parse::<Distribution>().unwrap().is_zero());
    }
}
