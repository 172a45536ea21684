//! The due times of an open loop: a schedule, fixed by rate and seed before the first request is sent.

use super::Ramp;
use crate::{
    distribution::{Random, random, unit_exponential},
    model::Arrivals,
};
use std::time::Duration;

/// Of the seed: no other use has the same.
const STREAM: u64 = 1;

/// One thread's due times since the load's start, in rising order. All n threads go through the same schedule, and each
/// takes every n-th time, so all times together do not depend on n.
#[derive(Clone, Debug)]
pub struct DueTimes {
    rate: Ramp,
    arrivals: Arrivals,
    random: Random,
    /// How far the schedule was drawn, and which of its times is the next of this thread.
    index: u64,
    mine: u64,
    threads: u64,
    /// Requests expected up to that time: the area under the rate.
    expected: f64,
}

impl DueTimes {
    /// For the thread of this number, from 0.
    pub fn new(rate: Ramp, arrivals: Arrivals, seed: u64, thread: u32, threads: u32) -> Self {
        let (mine, threads) = (u64::from(thread), u64::from(threads));
        Self { rate, arrivals, random: random(seed, STREAM), index: 0, mine, threads, expected: 0.0 }
    }
}

/// Due times of a Poisson process are drawn one by one to be counted, up to this many.
const MOST_DRAWN: u64 = 100_000;

impl DueTimes {
    /// How many times are left until `end`, that included. Of a Poisson process the first [`MOST_DRAWN`] are counted; how
    /// many come after them is not drawn, but what is expected.
    pub fn count_until(mut self, end: Duration) -> u64 {
        let area = self.rate.area_until(end);
        match self.arrivals {
            // The k-th is due when the area reaches k.
            Arrivals::Constant => {
                let is_due = |k: u64| self.rate.time_of_area(k as f64).is_some_and(|due| due <= end);
                let about = area.floor() as u64;
                // Rounding may put the last one to either side.
                let due = (about.saturating_sub(1)..=about + 1).filter(|&k| is_due(k)).max();
                due.filter(|&last| last >= self.mine).map_or(0, |last| (last - self.mine) / self.threads + 1)
            }
            Arrivals::Poisson => {
                let drawn = self.by_ref().take(MOST_DRAWN as usize).take_while(|due| *due <= end).count() as u64;
                let rest =
                    if drawn == MOST_DRAWN { (area - self.expected).max(0.0) / self.threads as f64 } else { 0.0 };
                drawn + rest.round() as u64
            }
        }
    }
}

impl Iterator for DueTimes {
    type Item = Duration;

    /// `None` once the rate has gone to zero for good.
    fn next(&mut self) -> Option<Duration> {
        match self.arrivals {
            // From the count and not by adding, which would add up rounding errors.
            Arrivals::Constant => self.expected = self.mine as f64,
            Arrivals::Poisson => {
                while self.index <= self.mine {
                    self.expected += unit_exponential(&mut self.random);
                    self.index += 1;
                }
            }
        }
        self.mine += self.threads;
        self.rate.time_of_area(self.expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(arrivals: Arrivals, seed: u64, thread: u32, threads: u32) -> impl Iterator<Item = f64> {
        DueTimes::new(Ramp::new(100.0, &[]), arrivals, seed, thread, threads).map(|time| time.as_secs_f64())
    }

    #[test]
    fn constant_times_are_k_over_the_rate() {
        assert_eq!(times(Arrivals::Constant, 0, 0, 1).take(3).collect::<Vec<_>>(), [0.0, 0.01, 0.02]);
        assert_eq!(times(Arrivals::Constant, 0, 1, 2).take(2).collect::<Vec<_>>(), [0.01, 0.03]);
        assert_eq!(times(Arrivals::Constant, 0, 0, 1).nth(1_000_000), Some(10_000.0));
    }

    #[test]
    fn threads_share_one_poisson_schedule() {
        let alone: Vec<f64> = times(Arrivals::Poisson, 7, 0, 1).take(999).collect();
        let mut shared: Vec<f64> = (0..3).flat_map(|thread| times(Arrivals::Poisson, 7, thread, 3).take(333)).collect();
        shared.sort_by(f64::total_cmp);
        assert_eq!(alone, shared);
        assert_ne!(alone[0], times(Arrivals::Poisson, 8, 0, 1).next().unwrap());
    }

    #[test]
    fn what_is_left_is_counted_without_going_through_it() {
        for (arrivals, threads) in [(Arrivals::Constant, 1), (Arrivals::Constant, 3), (Arrivals::Poisson, 2)] {
            for thread in 0..threads {
                for until in [0.0, 0.005, 0.01, 3.0, 77.777] {
                    let due = || DueTimes::new(Ramp::new(100.0, &[]), arrivals, 0, thread, threads);
                    let until = Duration::from_secs_f64(until);
                    let by_one = due().take_while(|time| *time <= until).count() as u64;
                    assert_eq!(due().count_until(until), by_one, "{arrivals:?} {thread}/{threads} {until:?}");
                }
            }
        }
        let year = Duration::from_secs(366 * 86_400);
        let many = |arrivals| DueTimes::new(Ramp::new(1e7, &[]), arrivals, 0, 0, 4).count_until(year);
        let expected = 1e7 * year.as_secs_f64() / 4.0;
        assert_eq!(many(Arrivals::Constant), expected as u64 + 1);
        assert!((many(Arrivals::Poisson) as f64 / expected - 1.0).abs() < 1e-6);
    }

    #[test]
    fn poisson_gaps_have_the_mean_and_the_spread_of_an_exponential() {
        let times: Vec<f64> = times(Arrivals::Poisson, 1, 0, 1).take(100_000).collect();
        let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean / 0.01 - 1.0).abs() < 0.02 && (variance.sqrt() / mean - 1.0).abs() < 0.02, "{mean} {variance}");
    }
}
