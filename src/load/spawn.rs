//! When each user starts, as Locust does it: floor(rate) users each second, the first of them at once; below one
//! a second, one user each 1/rate seconds.

use std::time::Duration;

/// The schedule of starts; a pure function of the rate, so that every thread knows it without being told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spawning {
    batch: u32,
    every: Duration,
}

impl Spawning {
    /// `rate_per_s` is above zero.
    pub fn at_rate(rate_per_s: f64) -> Self {
        if rate_per_s >= 1.0 {
            Self { batch: rate_per_s as u32, every: Duration::from_secs(1) }
        } else {
            Self { batch: 1, every: Duration::from_secs_f64(1.0 / rate_per_s) }
        }
    }

    /// When the user of this number (from 0) starts, counted from the first one's start.
    pub fn start_of(&self, user: u32) -> Duration {
        self.every * (user / self.batch)
    }

    /// How many of `users` have started after `elapsed`.
    pub fn started_by(&self, elapsed: Duration, users: u32) -> u32 {
        let batches = elapsed.as_nanos() / self.every.as_nanos() + 1;
        (batches * u128::from(self.batch)).min(u128::from(users)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn starts_s(rate_per_s: f64, users: u32) -> Vec<f64> {
        (0..users).map(|user| Spawning::at_rate(rate_per_s).start_of(user).as_secs_f64()).collect()
    }

    #[test]
    fn whole_users_each_second_the_first_at_once() {
        assert_eq!(starts_s(2.0, 5), [0.0, 0.0, 1.0, 1.0, 2.0]);
        assert_eq!(starts_s(2.9, 3), [0.0, 0.0, 1.0]);
        assert_eq!(starts_s(10.0, 10), [0.0; 10]);
        assert_eq!(starts_s(0.5, 3), [0.0, 2.0, 4.0]);
    }

    proptest! {
        #[test]
        fn users_at_a_time_agree_with_their_starts(
            rate in 0.01..1000.0, users in 1u32..500, elapsed_ms in 0u64..20_000
        ) {
            let (spawning, elapsed) = (Spawning::at_rate(rate), Duration::from_millis(elapsed_ms));
            let counted = (0..users).filter(|&user| spawning.start_of(user) <= elapsed).count();
            prop_assert_eq!(spawning.started_by(elapsed, users) as usize, counted);
        }
    }
}
