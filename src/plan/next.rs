//! The next visit: a pure function of the plan and of what has been visited, so that a sweep, repeats and a run that is
//! taken up again are one loop.

use crate::model::{
    ContainerPlan, Distribution, Endpoint, Life, Limit, LimitValue, Limits, LoadModel, LoadPlan, PhaseKind, PhasePlan,
    Plan, Point, Until, Visit, Visited, WarmUp,
};

/// The mock that answers at once.
const NULL: &str = "vscale-null";
const NULL_PORT: u16 = 80;
/// Long enough for a rate, short beside any window.
const NULL_WARM_UP_US: u64 = 300_000;
const NULL_RUN_TIME_US: u64 = 1_000_000;
/// Enough to keep a generator busy.
const NULL_USERS: u32 = 64;

/// Applied once the target is ready: under a small quota it may never get there.
const ONCE_READY: [Limit; 2] = [Limit::CpuQuotaUs, Limit::CpuPeriodUs];

/// What to do next; `None` when all is done.
pub fn next(plan: &Plan, visited: &[Visited]) -> Option<Visit> {
    let sequence = visited.len();
    let before = plan.order().take(sequence);
    let (block, index) = plan.order().nth(sequence)?;
    let point = &plan.points[index];
    let repeat = before.filter(|(_, earlier)| *earlier == index).count();
    Some(Visit {
        id: id(point, repeat),
        sequence,
        point: index,
        block,
        workers: point.workers,
        containers: plan.containers.iter().map(|container| at_point(plan, container, point)).collect(),
        phases: phases(plan, point, visited),
    })
}

/// `w2`, `w2-c1.5`, `w2-c1.5-r2`.
fn id(point: &Point, repeat: usize) -> String {
    let quota = point.limits.quota_cores().map_or_else(String::new, |cores| format!("-c{cores}"));
    let repeat = if repeat > 0 { format!("-r{}", repeat + 1) } else { String::new() };
    format!("w{}{quota}{repeat}", point.workers)
}

/// A container as it is at this point: only the target differs from one to the next.
fn at_point(plan: &Plan, container: &ContainerPlan, point: &Point) -> ContainerPlan {
    let mut container = container.clone();
    if container.name == plan.roles.target {
        container.environment.insert(plan.workers.env.clone(), point.workers.to_string());
        container.limits = point.limits.clone();
        container.limits_once_ready = container.limits.take(&ONCE_READY);
    }
    container
}

/// The baseline and the target; and once in a run, what the generator can do at most.
fn phases(plan: &Plan, point: &Point, visited: &[Visited]) -> Vec<PhasePlan> {
    let load = LoadPlan { model: point.load.clone(), ..plan.load.clone() };
    let of = |kind, service: &str| PhasePlan {
        kind,
        beside: None,
        load: LoadPlan { host: plan.url(service), backend: plan.load.backend.clone(), ..load.clone() },
    };
    let mut phases = vec![of(PhaseKind::Baseline, &plan.roles.backend), of(PhaseKind::Target, &plan.roles.target)];
    if visited.iter().all(|visited| visited.phase(PhaseKind::Null).is_none()) {
        phases.insert(1, null_phase(plan, &load));
    }
    phases
}

/// A short closed loop against a mock of ours that answers at once, in the backend's place.
fn null_phase(plan: &Plan, load: &LoadPlan) -> PhasePlan {
    let users = match load.model {
        LoadModel::Closed { users, .. } => users.min(NULL_USERS),
        LoadModel::Open { .. } => NULL_USERS,
    };
    let generator = plan.containers.iter().find(|container| container.name == plan.roles.generator);
    let limits = generator.map_or_else(Limits::default, |generator| generator.limits.clone());
    let command = ["mock", "--host", "0.0.0.0", "--port", &NULL_PORT.to_string()].map(str::to_owned);
    PhasePlan {
        kind: PhaseKind::Null,
        beside: Some(ContainerPlan {
            name: NULL.into(),
            service: plan.roles.generator.clone(),
            command: Some(command.into()),
            environment: Default::default(),
            limits: limits.with(Limit::Cpuset, LimitValue::Cpus(plan.placement().backend.clone())),
            limits_once_ready: Limits::default(),
            ready: Some(Endpoint { port: NULL_PORT, ready: "/v1/health".into() }),
            probe_cpus: plan.placement().generator.clone(),
            life: Life::Visit,
        }),
        load: LoadPlan {
            host: format!("http://{NULL}:{NULL_PORT}"),
            backend: None,
            model: LoadModel::Closed { users, spawn_rate_per_s: f64::from(users), think_time: Distribution::zero() },
            stages: Vec::new(),
            until: Until::RunTime { us: NULL_RUN_TIME_US },
            warm_up: WarmUp::Fixed { us: NULL_WARM_UP_US },
            ..load.clone()
        },
    }
}
