//! What will be done, decided before anything is started, as data: [`make`] resolves flags, compose file and host into a
//! [`Plan`], [`next`] says of a plan and what has been visited what comes next. Pure.

mod baseline;
mod change;
mod next;
mod order;
mod placement;
mod points;
mod workers;

pub use change::{Altered, apply};
pub use next::next;
pub use order::left;
pub use points::Quota;

use crate::{
    compose::Project,
    error::{Error, Result},
    load_tools,
    model::{
        AbPlan, AtWorkers, Change, ContainerPlan, CpuSet, Drive, HostFacts, HostPlan, Life, Limit, LimitValue, Limits,
        LoadModel, LoadPlan, Placement, Plan, Point, Roles, Scheme, Side, StudyPlan, Turn,
    },
};

/// From a target's start to its rest, before any was seen to start.
const START_US: u64 = 5_000_000;

/// What the command line asks for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Worker counts to visit, in this order.
    pub workers: Vec<u32>,
    /// CPU quotas of the target; none for the compose file's.
    pub quotas: Vec<Quota>,
    /// Their period.
    pub period_us: Option<u64>,
    /// How many of its CPUs the target has; none for all.
    pub cpuset_sizes: Vec<u32>,
    /// Memory limit of the target.
    pub memory_bytes: Option<u64>,
    /// How it is loaded; whom to load, the plan fills in.
    pub load: LoadPlan,
    /// How much it is asked for, each with every other setting; none for the load's own.
    pub drives: Vec<Drive>,
    /// Users started each second; `None` for all within a fifth of a second.
    pub spawn_rate_per_s: Option<f64>,
    /// Whether the backend is loaded directly in each visit.
    pub baseline: bool,
    /// Longest wait for a container to be ready.
    pub ready_timeout_us: u64,
    /// A larger share of failed requests invalidates a visit.
    pub max_failure_rate: f64,
    /// `None` to visit each worker count once, in the order given.
    pub study: Option<Repeats>,
}

/// How often a study visits each point, and what it does besides.
#[derive(Clone, Debug)]
pub struct Repeats {
    /// How often; above 0.
    pub blocks: usize,
    /// What comes after them.
    pub plan: StudyPlan,
}

/// The plan of a run on `host`: what is asked for, of what the compose file describes.
///
/// # Errors
/// [`Error::Preflight`] when the host has not the CPUs asked for, [`Error::Usage`] for limits that the kernel does not take.
pub fn make(asked: &Asked, project: &Project, host: &HostFacts) -> Result<Plan> {
    let vscale = &project.vscale;
    let versions =
        || asked.workers.iter().flat_map(|&count| [Side::A, Side::B].map(|side| project.version(side, count)));
    // All that it ever gets.
    let cpus_asked = |service: &str| {
        let each = versions().filter_map(|of| of.services.get(service)?.limits.cpuset().cloned());
        each.reduce(|all, more| all.iter().chain(more.iter()).collect())
    };
    let placement = placement::place(
        &host.cpus,
        placement::Asked {
            generator: cpus_asked(vscale.generator.service()),
            backend: vscale.backend.as_deref().and_then(cpus_asked),
            target: cpus_asked(&vscale.target),
            has_backend: vscale.backend.is_some() || project.services.len() > 2,
        },
    )?;
    workers::check(asked, project, Side::A)?;
    let no_baseline = baseline::why_none(project, &asked.load);
    let tool = vscale.generator.tool().map(|tool| tool.plan.clone());
    if let Some(tool) = &tool {
        load_tools::check(tool, &asked.load)?;
    }
    let points = |side| {
        let file = |workers| &project.version(side, workers).services[&vscale.target].limits;
        points::make(asked, &file, side, &placement, host)
    };
    let mut all = points(Side::A)?;
    let ab = match &project.beside {
        Some(beside) => {
            workers::check(asked, project, Side::B)?;
            all.points.extend(points(Side::B)?.points);
            let (containers, at_workers) = containers(project, Side::B, &placement);
            Some(AbPlan { a: beside.a.clone(), b: beside.b.clone(), containers, at_workers })
        }
        None => None,
    };
    let (containers, at_workers) = containers(project, Side::A, &placement);
    let mut plan = Plan {
        name: project.name.clone(),
        roles: Roles {
            target: vscale.target.clone(),
            backend: vscale.backend.clone(),
            generator: vscale.generator.service().to_owned(),
        },
        workers: vscale.workers.clone(),
        containers,
        at_workers,
        hosts: vec![HostPlan { placement }],
        load: asked.load.clone(),
        tool,
        blocks: vec![all.order.iter().copied().map(Turn::plain).collect()],
        points: all.points,
        study: None,
        ab,
        baseline: asked.baseline && no_baseline.is_none(),
        no_baseline: no_baseline.filter(|_| asked.baseline),
        ready_timeout_us: asked.ready_timeout_us,
        max_failure_rate: asked.max_failure_rate,
        backend_requests: vscale.backend_requests,
    };
    plan.load.host = plan.url(&plan.roles.target);
    let is_https = |name: &String| vscale.endpoints.get(name).is_some_and(|it| it.scheme == Scheme::Https);
    let has_tls = [&vscale.target].into_iter().chain(&vscale.backend).any(is_https);
    plan.load.insecure = has_tls && vscale.ca.is_none();
    plan.load.ca = vscale.ca.as_ref().map(|certificates| certificates.pem.clone()).filter(|_| has_tls);
    // Only a mock of ours tells what it saw.
    let ours = vscale.backend.as_ref().filter(|backend| project.services[*backend].is_ours());
    plan.load.backend = ours.map(|backend| plan.url(backend));
    if let Some(repeats) = &asked.study {
        study(&mut plan, repeats);
    }
    Ok(plan)
}

/// Every point once a block, and the largest once more with twice the load: a target that does more then was not driven.
/// Where two sides are compared nobody asks for that.
fn study(plan: &mut Plan, repeats: &Repeats) {
    let mut turns: Vec<Turn> = (0..plan.points.len()).map(Turn::plain).collect();
    let cpus = |point: &Point| (millicores(point), point.limits.cpuset().map(CpuSet::len));
    let size = |point: &Point| (cpus(point), point.workers, asked_for(&point.load));
    let largest = (0..plan.points.len()).max_by_key(|&index| size(&plan.points[index])).filter(|_| plan.ab.is_none());
    turns.extend(largest.map(|point| Turn { point, change: Some(Change::DOUBLED) }));
    plan.blocks = (0..repeats.blocks).map(|block| order::shuffled(plan, &turns, repeats.plan.seed, block)).collect();
    plan.study = Some(repeats.plan.clone());
}

/// Its quota in thousandths of a CPU; without one it has more than with any.
fn millicores(point: &Point) -> u64 {
    point.limits.quota_cores().map_or(u64::MAX, |cores| (cores * 1000.0) as u64)
}

/// Users, or requests in a thousand seconds.
fn asked_for(load: &LoadModel) -> u64 {
    match load {
        LoadModel::Closed { users, .. } => (*users).into(),
        LoadModel::Open { rate_rps, .. } => (rate_rps * 1000.0) as u64,
    }
}

impl Asked {
    /// How many visits a block has; a study's one with twice the load is among them.
    pub fn visits_a_block(&self, sides: usize) -> u64 {
        let axes = [self.workers.len(), self.quotas.len(), self.cpuset_sizes.len(), self.drives.len(), sides];
        let settings = axes.iter().map(|&count| count.max(1) as u64).product::<u64>();
        settings + u64::from(sides < 2 && self.study.is_some())
    }

    /// How long a visit takes at most, if a target takes 5 s from its start to rest. Users that come with the workers all
    /// start at once.
    pub fn longest_visit_us(&self) -> u64 {
        let workers = self.workers.iter().copied().max().unwrap_or(1);
        let own = [self.load.model.clone()].into_iter().filter(|_| self.drives.is_empty());
        let models = own.chain(self.drives.iter().map(|&drive| points::load(self, drive, workers)));
        let visits = models.map(|model| longest_visit_us(&LoadPlan { model, ..self.load.clone() }, self.baseline));
        visits.max().unwrap_or(0)
    }
}

/// How long the visits of a plan's own blocks take at most, in microseconds, if a target takes 5 s from its
/// start to rest.
pub fn longest_us(plan: &Plan) -> u64 {
    let load = |turn: Turn| LoadPlan { model: plan.points[turn.point].load.clone(), ..plan.load.clone() };
    plan.order().fold(0, |sum, (_, turn)| sum.saturating_add(longest_visit_us(&load(turn), plan.baseline)))
}

fn longest_visit_us(load: &LoadPlan, baseline: bool) -> u64 {
    let load_us = load.longest_us().unwrap_or(0).saturating_sub(load.drain_us);
    START_US.saturating_add(load_us.saturating_mul(1 + u64::from(baseline)))
}

/// Whether a plan that was made before can be carried out on this host.
///
/// # Errors
/// [`Error::Preflight`] names a CPU that it has not.
pub fn check(plan: &Plan, host: &HostFacts) -> Result<()> {
    let online: CpuSet = host.cpus.iter().map(|cpu| cpu.id).collect();
    let Placement { generator, backend, target, .. } = plan.placement();
    let others = plan.others().filter_map(|container| container.limits.cpuset());
    match [generator, backend, target].into_iter().chain(others).find_map(|cpus| cpus.first_not_in(&online)) {
        Some(missing) => Err(Error::Preflight(format!("the plan needs CPU {missing}; this host has {online}"))),
        None => Ok(()),
    }
}

/// Every service's container, and those of each worker count where they are not the same.
fn containers(project: &Project, side: Side, placement: &Placement) -> (Vec<ContainerPlan>, Vec<AtWorkers>) {
    let at = |workers| AtWorkers { workers, containers: containers_with(project, side, workers, placement) };
    let by_count: Vec<AtWorkers> = project.counts().map(at).collect();
    // A count that nobody reads a file for is the project's own.
    let own = by_count.first().map_or_else(|| at(0).containers, |first| first.containers.clone());
    let differs = by_count.iter().any(|at| at.containers != own);
    (own, if differs { by_count } else { Vec::new() })
}

/// Every service's container, the generator last: it needs the others' names.
fn containers_with(project: &Project, side: Side, workers: u32, placement: &Placement) -> Vec<ContainerPlan> {
    let of = project.version(side, workers);
    let roles = &of.vscale;
    let generator = roles.generator.service();
    let mut order = of.start_order();
    order.sort_by_key(|name| name == generator);
    let container = |name: String| {
        let service = &of.services[&name];
        let mut limits = service.limits.clone();
        let cpus = match &name {
            name if name == generator || name == Plan::WITNESS => &placement.generator,
            name if *name == roles.target => &placement.target,
            // What the target needs besides takes none of its CPUs, unless the file says so.
            _ => limits.cpuset().unwrap_or(&placement.backend),
        };
        limits.set(Limit::Cpuset, Some(LimitValue::Cpus(cpus.clone())));
        ContainerPlan {
            command: match &name {
                // Another load generator is told a load by its command, which each phase has.
                name if name == generator => roles.generator.tool().is_none().then(|| vec!["generator".into()]),
                name if *name == Plan::WITNESS => Some(vec!["witness".into()]),
                // It stands here so that a visit can change it.
                name if roles.backend.as_ref() == Some(name) => service.command.clone(),
                _ => workers::command(service),
            },
            environment: workers::environment(service),
            life: if name == roles.target { Life::Visit } else { Life::Run },
            ready: roles.endpoints.get(&name).cloned(),
            probe_cpus: placement.generator.clone(),
            service: project.key(side, workers, &name),
            name,
            limits,
            limits_once_ready: Limits::default(),
        }
    };
    let mut containers: Vec<ContainerPlan> = order.into_iter().map(container).collect();
    if let Some(generator) = containers.pop() {
        let ours = containers.iter().find(|container| container.name == Plan::WITNESS).unwrap_or(&generator);
        containers.push(speed_reference(ours, &placement.target));
        containers.push(generator);
    }
    containers
}

/// A container of ours that times a fixed piece of work on the target's CPUs, while the target is idle.
fn speed_reference(generator: &ContainerPlan, cpus: &CpuSet) -> ContainerPlan {
    ContainerPlan {
        name: Plan::SPEED.into(),
        command: Some(vec!["speed".into()]),
        environment: Default::default(),
        limits: generator.limits.clone().with(Limit::Cpuset, LimitValue::Cpus(cpus.clone())),
        ..generator.clone()
    }
}
