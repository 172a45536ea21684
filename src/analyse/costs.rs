//! What a request through the target costs.

use crate::{
    measure::Rates,
    model::{PhaseKind, Visited},
};

/// What the target adds to a median request, in microseconds; `None` without a baseline, or where a side has no
/// successes.
pub fn overhead_p50_us(visited: &Visited) -> Option<f64> {
    let latency = |kind| Some(visited.phase(kind)?.load.latency()).filter(|latency| latency.count() > 0);
    let (target, baseline) = (latency(PhaseKind::Target)?, latency(PhaseKind::Baseline)?);
    Some(target.percentile_us(50.0) as f64 - baseline.percentile_us(50.0) as f64)
}

/// CPU time of the target's container for each request, in microseconds; `None` where it was not read.
pub fn target_cpu_per_request_us(visited: &Visited, target: &str) -> Option<f64> {
    let phase = visited.phase(PhaseKind::Target)?;
    let cores = Rates::of(phase, target).cpu_cores?;
    let answered_rps = phase.load.request_count() as f64 * 1e6 / phase.load.window.duration_us as f64;
    (answered_rps > 0.0).then(|| cores * 1e6 / answered_rps)
}
