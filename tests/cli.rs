//! The command line as a user meets it: bad input is refused with what and where, before anything is started.

use insta::assert_snapshot;
use std::process::{Command, Output};

fn vscale(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vscale"));
    command.args(arguments).env_remove("DOCKER_HOST").env("NO_COLOR", "1").output().expect("it runs")
}

/// Exit status and the first line of stderr.
fn refused(arguments: &[&str]) -> String {
    let output = vscale(arguments);
    let text = String::from_utf8_lossy(&output.stderr);
    format!("{}: {}", output.status.code().unwrap_or(-1), text.lines().next().unwrap_or_default())
}

#[test]
fn worker_counts_that_are_none() {
    assert_snapshot!(refused(&["bench", "--workers", "0"]), @"2: error: invalid value '0' for '--workers <N[,N...]>': `0`: a worker count is a whole number from 1 to 1024");
    assert_snapshot!(refused(&["bench", "--workers", "-1"]), @"2: error: invalid value '-1' for '--workers <N[,N...]>': `-1`: a worker count is a whole number from 1 to 1024");
    assert_snapshot!(refused(&["bench", "--workers", "abc"]), @"2: error: invalid value 'abc' for '--workers <N[,N...]>': `abc` is not a worker count: use 4, or 1,2,4");
    assert_snapshot!(refused(&["bench", "--workers", "1e9"]), @"2: error: invalid value '1e9' for '--workers <N[,N...]>': `1e9`: a worker count is a whole number from 1 to 1024");
    assert_snapshot!(refused(&["bench", "--workers", "1,,2"]), @"2: error: invalid value '' for '--workers <N[,N...]>': `` is not a worker count: use 4, or 1,2,4");
}

#[test]
fn quantities_that_make_no_sense() {
    assert_snapshot!(refused(&["bench", "--cpus", "0"]), @"2: error: invalid value '0' for '--cpus <CPUS>': `0`: a CPU quota is at least 0.01 (1 ms in 100 ms)");
    assert_snapshot!(refused(&["bench", "--cpus", "many"]), @"2: error: invalid value 'many' for '--cpus <CPUS>': `many` is not a number of CPUs: use 0.5, 1 or 2");
    assert_snapshot!(refused(&["bench", "--memory", "lots"]), @"2: error: invalid value 'lots' for '--memory <SIZE>': `lots` is not a size: use 512m, 1.5g or a number of bytes");
    assert_snapshot!(refused(&["bench", "--run-time", "soon"]), @"2: error: invalid value 'soon' for '--run-time <TIME>': `soon` is not a duration: use 60, 60s, 250ms or 1h30m");
    assert_snapshot!(refused(&["bench", "--run-time", "0"]), @"2: vscale: --run-time must be above 0");
    assert_snapshot!(refused(&["bench", "--users", "0"]), @"2: error: invalid value '0' for '--users <USERS>': 0 is not in 1..=100000");
    assert_snapshot!(refused(&["bench", "--spawn-rate", "0"]), @"2: error: invalid value '0' for '--spawn-rate <USERS/S>': `0` is not a rate above 0");
    assert_snapshot!(refused(&["bench", "--mock-port", "70000"]), @"2: error: invalid value '70000' for '--mock-port <MOCK_PORT>': 70000 is not in 1..=65535");
    assert_snapshot!(refused(&["bench", "--mock-port", "9000", "--stack-port", "9000"]), @"2: vscale: --mock-port and --stack-port are both 9000");
    assert_snapshot!(refused(&["load", "--host", "ftp://x"]), @"2: vscale: `ftp://x` cannot be loaded: only http://host:port and https://host:port are spoken");
}

#[test]
fn loads_and_mocks_that_make_no_sense() {
    let load = |flags: &[&str]| refused(&[&["load", "--host", "http://127.0.0.1:1"], flags].concat());
    assert_snapshot!(load(&["--rate", "0"]), @"2: error: invalid value '0' for '--rate <REQUESTS/S>': `0` is not a rate above 0");
    assert_snapshot!(load(&["--rate", "5", "--users", "5"]), @"2: error: the argument '--rate <REQUESTS/S>' cannot be used with '--users <USERS>'");
    assert_snapshot!(load(&["--stages", "30s"]), @"2: error: invalid value '30s' for '--stages <TIME:TARGET,...>': `30s` is not a stage: use 30s:10, the time and then the users (or requests a second)");
    assert_snapshot!(load(&["--fail-if", "p99 > 250"]), @"2: error: invalid value 'p99 > 250' for '--fail-if <CONDITION>': `p99 > 250` has no limit of its kind: use 250ms, 1% or 500");
    assert_snapshot!(load(&["--expect", "choices"]), @"2: error: invalid value 'choices' for '--expect <STATUS|POINTER>': `choices` is neither a status nor a JSON pointer: use any, 201 or /choices");
    assert_snapshot!(load(&["--request-file", "no/such.jsonl"]), @"2: vscale: no/such.jsonl: No such file or directory (os error 2)");
    assert_snapshot!(load(&["--think-time", "quick"]), @"2: error: invalid value 'quick' for '--think-time <DISTRIBUTION>': `quick` is not a time: use 10ms, 5ms..15ms, exp 10ms, lognormal 10ms 0.5 or 95% 10ms, 5% 200ms");
    assert_snapshot!(refused(&["mock", "--service-time", "95% 10ms, 6% 1s"]), @"2: error: invalid value '95% 10ms, 6% 1s' for '--service-time <DISTRIBUTION>': `95% 10ms, 6% 1s` has shares of 101 % in all, not 100 %: use 10ms, 5ms..15ms, exp 10ms, lognormal 10ms 0.5 or 95% 10ms, 5% 200ms");
    assert_snapshot!(refused(&["mock", "--stall", "2s"]), @"2: error: invalid value '2s' for '--stall <AFTER:LENGTH,...>': `2s` is not a stall: use 8s:2s, after what time and for how long");
    assert_snapshot!(refused(&["mock", "--error-rate", "2"]), @"2: error: invalid value '2' for '--error-rate <SHARE>': `2` is not a share: use 0.02 or 2%");
    assert_snapshot!(refused(&["mock", "--error-status", "200"]), @"2: error: invalid value '200' for '--error-status <STATUS>': 200 is not in 400..=599");
    assert_snapshot!(refused(&["mock", "--slots", "0"]), @"2: error: invalid value '0' for '--slots <N>': 0 is not in 1..=4294967295");
    assert_snapshot!(refused(&["mock", "--host", "203.0.113.1"]), @"3: vscale: cannot listen on 203.0.113.1:8080: Cannot assign requested address (os error 99)");
    let folder = tempfile::tempdir().unwrap();
    let mix = folder.path().join("mix.jsonl");
    std::fs::write(&mix, "{\"path\": \"/v1/models\"}\n{\"weight\": -1}\n").unwrap();
    let said = refused(&["bench", "--request-file", mix.to_str().unwrap()]);
    assert_snapshot!(said.replace(mix.to_str().unwrap(), "mix.jsonl"), @"2: vscale: mix.jsonl:2: the weight must be above 0");
    assert_snapshot!(refused(&["bench", "--iterations", "5"]), @"2: vscale: --iterations: a bench compares windows of equal length; use --run-time");
}

#[test]
fn flags_in_the_compose_file_that_would_count_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("compose.yaml");
    let ours = std::fs::read_to_string("compose.yaml").unwrap();
    std::fs::write(&file, ours.replace("command: [load]", "command: [load, --timeout, 1s]")).unwrap();
    let text = refused(&["bench", "--file", &file.display().to_string()]);
    assert_snapshot!(text, @"2: vscale: services.loadgen.command: the load generator's flags are `vscale bench`'s; leave it out, or say [load]");
}

#[test]
fn compose_files_that_are_not_there_or_not_good() {
    assert_snapshot!(refused(&["bench", "--file", "no/such.yaml"]), @"2: vscale: no/such.yaml: No such file or directory (os error 2)");
    assert_snapshot!(refused(&["bench", "--file", "Cargo.toml"]), @"2: vscale: Cargo.toml: deserializing from YAML containing more than one document is not supported");
}

#[test]
fn engines_that_are_not_there() {
    let results = tempfile::tempdir().expect("a temporary folder");
    let at = |host: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vscale"));
        command.args(["bench", "--results"]).arg(results.path()).env("DOCKER_HOST", host);
        let output = command.output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for host in ["unix:///no/such/docker.sock", "tcp://127.0.0.1:1", "rubbish"] {
        let (code, text) = at(host);
        assert_eq!(code, Some(3), "{text}");
        assert!(text.contains(host) && text.contains("DOCKER_HOST"), "{text}");
    }
    assert_eq!(std::fs::read_dir(results.path()).expect("ours").count(), 0);
}

#[test]
fn results_that_cannot_be_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("results");
    std::fs::write(&file, "a file, not a folder").expect("writable");
    let text = refused(&["bench", "--results", file.to_str().expect("UTF-8")]);
    assert!(text.starts_with("3: vscale: ") && text.contains("results cannot be written here"), "{text}");
}

#[test]
fn help_has_every_flag_of_the_replaced_benchmark_with_its_default() {
    let help = String::from_utf8(vscale(&["bench", "--help"]).stdout).expect("UTF-8");
    for (flag, default) in [
        ("--workers", "1"),
        ("--mock-port", "8080"),
        ("--stack-port", "8321"),
        ("--users", "1"),
        ("--spawn-rate", "10"),
        ("--run-time", "60"),
    ] {
        let from = help.find(&format!("{flag} <")).unwrap_or_else(|| panic!("{flag} is missing:\n{help}"));
        let entry: String = help[from..].lines().take(4).collect();
        assert!(entry.contains(&format!("[default: {default}]")), "{entry}");
    }
}

#[test]
fn a_folder_that_is_no_run_has_no_report() {
    assert_snapshot!(refused(&["report", "src"]), @"2: vscale: src: no run's folder: there is no run.json in it");
}

#[test]
fn completions_name_the_subcommands() {
    let script = String::from_utf8(vscale(&["completions", "bash"]).stdout).expect("UTF-8");
    assert!(script.contains("bench") && script.contains("--workers"));
}
