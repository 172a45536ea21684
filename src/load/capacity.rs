//! Finds out how much a server can do: doubles closed-loop users until the throughput no longer grows. Then loads it at
//! shares of that, in open loop, where latency is what users would see.

use super::run;
use crate::{
    error::Result,
    model::{Arrivals, Capacity, CapacityStep, LoadModel, LoadPlan, LoadResult, StopCause},
};
use std::sync::atomic::AtomicBool;

/// Throughput has stopped growing when twice the users gain less than this.
const LEAST_GAIN: f64 = 0.03;

/// Shares of the capacity at which it is then loaded.
const SHARES: [f64; 3] = [0.50, 0.70, 0.85];

/// Searches with load phases like `base`, doubling its users up to `max_users`; then loads at 50, 70 and 85 % of the
/// capacity with `arrivals`. Calls `on_step` after each phase. Once `stop` is set, it returns what it has.
///
/// # Errors
/// Those of [`run`].
pub fn find_capacity(
    base: &LoadPlan,
    max_users: u32,
    arrivals: Arrivals,
    stop: &AtomicBool,
    on_step: &mut dyn FnMut(&CapacityStep),
) -> Result<Capacity> {
    let mut capacity = Capacity { capacity_rps: 0.0, users: 0, is_saturated: false, steps: Vec::new() };
    let mut load = |share, plan: &LoadPlan| -> Result<Option<LoadResult>> {
        let result = run(plan, stop, &mut |_| ())?;
        if result.stopped_by == StopCause::Signal {
            return Ok(None);
        }
        let step = CapacityStep { share, result };
        on_step(&step);
        let result = step.result.clone();
        capacity.steps.push(step);
        Ok(Some(result))
    };

    let mut search = Search::new(base.model.users().max(1), max_users);
    while let Some(users) = search.next_users() {
        // All users start at once: only the throughput of all of them matters here.
        let plan = base.clone().with_users(users, f64::from(users));
        let Some(result) = load(None, &plan)? else { break };
        search.take(result.throughput_rps());
    }
    let (found, is_saturated) = (search.knee(), search.is_saturated());
    let max_in_flight = 10 * found.map_or(1, |(users, _)| users).max(100);
    if let Some((_, capacity_rps)) = found.filter(|(_, rps)| *rps > 0.0) {
        for share in SHARES {
            let model = LoadModel::Open { rate_rps: capacity_rps * share, arrivals, max_in_flight };
            if load(Some(share), &LoadPlan { model, ..base.clone() })?.is_none() {
                break;
            }
        }
    }
    let (users, capacity_rps) = found.unwrap_or_default();
    Ok(Capacity { users, capacity_rps, is_saturated, ..capacity })
}

/// Decides which numbers of users to try.
struct Search {
    next: u32,
    max_users: u32,
    /// Users, and the throughput they reached.
    tried: Vec<(u32, f64)>,
}

impl Search {
    fn new(first: u32, max_users: u32) -> Self {
        Self { next: first, max_users, tried: Vec::new() }
    }

    fn next_users(&self) -> Option<u32> {
        (self.next <= self.max_users && !self.is_saturated()).then_some(self.next)
    }

    fn take(&mut self, throughput_rps: f64) {
        self.tried.push((self.next, throughput_rps));
        self.next = self.next.saturating_mul(2);
    }

    /// Whether the last try gained too little over the best one before it.
    fn is_saturated(&self) -> bool {
        let Some(((_, last), before)) = self.tried.split_last() else { return false };
        let best = before.iter().map(|(_, rps)| *rps).fold(0.0, f64::max);
        !before.is_empty() && *last < best * (1.0 + LEAST_GAIN)
    }

    /// The fewest users that come close to the best throughput, and that throughput.
    fn knee(&self) -> Option<(u32, f64)> {
        let best = self.tried.iter().map(|(_, rps)| *rps).fold(0.0, f64::max);
        let (users, _) = self.tried.iter().find(|(_, rps)| rps * (1.0 + LEAST_GAIN) >= best)?;
        Some((*users, best))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the search does with a server of this throughput at each number of users.
    fn search(max_users: u32, throughput: impl Fn(u32) -> f64) -> (Vec<u32>, Option<(u32, f64)>, bool) {
        let mut search = Search::new(1, max_users);
        while let Some(users) = search.next_users() {
            search.take(throughput(users));
        }
        (search.tried.iter().map(|(users, _)| *users).collect(), search.knee(), search.is_saturated())
    }

    #[test]
    fn doubles_until_nothing_is_gained() {
        let eight_slots = |users: u32| f64::from(users.min(8)) * 100.0;
        assert_eq!(search(1000, eight_slots), (vec![1, 2, 4, 8, 16], Some((8, 800.0)), true));
    }

    #[test]
    fn a_server_that_gets_worse_has_its_knee_before() {
        let worse = |users: u32| if users <= 4 { f64::from(users) } else { 1.0 };
        assert_eq!(search(1000, worse), (vec![1, 2, 4, 8], Some((4, 4.0)), true));
    }

    #[test]
    fn the_largest_number_ends_it_unsaturated() {
        assert_eq!(search(5, f64::from), (vec![1, 2, 4], Some((4, 4.0)), false));
        assert_eq!(search(0, f64::from), (vec![], None, false));
    }
}
