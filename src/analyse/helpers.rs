//! Whether load generator, backend and the other services had CPU to spare while the target was loaded: else the throughput
//! may be theirs.

use super::{
    gates::{self, found},
    host::not_read,
};
use crate::{
    measure::Rates,
    model::{Finding, Gate, PhaseKind, Run, Scope, Visited},
};

/// What a visit's evidence says of load generator, backend and other services.
pub(super) fn findings(run: &Run, visited: &Visited) -> Vec<Finding> {
    let Some(phase) = visited.phase(PhaseKind::Target) else { return Vec::new() };
    let scope = Scope { visit: Some(visited.id.clone()), phase: Some(phase.kind), ..Scope::default() };
    let (placement, roles, load) = (run.plan.placement(), &run.plan.roles, &phase.load);
    let generator = Use {
        cores: load.generator_cores(),
        given: at_most_quota(run, &roles.generator, f64::from(load.generator_cpus().max(1))),
    };
    let mut alone: Vec<Finding> = generator.busy(Gate::GeneratorCpu, &scope).into_iter().collect();
    let mut unread = Vec::new();
    // With whom the generator shares CPUs, what they use of them, and which these are.
    let (mut sharing, mut together, mut cpus_of_all) = (Vec::new(), generator.cores, placement.generator.clone());
    for (name, cpus) in run.plan.helpers() {
        let is_backend = roles.is_backend(name);
        let Some(cores) = Rates::of(phase, name).cpu_cores else {
            let who = if is_backend { "the backend" } else { name };
            unread.push(not_read(&scope, &format!("what {who} used of its CPUs")));
            continue;
        };
        let (gate, scope) = match is_backend {
            true => (Gate::BackendCpu, scope.clone()),
            false => (Gate::ServiceCpu, Scope { container: Some(name.to_owned()), ..scope.clone() }),
        };
        alone.extend(Use { cores, given: at_most_quota(run, name, cpus.len() as f64) }.busy(gate, &scope));
        if !cpus.shared_with(&placement.generator).is_empty() {
            sharing.push(if is_backend { "the backend" } else { name });
            together += cores;
            cpus_of_all.extend(cpus.iter());
        }
    }
    let of_all = || {
        let given = cpus_of_all.len() as f64;
        let note = format!("with {}, of CPU {cpus_of_all} that they share", sharing.join(" and "));
        let busy = Use { cores: together, given }.busy(Gate::GeneratorCpu, &scope)?;
        Some(Finding { note: Some(note), ..busy })
    };
    if alone.is_empty() && !sharing.is_empty() {
        alone.extend(of_all());
    }
    alone.extend(unread);
    alone
}

/// CPUs that were used, of those that could be.
struct Use {
    cores: f64,
    given: f64,
}

impl Use {
    fn busy(&self, gate: Gate, scope: &Scope) -> Option<Finding> {
        let share = self.cores / self.given;
        (share > gates::limit(gate)).then(|| found(gate, scope, share))
    }
}

/// These CPUs, or what a container's quota is worth, if that is less.
pub(super) fn at_most_quota(run: &Run, container: &str, cpus: f64) -> f64 {
    let plan = run.plan.containers.iter().find(|plan| plan.name == container);
    plan.and_then(|plan| plan.limits.quota_cores()).map_or(cpus, |quota| quota.min(cpus))
}
