//! How many closed-loop users run at each moment.
//!
//! Without stages they start as in Locust (2.47, `dispatch.py`): whole users at a time, floor(rate) but at least one, so far
//! apart that the rate is kept; the first of them at once. With stages they follow the ramp.

use super::Ramp;
use std::time::Duration;

/// A pure function of time, so that no thread has to be told.
#[derive(Clone, Debug, PartialEq)]
pub enum UserSchedule {
    /// `batch` users at once, and as many more after each `every`, up to `users`.
    Spawn { batch: u32, every: Duration, users: u32 },
    /// As many as the ramp's level, rounded down.
    Stages(Ramp),
}

impl UserSchedule {
    /// `rate_per_s` must be above 0.
    pub fn spawn(users: u32, rate_per_s: f64) -> Self {
        let batch = rate_per_s.floor().max(1.0);
        Self::Spawn { batch: batch as u32, every: Duration::from_secs_f64(batch / rate_per_s), users }
    }

    pub fn users_at(&self, elapsed: Duration) -> u32 {
        match self {
            Self::Spawn { batch, every, users } => {
                let batches = elapsed.as_nanos() / every.as_nanos() + 1;
                (batches * u128::from(*batch)).min(u128::from(*users)) as u32
            }
            // A small tolerance: rounding must not take a user away where a stage reaches its target.
            Self::Stages(ramp) => (ramp.level_at(elapsed) + 1e-9) as u32,
        }
    }

    /// From when on all users run; 0 with stages, where all of the load is counted.
    pub fn complete_after(&self) -> Duration {
        match self {
            Self::Spawn { batch, every, users } => *every * (users.saturating_sub(1) / batch),
            Self::Stages(_) => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Stage;
    use proptest::prelude::*;

    fn users_at(schedule: &UserSchedule, seconds: &[f64]) -> Vec<u32> {
        seconds.iter().map(|&s| schedule.users_at(Duration::from_secs_f64(s))).collect()
    }

    #[test]
    fn whole_users_at_a_time_the_first_at_once() {
        assert_eq!(users_at(&UserSchedule::spawn(5, 2.0), &[0.0, 0.9, 1.0, 2.0, 9.0]), [2, 2, 4, 5, 5]);
        assert_eq!(users_at(&UserSchedule::spawn(5, 2.5), &[0.0, 0.79, 0.8, 1.6]), [2, 2, 4, 5]);
        let tenth = UserSchedule::spawn(10, 1.5).complete_after().as_secs_f64();
        assert!((tenth - 6.0).abs() < 1e-6, "Locust takes 6 s for 10 users at 1.5/s, not {tenth}");
        assert_eq!(users_at(&UserSchedule::spawn(10, 10.0), &[0.0]), [10]);
        assert_eq!(users_at(&UserSchedule::spawn(3, 0.5), &[0.0, 1.9, 2.0, 4.0]), [1, 1, 2, 3]);
    }

    #[test]
    fn along_the_stages() {
        let stages = [(10.0, 20.0), (0.0, 5.0), (10.0, 0.0)];
        let stages = stages.map(|(seconds, target)| Stage { duration_us: (seconds * 1e6) as u64, target });
        let schedule = UserSchedule::Stages(Ramp::new(0.0, &stages));
        assert_eq!(users_at(&schedule, &[0.0, 1.0, 9.99, 10.0, 12.1, 20.0]), [0, 2, 19, 5, 3, 0]);
        assert_eq!(schedule.complete_after(), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn all_run_when_said(rate in 0.01..1000.0, users in 1u32..500) {
            let schedule = UserSchedule::spawn(users, rate);
            let complete = schedule.complete_after();
            prop_assert_eq!(schedule.users_at(complete), users);
            let before = complete.checked_sub(Duration::from_nanos(1));
            prop_assert!(before.is_none_or(|before| schedule.users_at(before) < users));
        }
    }
}
