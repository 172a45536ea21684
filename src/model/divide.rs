//! One plan for one load generator into plans for several, which together send what the one would have sent.

use super::{LoadModel, LoadPlan, Stage, Until};

/// An odd number, so that its multiples are all different (2^64 divided by the golden ratio).
const SEED_STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl LoadPlan {
    /// Plans for up to `n` load generators that add up to this one exactly: users, requests in flight, iterations and the
    /// users at each stage's end are shared out with their remainders, rates as fractions. Each has a seed of its own.
    /// There are fewer than `n` where one would have no user, no request in flight or no iteration; always at least one.
    ///
    /// Times, requests, lines and threads are the same for all. Each generator counts its own `{{counter}}`, and constant
    /// arrivals of several fall together. Only the first part has the backend: to ask it closes its window, so no two may.
    pub fn divide(&self, n: u32) -> Vec<Self> {
        let iterations = if let Until::Iterations { count } = self.until { count } else { u64::MAX };
        let most = u64::from(self.max_in_flight()).min(iterations).max(1);
        let n = u64::from(n).clamp(1, most) as u32;
        (0..n).map(|part| self.part(Share { part, of: n })).collect()
    }

    fn part(&self, share: Share) -> Self {
        let model = match self.model.clone() {
            LoadModel::Closed { users, spawn_rate_per_s, think_time } => LoadModel::Closed {
                users: share.of_count(users.into()) as u32,
                spawn_rate_per_s: share.of_rate(spawn_rate_per_s),
                think_time,
            },
            LoadModel::Open { rate_rps, arrivals, max_in_flight } => LoadModel::Open {
                rate_rps: share.of_rate(rate_rps),
                arrivals,
                max_in_flight: share.of_count(max_in_flight.into()) as u32,
            },
        };
        let of_target = |target| match self.model {
            LoadModel::Closed { .. } => share.of_users(target),
            LoadModel::Open { .. } => share.of_rate(target),
        };
        Self {
            model,
            stages: self.stages.iter().map(|stage| Stage { target: of_target(stage.target), ..*stage }).collect(),
            until: match self.until {
                Until::Iterations { count } => Until::Iterations { count: share.of_count(count) },
                until => until,
            },
            seed: self.seed.wrapping_add(u64::from(share.part).wrapping_mul(SEED_STEP)),
            backend: self.backend.clone().filter(|_| share.part == 0),
            ..self.clone()
        }
    }
}

/// One of several equal parts, numbered from 0.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// Which.
    pub part: u32,
    /// Of how many.
    pub of: u32,
}

impl Share {
    /// The first parts have one more each, until nothing remains.
    pub fn of_count(self, whole: u64) -> u64 {
        let (part, of) = (u64::from(self.part), u64::from(self.of));
        whole / of + u64::from(part < whole % of)
    }

    /// Equal but for the last, which makes the sum the whole, whatever was rounded.
    fn of_rate(self, whole: f64) -> f64 {
        let each = whole / f64::from(self.of);
        if self.is_last() { whole - (1..self.of).map(|_| each).sum::<f64>() } else { each }
    }

    /// Whole users as a count; what is less than a user stays with the last part.
    fn of_users(self, whole: f64) -> f64 {
        let users = self.of_count(whole as u64) as f64;
        if self.is_last() { users + whole.fract() } else { users }
    }

    fn is_last(self) -> bool {
        self.part + 1 == self.of
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Arrivals, Distribution};
    use super::*;
    use proptest::{collection::vec, prelude::*};
    use std::collections::HashSet;

    fn any_model() -> impl Strategy<Value = LoadModel> {
        let closed = (1..2000u32, 0.001..1e4).prop_map(|(users, spawn_rate_per_s)| LoadModel::Closed {
            users,
            spawn_rate_per_s,
            think_time: Distribution::zero(),
        });
        let open = (0.001..1e6, 1..2000u32).prop_map(|(rate_rps, max_in_flight)| LoadModel::Open {
            rate_rps,
            arrivals: Arrivals::Poisson,
            max_in_flight,
        });
        prop_oneof![closed, open]
    }

    fn any_plan() -> impl Strategy<Value = LoadPlan> {
        let target = prop_oneof![(0..500u32).prop_map(f64::from), 0.0..500.0];
        let stages = vec((1..1_000_000u64, target), 0..4);
        let until = prop_oneof![
            Just(Until::Stopped),
            (1..u64::MAX).prop_map(|us| Until::RunTime { us }),
            (1..10_000u64).prop_map(|count| Until::Iterations { count }),
        ];
        (any_model(), stages, until, any::<u64>()).prop_map(|(model, stages, until, seed)| LoadPlan {
            model,
            stages: stages.into_iter().map(|(duration_us, target)| Stage { duration_us, target }).collect(),
            until,
            seed,
            backend: Some("http://mock:8080".into()),
            ..LoadPlan::new("http://stack:8321")
        })
    }

    /// Users or requests in flight at the start, and the rate.
    fn counts(plan: &LoadPlan) -> (u64, f64) {
        match plan.model {
            LoadModel::Closed { users, spawn_rate_per_s, .. } => (users.into(), spawn_rate_per_s),
            LoadModel::Open { rate_rps, max_in_flight, .. } => (max_in_flight.into(), rate_rps),
        }
    }

    fn iterations(plan: &LoadPlan) -> Option<u64> {
        if let Until::Iterations { count } = plan.until { Some(count) } else { None }
    }

    proptest! {
        #[test]
        fn the_sum_of_the_parts_is_the_whole(plan in any_plan(), n in 1..40u32) {
            let parts = plan.divide(n);
            let (all, rate) = counts(&plan);
            prop_assert_eq!(parts.iter().map(|part| counts(part).0).sum::<u64>(), all);
            prop_assert_eq!(parts.iter().map(|part| counts(part).1).sum::<f64>(), rate);
            prop_assert_eq!(parts.iter().map(iterations).sum::<Option<u64>>(), iterations(&plan));
            for (number, stage) in plan.stages.iter().enumerate() {
                let targets = || parts.iter().map(|part| part.stages[number].target);
                prop_assert_eq!(targets().sum::<f64>(), stage.target);
                if let LoadModel::Closed { .. } = plan.model {
                    prop_assert_eq!(targets().map(|target| target as u64).sum::<u64>(), stage.target as u64);
                }
                prop_assert!(parts.iter().all(|part| part.stages[number].duration_us == stage.duration_us));
            }
            prop_assert_eq!(parts.iter().filter(|part| part.backend.is_some()).count(), 1);
        }

        #[test]
        fn no_part_is_without_work_and_none_is_like_another(plan in any_plan(), n in 0..40u32) {
            let parts = plan.divide(n);
            let most = plan.max_in_flight().min(iterations(&plan).map_or(u32::MAX, |count| count as u32));
            prop_assert_eq!(parts.len() as u32, n.clamp(1, most));
            prop_assert!(parts.iter().all(|part| part.max_in_flight() > 0 && iterations(part) != Some(0)));
            prop_assert_eq!(parts.iter().map(|part| part.seed).collect::<HashSet<_>>().len(), parts.len());
        }

        #[test]
        fn one_part_is_the_whole(plan in any_plan()) {
            prop_assert_eq!(plan.divide(1), [plan]);
        }
    }

    #[test]
    fn the_first_parts_have_the_remainders() {
        let stages = vec![Stage { duration_us: 1, target: 2.0 }, Stage { duration_us: 1, target: 9.5 }];
        let plan = LoadPlan { stages, ..LoadPlan::new("http://a").with_users(8, 10.0) };
        let parts = plan.divide(3);
        assert_eq!(parts.iter().map(|part| part.model.users()).collect::<Vec<_>>(), [3, 3, 2]);
        let targets = |stage: usize| parts.iter().map(|part| part.stages[stage].target).collect::<Vec<_>>();
        assert_eq!((targets(0), targets(1)), (vec![1.0, 1.0, 0.0], vec![3.0, 3.0, 3.5]));
    }
}
