//! The roles as a user starts them by hand: processes, signals, exit statuses, files.

use crate::programs::Mock;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use vscale::model::{Capacity, LoadModel};

fn vscale(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vscale")).args(arguments).output().unwrap()
}

fn signal(process: &Child, signal: Signal) {
    kill(Pid::from_raw(process.id() as i32), signal).unwrap();
}

#[test]
fn a_load_by_hand_writes_what_it_is_asked_for() {
    let mut mock = Mock::start(&["--service-time", "2ms"]);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (csv, html, hgrm, hlog) = (path("x"), path("x.html"), path("x.hgrm"), path("x.hlog"));
    let mut arguments = vec!["load", "--host", &mock.url, "--backend", &mock.url, "--iterations", "40", "--users", "4"];
    arguments.extend(["--csv", &csv, "--html", &html, "--hgrm", &hgrm, "--hlog", &hlog]);
    arguments.extend(["--fail-if", "failed > 0%", "--fail-if", "p50 < 2ms"]);
    let output = vscale(&arguments);
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    assert!(out.contains("whole run: 40 sent = 40 succeeded + 0 failed + 0 unanswered"), "{out}");
    assert!(out.contains("1.0000 (whole run)"), "{out}");
    assert!(err.contains("passed: fail if failed > 0%: 0.00 %"), "{err}");
    let file = |name: &str| std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(file("x_stats.csv").lines().last().unwrap().starts_with(",Aggregated,40,0,"), "{}", file("x_stats.csv"));
    assert!(file("x_stats_history.csv").lines().last().unwrap().contains(",40,0,"), "{}", file("x_stats_history.csv"));
    // Nothing failed: there is but a header.
    assert_eq!([file("x_failures.csv"), file("x_exceptions.csv")].map(|text| text.lines().count()), [1, 1]);
    let total = file("x.hgrm").lines().find_map(|line| {
        line.split_once("Total count")?
            .1
            .split_once('=')
            .map(|it| it.1.trim().trim_end_matches(']').parse::<u64>().unwrap())
    });
    assert_eq!(total, Some(40), "{}", file("x.hgrm"));
    assert!(file("x.hlog").lines().any(|line| line.starts_with("Tag=latency,")), "{}", file("x.hlog"));
    assert!(file("x.html").contains(&format!("load: {}", mock.url)), "{}", file("x.html"));
    signal(&mock.child, Signal::SIGTERM);
    assert_eq!(mock.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_threshold_that_does_not_hold_is_a_status_of_its_own() {
    let mock = Mock::start(&["--error-rate", "50%"]);
    let output = vscale(&[
        "load",
        "--host",
        &mock.url,
        "--iterations",
        "100",
        "--fail-if",
        "failed > 1%",
        "--fail-if",
        "rps < 1",
    ]);
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(99), "{err}");
    assert!(err.contains("failed: fail if failed > 1%: ") && err.contains("passed: fail if rps < 1: "), "{err}");
}

#[test]
fn a_signal_ends_a_load_with_a_full_report() {
    let mock = Mock::start(&[]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_vscale"));
    command.args(["load", "--host", &mock.url, "--run-time", "0", "--warm-up", "0", "--json"]).stdout(Stdio::piped());
    let mut load = command.spawn().unwrap();
    let mut lines = BufReader::new(load.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("\"event\":\"progress\""));
    signal(&load, Signal::SIGINT);
    let last: serde_json::Value = serde_json::from_str(&lines.last().unwrap().unwrap()).unwrap();
    assert_eq!((&last["event"], &last["stopped_by"]), (&"result".into(), &"signal".into()));
    assert!(last["totals"]["succeeded"].as_u64().unwrap() > 0);
    assert_eq!(load.wait().unwrap().code(), Some(130));
}

#[test]
fn a_reader_that_leaves_ends_a_load_quietly_and_not_with_0() {
    let mock = Mock::start(&[]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_vscale"));
    command.args(["load", "--host", &mock.url, "--run-time", "0", "--warm-up", "0", "--json"]);
    let mut load = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(load.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    drop(out);
    let output = load.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(141), String::new()));
}

#[test]
fn a_signal_ends_a_search_with_what_it_found() {
    let mock = Mock::start(&["--service-time", "5ms"]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_vscale"));
    command.args(["capacity", "--host", &mock.url, "--run-time", "1"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut search = command.spawn().unwrap();
    let mut steps = BufReader::new(search.stderr.take().unwrap());
    let mut first = String::new();
    steps.read_line(&mut first).unwrap();
    assert!(first.contains("1 user: "), "{first}");
    signal(&search, Signal::SIGINT);
    let output = search.wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(130), "{out}");
    assert!(out.starts_with("capacity: ") && out.contains("1 user"), "{out}");
}

#[test]
fn the_log_tells_the_warm_up_from_what_is_counted() {
    let mock = Mock::start(&["--service-time", "2ms"]);
    let folder = tempfile::tempdir().unwrap();
    let hlog = folder.path().join("made/x.hlog");
    let path = hlog.display().to_string();
    let output = vscale(&["load", "--host", &mock.url, "--warm-up", "1", "--run-time", "2", "--hlog", &path]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(hlog).unwrap();
    let tags: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("Tag=")?.split(',').next()).collect();
    assert_eq!(tags, ["warm-up", "latency", "latency"], "{text}");
    assert!(text.contains("#[Tag=latency: the counted window; Tag=warm-up: before it]"), "{text}");
}

#[test]
fn a_load_by_hand_writes_no_secret_that_it_sends() {
    let (mock, folder) = (Mock::start(&[]), tempfile::tempdir().unwrap());
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let request =
        r#"{"path": "/nothing?api_key=s3cr3t-value", "headers": {"X-Api-Key": "s3cr3t-header"}, "body": "{}"}"#;
    std::fs::write(file("requests"), request).unwrap();
    let (prefix, page) = (file("x"), file("x.html"));
    let fixed =
        ["load", "--host", &mock.url, "--iterations", "3", "--request-file", &file("requests"), "--csv", &prefix];
    let mut texts = Vec::new();
    for output in [&["--json"][..], &["--html", &page]] {
        let output = vscale(&[&fixed[..], output].concat());
        texts.push(String::from_utf8([output.stdout, output.stderr].concat()).unwrap());
    }
    for name in ["x.html", "x_stats.csv", "x_failures.csv"] {
        texts.push(std::fs::read_to_string(file(name)).unwrap());
    }
    // The mock's answer repeats the path.
    assert!(texts[0].contains("there is nothing at POST /nothing?api_key=[redacted]"), "{}", texts[0]);
    for text in texts {
        assert!(text.contains("[redacted]") && !text.contains("s3cr3t"), "{text}");
    }
}

#[test]
fn the_capacity_of_eight_slots_of_100_ms() {
    let mock = Mock::start(&["--service-time", "100ms", "--slots", "8"]);
    let output = vscale(&["capacity", "--host", &mock.url, "--users", "2", "--run-time", "1", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Capacity = serde_json::from_slice(&output.stdout).unwrap();
    assert!((20.0..=92.0).contains(&found.capacity_rps) && found.is_saturated, "{} of 80", found.capacity_rps);
    // How many steps it takes is up to what else the machine does; what follows from them is not.
    let (search, shares): (Vec<_>, Vec<_>) = found.steps.iter().partition(|step| step.share.is_none());
    let tried = search.iter().map(|step| (step.result.model.users(), step.result.throughput_rps()));
    let tried: Vec<(u32, f64)> = tried.collect();
    assert!(tried[0].0 == 2 && tried.windows(2).all(|two| two[1].0 == 2 * two[0].0), "{tried:?}");
    assert_eq!(tried.iter().map(|(_, rps)| *rps).fold(0.0, f64::max), found.capacity_rps);
    assert!(tried.iter().any(|(users, _)| *users == found.users), "{tried:?}");
    let rates = shares.iter().map(|step| match step.result.model {
        LoadModel::Open { rate_rps, .. } => rate_rps / found.capacity_rps,
        _ => 0.0,
    });
    let off = rates.zip([0.5, 0.7, 0.85]).map(|(rate, share)| (rate - share).abs()).fold(0.0, f64::max);
    assert!(shares.len() == 3 && off < 1e-9, "{shares:?}");
}
