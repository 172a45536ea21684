//! Whether load generator, backend and the other services had CPU to spare while the target was loaded: else the throughput
//! may be theirs.

use super::gates::{self, found, not_read};
use crate::{
    measure::Rates,
    model::{Finding, Gate, Phase, PhaseKind, Run, Scope, Visited},
};

/// What a visit's evidence says of load generator, backend and other services.
pub(super) fn findings(run: &Run, visited: &Visited) -> Vec<Finding> {
    let Some(phase) = visited.phase(PhaseKind::Target) else { return Vec::new() };
    let scope = Scope { visit: Some(visited.id.clone()), phase: Some(phase.kind), ..Scope::default() };
    let (placement, roles) = (run.plan.placement(), &run.plan.roles);
    let generator = Use::of_generator(run, phase);
    let mut alone: Vec<Finding> = generator.iter().filter_map(|used| used.busy(Gate::GeneratorCpu, &scope)).collect();
    let mut unread = Vec::new();
    if generator.is_none() {
        unread.push(not_read(&scope, "what the load generator used of its CPUs"));
    }
    // With whom the generator shares CPUs, what they use of them, and which these are.
    let (mut sharing, mut together, mut cpus_of_all) =
        (Vec::new(), generator.as_ref().map_or(0.0, |used| used.cores), placement.generator.clone());
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
pub(super) struct Use {
    pub(super) cores: f64,
    given: f64,
}

impl Use {
    /// The load generator's: as it says itself, and of another than ours as its container's counters say; `None` where
    /// these were not read.
    pub(super) fn of_generator(run: &Run, phase: &Phase) -> Option<Self> {
        let (load, name) = (&phase.load, &run.plan.roles.generator);
        let (cores, cpus) = match load.told_by {
            None => (load.generator_cores(), load.generator_cpus().max(1)),
            Some(tool) => {
                let cpus = run.plan.placement().generator.len() as u32;
                (Rates::of(phase, name).cpu_cores?, tool.most_cpus().map_or(cpus, |most| most.min(cpus)))
            }
        };
        Some(Self { cores, given: at_most_quota(run, name, f64::from(cpus)) })
    }

    pub(super) fn share(&self) -> f64 {
        self.cores / self.given
    }

    fn busy(&self, gate: Gate, scope: &Scope) -> Option<Finding> {
        let share = self.share();
        (share > gates::limit(gate)).then(|| found(gate, scope, share))
    }
}

/// These CPUs, or what a container's quota is worth, if that is less.
pub(super) fn at_most_quota(run: &Run, container: &str, cpus: f64) -> f64 {
    let plan = run.plan.containers.iter().find(|plan| plan.name == container);
    plan.and_then(|plan| plan.limits.quota_cores()).map_or(cpus, |quota| quota.min(cpus))
}
