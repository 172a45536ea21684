//! Whether the host was quiet enough to believe a visit: what others took of the target's CPUs, and whether the machine
//! was as fast as before, and the load generator never kept from running.

use super::{
    gates::{self, found, not_read},
    helpers::Use,
    scaling::median,
};
use crate::{
    measure::{Counter, HostUse, Rates},
    model::{CpuSet, Finding, Gate, Lever, Limit, Phase, PhaseKind, QuotaAbove, Run, Scope, Visited},
};

/// What a visit's evidence says of the host.
pub(super) fn findings(run: &Run, visited: &Visited) -> Vec<Finding> {
    let Some(phase) = visited.phase(PhaseKind::Target) else { return Vec::new() };
    let scope = Scope { visit: Some(visited.id.clone()), phase: Some(phase.kind), ..Scope::default() };
    let mut findings = cpu(run, visited, phase, &scope);
    findings.extend(unasked_quota(run, visited, phase, &scope));
    findings.extend(quotas_above(visited, &scope));
    findings.extend(speed(run, visited, phase, &scope));
    findings.extend(paused(phase, &scope));
    findings
}

/// Who used the target's CPUs besides the target, and what it waited for.
fn cpu(run: &Run, visited: &Visited, phase: &Phase, scope: &Scope) -> Vec<Finding> {
    let Some(host) = HostUse::over(&phase.processes, &phase.load.window) else {
        return vec![not_read(scope, "what others used of the target's CPUs")];
    };
    let others_cores = host.others_cores - ours_on_target_cpus(run, phase);
    let beyond = |gate: Gate, measured: f64| (measured > gates::limit(gate)).then(|| found(gate, scope, measured));
    let mut findings: Vec<Finding> =
        [beyond(Gate::ForeignCpu, others_cores), beyond(Gate::Steal, host.steal_ratio)].into_iter().flatten().collect();
    // Where a quota is its own and what it held back is not told, waiting may be all its own.
    let has_quota = is_limited(run, visited);
    let tells = phase.processes.iter().any(|sample| sample.throttling.is_some());
    match host.idle_wait_ratio.filter(|_| tells || !has_quota) {
        Some(ratio) => findings.extend(beyond(Gate::IdleWait, ratio)),
        None => findings.push(not_read(scope, "how long the target waited for a CPU")),
    }
    findings
}

/// CPUs that roles of ours used on the target's CPUs, where the host is too small to keep them apart.
fn ours_on_target_cpus(run: &Run, phase: &Phase) -> f64 {
    let placement = run.plan.placement();
    let shares = |cpus: &CpuSet| !cpus.shared_with(&placement.target).is_empty();
    let generator =
        if shares(&placement.generator) { Use::of_generator(run, phase).map(|used| used.cores) } else { None };
    let helpers = run.plan.helpers().filter(|(_, cpus)| shares(cpus));
    generator.unwrap_or(0.0) + helpers.filter_map(|(name, _)| Rates::of(phase, name).cpu_cores).sum::<f64>()
}

/// Whether a quota was asked for, for the point or as what the visit changes of it.
fn is_limited(run: &Run, visited: &Visited) -> bool {
    let is_changed = visited.change.is_some_and(|change| change.lever == Lever::Quota && change.factor != 1.0);
    is_changed || run.point(visited).limits.get(Limit::CpuQuotaUs).is_some()
}

/// A quota that nobody asked for and that held the target back all the same.
fn unasked_quota(run: &Run, visited: &Visited, phase: &Phase, scope: &Scope) -> Option<Finding> {
    if is_limited(run, visited) {
        return None;
    }
    let engine = phase.usage(&run.plan.roles.target).and_then(|usage| {
        Counter::of(&usage.samples, |sample| Some((sample.unix_us, sample.throttled_periods?))).growth()
    });
    let probe =
        Counter::of(&phase.processes, |sample| Some((sample.unix_us, sample.throttling?.throttled_periods))).growth();
    let Some(periods) = engine.max(probe).map(|periods| periods as f64) else {
        return Some(not_read(scope, "whether a quota held the target back"));
    };
    (periods > gates::limit(Gate::NoQuotaUnasked)).then(|| found(Gate::NoQuotaUnasked, scope, periods))
}

/// A quota above the target's container that held it back.
fn quotas_above(visited: &Visited, scope: &Scope) -> Vec<Finding> {
    let Some(above) = &visited.attestation.above else {
        return vec![not_read(scope, "quotas above the target's container")];
    };
    let held = above.iter().filter(|quota| quota.throttled_periods as f64 > gates::limit(Gate::NoQuotaUnasked));
    let finding = |quota: &QuotaAbove| {
        let cores = quota.quota_us as f64 / quota.period_us.max(1) as f64;
        let note = format!("{cores} CPUs on the cgroup {}", quota.cgroup);
        Finding { note: Some(note), ..found(Gate::NoQuotaUnasked, scope, quota.throttled_periods as f64) }
    };
    held.map(finding).collect()
}

/// The machine's speed before the load against after it, and against the block's median.
fn speed(run: &Run, visited: &Visited, phase: &Phase, scope: &Scope) -> Vec<Finding> {
    let (Some(before), Some(after)) = (phase.speed_before, phase.speed_after) else {
        return vec![not_read(scope, "the machine's speed")];
    };
    let judge = |gate: Gate, change: f64| (change.abs() > gates::limit(gate)).then(|| found(gate, scope, change));
    let held = judge(Gate::SpeedHeld, after.arithmetic_us / before.arithmetic_us - 1.0);
    let of_block = run.visited.iter().filter(|other| other.block == visited.block);
    let of_block = of_block.filter_map(|other| other.phase(PhaseKind::Target)?.speed_before);
    let median = median(of_block.map(|reading| reading.arithmetic_us));
    let in_block = median.and_then(|median| judge(Gate::SpeedInBlock, before.arithmetic_us / median - 1.0));
    held.into_iter().chain(in_block).collect()
}

/// While a generator does not run, nothing is sent, and no latency tells of it.
fn paused(phase: &Phase, scope: &Scope) -> Option<Finding> {
    let paused_us = phase.load.generators.iter().filter_map(|generator| generator.longest_pause_us).max()? as f64;
    (paused_us > gates::limit(Gate::GeneratorPaused)).then(|| found(Gate::GeneratorPaused, scope, paused_us))
}
