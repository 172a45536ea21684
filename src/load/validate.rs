//! Plans that make no load are refused before anything is sent.

use crate::{
    error::{Error, Result},
    model::{LoadModel, LoadPlan, Until},
    units::LONGEST,
};
use std::ops::RangeInclusive;

/// Most users, or requests in flight, of one load generator: what the ports of one client address and the memory of a
/// small host allow.
const MAX_USERS: u32 = 100_000;

/// Users that may be started a second.
pub const SPAWN_RATES: RangeInclusive<f64> = 0.001..=1e6;

/// Requests that may be due a second.
pub const RATES: RangeInclusive<f64> = 1e-6..=1e7;

/// Looks at numbers only: the URL, the requests and the certificates are checked where they are used.
///
/// # Errors
/// [`Error::Usage`] says which number, and what is allowed.
pub fn validate(plan: &LoadPlan) -> Result<()> {
    let wrong = |what: String| Err(Error::Usage(what));
    let peak = plan.max_in_flight();
    if !(1..=MAX_USERS).contains(&peak) {
        return wrong(format!("{peak} users or requests in flight: use 1 to {MAX_USERS}"));
    }
    match plan.model {
        LoadModel::Closed { spawn_rate_per_s: rate, .. } if !SPAWN_RATES.contains(&rate) => {
            return wrong(format!("a spawn rate of {rate} users/s: use 0.001 to 1000000"));
        }
        LoadModel::Open { rate_rps: 0.0, .. } if !plan.stages.is_empty() => {}
        LoadModel::Open { rate_rps: rate, .. } if !RATES.contains(&rate) => {
            return wrong(format!("a rate of {rate} requests/s: use 0.000001 to 10000000"));
        }
        _ => {}
    }
    if plan.stages.iter().any(|stage| !(0.0..=*RATES.end()).contains(&stage.target)) {
        return wrong("a stage's target is not a number from 0 to 10000000".into());
    }
    // Whoever waits for the load's end adds all of it up.
    let times = [plan.drain_us, plan.timeout_us, plan.warm_up.longest_us(), plan.window_us().unwrap_or_default()];
    if times.into_iter().any(|us| u128::from(us) > LONGEST.as_micros()) {
        return wrong("a time limit, a warm-up or a window longer than a year".into());
    }
    if plan.timeout_us == 0 {
        return wrong("a request timeout of zero: no request could succeed".into());
    }
    if matches!(plan.until, Until::RunTime { us: 0 } | Until::Iterations { count: 0 }) {
        return wrong("a run of no length: nothing would be counted".into());
    }
    if !plan.stages.is_empty() && plan.stages.iter().all(|stage| stage.duration_us == 0) {
        return wrong("stages of no length: nothing would be counted".into());
    }
    if plan.threads == Some(0) {
        return wrong("0 threads: nothing would be sent".into());
    }
    Ok(())
}
