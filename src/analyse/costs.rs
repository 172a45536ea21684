//! What a request through the target costs.

use crate::{
    measure::Rates,
    model::{LoadResult, PhaseKind, Visited},
};

/// What the target adds to a median request, in microseconds; `None` without a baseline, or where a side has no
/// successes.
pub fn overhead_p50_us(visited: &Visited) -> Option<f64> {
    let p50_us = |kind| Some(visited.phase(kind)?.load.p50_us()? as f64);
    Some(p50_us(PhaseKind::Target)? - p50_us(PhaseKind::Baseline)?)
}

/// CPU time of the target's container for each request, in microseconds; `None` where it was not read.
pub fn target_cpu_per_request_us(visited: &Visited, target: &str) -> Option<f64> {
    let phase = visited.phase(PhaseKind::Target)?;
    let cores = Rates::of(phase, target).cpu_cores?;
    let answered_rps = phase.load.request_count() as f64 * 1e6 / phase.load.window.duration_us as f64;
    (answered_rps > 0.0).then(|| cores * 1e6 / answered_rps)
}

/// What the backend saw of a load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BackendCost {
    /// Requests that it works on at once, if there is a limit.
    pub slots: Option<u32>,
    /// Its work for each of the target's requests, in microseconds, waiting for a slot left out.
    pub processing_us: f64,
    /// The same with the wait.
    pub service_us: f64,
    /// Requests there on average, by Little's law: those that wait are there too.
    pub in_flight_mean: f64,
    /// The most at once.
    pub in_flight_peak: f64,
}

impl BackendCost {
    /// `None` where the backend was not asked, or answered nothing.
    pub fn of(load: &LoadResult) -> Option<Self> {
        let window = &load.backend.as_ref()?.window;
        let requests = load.request_count() as f64 / load.window.duration_us as f64;
        if window.answered == 0 || window.duration_us == 0 || requests <= 0.0 {
            return None;
        }
        let duration_us = window.duration_us as f64;
        let in_service = window.service_time.mean_us() * window.service_time.count() as f64 / duration_us;
        Some(Self {
            slots: window.slots,
            processing_us: window.processing_us as f64 / duration_us / requests,
            service_us: in_service / requests,
            in_flight_mean: in_service,
            in_flight_peak: window.peak_in_flight as f64,
        })
    }
}
