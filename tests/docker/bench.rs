//! A run that goes well, and one whose target ignores its worker count.

use super::*;
use vscale::model::{Histogram, LoadModel, PhaseName, Warning};

#[test]
fn levels_are_measured_saved_and_removed() {
    let bench = Bench::new(STACK, "/v1/health");
    let finished = bench.run(&["--workers", "1,1", "--run-time", "3", "--cpus", "0.5", "--memory", "64m"]).assert(0);
    assert!(finished.stdout.contains("w1-c0.5-r2"), "{}", finished.stdout);

    let result = bench.result();
    assert_eq!(result.levels.len(), 2);
    for level in &result.levels {
        assert_eq!((level.attestation.workers_before, level.attestation.workers_after), (1, 1));
        let stack = level.attestation.limits.iter().find(|limits| limits.service == "stack").expect("read back");
        let inside = stack.inside.as_ref().expect("the probe runs as the same user");
        assert_eq!((inside.cpu_quota_cores, inside.memory_bytes), (Some(0.5), Some(64 << 20)));
        assert_eq!(stack.engine.cpu_quota_cores, Some(0.5));
        for phase in [&level.baseline, &level.stack] {
            assert!(phase.load.request_count() > 100 && phase.load.failure_count() == 0);
            let watched: Vec<&str> = phase.containers.iter().map(|usage| usage.service.as_str()).collect();
            assert_eq!(watched, ["mock", "stack", "loadgen"]);
            assert!(phase.usage("loadgen").expect("watched").cpu_cores.expect("3 s have samples") > 0.0);
        }
        assert_eq!((level.baseline.name, level.stack.name), (PhaseName::Baseline, PhaseName::Stack));
        assert!(!level.stack.processes.is_empty());
    }

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
    let bench = Bench::new(&STACK.replace("'81'", "'81', --service-time, 5ms"), "/v1/health");
    let finished = bench.run(&["--rate", "200", "--arrivals", "poisson", "--run-time", "2"]).assert(0);
    finished.assert_says(&["null: loading a mock that answers at once"]);
    let result = bench.result();
    let level = &result.levels[0];
    let load = &level.stack.load;
    assert!(matches!(load.model, LoadModel::Open { rate_rps: 200.0, .. }), "{:?}", load.model);
    assert!((300..=500).contains(&load.request_count()), "{} of 400", load.request_count());
    let stats = &load.requests[0];
    assert_eq!(stats.intended.as_ref().map(Histogram::count), Some(stats.latency.count()));
    assert!(stats.latency.min_us() >= 5_000 && load.send_lag().is_some());
    assert!(level.null_rps.is_some_and(|rps| rps > 2_000.0), "{:?}", level.null_rps);
    let backend = level.baseline.load.backend.as_ref().expect("our own mock tells what it saw");
    assert_eq!(backend.total_arrivals, level.baseline.load.totals.sent);
    let hlog = fs::read_to_string(bench.run_folder().join("levels/w1/stack.hlog")).expect("written");
    assert!(hlog.lines().filter(|line| line.starts_with("Tag=latency,")).count() >= 2, "{hlog}");
}

#[test]
fn streams_are_timed_token_by_token() {
    let bench = Bench::new(&STACK.replace("'81'", "'81', --ttft, 20ms, --itl, 5ms, --tokens, '4'"), "/v1/health");
    bench.run(&["--stream", "--run-time", "2"]).assert(0);
    let result = bench.result();
    let load = &result.levels[0].stack.load;
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
    let result = bench.result();
    let load = &result.levels[0].stack.load;
    let totals = &load.totals;
    assert_eq!((load.requests.len(), load.requests[0].name.as_str(), load.failure_count()), (1, "ask", 0));
    assert!((650..750).contains(&(totals.bytes_sent / totals.sent)), "{totals:?}");
}

#[test]
fn a_target_that_ignores_its_worker_count_is_invalid() {
    let bench = Bench::new(STACK, "/v1/health");
    let mut arguments = vec!["--workers", "2", "--run-time", "1"];
    arguments.extend(["--ready-timeout", "5s"]);
    let finished = bench.run(&arguments).assert(5);
    let words = "2 workers were asked for, 1 ran before the load and 1 after it";
    assert!(finished.stdout.contains(words), "{}", finished.stdout);
    let found = bench.result().levels[0].warnings.iter().any(|it| matches!(it, Warning::WorkersNotApplied { .. }));
    assert!(found);
}

#[test]
fn failures_do_not_lose_the_run_but_may_fail_it() {
    // A target that runs for 1 ms in 100 cannot answer all within 30 ms.
    let bench = Bench::new(STACK, "/v1/health");
    let mut arguments = vec!["--run-time", "2", "--cpus", "0.01", "--timeout", "30ms"];
    arguments.extend(["--max-failure-rate", "0.001"]);
    let finished = bench.run(&arguments).assert(7);
    assert!(finished.stdout.contains("requests failed"), "{}", finished.stdout);
    let failures = fs::read_to_string(bench.path().join("results/stack_failures.csv")).expect("written");
    assert!(failures.contains("within 30ms") && failures.lines().count() > 1, "{failures}");
}
