//! The next visit: a pure function of the plan and of what has been visited, so that a sweep, repeats and a run that is
//! taken up again are one loop.

use super::{
    change::{self, Altered},
    order, workers,
};
use crate::{
    load_tools,
    model::{
        ContainerPlan, CpuSet, Distribution, Drive, Endpoint, Expect, Life, Limit, LimitValue, Limits, LoadModel,
        LoadPlan, LoadToolRun, PhaseKind, PhasePlan, Plan, Point, Purpose, Ready, RequestTemplate, Scheme, Statuses,
        Turn, Until, Visit, Visited, Wanted, WarmUp, is_served_by_mock,
    },
};
use std::collections::BTreeMap;

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

/// What to do next; `None` when all is done, or nothing more fits into the budget.
pub fn next(plan: &Plan, visited: &[Visited], wanted: &Wanted) -> Option<Visit> {
    let (block, turn) = order::next(plan, visited, wanted)?;
    let point = &plan.points[turn.point];
    let altered = turn.change.and_then(|change| change::apply(plan, point, &change));
    let as_it_is = || Altered { point: point.clone(), containers: plan.containers_at(point).to_vec() };
    let Altered { point, containers } = altered.unwrap_or_else(as_it_is);
    let name = name(plan, turn);
    let repeat = visited.iter().filter(|earlier| self::name(plan, earlier.turn()) == name).count();
    Some(Visit {
        id: if repeat > 0 { format!("{name}-r{}", repeat + 1) } else { name },
        sequence: visited.len(),
        point: turn.point,
        block,
        change: turn.change,
        workers: point.workers,
        containers: (containers.iter().filter(|container| !is_tool(plan, container)))
            .map(|container| at_point(plan, container, &point))
            .collect(),
        phases: phases(plan, &point, visited),
    })
}

/// `w2`, `w2-c1.5`, `w2-c1.5-n4` where points differ in their number of CPUs, `w2-u16` where they do in their load; without
/// workers `c1.5`, and `as-is` without anything; then the side, where there are two, and what is changed.
fn name(plan: &Plan, turn: Turn) -> String {
    let point = &plan.points[turn.point];
    let workers = plan.workers.as_ref().map(|_| format!("w{}", point.workers));
    let quota = point.limits.quota_cores().map(|cores| format!("c{}", rounded(cores)));
    let cpus = |point: &Point| point.limits.cpuset().map_or(0, CpuSet::len);
    let differ = plan.points.iter().any(|other| cpus(other) != cpus(point));
    let cpus = differ.then(|| format!("n{}", cpus(point)));
    let drive = plan.varied_drive(turn.point).map(|drive| match drive {
        Drive::Users(_) | Drive::UsersPerWorker(_) => format!("u{}", point.load.users()),
        Drive::RateRps(rate) => format!("rps{}", rounded(rate)),
    });
    let side = plan.ab.as_ref().map_or_else(String::new, |_| format!("-{}", point.side).to_lowercase());
    let setting = [workers, quota, cpus, drive].into_iter().flatten().reduce(|all, one| format!("{all}-{one}"));
    let setting = setting.unwrap_or_else(|| "as-is".to_owned());
    let change = turn.change.map_or_else(String::new, |change| {
        let moved = format!("-{}{}", change.lever, rounded(change.factor));
        match change.purpose {
            Purpose::Reference => "-reference".to_owned(),
            Purpose::Control => format!("-control{moved}"),
            Purpose::Check | Purpose::Test => moved,
        }
    });
    format!("{setting}{side}{change}")
}

/// To a thousandth, in the shortest form.
fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

/// A container as it is at this point: the target differs from one to the next, and whatever depends on the number of workers.
fn at_point(plan: &Plan, container: &ContainerPlan, point: &Point) -> ContainerPlan {
    let mut container = container.clone();
    workers::fill_in(plan, &mut container, point.workers);
    if container.name == plan.roles.target {
        container.limits = point.limits.clone();
        container.limits_once_ready = container.limits.take(&ONCE_READY);
    }
    container
}

/// Whether it is the container of a load generator that is not ours, which lives for a phase.
fn is_tool(plan: &Plan, container: &ContainerPlan) -> bool {
    plan.tool.is_some() && container.name == plan.roles.generator
}

/// Who carries out a load, if not our own load generator.
fn tool_run(plan: &Plan, point: &Point, load: &LoadPlan) -> Option<LoadToolRun> {
    let tool = plan.tool.as_ref()?;
    let container = plan.containers_at(point).iter().find(|container| is_tool(plan, container))?;
    Some(LoadToolRun {
        plan: tool.clone(),
        container: ContainerPlan {
            command: Some(load_tools::command(tool, load)),
            life: Life::Visit,
            ..at_point(plan, container, point)
        },
        warm_up: load_tools::warm_up(tool, load),
    })
}

/// The baseline, if there is one and it was not shown to mean nothing, and the target; and once in a run, what the generator
/// can do at most.
fn phases(plan: &Plan, point: &Point, visited: &[Visited]) -> Vec<PhasePlan> {
    let load = LoadPlan { model: point.load.clone(), ..plan.load.clone() };
    let of = |kind, service: &str| {
        let load = LoadPlan { host: plan.url(service), backend: plan.load.backend.clone(), ..load.clone() };
        PhasePlan { kind, beside: None, tool: tool_run(plan, point, &load), load }
    };
    // What another load generator sends may mean nothing to a mock.
    let is_first = plan.tool.is_none() && visited.iter().all(|visited| visited.phase(PhaseKind::Null).is_none());
    let is_known_to_fail = visited.iter().any(|visited| visited.no_baseline.is_some());
    let backend = plan.roles.backend.as_ref().filter(|_| plan.baseline && !is_known_to_fail);
    let baseline = backend.map(|backend| of(PhaseKind::Baseline, backend));
    let null = is_first.then(|| null_phase(plan, &load));
    baseline.into_iter().chain(null).chain([of(PhaseKind::Target, &plan.roles.target)]).collect()
}

/// A short closed loop against a mock of ours that answers at once, in the backend's place.
fn null_phase(plan: &Plan, load: &LoadPlan) -> PhasePlan {
    let users = match load.model {
        LoadModel::Closed { users, .. } => users.min(NULL_USERS),
        LoadModel::Open { .. } => NULL_USERS,
    };
    let generator = plan.containers.iter().find(|container| container.name == plan.roles.generator);
    let limits = generator.map_or_else(Limits::default, |generator| generator.limits.clone());
    let command = ["mock", "--any-path", "--host", "0.0.0.0", "--port", &NULL_PORT.to_string()].map(str::to_owned);
    let requests = load.requests.iter().map(|request| match is_served_by_mock(&request.method, &request.path) {
        true => request.clone(),
        // What a stand-in answers is nobody's expectation, and has nothing to be captured.
        false => RequestTemplate { expect: Expect::any(), capture: BTreeMap::new(), ..request.clone() },
    });
    let placement = plan.placement();
    // The target is idle meanwhile.
    let cpus = if placement.backend.is_empty() { &placement.target } else { &placement.backend };
    PhasePlan {
        kind: PhaseKind::Null,
        beside: Some(ContainerPlan {
            name: NULL.into(),
            service: plan.roles.generator.clone(),
            command: Some(command.into()),
            environment: Default::default(),
            limits: limits.with(Limit::Cpuset, LimitValue::Cpus(cpus.clone())),
            limits_once_ready: Limits::default(),
            ready: Some(Endpoint {
                port: NULL_PORT,
                scheme: Scheme::Http,
                path: String::new(),
                ready: Ready::Answers("/v1/health".into(), Statuses::Success),
            }),
            probe_cpus: placement.generator.clone(),
            life: Life::Visit,
        }),
        tool: None,
        load: LoadPlan {
            host: format!("http://{NULL}:{NULL_PORT}"),
            backend: None,
            requests: requests.collect(),
            model: LoadModel::Closed { users, spawn_rate_per_s: f64::from(users), think_time: Distribution::zero() },
            stages: Vec::new(),
            until: Until::RunTime { us: NULL_RUN_TIME_US },
            warm_up: WarmUp::Fixed { us: NULL_WARM_UP_US },
            ..load.clone()
        },
    }
}
