//! Where the spread between visits comes from: the noise of their seconds, or the visits themselves.

use super::Estimate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The spread of a point's visits, split in two by one-way analysis of variance with random effects (S. R. Searle, G.
/// Casella, C. E. McCulloch, Variance Components, 1992). All are standard deviations over the mean, so 0.05 is 5 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    /// Of one second about its visit's mean.
    pub second: f64,
    /// Of a visit's measured mean, because its window has only so many seconds, were these independent.
    pub window: f64,
    /// Of the visits' true means: what another start of the target changes. 0 where the seconds explain all.
    pub visit: f64,
    /// What would narrow intervals most.
    pub remedy: Remedy,
}

/// What would narrow a point's interval most for the time it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// The seconds' noise is more than half of the visits' variance.
    LongerWindows,
    /// The visits differ by themselves.
    MoreBlocks,
}

impl Spread {
    /// Of the seconds of each visit of one point: answers in each, in any unit. `None` below two visits, below two
    /// seconds in any of them, and where there is nothing but zeroes.
    pub fn of(visits: &[Vec<f64>]) -> Option<Self> {
        let means: Vec<Estimate> = visits.iter().map(|seconds| Estimate::mean(seconds)).collect::<Option<_>>()?;
        let (visit_count, second_count) = (means.len() as f64, means.iter().map(|it| it.n as f64).sum::<f64>());
        if visit_count < 2.0 {
            return None;
        }
        let mean = means.iter().map(|it| it.value * it.n as f64).sum::<f64>() / second_count;
        let within: f64 = means.iter().map(|it| it.standard_deviation().powi(2) * (it.n as f64 - 1.0)).sum();
        let between: f64 = means.iter().map(|it| it.n as f64 * (it.value - mean).powi(2)).sum();
        let within_mean_square = within / (second_count - visit_count);
        let between_mean_square = between / (visit_count - 1.0);
        // The seconds of a visit; of unlike visits, a little less than their mean.
        let squares: f64 = means.iter().map(|it| (it.n as f64).powi(2)).sum();
        let seconds = (second_count - squares / second_count) / (visit_count - 1.0);
        let window_variance = within_mean_square / seconds;
        let visit_variance = ((between_mean_square - within_mean_square) / seconds).max(0.0);
        let relative = |variance: f64| variance.sqrt() / mean;
        (mean > 0.0).then(|| Self {
            second: relative(within_mean_square),
            window: relative(window_variance),
            visit: relative(visit_variance),
            remedy: if window_variance > visit_variance { Remedy::LongerWindows } else { Remedy::MoreBlocks },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::coverage::Normals, *};

    /// Twenty visits of 30 seconds with these true spreads.
    fn simulated(second: f64, visit: f64) -> Spread {
        let mut normals = Normals::new(7);
        let visits: Vec<Vec<f64>> = (0..20)
            .map(|_| {
                let mean = normals.next(100.0, 100.0 * visit);
                (0..30).map(|_| normals.next(mean, 100.0 * second)).collect()
            })
            .collect();
        Spread::of(&visits).unwrap()
    }

    #[test]
    fn both_parts_are_found() {
        let found = simulated(0.10, 0.05);
        assert!((found.second - 0.10).abs() < 0.01 && (found.visit - 0.05).abs() < 0.02, "{found:?}");
        assert!((found.window - found.second / 30_f64.sqrt()).abs() < 1e-12);
        assert_eq!(found.remedy, Remedy::MoreBlocks);
        let found = simulated(0.30, 0.01);
        assert!(found.visit < 0.05 && found.remedy == Remedy::LongerWindows, "{found:?}");
    }

    /// By hand: within 1, between 18 with 1 degree of freedom, two seconds a visit.
    #[test]
    fn by_hand() {
        let found = Spread::of(&[vec![6.0, 8.0], vec![12.0, 14.0]]).unwrap();
        let relative = |variance: f64| variance.sqrt() / 10.0;
        assert!((found.second - relative(2.0)).abs() < 1e-12, "{found:?}");
        assert!((found.window - relative(1.0)).abs() < 1e-12, "{found:?}");
        assert!((found.visit - relative((36.0 - 2.0) / 2.0)).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn what_does_not_suffice() {
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[vec![1.0, 2.0]]), None);
        assert_eq!(Spread::of(&[vec![1.0, 2.0], vec![1.0]]), None);
        assert_eq!(Spread::of(&[vec![0.0, 0.0], vec![0.0, 0.0]]), None);
        // Equal seconds: no spread, and more of the same is no remedy.
        let even = Spread::of(&[vec![5.0, 5.0], vec![5.0, 5.0]]).unwrap();
        assert_eq!((even.second, even.visit, even.remedy), (0.0, 0.0, Remedy::MoreBlocks));
    }
}
