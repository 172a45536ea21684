//! A study as a real one might be: 1 to 4 workers with 0.25 CPUs each in five blocks, a visit that the host spoiled and that
//! was made again, then a trial. What comes next is asked of the plan, as a run does; what was measured is arithmetic.

use crate::fixture::{attestation_of, cpus, load, run};
use vscale::{analyse::wanted, model::*, plan};

const SECOND_US: u64 = 1_000_000;
/// Of a worker with its quota.
const WORKER_RPS: f64 = 120.0;
const WORKER_CPUS: f64 = 0.25;
/// The largest setting does less than its workers promise.
const SHARE_OF_LINEAR: [f64; 4] = [1.0, 0.995, 0.99, 0.9];
/// The first visit of this point in this block.
const SPOILED: (usize, usize) = (1, 2);

/// All of it.
pub fn study_run() -> Run {
    visited_to_the_end(planned())
}

/// The same without a trial, in so many blocks.
pub fn observed_run(blocks: usize) -> Run {
    let mut run = planned();
    run.plan.blocks.truncate(blocks);
    run.plan.study.as_mut().expect("it is a study").confirm = false;
    visited_to_the_end(run)
}

/// The same CPUs shared by one worker or by two, and twice as many for two; without a trial.
pub fn equal_cpus_run() -> Run {
    let mut run = planned();
    run.plan.points = vec![point(1, 0.5), point(2, 0.5), point(2, 1.0)];
    let turns: Vec<Turn> = (0..3).map(Turn::plain).collect();
    run.plan.blocks = vec![turns; 5];
    run.plan.study.as_mut().expect("it is a study").confirm = false;
    visited_to_the_end(run)
}

/// The same CPUs whatever the workers, whose threads give up their CPU all the time; with a trial or without.
pub fn undecided_run() -> Run {
    let mut run = planned();
    run.plan.points = [1, 2, 4].map(|workers| point(workers, 0.5)).into();
    let check = Turn { point: 2, change: Some(Change::DOUBLED) };
    run.plan.blocks = vec![(0..3).map(Turn::plain).chain([check]).collect(); 5];
    run.plan.study.as_mut().expect("it is a study").confirm = false;
    visited_as(run, &|visited| {
        let processes =
            visited.phases.iter_mut().flat_map(|phase| &mut phase.processes).flat_map(|it| &mut it.processes);
        processes.flat_map(|process| &mut process.tasks).for_each(|task| task.voluntary_switches *= 50);
    })
}

/// One and two workers, as they are and with a server that does a tenth less.
pub fn ab_run() -> Run {
    let mut run = planned();
    let both = |side| [1, 2].map(|workers| Point { side, ..point(workers, f64::from(workers) * WORKER_CPUS) });
    run.plan.points = [both(Side::A), both(Side::B)].concat();
    let other = ContainerPlan {
        name: "stack".into(),
        service: "stack.b".into(),
        command: None,
        environment: Default::default(),
        limits: Limits::default(),
        limits_once_ready: Limits::default(),
        ready: None,
        probe_cpus: CpuSet::default(),
        life: Life::Visit,
    };
    run.plan.ab =
        Some(AbPlan { a: "compose.yaml".into(), b: "TAG=2".into(), containers: vec![other], at_workers: Vec::new() });
    run.plan.blocks = (0..5).map(|block| [[0, 2, 3, 1], [3, 1, 0, 2]][block % 2].map(Turn::plain).into()).collect();
    run.plan.study.as_mut().expect("it is a study").confirm = false;
    visited_as(run, &|visited| {
        let loads = visited.phases.iter_mut().map(|phase| &mut phase.load);
        let slower = |stats: &mut RequestStats| stats.requests = stats.requests * 9 / 10;
        loads.filter(|_| visited.point > 1).flat_map(|load| &mut load.requests).for_each(slower);
    })
}

/// Two workers with 8, 16 and 32 users.
pub fn users_run() -> Run {
    let mut run = planned();
    let with_users = |users: u32| {
        let mut point = point(2, 0.5);
        point.load = LoadModel::Closed { users, spawn_rate_per_s: f64::from(users), think_time: Distribution::zero() };
        point
    };
    run.plan.points = [8, 16, 32].map(with_users).into();
    let check = Turn { point: 2, change: Some(Change::DOUBLED) };
    run.plan.blocks = vec![(0..3).map(Turn::plain).chain([check]).collect(); 5];
    run.plan.study.as_mut().expect("it is a study").confirm = false;
    visited_to_the_end(run)
}

fn planned() -> Run {
    let mut run = run();
    run.origin.arguments =
        ["study", "--workers", "1,2,3,4", "--cpus-per-worker", "0.25", "--confirm"].map(String::from).into();
    run.visited.clear();
    run.plan.baseline = false;
    run.plan.points = (1..=4).map(|workers| point(workers, f64::from(workers) * WORKER_CPUS)).collect();
    // No two blocks in the same order.
    let check = Change { lever: Lever::Load, factor: 2.0, purpose: Purpose::Check };
    let turns = (0..4).map(Turn::plain).chain([Turn { point: 3, change: Some(check) }]).collect::<Vec<_>>();
    run.plan.blocks = (0..5).map(|block| [&turns[block..], &turns[..block]].concat()).collect();
    run.plan.study = Some(StudyPlan { seed: 1, precision: None, budget_us: None, confirm: true, slo: None });
    run
}

fn point(workers: u32, quota: f64) -> Point {
    let limits = Limits::default()
        .with(Limit::Cpuset, LimitValue::Cpus(cpus("2-3")))
        .with(Limit::CpuQuotaUs, LimitValue::Number((quota * 100_000.0) as u64))
        .with(Limit::CpuPeriodUs, LimitValue::Number(100_000));
    let users = 8 * workers;
    let load = LoadModel::Closed { users, spawn_rate_per_s: f64::from(users), think_time: Distribution::zero() };
    Point { workers, limits, load, side: Side::A }
}

fn visited_to_the_end(run: Run) -> Run {
    visited_as(run, &|_| {})
}

/// Each visit's measurements made other ones.
fn visited_as(mut run: Run, other: &dyn Fn(&mut Visited)) -> Run {
    while let Some(visit) = plan::next(&run.plan, &run.visited, &wanted(&run)) {
        let mut visited = carried_out(&run, &visit);
        other(&mut visited);
        run.visited.push(visited);
    }
    run.finished_unix_us = run.visited.last().map(|last| last.started_unix_us + 31 * SECOND_US);
    run
}

fn carried_out(run: &Run, visit: &Visit) -> Visited {
    let point = &run.plan.points[visit.point];
    let point = match visit.change {
        Some(change) => plan::apply(&run.plan, point, &change).expect("a plan asks for what can be done").point,
        None => point.clone(),
    };
    let started_unix_us = run.started_unix_us + visit.sequence as u64 * 32 * SECOND_US;
    let is_first = run
        .visited
        .iter()
        .all(|it| it.turn() != Turn { point: visit.point, change: visit.change } || it.block != visit.block);
    let is_spoiled = (visit.point, visit.block) == SPOILED && visit.change.is_none() && is_first;
    Visited {
        id: visit.id.clone(),
        sequence: visit.sequence,
        point: visit.point,
        change: visit.change,
        block: visit.block,
        workers: visit.workers,
        started_unix_us,
        ready_after_us: 1_230_000,
        attestation: attestation_of(point.workers, &point.limits),
        phases: vec![phase(visit, &point, started_unix_us + 6 * SECOND_US, is_spoiled)],
        ended: vec![],
        no_baseline: None,
        steps: vec![Step { name: "load: target".into(), duration_us: 31 * SECOND_US }],
    }
}

/// A share of the quota is lost to more workers; each visit is off by up to one in a hundred, and all drift.
fn phase(visit: &Visit, point: &Point, start: u64, is_spoiled: bool) -> Phase {
    let quota = point.limits.quota_cores().expect("every point has a quota");
    let noise = [0.004, -0.009, 0.007, -0.003, 0.001, -0.006, 0.009][visit.sequence * 5 % 7];
    let drift = 1.0 - 0.004 * visit.block as f64;
    let share = SHARE_OF_LINEAR[visit.point] * if is_spoiled { 0.7 } else { 1.0 };
    let rps = quota / WORKER_CPUS * WORKER_RPS * share * drift * (1.0 + noise);
    let LoadModel::Closed { users, .. } = point.load else { panic!("all loads are closed loops") };
    // The mean of what the fixture makes of a latency is 1.35 times that.
    let latency_us = (f64::from(users) / rps / 1.35 * 1e6) as u64;
    let mut load = load(PhaseKind::Target, start, rps.round() as u64, latency_us, false);
    load.model = point.load.clone();
    load.series.iter_mut().for_each(|second| second.users = users);
    let reading = |arithmetic_us| Some(SpeedReading { arithmetic_us, memory_us: 1_500.0 + 90.0 * noise * 1e3 });
    Phase {
        kind: PhaseKind::Target,
        load,
        usage: vec![usage(start, quota)],
        processes: processes(start, point.workers, quota),
        ticks: vec![],
        speed_before: reading(2_000.0 * (1.0 + noise / 3.0)),
        speed_after: reading(if is_spoiled { 2_500.0 } else { 2_010.0 }),
    }
}

/// CPU time used of a quota after so many seconds: all but a little.
fn used_us(quota: f64, seconds: u64) -> u64 {
    (quota * 0.985 * (seconds * SECOND_US) as f64) as u64
}

fn usage(start: u64, quota: f64) -> ContainerUsage {
    let sample = |index: u64| ContainerSample {
        unix_us: start + index * SECOND_US + 120_000,
        cpu_us: used_us(quota, index),
        cpu_user_us: None,
        cpu_system_us: None,
        periods: Some(index * 10),
        throttled_periods: Some(index * 9),
        throttled_us: Some(index * 600_000),
        memory_bytes: Some((60 << 20) + (40 << 20) * (quota / WORKER_CPUS).round() as u64),
        received_bytes: Some(index * 40_000),
        sent_bytes: Some(index * 60_000),
        disk_read_bytes: Some(0),
        disk_written_bytes: Some(0),
        pids: Some(4),
        major_page_faults: Some(0),
    };
    ContainerUsage { container: "stack".into(), samples: (0..=23).map(sample).collect() }
}

fn processes(start: u64, workers: u32, quota: f64) -> Vec<ProbeSample> {
    let process = |pid: u32, cpu_us: u64, command_line: &str| Process {
        pid,
        ppid: pid.min(7),
        command_line: command_line.into(),
        threads: 1,
        cpu_us,
        tasks: vec![Task {
            tid: pid,
            cpu_us,
            wait_us: cpu_us / 2,
            voluntary_switches: cpu_us / 500,
            involuntary_switches: cpu_us / 20_000,
            ..Task::default()
        }],
        rss_bytes: 40 << 20,
        cpus_allowed: cpus("2-3"),
        ..Process::default()
    };
    let sample = |index: u64| {
        let each_us = used_us(quota, index) / u64::from(workers);
        let busy_us = used_us(quota, index) / 2 + index * 10_000;
        ProbeSample {
            unix_us: start + index * SECOND_US + 400_000,
            processes: [process(7, 1_000, "uvicorn --workers")]
                .into_iter()
                .chain((0..workers).map(|number| process(20 + number, each_us, "spawn_main")))
                .collect(),
            connections: 8 * workers,
            own_cpu_us: index * 900,
            cpus: [2, 3].map(|cpu| CpuTimes { cpu, busy_us, idle_us: index * SECOND_US - busy_us, steal_us: 0 }).into(),
            throttling: Some(Throttling {
                periods: index * 10,
                throttled_periods: index * 9,
                throttled_us: index * 600_000,
            }),
            ..ProbeSample::default()
        }
    };
    (0..=23).map(sample).collect()
}
