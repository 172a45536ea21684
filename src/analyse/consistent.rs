//! Whether what was measured of a loaded target agrees with itself: throughput and latency with what was in flight, the
//! window's second half with its first, and its samples with the distances at which they were to be taken.

use super::{
    gates::{self, found},
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
    let gap = beyond(Gate::SamplesComplete, longest_gap(&phase.processes, &phase.load.window));
    [in_flight, halves, gap].into_iter().flatten().collect()
}

/// By what share throughput times latency is off what was in flight (Little, Operations Research 9, 1961), at least.
///
/// The latencies of a window's answers begin before it, for those sent before, and leave out what is under way at its end:
/// what one end can make of it is taken off. `None` where it does not apply: with failures it is not known how long these took,
/// an open loop that does not keep up waits for a place, and with few answers the ends are all. What was in flight another load generator
/// does not tell.
fn off_littles_law(load: &LoadResult) -> Option<f64> {
    let (answers, window_us) = (load.request_count() as f64, load.window.duration_us as f64);
    let measured: Vec<&Second> = load.series.iter().filter(|second| second.measured).collect();
    let latency_us: f64 = measured.iter().map(|second| second.latency_sum_us as f64).sum();
    let keeps_up = [load.totals.delayed, load.totals.unsent].iter().flatten().all(|&count| count == 0);
    if load.told_by.is_some() || !load.stages.is_empty() || load.failure_count() > 0 || !keeps_up {
        return None;
    }
    let (in_flight, cut_off) = match &load.model {
        // Users who do not think have one request in flight each, and an answer's time of each is cut off.
        LoadModel::Closed { think_time, .. } if think_time.is_zero() => {
            let users = measured.iter().map(|second| f64::from(second.users) * second.duration_us as f64);
            let users = users.sum::<f64>() / window_us;
            (users, users / answers)
        }
        LoadModel::Closed { .. } | LoadModel::Open { .. } => {
            let at_an_end = end_us(measured.first()?)?.max(end_us(measured.last()?)?);
            (load.in_flight()?, at_an_end / latency_us)
        }
    };
    let applies = in_flight > 0.0 && answers >= gates::ANSWERS_PER_USER * in_flight.max(1.0);
    let off = latency_us / window_us / in_flight - 1.0;
    applies.then(|| off.signum() * (off.abs() - cut_off).max(0.0))
}

/// What those who are in flight at the end of this second have waited together, if each waits as long as its answers took;
/// `None` without an answer.
fn end_us(second: &Second) -> Option<f64> {
    let (sum_us, answers) = (second.latency_sum_us as f64, second.requests as f64);
    (answers > 0.0).then(|| sum_us / second.duration_us as f64 * sum_us / answers)
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
    (first.value > 0.0).then(|| if is_real { difference.value / first.value } else { 0.0 })
}

/// The longest time in the window without a sample, over the usual distance of two; `None` without any, which is said
/// elsewhere.
fn longest_gap(samples: &[ProbeSample], window: &Window) -> Option<f64> {
    let moments: Vec<u64> = samples.iter().map(|sample| sample.unix_us).collect();
    let gaps = |moments: &[u64]| -> Vec<f64> {
        moments.windows(2).map(|pair| pair[1].saturating_sub(pair[0]) as f64).collect()
    };
    let usual_us = median(gaps(&moments)).unwrap_or_default().max(LEAST_INTERVAL_US);
    let (from, to) = (window.start_unix_us, window.start_unix_us + window.duration_us);
    let inside = moments.iter().copied().filter(|moment| (from..=to).contains(moment));
    let in_window: Vec<u64> = [from].into_iter().chain(inside).chain([to]).collect();
    let longest_us = gaps(&in_window).into_iter().fold(0.0, f64::max);
    (!moments.is_empty()).then(|| longest_us / usual_us)
}
