//! A run as a real one might be: two visits, few enough answers in the target's first to have no p99, failures with a
//! hostile body, a quota that throttles. Made by arithmetic, so it is the same each time.

use vscale::{analyse::Analysis, model::*};

pub const START_UNIX_US: u64 = 1_795_520_661_000_000;
pub const HOSTILE: &str =
    "HTTP 503: <script>document.title='owned'</script>\u{1b}[31m\u{1b}]0;owned\u{7} | busy,\r\n \"later\"";
pub const COMPOSE: &str = "name: bench\nservices:\n  stack:\n    image: vscale/stack\n    environment:\n      OPENAI_BASE_URL: http://mock:8080/v1\n      OPENAI_API_KEY: '[redacted]'\n    command: \"</pre><script>document.title='owned'</script>\"\n";

const SECONDS: u64 = 20;
const WARM_UP_S: u64 = 3;
const SECOND_US: u64 = 1_000_000;

/// A run and what follows from it.
pub fn analysed(run: Run) -> (Run, Analysis) {
    let analysis = Analysis::of(&run);
    (run, analysis)
}

pub fn run() -> Run {
    Run {
        schema_version: SCHEMA_VERSION,
        id: "20261124T114421Z-bench-3f9a1c".into(),
        started_unix_us: START_UNIX_US,
        finished_unix_us: Some(START_UNIX_US + 131 * SECOND_US),
        origin: Origin {
            hosts: vec![host()],
            images: images(),
            vscale_version: "0.1.0".into(),
            arguments: ["bench", "--workers", "1,2", "--env", "API_KEY=[redacted]"].map(String::from).into(),
        },
        plan: plan(),
        visited: vec![visited(0, 45, 22_000), visited(1, 86, 23_000)],
    }
}

/// The same, but its second visit ran one worker only, without its memory limit, and lost its container.
pub fn invalid_run() -> Run {
    let mut run = run();
    invalidate(&mut run.visited[1]);
    run
}

/// Makes a visit say that it ran one worker only, without its memory limit, and lost its container.
pub fn invalidate(visited: &mut Visited) {
    let attestation = &mut visited.attestation;
    (attestation.workers_before, attestation.workers_after) = (Some(1), Some(1));
    let memory = attestation.limits.iter_mut().find(|row| row.limit == Limit::MemoryBytes).expect("asked for");
    memory.engine = Some(LimitValue::Unlimited);
    visited.ended = vec![Ended { container: "stack".into(), how: "exit status 137, out of memory".into() }];
}

/// The same, but with a baseline in its first visit only, and an engine that tells CPU time alone in its second.
pub fn unread_run() -> Run {
    let mut run = run();
    let visited = &mut run.visited[1];
    visited.phases.retain(|phase| phase.kind == PhaseKind::Target);
    (visited.attestation.workers_before, visited.attestation.workers_after) = (None, None);
    for row in &mut visited.attestation.limits {
        (row.engine, row.inside) = (None, None);
    }
    for sample in visited.phases[0].usage.iter_mut().flat_map(|usage| &mut usage.samples) {
        *sample = ContainerSample {
            cpu_user_us: None,
            cpu_system_us: None,
            periods: None,
            throttled_periods: None,
            throttled_us: None,
            memory_bytes: None,
            received_bytes: None,
            sent_bytes: None,
            disk_read_bytes: None,
            disk_written_bytes: None,
            pids: None,
            major_page_faults: None,
            ..*sample
        };
    }
    run
}

/// A run of these worker counts, each visited so many times; every tenth visit but the first is invalid.
pub fn repeated_run(workers: &[u32], repeats: usize) -> Run {
    let mut run = run();
    let (first, point) = (run.visited[0].clone(), run.plan.points[0].clone());
    run.plan.points = workers.iter().map(|&workers| Point { workers, ..point.clone() }).collect();
    run.plan.blocks = vec![(0..workers.len()).map(Turn::plain).collect(); repeats];
    run.visited.clear();
    for (sequence, (block, Turn { point, .. })) in run.plan.order().collect::<Vec<_>>().into_iter().enumerate() {
        let count = workers[point];
        let mut visit = visited(0, u64::from(45 * count.min(16)) + 3 * (block as u64), 22_000 + 500 * u64::from(count));
        let repeat = if block > 0 { format!("-r{}", block + 1) } else { String::new() };
        visit.id = format!("w{count}{repeat}");
        (visit.sequence, visit.point, visit.block, visit.workers) = (sequence, point, block, count);
        visit.attestation = attestation(count);
        let samples = visit.phases.iter_mut().flat_map(|phase| &mut phase.processes);
        for (sample, of_count) in samples.zip(processes(first.started_unix_us, count)) {
            *sample = ProbeSample { unix_us: sample.unix_us, ..of_count };
        }
        visit.phases.retain(|phase| phase.kind != PhaseKind::Null);
        if sequence % 10 == 9 {
            invalidate(&mut visit);
        }
        run.visited.push(visit);
    }
    run
}

/// One level in open loop, asked for 40 requests/s, of whose 311 it answered 57.
pub fn behind_run() -> Run {
    let mut run = first_visit(run());
    let model = LoadModel::Open { rate_rps: 40.0, arrivals: Arrivals::Constant, max_in_flight: 100 };
    run.plan.points.iter_mut().for_each(|point| point.load = model.clone());
    for phase in run.visited[0].phases.iter_mut() {
        phase.load.model = model.clone();
        phase.load.series.iter_mut().for_each(|second| second.users = 0);
    }
    let load = &mut run.visited[0].phases.last_mut().expect("the target's").load;
    load.failures.clear();
    load.requests[0].failures = 0;
    load.requests[0].requests = 57;
    load.totals = Totals {
        sent: 157,
        succeeded: 57,
        failed: 0,
        unanswered: Some(100),
        unsent: Some(154),
        delayed: Some(40),
        ..load.totals
    };
    run
}

/// Cuts a run to its first visit.
pub fn first_visit(mut run: Run) -> Run {
    run.visited.truncate(1);
    run.plan.blocks.truncate(1);
    run.plan.blocks[0].truncate(1);
    run
}

/// The load on the target in a visit.
pub fn target_load(run: &Run, visit: usize) -> &LoadResult {
    &phase_of(run, visit, PhaseKind::Target).load
}

pub fn phase_of(run: &Run, visit: usize, kind: PhaseKind) -> &Phase {
    run.visited[visit].phase(kind).expect("the fixture has all phases")
}

/// [`run`] cut to one visit, with streams that are due at Poisson times.
pub fn streamed_run() -> Run {
    let mut run = first_visit(run());
    let model = LoadModel::Open { rate_rps: 50.0, arrivals: Arrivals::Poisson, max_in_flight: 100 };
    run.plan.points.iter_mut().for_each(|point| point.load = model.clone());
    for phase in run.visited[0].phases.iter_mut().filter(|phase| phase.kind != PhaseKind::Null) {
        let load = &mut phase.load;
        load.model = model.clone();
        load.totals.delayed = Some(12);
        load.generators[0].send_lag = Some(shifted(&load.latency(), |us| us / 1000));
        for stats in &mut load.requests {
            let tokens = 9 * stats.latency.count();
            let (ttft, itl) = (shifted(&stats.latency, |us| us / 3), shifted(&stats.latency, |us| us / 12));
            stats.intended = Some(shifted(&stats.latency, |us| us + 1500));
            stats.stream = Some(StreamStats { tokens, without_done: 0, ttft, itl });
        }
    }
    run
}

fn model() -> LoadModel {
    LoadModel::Closed { users: 4, spawn_rate_per_s: 10.0, think_time: Distribution::zero() }
}

fn plan() -> Plan {
    Plan {
        at_workers: Vec::new(),
        name: "bench".into(),
        roles: Roles { target: "stack".into(), backend: Some("mock".into()), generator: "loadgen".into() },
        workers: Some(WorkersPlan {
            env: Some("WORKERS".into()),
            count: CountBy::Process("uvicorn|spawn_main".into()),
        }),
        hosts: vec![HostPlan {
            placement: Placement {
                generator: cpus("0"),
                backend: cpus("1"),
                target: cpus("2-3"),
                reason: "4 CPUs: one for the load generator, one for the backend, the rest for the target".into(),
            },
        }],
        containers: vec![],
        load: LoadPlan {
            until: Until::RunTime { us: SECONDS * SECOND_US },
            warm_up: WarmUp::Steady { at_most_us: 10 * SECOND_US },
            ..LoadPlan::new("http://stack:8321")
        },
        tool: None,
        points: [1, 2].map(|workers| Point { workers, limits: target_limits(), load: model(), side: Side::A }).into(),
        blocks: vec![vec![Turn::plain(0), Turn::plain(1)]],
        study: None,
        ab: None,
        baseline: true,
        no_baseline: None,
        ready_timeout_us: 300 * SECOND_US,
        max_failure_rate: 0.01,
        backend_requests: BackendRequests::default(),
    }
}

pub fn cpus(list: &str) -> CpuSet {
    list.parse().expect("a list of CPUs")
}

/// 1.5 CPUs and 1 GiB.
fn target_limits() -> Limits {
    Limits::default()
        .with(Limit::Cpuset, LimitValue::Cpus(cpus("2-3")))
        .with(Limit::CpuQuotaUs, LimitValue::Number(150_000))
        .with(Limit::CpuPeriodUs, LimitValue::Number(100_000))
        .with(Limit::MemoryBytes, LimitValue::Number(1 << 30))
}

/// Every recorded time as `f` has it.
fn shifted(histogram: &Histogram, f: impl Fn(u64) -> u64) -> Histogram {
    let mut shifted = Histogram::new();
    for (us, count) in histogram.buckets() {
        (0..count).for_each(|_| shifted.record_us(f(us)));
    }
    shifted
}

fn host() -> Host {
    Host {
        facts: HostFacts {
            kernel: "6.1.0-28-amd64".into(),
            cpu_model: "Example CPU @ 2.60GHz".into(),
            cpus: (0..4).map(|id| Cpu { id, core: id / 2, package: 0, node: 0 }).collect(),
            governor: Some("performance".into()),
            memory_bytes: 8 << 30,
        },
        engine: EngineFacts {
            name: "Docker Engine - Community".into(),
            version: "29.3.1".into(),
            api_version: "1.53".into(),
            cgroup_version: "2".into(),
            storage_driver: "overlay2".into(),
        },
    }
}

fn images() -> Vec<ImageFacts> {
    let image = |service: &str, digit: &str, size_bytes| ImageFacts {
        service: service.into(),
        reference: format!("vscale/{service}:3f9a1c"),
        id: format!("sha256:{}", digit.repeat(64)),
        size_bytes,
    };
    vec![image("mock", "a", 6 << 20), image("stack", "b", 412 << 20), image("loadgen", "a", 6 << 20)]
}

/// A visit whose target answers `rate_per_s` requests a second in about `latency_us`.
fn visited(sequence: usize, rate_per_s: u64, latency_us: u64) -> Visited {
    let workers = sequence as u32 + 1;
    let start = START_UNIX_US + u64::from(workers) * 60 * SECOND_US;
    let mut phases = vec![
        phase(PhaseKind::Baseline, start - 30 * SECOND_US, 15_000, 240, 0),
        phase(PhaseKind::Target, start, rate_per_s, latency_us, workers),
    ];
    if sequence == 0 {
        phases.insert(1, null_phase(&phases[0]));
    }
    Visited {
        id: format!("w{workers}"),
        sequence,
        point: sequence,
        change: None,
        block: 0,
        workers,
        started_unix_us: start - 40 * SECOND_US,
        ready_after_us: 5_230_000,
        attestation: attestation(workers),
        phases,
        ended: vec![],
        no_baseline: None,
        steps: vec![Step { name: "load: target".into(), duration_us: 23 * SECOND_US }],
    }
}

/// 41,000 requests a second, which nobody watched.
fn null_phase(baseline: &Phase) -> Phase {
    let mut load = baseline.load.clone();
    load.host = "http://null:80".into();
    load.requests[0].requests = 41_000 * SECONDS;
    Phase {
        kind: PhaseKind::Null,
        load,
        usage: vec![],
        processes: vec![],
        ticks: vec![],
        speed_before: None,
        speed_after: None,
    }
}

fn attestation(workers: u32) -> Attestation {
    attestation_of(workers, &target_limits())
}

/// All as asked.
pub fn attestation_of(workers: u32, of_target: &Limits) -> Attestation {
    let rows = |container: &str, limits: &Limits| {
        let row = |(limit, value): (Limit, &LimitValue)| LimitRow {
            container: container.into(),
            limit,
            asked: Some(value.clone()),
            engine: Some(value.clone()),
            inside: Some(value.clone()),
        };
        limits.iter().map(row).collect::<Vec<_>>()
    };
    let on = |list: &str| Limits::default().with(Limit::Cpuset, LimitValue::Cpus(cpus(list)));
    let limits = [("mock", on("1")), ("stack", of_target.clone()), ("loadgen", on("0"))];
    Attestation {
        workers_before: Some(workers),
        workers_after: Some(workers),
        workers_not_told: None,
        limits: limits.iter().flat_map(|(container, limits)| rows(container, limits)).collect(),
        above: Some(vec![]),
        not_seen: vec![],
        is_complete: true,
    }
}

fn phase(kind: PhaseKind, start: u64, rate_per_s: u64, latency_us: u64, workers: u32) -> Phase {
    let failing = kind == PhaseKind::Target;
    Phase {
        kind,
        load: load(kind, start, rate_per_s, latency_us, failing),
        usage: ["mock", "stack", "loadgen"].map(|container| usage(container, kind, start, workers)).into(),
        processes: if failing { processes(start, workers) } else { vec![] },
        ticks: vec![],
        speed_before: Some(SpeedReading { arithmetic_us: 2_000.0, memory_us: 1_500.0 }),
        speed_after: Some(SpeedReading { arithmetic_us: 2_010.0, memory_us: 1_700.0 }),
    }
}

pub fn load(kind: PhaseKind, start: u64, rate_per_s: u64, latency_us: u64, failing: bool) -> LoadResult {
    let seconds: Vec<(Second, Histogram)> =
        (0..WARM_UP_S + SECONDS).map(|index| second(index, start, rate_per_s, latency_us, failing)).collect();
    let measured = || seconds.iter().filter(|(second, _)| second.measured);
    let mut latency = Histogram::new();
    measured().for_each(|(_, histogram)| latency.merge(histogram));
    let failures = measured().map(|(second, _)| second.failures).sum();
    let stats = RequestStats {
        method: "POST".into(),
        name: "/v1/chat/completions".into(),
        requests: measured().map(|(second, _)| second.requests).sum(),
        failures,
        content_bytes: measured().map(|(second, _)| second.content_bytes).sum(),
        latency,
        summary: None,
        intended: None,
        stream: None,
    };
    let requests = stats.requests;
    LoadResult {
        host: if kind == PhaseKind::Target { "http://stack:8321".into() } else { "http://mock:8080".into() },
        told_by: None,
        summary: None,
        model: model(),
        stages: vec![],
        window: Window {
            start_unix_us: start + WARM_UP_S * SECOND_US,
            warm_up_us: WARM_UP_S * SECOND_US,
            duration_us: SECONDS * SECOND_US,
        },
        stopped_by: StopCause::RunTime,
        failures: if failures > 0 { vec![failure_group(start, failures)] } else { vec![] },
        requests: vec![stats],
        series: seconds.into_iter().map(|(second, _)| second).collect(),
        addresses: vec![],
        generators: vec![GeneratorUsage {
            threads: 1,
            cpus_allowed: cpus("0"),
            limits: Limits::default(),
            cpu_user_us: 900_000,
            cpu_system_us: 2_100_000,
            max_rss_bytes: 5 << 20,
            longest_pause_us: Some(2_000),
            send_lag: None,
        }],
        totals: Totals {
            sent: requests,
            succeeded: requests - failures,
            failed: failures,
            unanswered: Some(0),
            unsent: Some(0),
            delayed: Some(0),
            retries: Some(0),
            connections_opened: Some(4),
            on_kept_connection: Some(requests - 4),
            bytes_sent: Some(0),
            bytes_received: Some(0),
        },
        backend: None,
        backend_error: None,
    }
}

fn failure_group(start: u64, occurrences: u64) -> FailureGroup {
    FailureGroup {
        method: "POST".into(),
        name: "/v1/chat/completions".into(),
        kind: FailureKind::Status,
        error: HOSTILE.into(),
        occurrences,
        first_seen_unix_us: start + 5 * SECOND_US,
        last_seen_unix_us: start + 19 * SECOND_US,
    }
}

/// Latencies spread from the given one to a bit over double, a long tail, waves over time.
fn second(index: u64, start: u64, rate_per_s: u64, latency_us: u64, failing: bool) -> (Second, Histogram) {
    let requests = rate_per_s + index * 7 % 5 * rate_per_s / 50;
    let failures = if failing && index % 7 == 5 { 2 } else { 0 };
    let mut latency = Histogram::new();
    let mut latency_sum_us = 0;
    for request in 0..requests - failures {
        let tail = if request % 97 == 3 { latency_us * 2 } else { 0 };
        let us = latency_us + (request * 37 + index * 11) % 100 * latency_us / 150 + tail;
        latency.record_us(us);
        latency_sum_us += us;
    }
    let second = Second {
        unix_us: start + (index + 1) * SECOND_US,
        duration_us: SECOND_US,
        measured: index >= WARM_UP_S,
        users: u32::try_from(index + 1).unwrap().min(4),
        requests,
        failures,
        content_bytes: requests * 312,
        tokens: 0,
        latency_sum_us,
        percentiles_us: Some(PERCENTILES.map(|percent| latency.percentile_us(percent))),
    };
    (second, latency)
}

fn usage(container: &str, phase: PhaseKind, start: u64, workers: u32) -> ContainerUsage {
    let cores = match (container, phase) {
        ("mock", PhaseKind::Baseline) => 0.92,
        ("loadgen", PhaseKind::Baseline) => 0.71,
        ("stack", PhaseKind::Target) => (f64::from(workers) * 0.98).min(1.5),
        _ => 0.02,
    };
    let has_quota = container == "stack";
    let throttled = has_quota && cores >= 1.5;
    let sample = |index: u64| {
        // Uneven, but as even at the window's last sample as at its first, 19 s before: so the mean is `cores`.
        let cpu_us = (cores * (index * SECOND_US) as f64).round() as u64 + index % 19 % 3 * 40_000;
        ContainerSample {
            unix_us: start + index * SECOND_US + 120_000,
            cpu_us,
            cpu_user_us: Some(cpu_us * 3 / 4),
            cpu_system_us: Some(cpu_us / 4),
            periods: has_quota.then_some(index * 10),
            throttled_periods: has_quota.then_some(if throttled { index * 6 } else { 0 }),
            throttled_us: has_quota.then_some(if throttled { index * 240_000 } else { 0 }),
            memory_bytes: Some((160 << 20) + (index + 1) * 4096),
            received_bytes: Some(index * 40_000),
            sent_bytes: Some(index * 60_000),
            disk_read_bytes: Some(0),
            disk_written_bytes: None,
            pids: Some(4),
            major_page_faults: Some(0),
        }
    };
    ContainerUsage { container: container.into(), samples: (0..=WARM_UP_S + SECONDS).map(sample).collect() }
}

/// A CPU that runs the workers' halves, as far as it can, and little else.
fn host_cpu(cpu: u32, index: u64, workers: u32) -> CpuTimes {
    let workers_us: u64 = (0..u64::from(workers.min(2))).map(|number| 780_000 - 90_000 * number).sum();
    let busy_us = index * (workers_us / 2 + 10_000);
    CpuTimes { cpu, busy_us, idle_us: index * SECOND_US - busy_us, steal_us: 0 }
}

fn processes(start: u64, workers: u32) -> Vec<ProbeSample> {
    let process = |pid, cpu_us, command_line: &str| Process {
        pid,
        ppid: pid.min(7),
        command_line: command_line.into(),
        threads: 3,
        cpu_us,
        tasks: vec![Task { tid: pid, cpu_us: cpu_us + 1, wait_us: cpu_us / 50, ..Task::default() }],
        rss_bytes: 150 << 20,
        cpus_allowed: cpus("2-3"),
        ..Process::default()
    };
    let sample = |index: u64| {
        let supervisor = process(7, 1_000, "uvicorn --workers \u{1b}[2J<b>");
        let worker = |number: u32| {
            process(20 + number, index * 780_000u64.saturating_sub(90_000 * u64::from(number)), "spawn_main")
        };
        ProbeSample {
            unix_us: start + index * SECOND_US + 400_000,
            processes: [supervisor].into_iter().chain((0..workers).map(worker)).collect(),
            connections: 8,
            own_cpu_us: index * 900,
            cpus: [2, 3].map(|cpu| host_cpu(cpu, index, workers)).into(),
            throttling: Some(Throttling::default()),
            ..ProbeSample::default()
        }
    };
    (0..=WARM_UP_S + SECONDS).map(sample).collect()
}
