//! A run as a real one might be: two levels, few enough answers in the stack's first to have no p99, failures with a
//! hostile body, a quota that throttles. Made by arithmetic, so it is the same each time.

use vscale::model::*;

pub const START_UNIX_US: u64 = 1_795_520_661_000_000;
pub const HOSTILE: &str =
    "HTTP 503: <script>document.title='owned'</script>\u{1b}[31m\u{1b}]0;owned\u{7} | busy,\r\n \"later\"";
pub const COMPOSE: &str = "name: bench\nservices:\n  stack:\n    image: vscale/stack\n    environment:\n      OPENAI_BASE_URL: http://mock:8080/v1\n      OPENAI_API_KEY: '[redacted]'\n    command: \"</pre><script>document.title='owned'</script>\"\n";

const SECONDS: u64 = 20;
const WARM_UP_S: u64 = 3;
const SECOND_US: u64 = 1_000_000;

pub fn run() -> RunResult {
    RunResult {
        schema_version: SCHEMA_VERSION,
        id: "20261124T114421Z-bench-3f9a1c".into(),
        name: "bench".into(),
        started_unix_us: START_UNIX_US,
        finished_unix_us: Some(START_UNIX_US + 131 * SECOND_US),
        settings: settings(),
        host: host(),
        engine: engine(),
        placement: Placement {
            load: vec![0],
            backend: vec![1],
            target: vec![2, 3],
            reason: "4 CPUs: one for the load generator, one for the backend, the rest for the target".into(),
        },
        images: images(),
        levels: vec![level("w1", 1, 45, 22_000), level("w2", 2, 86, 23_000)],
        warnings: vec![],
    }
}

/// The same, but its second level ran one worker only and lost its container.
pub fn invalid_run() -> RunResult {
    let mut run = run();
    let level = &mut run.levels[1];
    level.attestation.workers_before = 1;
    level.attestation.workers_after = 1;
    level.attestation.limits[1].engine.memory_bytes = None;
    level.warnings = vec![
        Warning::WorkersNotApplied { level: "w2".into(), asked: 2, before: 1, after: 1 },
        Warning::ContainerEnded {
            level: "w2".into(),
            service: "stack".into(),
            how: "exit status 137, out of memory".into(),
        },
    ];
    run
}

fn model() -> LoadModel {
    LoadModel::Closed { users: 4, spawn_rate_per_s: 10.0, think_time: Distribution::zero() }
}

fn settings() -> Settings {
    Settings {
        workers: vec![1, 2],
        model: model(),
        stages: vec![],
        run_time_us: SECONDS * SECOND_US,
        warm_up_us: 10 * SECOND_US,
        cpus_cores: Some(1.5),
        memory_bytes: Some(1 << 30),
        target: "stack".into(),
        backend: "mock".into(),
        load: "loadgen".into(),
    }
}

/// [`run`] cut to one level, with streams that are due at Poisson times.
pub fn streamed_run() -> RunResult {
    let mut run = run();
    run.levels.truncate(1);
    let level = &mut run.levels[0];
    let model = LoadModel::Open { rate_rps: 50.0, arrivals: Arrivals::Poisson, max_in_flight: 100 };
    run.settings.model = model.clone();
    for load in [&mut level.baseline.load, &mut level.stack.load] {
        load.model = model.clone();
        load.totals.delayed = 12;
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

/// Every recorded time as `f` has it.
fn shifted(histogram: &Histogram, f: impl Fn(u64) -> u64) -> Histogram {
    let mut shifted = Histogram::new();
    for (us, count) in histogram.buckets() {
        (0..count).for_each(|_| shifted.record_us(f(us)));
    }
    shifted
}

fn host() -> HostFacts {
    HostFacts {
        kernel: "6.1.0-28-amd64".into(),
        cpu_model: "Example CPU @ 2.60GHz".into(),
        cpus: (0..4).map(|id| Cpu { id, core: id / 2, package: 0, node: 0 }).collect(),
        governor: Some("performance".into()),
        memory_bytes: 8 << 30,
    }
}

fn engine() -> EngineFacts {
    EngineFacts {
        name: "Docker Engine - Community".into(),
        version: "29.3.1".into(),
        api_version: "1.53".into(),
        cgroup_version: "2".into(),
        storage_driver: "overlay2".into(),
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

/// A level whose stack answers `rate_per_s` requests a second in about `latency_us`.
fn level(name: &str, workers: u32, rate_per_s: u64, latency_us: u64) -> Level {
    let start = START_UNIX_US + u64::from(workers) * 60 * SECOND_US;
    let stack = phase(PhaseName::Stack, start, rate_per_s, latency_us, workers);
    let (failures, requests) = (stack.load.failure_count(), stack.load.request_count());
    let most_often = stack.load.failures[0].error.clone();
    Level {
        name: name.into(),
        workers,
        attestation: attestation(workers),
        ready_after_us: 5_230_000,
        null_rps: Some(41_000.0),
        baseline: phase(PhaseName::Baseline, start - 30 * SECOND_US, 15_000, 240, 0),
        stack,
        warnings: vec![Warning::Failures { level: name.into(), phase: "stack".into(), failures, requests, most_often }],
    }
}

fn attestation(workers: u32) -> Attestation {
    let limits = |service: &str, cpuset: &str, cores: Option<f64>, memory: Option<u64>| {
        let limits = CgroupLimits {
            cpu_quota_cores: cores,
            cpu_period_us: Some(100_000),
            cpuset: Some(cpuset.into()),
            memory_bytes: memory,
        };
        Limits {
            service: service.into(),
            asked: limits.clone(),
            engine: limits.clone(),
            inside: Some(limits),
            cpus_allowed: Some(cpuset.into()),
        }
    };
    Attestation {
        workers_before: workers,
        workers_after: workers,
        limits: vec![
            limits("mock", "1", None, None),
            limits("stack", "2-3", Some(1.5), Some(1 << 30)),
            limits("loadgen", "0", None, None),
        ],
    }
}

fn phase(name: PhaseName, start: u64, rate_per_s: u64, latency_us: u64, workers: u32) -> Phase {
    let failing = name == PhaseName::Stack;
    Phase {
        name,
        load: load(name, start, rate_per_s, latency_us, failing),
        containers: ["mock", "stack", "loadgen"].map(|service| usage(service, name, start, workers)).into(),
        processes: if failing { processes(start, workers) } else { vec![] },
    }
}

fn load(name: PhaseName, start: u64, rate_per_s: u64, latency_us: u64, failing: bool) -> LoadResult {
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
        intended: None,
        stream: None,
    };
    let requests = stats.requests;
    LoadResult {
        host: if name == PhaseName::Stack { "http://stack:8321".into() } else { "http://mock:8080".into() },
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
        generators: vec![GeneratorUsage {
            threads: 1,
            cpus_allowed: vec![0],
            cpu_user_us: 900_000,
            cpu_system_us: 2_100_000,
            max_rss_bytes: 5 << 20,
            send_lag: None,
            limits: None,
        }],
        totals: Totals {
            sent: requests,
            succeeded: requests - failures,
            failed: failures,
            connections_opened: 4,
            on_kept_connection: requests - 4,
            ..Totals::default()
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

fn usage(service: &str, phase: PhaseName, start: u64, workers: u32) -> ContainerUsage {
    let cores = match (service, phase) {
        ("mock", PhaseName::Baseline) => 0.92,
        ("loadgen", PhaseName::Baseline) => 0.71,
        ("stack", PhaseName::Stack) => (f64::from(workers) * 0.98).min(1.5),
        _ => 0.02,
    };
    let throttled = service == "stack" && cores >= 1.5;
    let sample = |index: u64| {
        let cpu_us = (cores * (index * SECOND_US) as f64) as u64 + index % 3 * 40_000;
        ContainerSample {
            unix_us: start + index * SECOND_US + 120_000,
            cpu_us,
            cpu_user_us: cpu_us * 3 / 4,
            cpu_system_us: cpu_us / 4,
            periods: (service == "stack").then_some(index * 10),
            throttled_periods: (service == "stack").then_some(if throttled { index * 6 } else { 0 }),
            throttled_us: (service == "stack").then_some(if throttled { index * 240_000 } else { 0 }),
            memory_bytes: (160 << 20) + index * 4096,
            received_bytes: index * 40_000,
            sent_bytes: index * 60_000,
            disk_read_bytes: 0,
            disk_written_bytes: 0,
            pids: 4,
        }
    };
    ContainerUsage {
        service: service.into(),
        samples: (0..=WARM_UP_S + SECONDS).map(sample).collect(),
        cpu_cores: Some(cores),
        throttled_ratio: (service == "stack").then_some(if throttled { 0.6 } else { 0.0 }),
        memory_peak_bytes: (160 << 20) + 23 * 4096,
        // A number that only an exact reader of JSON gives back.
        received_bytes_per_s: Some(31.245270191439438),
        sent_bytes_per_s: Some(60_000.0),
    }
}

fn processes(start: u64, workers: u32) -> Vec<ProbeSample> {
    let process = |pid, cpu_us, command_line: &str| Process {
        pid,
        ppid: pid.min(7),
        command_line: command_line.into(),
        threads: 3,
        cpu_us,
        rss_bytes: 150 << 20,
        cpus_allowed: "2-3".into(),
    };
    let sample = |index: u64| {
        let supervisor = process(7, 1_000, "uvicorn --workers \u{1b}[2J<b>");
        let worker = |number: u32| process(20 + number, index * (780_000 - 90_000 * u64::from(number)), "spawn_main");
        ProbeSample {
            unix_us: start + index * SECOND_US + 400_000,
            processes: [supervisor].into_iter().chain((0..workers).map(worker)).collect(),
            connections: 8,
            limits: None,
            own_cpu_us: index * 900,
        }
    };
    (0..=WARM_UP_S + SECONDS).map(sample).collect()
}
