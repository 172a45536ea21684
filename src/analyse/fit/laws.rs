//! The laws by which throughput X may follow a setting N, and their least squares.

use super::levenberg::{Bounds, Minimum, Residual, Vector, minimise};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How X follows N.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Law {
    /// X = lambda N.
    Linear,
    /// X = lambda N / (1 + sigma (N - 1)): a share sigma of the work is done by one at a time (G. M. Amdahl, AFIPS
    /// 1967).
    Amdahl,
    /// X = min(lambda N, C): linear up to a ceiling.
    Hinge,
    /// X = lambda N / (1 + sigma (N - 1) + kappa N (N - 1)): each waits for each other besides (N. J. Gunther,
    /// Guerrilla Capacity Planning, 2007). It has a peak where kappa is above 0.
    Usl,
}

/// What the least squares are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// The log of X: noise is a share of X.
    Log,
    /// X itself, as most published figures are of.
    Plain,
}

/// A parameter without bounds.
const ANY: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

/// An observation: N and X, both above 0.
pub type Observation = (f64, f64);

/// A law with values for its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fitted {
    /// Which.
    pub law: Law,
    /// X for each N, while there is one: `lambda`, in X's unit.
    pub lambda: f64,
    /// Share of the work that is done by one at a time, in 0..=1; absent for laws that have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigma: Option<f64>,
    /// Cost of agreeing, for each pair; 0 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kappa: Option<f64>,
    /// The hinge's ceiling `C`, in X's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<f64>,
    /// What is left: of logs, or in X's unit squared.
    pub sum_of_squares: f64,
}

impl Law {
    /// All, the one with the fewest parameters first.
    pub const ALL: [Self; 4] = [Self::Linear, Self::Amdahl, Self::Hinge, Self::Usl];

    /// How many parameters it has.
    pub fn parameter_count(self) -> usize {
        match self {
            Self::Linear => 1,
            Self::Amdahl | Self::Hinge => 2,
            Self::Usl => 3,
        }
    }

    /// How many different N it takes.
    pub fn points_needed(self) -> usize {
        match self {
            Self::Linear => 3,
            Self::Amdahl | Self::Hinge => 4,
            Self::Usl => 6,
        }
    }

    /// The least squares of some observations. `None` of none, and where an N or X is not above 0.
    pub fn fit(self, observations: &[Observation], scale: Scale) -> Option<Fitted> {
        self.fit_within(&self.bounds(), observations, scale)
    }

    /// The same on logs, but sigma and kappa may be below 0, as noise may have it: these errors even out over several
    /// fits, where those of [`Self::fit`] would all be to one side.
    pub(super) fn fit_unbounded(self, observations: &[Observation]) -> Option<Fitted> {
        let is_free = |(low, high): (f64, f64)| low < high;
        let bounds = self.bounds().map(|bound| if is_free(bound) { ANY } else { bound });
        self.fit_within(&bounds, observations, Scale::Log)
    }

    fn fit_within(self, bounds: &Bounds, observations: &[Observation], scale: Scale) -> Option<Fitted> {
        const STARTS: usize = 3;
        let is_possible = |(n, x): &Observation| *n > 0.0 && *x > 0.0 && n.is_finite() && x.is_finite();
        if observations.is_empty() || !observations.iter().all(is_possible) {
            return None;
        }
        let residuals = |parameters: &Vector| {
            observations.iter().map(|observation| self.residual(parameters, *observation, scale)).collect::<Vec<_>>()
        };
        let sum_of_squares = |start: &Vector| residuals(start).iter().map(|(r, _)| r * r).sum::<f64>();
        let mut starts: Vec<(f64, Vector)> =
            self.starts(observations).into_iter().map(|start| (sum_of_squares(&start), start)).collect();
        starts.sort_by(|a, b| a.0.total_cmp(&b.0));
        // Blocks have the same N, and a law may ignore what sets two starts apart.
        starts.dedup_by(|a, b| a.1 == b.1);
        let walks = starts.iter().take(STARTS).map(|(_, start)| minimise(residuals, *start, bounds));
        let least = walks.min_by(|a, b| a.sum_of_squares.total_cmp(&b.sum_of_squares))?;
        Some(self.fitted(least))
    }

    fn fitted(self, least: Minimum) -> Fitted {
        let [log_lambda, second, third] = least.parameters;
        let has_sigma = matches!(self, Self::Amdahl | Self::Usl);
        Fitted {
            law: self,
            lambda: log_lambda.exp(),
            sigma: has_sigma.then_some(second),
            kappa: (self == Self::Usl).then_some(third),
            ceiling: (self == Self::Hinge).then(|| second.exp()),
            sum_of_squares: least.sum_of_squares,
        }
    }

    /// The parameters are ln lambda, then sigma and kappa, or ln C: linear and Amdahl are USL with the rest at 0.
    fn bounds(self) -> Bounds {
        const ZERO: (f64, f64) = (0.0, 0.0);
        match self {
            Self::Linear => [ANY, ZERO, ZERO],
            Self::Amdahl => [ANY, (0.0, 1.0), ZERO],
            Self::Hinge => [ANY, ANY, ZERO],
            Self::Usl => [ANY, (0.0, 1.0), (0.0, f64::INFINITY)],
        }
    }

    /// The law's ln X, and its derivative by each parameter.
    fn log_model(self, [log_lambda, second, third]: &Vector, n: f64) -> Residual {
        if self == Self::Hinge {
            let log_linear = log_lambda + n.ln();
            return if log_linear <= *second { (log_linear, [1.0, 0.0, 0.0]) } else { (*second, [0.0, 1.0, 0.0]) };
        }
        let (by_sigma, by_kappa) = (n - 1.0, n * (n - 1.0));
        let loss = 1.0 + second * by_sigma + third * by_kappa;
        (log_lambda + n.ln() - loss.ln(), [1.0, -by_sigma / loss, -by_kappa / loss])
    }

    fn residual(self, parameters: &Vector, (n, x): Observation, scale: Scale) -> Residual {
        let (log_model, derivative) = self.log_model(parameters, n);
        match scale {
            Scale::Log => (x.ln() - log_model, derivative),
            Scale::Plain => {
                let model = log_model.exp();
                (x - model, derivative.map(|by| by * model))
            }
        }
    }

    /// Where to begin: all kinds of curves over these N, each at the height that suits it.
    fn starts(self, observations: &[Observation]) -> Vec<Vector> {
        let height = |unit: Vector| {
            let logs = observations.iter().map(|(n, x)| x.ln() - self.log_model(&unit, *n).0);
            logs.sum::<f64>() / observations.len() as f64
        };
        if self == Self::Hinge {
            let knees = observations.iter().map(|(n, _)| [0.0, n.ln(), 0.0]);
            return knees.map(|unit| [height(unit), unit[1] + height(unit), 0.0]).collect();
        }
        let most = observations.iter().map(|(n, _)| *n).fold(0.0, f64::max);
        let kappas = [0.0, 0.1, 1.0, 10.0].map(|times| times / (most * most));
        let units = [0.0, 0.02, 0.1, 0.5].into_iter().flat_map(|sigma| kappas.map(|kappa| [0.0, sigma, kappa]));
        units.map(|unit| within_law(self, unit)).map(|unit| [height(unit), unit[1], unit[2]]).collect()
    }
}

/// The nearest that the law allows.
fn within_law(law: Law, unit: Vector) -> Vector {
    let bounds = law.bounds();
    std::array::from_fn(|i| unit[i].clamp(bounds[i].0, bounds[i].1))
}

impl Fitted {
    /// The law's X at an N.
    pub fn at(&self, n: f64) -> f64 {
        let second = self.ceiling.map(f64::ln).or(self.sigma).unwrap_or(0.0);
        self.law.log_model(&[self.lambda.ln(), second, self.kappa.unwrap_or(0.0)], n).0.exp()
    }

    /// The N with the highest X, where X falls beyond it.
    pub fn peak(&self) -> Option<f64> {
        let (sigma, kappa) = (self.sigma?, self.kappa.filter(|kappa| *kappa > 0.0)?);
        Some(((1.0 - sigma) / kappa).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::{random, uniform};

    fn exact(law: Law, parameters: Vector, settings: &[f64]) -> Vec<Observation> {
        settings.iter().map(|n| (*n, law.log_model(&parameters, *n).0.exp())).collect()
    }

    /// Whatever the truth, the starts lead to it: on both scales, over few and over many N.
    #[test]
    fn exact_data_give_their_parameters_back() {
        let grids: [&[f64]; 3] = [
            &[1.0, 2.0, 3.0, 4.0, 6.0, 8.0],
            &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0],
            &[0.25, 0.5, 1.0, 2.0, 3.0, 4.0],
        ];
        let mut random = random(5, 0);
        let mut draw = |low: f64, high: f64| low + (high - low) * uniform(&mut random);
        for round in 0..300 {
            let settings = grids[round % 3];
            let most = settings[settings.len() - 1];
            let log_lambda = draw(-5.0, 12.0);
            let (sigma, kappa) = (draw(0.0, 0.8), draw(0.0, 3.0) / (most * most));
            let knee = draw(settings[1], settings[4]);
            for (law, parameters) in [
                (Law::Linear, [log_lambda, 0.0, 0.0]),
                (Law::Amdahl, [log_lambda, sigma, 0.0]),
                (Law::Hinge, [log_lambda, log_lambda + knee.ln(), 0.0]),
                (Law::Usl, [log_lambda, sigma, kappa]),
            ] {
                for scale in [Scale::Log, Scale::Plain] {
                    let found = law.fit(&exact(law, parameters, settings), scale).unwrap();
                    let truth = law.fitted(Minimum { parameters, sum_of_squares: 0.0 });
                    let is_near = |a: f64, b: f64| (a - b).abs() < 1e-5 * b.abs().max(1e-3);
                    let pairs = [
                        (Some(found.lambda), Some(truth.lambda)),
                        (found.sigma, truth.sigma),
                        (found.kappa, truth.kappa),
                        (found.ceiling, truth.ceiling),
                    ];
                    let is_same = pairs.iter().all(|pair| match pair {
                        (Some(a), Some(b)) => is_near(*a, *b),
                        (a, b) => a == b,
                    });
                    assert!(is_same, "{scale:?} {settings:?}: {found:?} is not {truth:?}");
                }
            }
        }
    }

    #[test]
    fn a_fit_tells_its_curve() {
        let observations = [(1.0, 10.0), (2.0, 20.0), (4.0, 30.0), (8.0, 30.0)];
        let hinge = Law::Hinge.fit(&observations, Scale::Log).unwrap();
        assert!(hinge.sum_of_squares < 1e-20, "{hinge:?}");
        assert!((hinge.at(1.5) - 15.0).abs() < 1e-9 && (hinge.at(100.0) - 30.0).abs() < 1e-9);
        assert_eq!(hinge.peak(), None);
        let fitted = Fitted {
            law: Law::Usl,
            lambda: 1.0,
            sigma: Some(0.02),
            kappa: Some(0.02),
            ceiling: None,
            sum_of_squares: 0.0,
        };
        assert_eq!(fitted.peak(), Some(7.0));
        assert!(fitted.at(7.0) > fitted.at(6.0) && fitted.at(7.0) > fitted.at(8.0));
    }

    /// The knee may lie on a point that is above both of its sides.
    #[test]
    fn a_hinge_is_the_best_of_all_hinges() {
        let observations = [(1.0, 10.0), (2.0, 19.0), (3.0, 33.0), (4.0, 29.0), (6.0, 28.0), (8.0, 31.0)];
        let found = Law::Hinge.fit(&observations, Scale::Log).unwrap();
        let sum_of_squares = |lambda: f64, ceiling: f64| -> f64 {
            observations.iter().map(|(n, x)| (x / (lambda * n).min(ceiling)).ln().powi(2)).sum()
        };
        let grid =
            (0..200).flat_map(|i| (0..200).map(move |j| (8.0 + 0.02 * f64::from(i), 26.0 + 0.04 * f64::from(j))));
        let least = grid.map(|(lambda, ceiling)| sum_of_squares(lambda, ceiling)).fold(f64::INFINITY, f64::min);
        assert!(found.sum_of_squares <= least, "{found:?}, {least}");
    }

    #[test]
    fn what_cannot_be_fitted() {
        for observations in [&[][..], &[(1.0, 0.0)], &[(0.0, 1.0)], &[(1.0, f64::NAN)], &[(1.0, f64::INFINITY)]] {
            assert_eq!(Law::Linear.fit(observations, Scale::Log), None, "{observations:?}");
        }
    }
}
