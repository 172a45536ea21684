//! Whether what was measured of a loaded target agrees with itself: throughput and latency with what was in flight, the
//! window's second half with its first, and its samples with the distances at which they were to be taken.

use super::{
    gates::{self, found, not_read_and_needed},
    scaling::median,
    stats::Estimate,
};
use crate::model::{Finding, Gate, LoadModel, LoadResult, PhaseKind, ProbeSample, Scope, Second, Visited, Window};

/// The probe is asked for a sample a second; where there are too many processes to keep them all, less often.
const LEAST_INTERVAL_US: f64 = 1e6;

/// What a visit's target phase says against itself.
pub(super) fn findings(visited: &Visited) -> Vec<Finding> {
    let Some(phase) = visited.phase(PhaseKind::Target) else { return Vec::new() };
    let scope = Scope { visit: Some(visited.id.clone()), phase: Some(phase.kind), ..Scope::default() };
    let beyond = |gate: Gate, measured: Option<f64>| {
        measured.filter(|measured| measured.abs() > gates::limit(gate)).map(|measured| found(gate, &scope, measured))
    };
    let in_flight = beyond(Gate::LittlesLaw, off_littles_law(&phase.load));
    let halves = beyond(Gate::Stationary, change_between_halves(&phase.load));
    let gap = match &phase.processes[..] {
        [] => Some(not_read_and_needed(&scope, "the target's processes while it was loaded")),
        samples => beyond(Gate::SamplesComplete, Some(longest_gap(samples, &phase.load.window))),
    };
    [in_flight, halves, gap].into_iter().flatten().collect()
}

/// By what share throughput times latency is off what was in flight (Little, Operations Research 9, 1961), at least: users
/// of a closed loop that do not think have one request in flight each.
///
/// The latencies of a window's answers begin before it, for those sent before, and leave out what is under way at its end:
/// at each end at most one answer's time a user, and a long one's (a quota that is used up holds all users at once), which is
/// taken off. `None` where it does not apply: in an open loop and with think times (which a script of another load generator
/// may have) what was in flight is not measured, with failures it is not known how long these took, and with few answers a
/// user the ends are all.
fn off_littles_law(load: &LoadResult) -> Option<f64> {
    let LoadModel::Closed { think_time, .. } = &load.model else { return None };
    let (answers, window_us) = (load.request_count() as f64, load.window.duration_us as f64);
    let measured: Vec<&Second> = load.series.iter().filter(|second| second.measured).collect();
    let user_us: f64 = measured.iter().map(|second| f64::from(second.users) * second.duration_us as f64).sum();
    let users = user_us / window_us;
    let applies = load.told_by.is_none() && think_time.is_zero() && load.stages.is_empty() && load.failure_count() == 0;
    if !applies || users == 0.0 || answers < gates::ANSWERS_PER_USER * users {
        return None;
    }
    let latency_us: f64 = measured.iter().map(|second| second.latency_sum_us as f64).sum();
    let off = latency_us / window_us / users - 1.0;
    let long_us = load.latency().percentile_us(99.0) as f64;
    let cut_off = (users / answers).max(long_us / window_us);
    Some(off.signum() * (off.abs() - cut_off).max(0.0))
}

/// By what share the throughput of the window's second half is off that of its first; 0 where chance may have made the
/// difference (Welch's test over its seconds), `None` where it was to change, or is too short to tell.
fn change_between_halves(load: &LoadResult) -> Option<f64> {
    if !load.stages.is_empty() {
        return None;
    }
    let whole = load.series.iter().filter(|second| second.measured && second.duration_us >= 1_000_000);
    let rates: Vec<f64> = whole.map(Second::throughput_rps).collect();
    let (first, second) = rates.split_at(rates.len() / 2);
    let (first, second) = (Estimate::mean(first)?, Estimate::mean(second)?);
    let difference = Estimate::weighted_sum(&[(1.0, second), (-1.0, first)])?;
    let is_real = difference.p_differs(0.0) < gates::STATIONARY_P;
    // A half without any answer differs by all of the other.
    let base = if first.value > 0.0 { first.value } else { second.value };
    (base > 0.0).then(|| if is_real { difference.value / base } else { 0.0 })
}

/// The longest time in the window without a sample, over the usual distance of two.
fn longest_gap(samples: &[ProbeSample], window: &Window) -> f64 {
    let moments: Vec<u64> = samples.iter().map(|sample| sample.unix_us).collect();
    let gaps = |moments: &[u64]| -> Vec<f64> {
        moments.windows(2).map(|pair| pair[1].saturating_sub(pair[0]) as f64).collect()
    };
    // Samples that are missing evenly are missing, too: ten of a window there must be.
    let most_us = (window.duration_us as f64 / 10.0).max(LEAST_INTERVAL_US);
    let usual_us = median(gaps(&moments)).unwrap_or_default().clamp(LEAST_INTERVAL_US, most_us);
    let (from, to) = (window.start_unix_us, window.start_unix_us + window.duration_us);
    let inside = moments.iter().copied().filter(|moment| (from..=to).contains(moment));
    let in_window: Vec<u64> = [from].into_iter().chain(inside).chain([to]).collect();
    gaps(&in_window).into_iter().fold(0.0, f64::max) / usual_us
}
