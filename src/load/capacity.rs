//! Finds out how much a server can do: doubles closed-loop users until the throughput no longer grows. Then loads it at
//! shares of that, in open loop, where latency is what users would see.

use super::run;
use crate::{
    error::{Error, Result},
    model::{Arrivals, Capacity, CapacityStep, LoadModel, LoadPlan, LoadResult, StopCause, Until},
    text::plain,
};
use std::sync::atomic::AtomicBool;

/// Throughput has stopped growing when twice the users gain less than this.
const LEAST_GAIN: f64 = 0.03;

/// Shares of the capacity at which it is then loaded.
const SHARES: [f64; 3] = [0.50, 0.70, 0.85];

/// Requests that are sent before the search: one answered as expected is enough.
const FIRST_REQUESTS: u64 = 3;

/// Far more requests than one step can send, so that none repeats a `{{counter}}` of another's.
const COUNTERS_A_STEP: u64 = 1_000_000_000_000;

/// An odd number, so that its multiples are all different.
const SEED_A_STEP: u64 = 0xD1B5_4A32_D192_ED03;

/// The same load, but with counters and random numbers of the step's own: no cache that an earlier step has filled may
/// answer it. The step's number and the plan's seed say all.
fn at_step(plan: LoadPlan, step: u64) -> LoadPlan {
    LoadPlan {
        seed: plan.seed.wrapping_add(step.wrapping_mul(SEED_A_STEP)),
        first_counter: plan.first_counter + step * COUNTERS_A_STEP,
        ..plan
    }
}

/// A few requests, one after the other, at least one of which must succeed.
fn try_out(base: &LoadPlan, stop: &AtomicBool) -> Result<()> {
    let until = Until::Iterations { count: FIRST_REQUESTS };
    let result = run(&at_step(LoadPlan { until, ..base.clone().with_users(1, 1.0) }, 0), stop, &mut |_| ())?;
    match result.failures.first() {
        _ if result.totals.succeeded > 0 => Ok(()),
        Some(failure) => Err(Error::Start(format!("{}: no request succeeds: {}", base.host, plain(&failure.error)))),
        None => Err(Error::Start(format!("{}: no request was answered", base.host))),
    }
}

/// Searches with load phases like `base`, doubling its users up to `max_users`; then loads at 50, 70 and 85 % of the
/// capacity with `arrivals`. Calls `on_step` after each phase. Once `stop` is set, it returns what it has.
///
/// # Errors
/// [`Error::Start`] when not one request succeeds, and those of [`run`].
pub fn find_capacity(
    base: &LoadPlan,
    max_users: u32,
    arrivals: Arrivals,
    stop: &AtomicBool,
    on_step: &mut dyn FnMut(&CapacityStep),
) -> Result<Capacity> {
    try_out(base, stop)?;
    let mut capacity = Capacity { capacity_rps: 0.0, users: 0, is_saturated: false, steps: Vec::new() };
    let mut load = |share, plan: &LoadPlan| -> Result<Option<LoadResult>> {
        let step = capacity.steps.len() as u64 + 1;
        let result = run(&at_step(plan.clone(), step), stop, &mut |_| ())?;
        if result.stopped_by == StopCause::Signal {
            return Ok(None);
        }
        let step = CapacityStep { share, result };
        on_step(&step);
        let result = step.result.clone();
        capacity.steps.push(step);
        Ok(Some(result))
    };

    // A server that has died is not asked again.
    let mut is_alive = true;
    let mut search = Search::new(base.model.users().max(1), max_users);
    while let Some(users) = search.next_users().filter(|_| is_alive) {
        // All users start at once: only the throughput of all of them matters here.
        let plan = base.clone().with_users(users, f64::from(users));
        let Some(result) = load(None, &plan)? else { break };
        search.take(result.throughput_rps());
        is_alive = result.totals.succeeded > 0;
    }
    let (found, is_saturated) = (search.knee(), search.is_saturated());
    let max_in_flight = 10 * found.map_or(1, |(users, _)| users).max(100);
    if let Some((_, capacity_rps)) = found.filter(|(_, rps)| *rps > 0.0 && is_alive) {
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
    fn no_step_repeats_what_another_sent_and_all_follow_from_the_seed() {
        let plan = LoadPlan { seed: 7, ..LoadPlan::new("http://a") };
        let steps: Vec<LoadPlan> = (0..40).map(|step| at_step(plan.clone(), step)).collect();
        assert_eq!(steps[0], plan);
        let seeds: std::collections::HashSet<u64> = steps.iter().map(|step| step.seed).collect();
        assert_eq!(seeds.len(), 40);
        assert_eq!(steps[3].first_counter, 3_000_000_000_000);
        assert_eq!(at_step(plan, 3), steps[3]);
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
