//! Whether load generator and backend had CPU to spare while the target was loaded: else the throughput may be theirs.

use super::{
    gates::{self, found},
    host::not_read,
};
use crate::{
    measure::Rates,
    model::{CpuSet, Finding, Gate, PhaseKind, Run, Scope, Visited},
};

/// What a visit's evidence says of load generator and backend.
pub(super) fn findings(run: &Run, visited: &Visited) -> Vec<Finding> {
    let Some(phase) = visited.phase(PhaseKind::Target) else { return Vec::new() };
    let scope = Scope { visit: Some(visited.id.clone()), phase: Some(phase.kind), ..Scope::default() };
    let (placement, roles, load) = (run.plan.placement(), &run.plan.roles, &phase.load);
    let generator = Use {
        cores: load.generator_cores(),
        given: at_most_quota(run, &roles.generator, f64::from(load.generator_cpus().max(1))),
    };
    let of_generator = generator.busy(Gate::GeneratorCpu, &scope);
    let Some(backend_cores) = Rates::of(phase, &roles.backend).cpu_cores else {
        let missing = not_read(&scope, "what the backend used of its CPUs");
        return of_generator.into_iter().chain([missing]).collect();
    };
    let given = at_most_quota(run, &roles.backend, placement.backend.len() as f64);
    let of_backend = Use { cores: backend_cores, given }.busy(Gate::BackendCpu, &scope);
    let of_both = || {
        let cpus = both(&placement.generator, &placement.backend)?;
        let together = Use { cores: generator.cores + backend_cores, given: cpus.len() as f64 };
        let note = format!("with the backend, of CPU {cpus} that they share");
        together.busy(Gate::GeneratorCpu, &scope).map(|busy| Finding { note: Some(note), ..busy })
    };
    let alone: Vec<Finding> = of_generator.into_iter().chain(of_backend).collect();
    if alone.is_empty() { of_both().into_iter().collect() } else { alone }
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

/// All CPUs of two sets; `None` where they are apart.
fn both(one: &CpuSet, other: &CpuSet) -> Option<CpuSet> {
    (!one.shared_with(other).is_empty()).then(|| one.iter().chain(other.iter()).collect())
}
