//! What will be done, decided before anything is started, as data: [`make`] resolves flags, compose file and host into a
//! [`Plan`], [`next`] says of a plan and what has been visited what comes next. Pure.

mod next;
mod placement;

pub use next::next;

use crate::{
    compose::Project,
    error::{Error, Result},
    limits::{DEFAULT_PERIOD_US, LEAST_QUOTA_US},
    model::{
        ContainerPlan, CpuSet, HostFacts, HostPlan, Life, Limit, LimitValue, Limits, LoadPlan, Placement, Plan, Point,
        Roles, WorkersPlan,
    },
};

/// What the command line asks for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Worker counts to visit, in this order.
    pub workers: Vec<u32>,
    /// CPU quota of the target, in CPUs.
    pub quota_cores: Option<f64>,
    /// Its period.
    pub period_us: Option<u64>,
    /// Memory limit of the target.
    pub memory_bytes: Option<u64>,
    /// How it is loaded; whom to load, the plan fills in.
    pub load: LoadPlan,
    /// Longest wait for a container to be ready.
    pub ready_timeout_us: u64,
    /// A larger share of failed requests invalidates a visit.
    pub max_failure_rate: f64,
}

/// The plan of a run on `host`: what is asked for, of what the compose file describes.
///
/// # Errors
/// [`Error::Preflight`] when the host has not the CPUs asked for.
pub fn make(asked: &Asked, project: &Project, host: &HostFacts) -> Result<Plan> {
    let vscale = &project.vscale;
    let cpus_asked = |service: &str| project.services[service].limits.cpuset().cloned();
    let placement = placement::place(
        &host.cpus,
        placement::Asked {
            generator: cpus_asked(&vscale.generator),
            backend: cpus_asked(&vscale.backend),
            target: cpus_asked(&vscale.target),
        },
    )?;
    let limits = target_limits(asked, &project.services[&vscale.target].limits, &placement, host)?;
    let point = |&workers: &u32| Point { workers, limits: limits.clone(), load: asked.load.model.clone() };
    let mut counts: Vec<u32> = Vec::new();
    let block = asked.workers.iter().map(|count| {
        counts.iter().position(|known| known == count).unwrap_or_else(|| {
            counts.push(*count);
            counts.len() - 1
        })
    });
    let blocks = vec![block.collect()];
    let mut plan = Plan {
        name: project.name.clone(),
        roles: Roles {
            target: vscale.target.clone(),
            backend: vscale.backend.clone(),
            generator: vscale.generator.clone(),
        },
        workers: WorkersPlan { env: vscale.workers.env.clone(), count: vscale.workers.count.clone() },
        containers: containers(project, &placement),
        hosts: vec![HostPlan { placement }],
        load: asked.load.clone(),
        points: counts.iter().map(point).collect(),
        blocks,
        ready_timeout_us: asked.ready_timeout_us,
        max_failure_rate: asked.max_failure_rate,
    };
    plan.load.host = plan.url(&plan.roles.target);
    // Only a mock of ours tells what it saw.
    let backend = &plan.roles.backend;
    plan.load.backend = project.services[backend].is_ours().then(|| plan.url(backend));
    Ok(plan)
}

/// Every service's container, the generator last: it needs the others' names.
fn containers(project: &Project, placement: &Placement) -> Vec<ContainerPlan> {
    let roles = &project.vscale;
    let mut order = project.start_order();
    order.sort_by_key(|name| *name == roles.generator);
    let container = |name: String| {
        let cpus = [
            (&roles.generator, &placement.generator),
            (&roles.backend, &placement.backend),
            (&roles.target, &placement.target),
        ];
        let cpus = cpus.into_iter().find(|(role, _)| **role == name).map(|(_, cpus)| cpus);
        let mut limits = project.services[&name].limits.clone();
        limits.set(Limit::Cpuset, cpus.map(|cpus: &CpuSet| LimitValue::Cpus(cpus.clone())));
        ContainerPlan {
            command: (name == roles.generator).then(|| vec!["generator".into()]),
            life: if name == roles.target { Life::Visit } else { Life::Run },
            ready: roles.endpoints.get(&name).cloned(),
            probe_cpus: placement.generator.clone(),
            service: name.clone(),
            name,
            limits,
            environment: Default::default(),
            limits_once_ready: Limits::default(),
        }
    };
    let mut containers: Vec<ContainerPlan> = order.into_iter().map(container).collect();
    if let Some(generator) = containers.pop() {
        containers.push(speed_reference(&generator, &placement.target));
        containers.push(generator);
    }
    containers
}

/// A container of ours that times a fixed piece of work on the target's CPUs, while the target is idle.
fn speed_reference(generator: &ContainerPlan, cpus: &CpuSet) -> ContainerPlan {
    ContainerPlan {
        name: Plan::SPEED.into(),
        command: Some(vec!["speed".into()]),
        limits: generator.limits.clone().with(Limit::Cpuset, LimitValue::Cpus(cpus.clone())),
        ..generator.clone()
    }
}

/// The target's limits: the compose file's, and the flags' over them.
fn target_limits(asked: &Asked, file: &Limits, placement: &Placement, host: &HostFacts) -> Result<Limits> {
    let mut limits = file.clone().with(Limit::Cpuset, LimitValue::Cpus(placement.target.clone()));
    if let Some(cores) = asked.quota_cores.filter(|&cores| cores > host.cpus.len() as f64) {
        return Err(Error::Preflight(format!(
            "--cpus {cores}: this host has {} CPUs, and {} (CPU {}) can be given to the target",
            host.cpus.len(),
            placement.target.len(),
            placement.target
        )));
    }
    // A period alone is that of the file's quota.
    let cores = asked.quota_cores.or_else(|| asked.period_us.and(file.quota_cores()));
    if let Some(cores) = cores {
        let period_us = asked.period_us.or(file.number(Limit::CpuPeriodUs)).unwrap_or(DEFAULT_PERIOD_US);
        let quota_us = (cores * period_us as f64).round() as u64;
        if quota_us < LEAST_QUOTA_US {
            let flag = asked.quota_cores.map_or("--cpu-period".to_owned(), |cores| format!("--cpus {cores}"));
            return Err(Error::Usage(format!(
                "{flag}: {quota_us} us in each period of {period_us} us: the kernel's least is {LEAST_QUOTA_US} us"
            )));
        }
        limits.set(Limit::CpuQuotaUs, Some(LimitValue::Number(quota_us)));
        limits.set(Limit::CpuPeriodUs, Some(LimitValue::Number(period_us)));
    } else if asked.period_us.is_some() {
        return Err(Error::Usage("--cpu-period: a period without a quota does nothing; add --cpus".into()));
    }
    if let Some(bytes) = asked.memory_bytes {
        limits.set(Limit::MemoryBytes, Some(LimitValue::Number(bytes)));
        // Without a word about swap there is none: it would hide what the memory limit is to show.
        limits.set(Limit::SwapBytes, Some(file.get(Limit::SwapBytes).cloned().unwrap_or(LimitValue::Number(0))));
    }
    Ok(limits)
}
