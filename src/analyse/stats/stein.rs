//! Stein's two-stage rule: a pilot says how many blocks an interval of a wanted width takes.

use super::{Estimate, Geometric, distributions::t_quantile};

/// The first blocks of a study, from which the number of all is derived (C. Stein, Annals of Mathematical Statistics
/// 16, 1945). Their spread is used to the end, with its degrees of freedom: looking again after each block would make
/// intervals that hold the truth too seldom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pilot {
    /// Standard deviation of the logs.
    standard_deviation: f64,
    n: usize,
}

impl Pilot {
    /// From the mean or paired ratio of the first blocks.
    pub fn of(first: &Geometric) -> Self {
        let log = first.log();
        Self { standard_deviation: log.standard_deviation(), n: log.n }
    }

    /// How many blocks, the pilot's included, give an interval of which no end is further than `half_width` from the
    /// estimate; that is a share, above 0.
    pub fn blocks_needed(&self, half_width: f64, level: f64) -> usize {
        let t = t_quantile(0.5 + level / 2.0, self.degrees_of_freedom());
        let needed = (t * self.standard_deviation / half_width.ln_1p()).powi(2).ceil();
        // A float that is too large becomes the largest number.
        (needed as usize).max(self.n)
    }

    /// The estimate from all blocks, with the pilot's spread.
    pub fn finish(&self, all: &Geometric) -> Geometric {
        let log = all.log();
        let standard_error = self.standard_deviation / (log.n as f64).sqrt();
        Geometric::of_log(Estimate { standard_error, degrees_of_freedom: self.degrees_of_freedom(), ..log })
    }

    fn degrees_of_freedom(&self) -> f64 {
        self.n as f64 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pilot(spread: f64) -> Pilot {
        // Of two values as far above as below, the standard deviation is this times sqrt(2).
        let values = [spread.exp(), (-spread).exp(), spread.exp(), (-spread).exp(), 1.0];
        Pilot::of(&Geometric::mean(&values).unwrap())
    }

    #[test]
    fn the_number_by_hand() {
        // s = 5 %, t(4) = 2.776, ln 1.03 = 0.02956: (2.776 x 0.05 / 0.02956)^2 = 22.05.
        assert!((pilot(0.05).standard_deviation - 0.05).abs() < 1e-12);
        assert_eq!(pilot(0.05).blocks_needed(0.03, 0.95), 23);
        // Never fewer than there are.
        assert_eq!(pilot(0.001).blocks_needed(0.03, 0.95), 5);
        assert_eq!(pilot(0.0).blocks_needed(0.03, 0.95), 5);
        assert_eq!(pilot(0.05).blocks_needed(0.0, 0.95), usize::MAX);
    }

    #[test]
    fn the_interval_keeps_the_pilots_spread_and_is_as_narrow_as_asked() {
        let pilot = pilot(0.05);
        let needed = pilot.blocks_needed(0.03, 0.95);
        // Later blocks that scatter wildly change nothing but the estimate.
        let values: Vec<f64> = (0..needed).map(|at| if at % 2 == 0 { 1.0 } else { 4.0 }).collect();
        let all = Geometric::mean(&values).unwrap();
        let interval = pilot.finish(&all).interval(0.95);
        assert!((interval.estimate - all.value()).abs() < 1e-12 && interval.n == needed);
        assert!(interval.high / interval.estimate <= 1.03 && interval.low / interval.estimate >= 0.97, "{interval:?}");
    }
}
