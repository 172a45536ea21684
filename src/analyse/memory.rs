//! Whether a container came near its memory limit while the target was loaded: beyond it the kernel ends a process of it.

use super::gates::{self, found, not_read};
use crate::{
    measure::Rates,
    model::{Finding, Gate, Limit, PhaseKind, Run, Scope, Visited},
};

/// The most that each container was seen to use, over its limit.
pub(super) fn findings(run: &Run, visited: &Visited) -> Vec<Finding> {
    let Some(phase) = visited.phase(PhaseKind::Target) else { return Vec::new() };
    let point = run.point(visited);
    let finding = |container: &str, limit_bytes: Option<u64>| {
        let limit_bytes = limit_bytes?;
        let scope = Scope {
            visit: Some(visited.id.clone()),
            phase: Some(phase.kind),
            container: Some(container.to_owned()),
            ..Scope::default()
        };
        let Some(peak_bytes) = Rates::of(phase, container).memory_peak_bytes else {
            return Some(not_read(&scope, "how much memory it used of its limit"));
        };
        let share = peak_bytes as f64 / limit_bytes as f64;
        (share > gates::limit(Gate::MemoryFree)).then(|| found(Gate::MemoryFree, &scope, share))
    };
    let target = &run.plan.roles.target;
    let others = run.plan.containers_at(point).iter().filter(|container| container.name != *target);
    let others = others.map(|container| (&container.name, &container.limits));
    let all = others.chain([(target, &point.limits)]);
    all.filter_map(|(name, limits)| finding(name, limits.number(Limit::MemoryBytes))).collect()
}
