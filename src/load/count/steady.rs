//! Finds the end of the warm-up in the throughput series by MSER-5.
//!
//! Source: K. P. White Jr., "An effective truncation heuristic for bias reduction in simulation output", Simulation
//! 69(6), 1997; the batches of five are from Spratt's MSER-5 (White, Cobb, Spratt, WSC 2000). Of the series of batch means
//! Z, the first d are cut off for which the squared standard error of the rest, sum((Z - mean)^2) / (n - d)^2,
//! is smallest; a d in the second half says that the series is still too short.

/// Throughput readings to a batch: the 5 of MSER-5.
const BATCH: usize = 5;
/// No verdict on fewer batches. More than twice [`MIN_REST`]: of a series that keeps rising, MSER keeps as few batches as it
/// may, and those must not be in the first half.
const MIN_BATCHES: usize = 15;
/// So many batches are always kept: two alone that happen to be alike would have no error, and always win.
const MIN_REST: usize = 5;

/// Takes readings at equal intervals and says when they have become steady.
#[derive(Clone, Debug, Default)]
pub struct SteadyDetector {
    open_batch: Vec<f64>,
    batch_means: Vec<f64>,
}

impl SteadyDetector {
    /// Takes the next reading. True if it fills a batch, and the series is steady from somewhere in its first half on.
    /// A series of zeros is not steady: the server has yet to answer.
    pub fn push(&mut self, reading: f64) -> bool {
        self.open_batch.push(reading);
        if self.open_batch.len() < BATCH {
            return false;
        }
        self.batch_means.push(self.open_batch.iter().sum::<f64>() / BATCH as f64);
        self.open_batch.clear();
        let answered = self.batch_means.iter().any(|&mean| mean > 0.0);
        answered && truncation(&self.batch_means).is_some()
    }
}

/// How many values to cut off at the front; `None` if the series is too short to say.
fn truncation(values: &[f64]) -> Option<usize> {
    if values.len() < MIN_BATCHES {
        return None;
    }
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    let (mut best, mut best_error) = (values.len(), f64::INFINITY);
    // From the end, so that each step adds one value to what is kept (Welford's update).
    for (cut, &value) in values.iter().enumerate().rev() {
        count += 1.0;
        let from_mean = value - mean;
        mean += from_mean / count;
        squares += from_mean * (value - mean);
        let error = squares / (count * count);
        if values.len() - cut >= MIN_REST && error <= best_error {
            (best, best_error) = (cut, error);
        }
    }
    (best <= values.len() / 2).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Repeatable noise in -1..1 (a 64-bit linear congruential generator, Knuth's MMIX constants).
    fn noise() -> impl Iterator<Item = f64> {
        let mut state = 1u64;
        std::iter::repeat_with(move || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        })
    }

    #[test]
    fn a_step_is_cut_off_where_it_is() {
        let series: Vec<f64> =
            noise().take(40).enumerate().map(|(i, n)| if i < 12 { 20.0 + n } else { 100.0 + n }).collect();
        assert_eq!(truncation(&series), Some(12));
    }

    #[test]
    fn a_series_that_still_rises_is_not_steady() {
        let ramp: Vec<f64> = noise().take(40).enumerate().map(|(i, n)| i as f64 * 10.0 + n).collect();
        assert_eq!(truncation(&ramp), None);
    }

    #[test]
    fn steady_from_the_start_takes_as_few_batches_as_may_be() {
        let mut detector = SteadyDetector::default();
        let at = noise().map(|n| 100.0 + n).position(|reading| detector.push(reading)).unwrap();
        assert!((MIN_BATCHES * BATCH - 1..3 * MIN_BATCHES * BATCH).contains(&at), "{at}");
    }

    #[test]
    fn silence_is_not_steady() {
        let mut detector = SteadyDetector::default();
        assert!((0..1000).all(|_| !detector.push(0.0)));
    }

    #[test]
    fn found_online_only_after_the_rise_is_the_smaller_half() {
        let mut detector = SteadyDetector::default();
        let rising = 100;
        let at = noise()
            .enumerate()
            .map(|(i, n)| (i.min(rising) * 10) as f64 + n)
            .position(|reading| detector.push(reading))
            .unwrap();
        assert!(at > rising && at < 4 * rising, "{at}");
    }
}
