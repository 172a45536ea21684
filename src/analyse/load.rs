//! What a load phase's own evidence says against believing it, the generator's part in it first.

use super::gates::{self, found};
use crate::{
    model::{
        BackendRequests, Finding, Gate, LoadModel, LoadResult, Phase, PhaseKind, Plan, Run, Scope, Severity, StopCause,
        Visited,
    },
    text::shortened,
};

/// As much of a failure's message as a finding shows.
const SHOWN_CHARS: usize = 120;
/// So many must lie beyond a percentile ([`crate::model::Histogram::supported_percentile_us`]).
const BEYOND: f64 = 10.0;

/// What limits what a load by hand says.
pub fn load_findings(load: &LoadResult) -> Vec<Finding> {
    let findings = generator_cpu(load, &Scope::default()).into_iter();
    findings.chain(evidence(load, BackendRequests::default(), &Scope::default())).map(as_warning).collect()
}

/// What limits what a phase of a visit says; what only makes it less exact warns, unless the phase is the target's. A mock
/// that answers at once is loaded for what the generator can do, and for nothing else.
pub(super) fn phase_findings(plan: &Plan, phase: &Phase, scope: &Scope) -> Vec<Finding> {
    let load = &phase.load;
    if phase.kind == PhaseKind::Null {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let successes = load.success_count();
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
    if unserved > plan.max_failure_rate {
        findings.push(Finding { limit: Some(plan.max_failure_rate.into()), ..found(Gate::Served, scope, unserved) });
    }
    match phase.kind {
        PhaseKind::Target => findings.extend(evidence(load, plan.backend_requests, scope)),
        _ => findings.extend(evidence(load, BackendRequests::default(), scope).into_iter().map(as_warning)),
    }
    findings
}

/// Why a load phase is no baseline: the backend is not our mock, and what the target is asked is not for it to answer. The
/// failures that would invalidate it are the limit.
pub fn why_no_baseline(plan: &Plan, phase: &Phase) -> Option<String> {
    // Only a mock of ours is asked what it saw.
    let is_ours = plan.load.backend.is_some();
    if phase.kind != PhaseKind::Baseline || is_ours {
        return None;
    }
    let (load, backend) = (&phase.load, plan.roles.backend.as_deref().unwrap_or("the backend"));
    let (unserved, successes) = (load.unserved_ratio(), load.success_count());
    if successes > 0 && unserved <= plan.max_failure_rate {
        return None;
    }
    let most_often = load.failures.first().map_or_else(String::new, |group| {
        let error = shortened(&group.error, SHOWN_CHARS);
        format!(", most often: {error}")
    });
    let percent = if successes > 0 { unserved * 100.0 } else { 100.0 };
    Some(format!("{backend} did not answer {percent:.1} % of what the target is asked as expected{most_often}"))
}

/// That a baseline was tried and left out.
pub(super) fn no_baseline(visited: &Visited) -> Option<Finding> {
    let scope = Scope { visit: Some(visited.id.clone()), ..Scope::default() };
    visited.no_baseline.clone().map(|why| found(Gate::BaselineMeans, &scope, why))
}

fn as_warning(finding: Finding) -> Finding {
    Finding { severity: Severity::Warning, ..finding }
}

/// A generator that is busy may be what limits the throughput.
fn generator_cpu(load: &LoadResult, scope: &Scope) -> Option<Finding> {
    let share = load.generator_cores() / f64::from(load.generator_cpus().max(1));
    (share > gates::limit(Gate::GeneratorCpu)).then(|| found(Gate::GeneratorCpu, scope, share))
}

fn evidence(load: &LoadResult, at_backend: BackendRequests, scope: &Scope) -> Vec<Finding> {
    let mut findings = Vec::new();
    // What is not told is not judged.
    let mut beyond = |gate: Gate, measured: Option<f64>| {
        findings.extend(measured.filter(|it| *it > gates::limit(gate)).map(|it| found(gate, scope, it)));
    };
    let count = |told: Option<u64>| told.map(|count| count as f64);
    let totals = &load.totals;
    if let LoadModel::Open { .. } = load.model {
        beyond(Gate::Delayed, count(totals.delayed));
        beyond(Gate::Unsent, count(totals.unsent));
    }
    if let Some(late_us) = late_us(load)
        && late_us > gates::SEND_LAG_OF_P50 * load.latency().percentile_us(50.0) as f64
    {
        beyond(Gate::SendLag, Some(late_us));
    }
    beyond(Gate::Unanswered, count(totals.unanswered));
    if let Some(stream) = load.stream() {
        beyond(Gate::StreamsDone, Some(stream.without_done as f64));
        let untold = load.latency().count().saturating_sub(stream.ttft.count());
        beyond(Gate::StreamTokens, Some(untold as f64));
    }
    // Which requests were under way at its end, another load generator does not tell: up to one a user.
    let untold = if load.told_by.is_some() { f64::from(load.model.at_once()) / totals.sent.max(1) as f64 } else { 0.0 };
    if let Some(factor) = load.backend.as_ref().and_then(|backend| backend.amplification(totals))
        && let BackendRequests::Each(expected) = at_backend
        && totals.failed + totals.unanswered.unwrap_or_default() == 0
        && (factor - expected).abs()
            > (gates::limit(Gate::Amplification) + untold) * if expected > 0.0 { expected } else { 1.0 }
    {
        findings.push(Finding { limit: Some(expected.into()), ..found(Gate::Amplification, scope, factor) });
    }
    if load.stopped_by == StopCause::Signal {
        findings.insert(0, found(Gate::Complete, scope, "stopped before its time".to_owned()));
    }
    if let Some(error) = &load.backend_error {
        findings.push(found(Gate::BackendTells, scope, error.clone()));
    }
    findings
}

/// How late one request in a hundred was sent at least, of those that were not delayed: who waits for others to be answered
/// is late by the server's fault, and those that waited are taken to be the latest. Of few, at least ten were so late, which is
/// more than one in a hundred. `None` without schedule, and where too few are left.
fn late_us(load: &LoadResult) -> Option<f64> {
    let lag = load.send_lag()?;
    let on_time = lag.count().saturating_sub(load.totals.delayed.unwrap_or_default()) as f64;
    let share = (1.0 - BEYOND / on_time).min(0.99);
    (on_time >= 2.0 * BEYOND).then(|| lag.percentile_us(100.0 * share * on_time / lag.count() as f64) as f64)
}

/// A throughput near the most that the generator was ever seen to do on these CPUs may be its own. Of another load generator
/// than ours only the CPU tells: it is never let loose on a mock that answers at once.
pub(super) fn headroom(run: &Run, visited: &Visited) -> Option<Finding> {
    let target = visited.phase(PhaseKind::Target).filter(|phase| phase.load.told_by.is_none())?;
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
    // Where nothing succeeded, what it can do was not seen.
    beside.filter(|rps| *rps > 0.0).reduce(f64::max)
}
