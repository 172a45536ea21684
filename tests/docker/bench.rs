//! A run that goes well, and one whose target ignores its worker count.

use super::*;
use vscale::{
    analyse::Analysis,
    measure::Rates,
    model::{
        ContainerUsage, Gate, Histogram, Limit, LimitValue, LoadModel, LoadResult, PhaseKind, Run, Visited, Window,
    },
};

fn target(visited: &Visited) -> &LoadResult {
    &visited.phase(PhaseKind::Target).expect("it was loaded").load
}

/// A limit of the target: in the engine, and inside.
fn limit(visited: &Visited, limit: Limit) -> (Option<u64>, Option<u64>) {
    let row = visited.attestation.limits.iter().find(|row| row.container == "stack" && row.limit == limit);
    let number = |value: &Option<LimitValue>| match value {
        Some(LimitValue::Number(number)) => Some(*number),
        _ => None,
    };
    row.map_or((None, None), |row| (number(&row.engine), number(&row.inside)))
}

/// CPUs that readings beside a window's ends can hide, of a container on one CPU (docs/statistics.md, Counters over a window).
fn hidden_cores(usage: &ContainerUsage, window: &Window) -> f64 {
    let (from, to) = (window.start_unix_us, window.start_unix_us + window.duration_us);
    let times: Vec<u64> = usage.samples.iter().map(|sample| sample.unix_us).collect();
    let hidden_us = |end: u64| {
        let before = times.iter().rev().find(|at| **at <= end).map(|at| (end - at) as f64);
        let after = times.iter().find(|at| **at >= end).map(|at| (at - end) as f64);
        match (before, after) {
            (Some(before), Some(after)) => before * after / (before + after).max(1.0),
            (one, other) => one.or(other).expect("there are some"),
        }
    };
    (hidden_us(from) + hidden_us(to)) / window.duration_us as f64
}

#[test]
fn levels_are_measured_saved_and_removed() {
    let bench = Bench::new(STACK, "/v1/health");
    let finished = bench.run(&["--workers", "1,1", "--run-time", "3", "--cpus", "0.5", "--memory", "64m"]).assert(0);
    assert!(finished.stdout.contains("w1-c0.5-r2"), "{}", finished.stdout);

    let run = bench.saved();
    assert_eq!(run.visited.len(), 2);
    let mut off_us = [u64::MAX; 2];
    for visited in &run.visited {
        let attestation = &visited.attestation;
        assert_eq!((attestation.workers_before, attestation.workers_after), (Some(1), Some(1)));
        assert_eq!(limit(visited, Limit::CpuQuotaUs), (Some(50_000), Some(50_000)));
        assert_eq!(limit(visited, Limit::CpuPeriodUs), (Some(100_000), Some(100_000)));
        assert_eq!(limit(visited, Limit::MemoryBytes), (Some(64 << 20), Some(64 << 20)));
        assert_eq!(limit(visited, Limit::SwapBytes).0, Some(0), "an update of the quota leaves swap off");
        for kind in [PhaseKind::Baseline, PhaseKind::Target] {
            let phase = visited.phase(kind).expect("both are there");
            assert!(phase.load.request_count() > 100 && phase.load.failure_count() == 0);
            let watched: Vec<&str> = phase.usage.iter().map(|usage| usage.container.as_str()).collect();
            assert_eq!(watched, ["mock", "stack", "loadgen"]);
            let generator = phase.usage("loadgen").expect("watched");
            // The engine's counter over the window, and what the generator itself has read at its ends.
            let told = Rates::over(generator, &phase.load.window).cpu_cores.expect("read");
            let own = phase.load.generator_cores();
            let hidden = hidden_cores(generator, &phase.load.window);
            assert!((told - own).abs() <= 0.02 + 0.1 * own + hidden, "{told} and {own} CPUs, {hidden} hidden at most");
        }
        let phase = visited.phase(PhaseKind::Target).expect("loaded");
        let (from, to) =
            (phase.load.window.start_unix_us, phase.load.window.start_unix_us + phase.load.window.duration_us);
        let times: Vec<u64> = phase.processes.iter().map(|sample| sample.unix_us).collect();
        assert!(times.len() >= 4 && times[times.len() - 1] >= to, "{times:?} of {from} to {to}");
        for (least, end) in off_us.iter_mut().zip([from, to]) {
            *least = times.iter().map(|at| at.abs_diff(end)).chain([*least]).min().expect("there are some");
        }
        for usage in &phase.usage {
            // How long the engine takes to answer is its own affair: here up to a second.
            let last = usage.samples.last().map_or(0, |sample| sample.unix_us);
            assert!(last + 2_500_000 > to, "{}: {last}, and the window ended at {to}", usage.container);
        }
        assert!(visited.phase(PhaseKind::Baseline).expect("loaded").processes.is_empty());
    }
    // The host may delay one reading; none near an end in either visit is a fault.
    assert!(off_us.iter().all(|us| *us < 250_000), "{off_us:?} us from the ends");

    let results = bench.path().join("results");
    for phase in ["baseline", "stack"] {
        for suffix in [".html", "_stats.csv", "_stats_history.csv", "_failures.csv"] {
            assert!(results.join(format!("{phase}{suffix}")).is_file(), "{phase}{suffix}");
        }
    }
    assert!(results.join("stack.log").is_file());
    report_again_gives_the_same_bytes(&bench);
}

fn report_again_gives_the_same_bytes(bench: &Bench) {
    let run = bench.run_folder();
    let read = || ["report.html", "report.md", "scaling.csv"].map(|name| fs::read(run.join(name)).expect("written"));
    let before = read();
    let output = Command::new(binary()).arg("report").arg(&run).output().expect("it runs");
    assert!(output.status.success());
    assert!(read() == before);
}

#[test]
fn an_open_loop_keeps_its_rate_its_clocks_and_its_headroom() {
    let bench = Bench::new(&STACK.replace("2ms", "5ms"), "/v1/health");
    let finished = bench.run(&["--rate", "200", "--arrivals", "poisson", "--run-time", "2"]).assert(0);
    finished.assert_says(&["null: loading a mock that answers at once"]);
    let run = bench.saved();
    let visited = &run.visited[0];
    let load = target(visited);
    assert!(matches!(load.model, LoadModel::Open { rate_rps: 200.0, .. }), "{:?}", load.model);
    assert!((300..=500).contains(&load.request_count()), "{} of 400", load.request_count());
    let stats = &load.requests[0];
    assert_eq!(stats.intended.as_ref().map(Histogram::count), Some(stats.latency.count()));
    assert!(stats.latency.min_us() >= 5_000 && load.send_lag().is_some());
    let null_rps = visited.phase(PhaseKind::Null).map(|phase| phase.load.throughput_rps());
    assert!(null_rps.is_some_and(|rps| rps > 400.0), "{null_rps:?}: as fast as it can, not at 200/s");
    let baseline = &visited.phase(PhaseKind::Baseline).expect("it was loaded").load;
    let backend = baseline.backend.as_ref().expect("our own mock tells what it saw");
    assert_eq!(backend.total_arrivals, baseline.totals.sent);
    let hlog = fs::read_to_string(bench.run_folder().join("levels/w1/stack.hlog")).expect("written");
    assert!(hlog.lines().filter(|line| line.starts_with("Tag=latency,")).count() >= 2, "{hlog}");
}

#[test]
fn streams_are_timed_token_by_token() {
    let bench = Bench::new(&STACK.replace("'81'", "'81', --ttft, 20ms, --itl, 5ms, --tokens, '4'"), "/v1/health");
    bench.run(&["--stream", "--run-time", "2"]).assert(0);
    let run = bench.saved();
    let load = target(&run.visited[0]);
    let stream = load.stream().expect("streams were asked for");
    assert_eq!(stream.tokens, 4 * load.request_count());
    assert!(stream.ttft.min_us() >= 20_000 && stream.itl.percentile_us(50.0) >= 4_000);
    let table = fs::read_to_string(bench.run_folder().join("levels/w1/stack_streams.csv")).expect("written");
    assert!(table.starts_with("Type,Name,Streams,Tokens,Tokens/s,TTFT"), "{table}");
}

#[test]
fn requests_and_their_data_come_from_files_of_the_host() {
    let bench = Bench::new(STACK, "/v1/health");
    let request = r#"{"name": "ask", "path": "/v1/chat/completions", "body": {"model": "m", "messages": [{"role": "user", "content": "{{line}}"}]}}"#;
    fs::write(bench.path().join("mix.jsonl"), request).expect("writable");
    // More than an argument of a process can hold, in lines of one length.
    let prompts: Vec<String> = (0..2000).map(|number| format!("{number:0500}")).collect();
    fs::write(bench.path().join("prompts.txt"), prompts.join("\n")).expect("writable");
    bench.run(&["--request-file", "mix.jsonl", "--data-file", "prompts.txt", "--run-time", "1"]).assert(0);
    let run = bench.saved();
    let load = target(&run.visited[0]);
    let totals = &load.totals;
    assert_eq!((load.requests.len(), load.requests[0].name.as_str(), load.failure_count()), (1, "ask", 0));
    assert!((650..750).contains(&(totals.bytes_sent.expect("ours tells it") / totals.sent)), "{totals:?}");
}

#[test]
fn a_target_that_ignores_its_worker_count_is_invalid() {
    let bench = Bench::new(STACK, "/v1/health");
    let mut arguments = vec!["--workers", "2", "--run-time", "1"];
    arguments.extend(["--ready-timeout", "5s"]);
    let finished = bench.run(&arguments).assert(5);
    let words = "2 workers were asked for, 1 ran before the load and 1 after it";
    assert!(finished.stdout.contains(words), "{}", finished.stdout);
    let run: Run = bench.saved();
    assert!(Analysis::of(&run).findings.iter().any(|finding| finding.gate == Gate::Workers && finding.invalidates()));
}

#[test]
fn failures_do_not_lose_the_run_but_may_fail_it() {
    // However fast the machine, a few answers take far longer than is waited for, and the others do not.
    let bench = Bench::new(&STACK.replace("2ms", "'98% 2ms, 2% 2s'"), "/v1/health");
    let arguments = ["--run-time", "2", "--timeout", "200ms", "--max-failure-rate", "0.001"];
    let finished = bench.run(&arguments).assert(7);
    assert!(finished.stdout.contains("requests failed"), "{}", finished.stdout);
    let failures = fs::read_to_string(bench.path().join("results/stack_failures.csv")).expect("written");
    assert!(failures.contains("within 200ms") && failures.lines().count() > 1, "{failures}");
}
