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
    let left: Vec<_> = std::fs::read_dir(results.path().join("runs")).expect("made").collect();
    assert!(left.is_empty(), "{left:?}");
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
    assert_snapshot!(refused(&["report", "src"]), @"2: vscale: src: no run's folder: there is no result.json in it");
}

#[test]
fn completions_name_the_subcommands() {
    let script = String::from_utf8(vscale(&["completions", "bash"]).stdout).expect("UTF-8");
    assert!(script.contains("bench") && script.contains("--workers"));
}
