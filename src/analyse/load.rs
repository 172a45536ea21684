//! What a load phase's own evidence says against believing it, the generator's part in it first.

use super::gates::{self, found};
use crate::{
    model::{Finding, Gate, LoadModel, LoadResult, Phase, PhaseKind, Run, Scope, StopCause, Visited},
    text::shortened,
};

/// As much of a failure's message as a finding shows.
const SHOWN_CHARS: usize = 120;

/// What limits what a load by hand says.
pub fn load_findings(load: &LoadResult) -> Vec<Finding> {
    evidence(load, &Scope::default())
}

/// What limits what a phase of a visit says. A mock that answers at once is loaded for what the generator can do, and for
/// nothing else.
pub(super) fn phase_findings(phase: &Phase, max_failure_rate: f64, scope: &Scope) -> Vec<Finding> {
    let load = &phase.load;
    if phase.kind == PhaseKind::Null {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let successes = load.request_count() - load.failure_count();
    if successes == 0 {
        findings.push(found(Gate::SomethingMeasured, scope, 0.0));
    }
    if let Some(group) = load.failures.first() {
        let note = format!(
            "of {} requests failed, most often: {}",
            load.request_count(),
            shortened(&group.error, SHOWN_CHARS)
        );
        findings.push(Finding { note: Some(note), ..found(Gate::Failures, scope, load.failure_count() as f64) });
    }
    let unserved = load.unserved_ratio();
    if unserved > max_failure_rate {
        findings.push(Finding { limit: Some(max_failure_rate.into()), ..found(Gate::Served, scope, unserved) });
    }
    // The baseline is to keep the generator busy.
    let is_expected = |gate| gate == Gate::GeneratorCpu && phase.kind == PhaseKind::Baseline;
    findings.extend(evidence(load, scope).into_iter().filter(|finding| !is_expected(finding.gate)));
    findings
}

fn evidence(load: &LoadResult, scope: &Scope) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut beyond = |gate: Gate, measured: f64| {
        if measured > gates::limit(gate) {
            findings.push(found(gate, scope, measured));
        }
    };
    beyond(Gate::GeneratorCpu, load.generator_cores() / f64::from(load.generator_cpus().max(1)));
    let totals = &load.totals;
    if let LoadModel::Open { .. } = load.model
        && totals.delayed + totals.unsent > 0
    {
        // Requests that waited for others to be answered were not late by the generator's fault.
        beyond(Gate::Delayed, totals.delayed as f64);
        beyond(Gate::Unsent, totals.unsent as f64);
    } else if let Some(p99_us) = load.send_lag().as_ref().and_then(|lag| lag.supported_percentile_us(99.0))
        && p99_us as f64 > gates::SEND_LAG_OF_P50 * load.latency().percentile_us(50.0) as f64
    {
        beyond(Gate::SendLag, p99_us as f64);
    }
    beyond(Gate::Unanswered, totals.unanswered as f64);
    if let Some(stream) = load.stream() {
        beyond(Gate::StreamsDone, stream.without_done as f64);
        beyond(Gate::StreamTokens, load.latency().count().saturating_sub(stream.ttft.count()) as f64);
    }
    if let Some(factor) = load.backend.as_ref().and_then(|backend| backend.amplification(totals))
        && totals.failed + totals.unanswered == 0
        && (factor - 1.0).abs() > gates::limit(Gate::Amplification)
    {
        findings.push(Finding { limit: Some(1.0.into()), ..found(Gate::Amplification, scope, factor) });
    }
    if load.stopped_by == StopCause::Signal {
        findings.insert(0, found(Gate::Complete, scope, "stopped before its time".to_owned()));
    }
    if let Some(error) = &load.backend_error {
        findings.push(found(Gate::BackendTells, scope, error.clone()));
    }
    findings
}

/// A throughput near the most that the generator was ever seen to do on these CPUs may be its own.
pub(super) fn headroom(run: &Run, visited: &Visited) -> Option<Finding> {
    let target = visited.phase(PhaseKind::Target)?;
    let most_rps = most_seen_rps(run)?;
    let headroom = most_rps / target.load.throughput_rps();
    let scope = Scope { visit: Some(visited.id.clone()), ..Scope::default() };
    let is_short = headroom.is_finite() && headroom < gates::limit(Gate::Headroom);
    is_short.then(|| found(Gate::Headroom, &scope, headroom))
}

/// The most that the generator did in any phase against a mock: what it can do at least.
pub(super) fn most_seen_rps(run: &Run) -> Option<f64> {
    let phases = run.visited.iter().flat_map(|visited| &visited.phases);
    let beside = phases.filter(|phase| phase.kind != PhaseKind::Target).map(|phase| phase.load.throughput_rps());
    beside.reduce(f64::max)
}
