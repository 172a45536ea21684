//! The command line as a user meets it: bad input is refused with what and where, before anything is started.

#[path = "cli/init.rs"]
mod init;

use insta::assert_snapshot;
use std::{
    fs::File,
    io::pipe,
    process::{Command, Output, Stdio},
};

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
    assert_snapshot!(refused(&["bench", "--cpus", "0"]), @"2: error: invalid value '0' for '--cpus <CPUS[,CPUS...]>': `0`: a CPU quota is at least 0.01 (1 ms in 100 ms)");
    assert_snapshot!(refused(&["bench", "--cpus", "many"]), @"2: error: invalid value 'many' for '--cpus <CPUS[,CPUS...]>': `many` is not a number of CPUs: use 0.5, 1 or 2");
    assert_snapshot!(refused(&["bench", "--memory", "lots"]), @"2: error: invalid value 'lots' for '--memory <SIZE>': `lots` is not a size: use 512m, 1.5g or a number of bytes");
    assert_snapshot!(refused(&["bench", "--run-time", "soon"]), @"2: error: invalid value 'soon' for '--run-time <TIME>': `soon` is not a duration: use 60, 60s, 250ms or 1h30m");
    assert_snapshot!(refused(&["bench", "--run-time", "0"]), @"2: vscale: --run-time must be above 0");
    assert_snapshot!(refused(&["bench", "--users", "0"]), @"2: error: invalid value '0' for '--users <USERS>': 0 is not in 1..=100000");
    assert_snapshot!(refused(&["bench", "--spawn-rate", "0"]), @"2: error: invalid value '0' for '--spawn-rate <USERS/S>': `0` is not a rate from 0.001 to 1000000 users a second");
    assert_snapshot!(refused(&["bench", "--mock-port", "70000"]), @"2: error: invalid value '70000' for '--mock-port <MOCK_PORT>': 70000 is not in 1..=65535");
    assert_snapshot!(refused(&["bench", "--mock-port", "9000", "--stack-port", "9000"]), @"2: vscale: --mock-port and --stack-port are both 9000");
    assert_snapshot!(refused(&["load", "--host", "ftp://x"]), @"2: vscale: `ftp://x` cannot be loaded: only http://host:port and https://host:port are spoken");
}

#[test]
fn what_only_a_study_takes_is_refused_elsewhere() {
    assert_snapshot!(refused(&["bench", "--users", "8,16"]), @"2: vscale: --users: 2 values; only `vscale study` visits several");
    assert_snapshot!(refused(&["load", "--host", "http://127.0.0.1:1", "--rate", "5,6"]), @"2: vscale: --rate: 2 values; only `vscale study` visits several");
    assert_snapshot!(refused(&["bench", "--fail-if", "throughput < -3%"]), @"2: vscale: --fail-if 'throughput < -3%': only `vscale study --ab` and `vscale compare` compare");
    assert_snapshot!(refused(&["study", "--fail-if", "p99 > +10%"]), @"2: vscale: --fail-if 'p99 > +10%': only `vscale study --ab` and `vscale compare` compare");
    assert_snapshot!(refused(&["study", "--ab", "no/such.yaml"]), @"2: vscale: no/such.yaml: No such file or directory (os error 2)");
    assert_snapshot!(refused(&["study", "--ab", "A=1", "--confirm"]), @"2: error: the argument '--ab <FILE|NAME=VALUE>' cannot be used with '--confirm'");
}

#[test]
fn a_refusal_repeats_no_secret() {
    assert_snapshot!(refused(&["load", "--header", "Authorization Bearer zzzsecret9"]), @"2: error: invalid value 'Authorization [redacted]' for '--header <NAME:VALUE>': a header is NAME:VALUE");
    assert_snapshot!(refused(&["load", "--header", "X-Api-Key zzzsecret9"]), @"2: error: invalid value 'X-Api-Key [redacted]' for '--header <NAME:VALUE>': a header is NAME:VALUE");
    assert_snapshot!(refused(&["bench", "--memory", "http://user:zzzsecret9@host"]), @"2: error: invalid value 'http://user:[redacted]@host' for '--memory <SIZE>': `http://user:[redacted]@host` is not a size: use 512m, 1.5g or a number of bytes");
}

/// Everything that takes a number, with numbers that no clock and no counter can hold: refused, or done; never a panic, and
/// never waited for.
#[test]
fn numbers_beyond_all_reason_are_refused() {
    const TIMES: [&str; 5] = ["9223372036854775807", "18446744073709551615s", "1e300", "1e-300", "367d"];
    const NUMBERS: [&str; 5] = ["1e-300", "1e300", "inf", "nan", "-1"];
    let nobody = ["--host", "http://127.0.0.1:1"];
    let by_hand = |command: &'static str| [&[command], &nobody[..]].concat();
    let bench = || vec!["bench", "--file", "no/such.yaml"];
    let mut cases: Vec<(Vec<&str>, &str, Vec<String>)> = Vec::new();
    let of = |values: &[&str], form: &str| values.iter().map(|value| form.replace("{}", value)).collect::<Vec<_>>();
    for command in [bench(), by_hand("load")] {
        for flag in ["--run-time", "--warm-up", "--drain", "--timeout"] {
            cases.push((command.clone(), flag, of(&TIMES, "{}")));
        }
        for form in ["{}", "{}..{}", "exp {}", "lognormal {} 1", "50% 1ms, 50% {}"] {
            cases.push((command.clone(), "--think-time", of(&TIMES, form)));
        }
        cases.push((command.clone(), "--stages", of(&TIMES, "{}:1")));
        cases.push((command.clone(), "--stages", of(&["-1", "1e300", "inf", "nan"], "1s:{}")));
        cases.push((command.clone(), "--spawn-rate", of(&NUMBERS, "{}")));
        cases.push((command.clone(), "--rate", of(&NUMBERS, "{}")));
        for flag in ["--users", "--max-in-flight", "--threads", "--iterations"] {
            cases.push((command.clone(), flag, of(&["0", "-1", "18446744073709551616", "1e300"], "{}")));
        }
    }
    cases.push((bench(), "--ready-timeout", of(&TIMES, "{}")));
    cases.push((bench(), "--cpu-period", of(&TIMES, "{}")));
    cases.push((bench(), "--cpus", of(&NUMBERS, "{}")));
    cases.push((bench(), "--memory", of(&["1e300", "9223372036854775808", "99999999999999999999g", "-1"], "{}")));
    cases.push((by_hand("capacity"), "--run-time", of(&TIMES, "{}")));
    cases.push((by_hand("capacity"), "--timeout", of(&TIMES, "{}")));
    for flag in ["--drain", "--service-time", "--ttft", "--itl"] {
        cases.push((vec!["mock"], flag, of(&TIMES, "{}")));
    }
    cases.push((vec!["mock"], "--stall", [of(&TIMES, "{}:1s"), of(&TIMES, "1s:{}")].concat()));
    cases.push((vec!["mock"], "--error-rate", of(&NUMBERS[1..], "{}")));
    cases.push((vec!["mock"], "--body-bytes", of(&["1e300", "17m", "9223372036854775807"], "{}")));
    cases.push((vec!["mock"], "--tokens", of(&["0", "100001", "1e300"], "{}")));
    for (command, flag, values) in cases {
        for value in values {
            let mut arguments = command.clone();
            let joined = format!("{flag}={value}");
            arguments.push(&joined);
            if flag == "--max-in-flight" {
                arguments.push("--rate=1");
            }
            let output = vscale(&arguments);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
            assert!(said.contains(flag.trim_start_matches("--")) || said.contains("body"), "{arguments:?}: {said}");
        }
    }
}

#[test]
fn urls_that_are_none_are_refused_before_anything_is_sent() {
    for url in
        ["127.0.0.1:80", "http://", "http://a b", "http://[::1", "http://a:1:2", "http://a/?q", "http://[fe80::1%lo]"]
    {
        for command in ["load", "capacity"] {
            let output = vscale(&[command, "--host", url]);
            assert_eq!(output.status.code(), Some(2), "{url}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    assert_snapshot!(refused(&["load", "--host", "127.0.0.1:80"]), @"2: vscale: `127.0.0.1:80` cannot be loaded: did you mean http://127.0.0.1:80?");
    assert_snapshot!(refused(&["load", "--host", "http://127.0.0.1:1", "--backend", "127.0.0.1:80"]), @"2: vscale: `127.0.0.1:80` cannot be loaded: did you mean http://127.0.0.1:80?");
    assert_snapshot!(refused(&["load", "--host", "http://127.0.0.1:1", "--backend", "http://127.0.0.1:1"]), @"3: vscale: http://127.0.0.1:1/_vscale/window: the backend does not tell what it saw: Connection refused (os error 111)");
}

/// Exit status and all of stderr, with stdout being `/dev/full`, or a pipe that nobody reads.
fn unread(arguments: &[&str], is_full: bool) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vscale"));
    command.args(arguments).env("NO_COLOR", "1").stderr(Stdio::piped());
    if is_full {
        command.stdout(File::options().write(true).open("/dev/full").unwrap());
    } else {
        command.stdout(pipe().unwrap().1);
    }
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Of a load of nobody, only what is about stdout: all of its last line.
#[test]
fn a_stdout_that_takes_nothing_is_an_error_and_one_that_nobody_reads_a_quiet_one() {
    let load = ["load", "--host", "http://127.0.0.1:1", "--iterations", "1"];
    for arguments in [&["--help"][..], &["--version"], &["bench", "--help"], &["completions", "bash"], &["host"], &load]
    {
        let (code, said) = unread(arguments, true);
        let last = said.lines().last().unwrap_or_default();
        assert_eq!((code, last), (Some(1), "vscale: stdout: No space left on device (os error 28)"), "{arguments:?}");
        let (code, said) = unread(arguments, false);
        assert_eq!(code, Some(141), "{arguments:?}: {said}");
        assert!(!said.contains("stdout") && !said.contains("panicked"), "{arguments:?}: {said}");
    }
    // Half of it was read.
    let (code, said) = unread(&[&load[..], &["--json"]].concat(), false);
    assert!(code == Some(141) && !said.contains("panicked"), "{code:?} {said}");
}

#[test]
fn a_stderr_that_takes_nothing_changes_no_status() {
    for arguments in [&["load", "--host", "nowhere"][..], &["bench", "--file", "no/such.yaml"], &["frobnicate"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vscale"));
        command.args(arguments).stderr(File::options().write(true).open("/dev/full").unwrap());
        assert_eq!(command.output().unwrap().status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn outputs_that_cannot_be_written_are_found_before_the_load() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "kept").unwrap();
    let below = file.join("x").display().to_string();
    let is_folder = folder.path().display().to_string();
    for (flag, path) in
        [("--csv", &below), ("--html", &below), ("--hgrm", &below), ("--hlog", &below), ("--html", &is_folder)]
    {
        // A load without an end: only a refusal ends it.
        let said = refused(&["load", "--host", "http://127.0.0.1:1", "--run-time", "0", flag, path]);
        assert!(said.starts_with("1: vscale: ") && said.contains(folder.path().to_str().unwrap()), "{said}");
    }
    // Nothing was changed by looking.
    let new = folder.path().join("new/folder/x.html").display().to_string();
    let said = refused(&["load", "--host", "not a url", "--html", &file.display().to_string(), "--hgrm", &new]);
    assert!(said.starts_with("2: "), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
    assert!(!folder.path().join("new").exists());
}

#[test]
fn a_file_that_is_full_is_an_error_and_all_else_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let html = folder.path().join("made/for/it.html").display().to_string();
    for flag in ["--hgrm", "--hlog"] {
        let host = ["load", "--host", "http://127.0.0.1:1", "--iterations", "1"];
        let output = vscale(&[&host[..], &[flag, "/dev/full", "--html", &html]].concat());
        let (out, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{flag}: {said}");
        assert!(said.contains("/dev/full: No space left on device"), "{flag}: {said}");
        if flag == "--hgrm" {
            assert!(out.contains("whole run: 1 sent = 0 succeeded + 1 failed + 0 unanswered"), "{out}");
            let page = std::fs::read_to_string(&html).unwrap();
            assert!(page.contains("<h1>load: http://127.0.0.1:1</h1>") && page.contains("a load by hand"), "{page}");
        }
    }
}

#[test]
fn a_load_without_a_success_says_why_and_is_no_success() {
    let load = |host: &str| {
        let output = vscale(&["load", "--host", host, "--iterations", "2", "--fail-if", "rps > 1"]);
        let said = String::from_utf8(output.stderr).unwrap();
        format!("{}: {}", output.status.code().unwrap(), said.lines().last().unwrap())
    };
    assert_snapshot!(load("http://127.0.0.1:1"), @"5: vscale: no request succeeded; most often: 127.0.0.1:1: Connection refused (os error 111)");
    let unknown = load("http://no.such.name.invalid");
    assert!(
        unknown.starts_with("5: vscale: no request succeeded; most often: cannot resolve no.such.name.invalid: "),
        "{unknown}"
    );
}

#[test]
fn the_capacity_of_nobody_is_no_search() {
    assert_snapshot!(refused(&["capacity", "--host", "http://127.0.0.1:1"]), @"4: vscale: http://127.0.0.1:1: no request succeeds: 127.0.0.1:1: Connection refused (os error 111)");
}

#[test]
fn requests_that_cannot_be_sent_are_refused_before_anything_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let mix = folder.path().join("mix.jsonl");
    std::fs::write(&mix, r#"{"path": "/a b"}"#).unwrap();
    for command in [&["bench"][..], &["load", "--host", "http://127.0.0.1:1"]] {
        let said = refused(&[command, &["--request-file", mix.to_str().unwrap()]].concat());
        assert!(said.starts_with("2: vscale: `/a b` is not a path "), "{said}");
    }
    assert_snapshot!(refused(&["capacity", "--host", "http://127.0.0.1:1", "--users", "5", "--max-users", "4"]), @"2: vscale: --users 5 is above --max-users 4");
}

#[test]
fn errors_are_whole_where_no_terminal_limits_them() {
    let name = format!("{}.{}.invalid", "long".repeat(15), "er".repeat(30));
    let output = vscale(&["load", "--host", &format!("http://{name}"), "--iterations", "1"]);
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.contains(&format!("cannot resolve {name}: ")), "{out}");
}

#[test]
fn a_name_that_is_not_filled_in_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let mix = folder.path().join("mix.jsonl");
    std::fs::write(&mix, r#"{"path": "/{{user}}", "body": "{{counter}} {{couter}}"}"#).unwrap();
    let flags = ["load", "--host", "http://127.0.0.1:1", "--iterations", "1", "--request-file"];
    let said = refused(&[&flags[..], &[mix.to_str().unwrap()]].concat());
    assert_snapshot!(said, @"5: warning: {{couter}} is sent as it is: filled in are {{counter}}, {{random}}, {{line}} and what earlier steps capture");
}

#[test]
fn loads_and_mocks_that_make_no_sense() {
    let load = |flags: &[&str]| refused(&[&["load", "--host", "http://127.0.0.1:1"], flags].concat());
    assert_snapshot!(load(&["--rate", "0"]), @"2: error: invalid value '0' for '--rate <REQUESTS/S>': `0` is not a rate from 0.000001 to 10000000 requests a second");
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
    assert_snapshot!(refused(&["bench", "--file", "Cargo.toml"]), @"2: vscale: Cargo.toml:2:1: did not find expected <document start>");
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

#[test]
fn studies_that_make_no_sense() {
    assert_snapshot!(refused(&["study", "--blocks", "0"]), @"2: error: invalid value '0' for '--blocks <N>': 0 is not in 1..=1000");
    assert_snapshot!(refused(&["study", "--precision", "0"]), @"2: error: invalid value '0' for '--precision <SHARE>': `0`: a precision is from 0.1% to 50%");
    assert_snapshot!(refused(&["study", "--precision", "200%"]), @"2: error: invalid value '200%' for '--precision <SHARE>': `200%`: a precision is from 0.1% to 50%");
    assert_snapshot!(refused(&["study", "--slo", "fast"]), @"2: error: invalid value 'fast' for '--slo <CONDITION>': `fast` compares nothing: use a condition like 'p99 > 250ms', 'failed > 1%' or 'rps < 500'");
    assert_snapshot!(refused(&["study", "--cpus", "1", "--cpus-per-worker", "0.2"]), @"2: error: the argument '--cpus <CPUS[,CPUS...]>' cannot be used with '--cpus-per-worker <CPUS>'");
    assert_snapshot!(refused(&["study", "--budget", "20s"]), @"2: vscale: --budget 20 s: one block of 4 visits takes about 141 s");
    let many: Vec<String> = (1..=1000).map(|workers| workers.to_string()).collect();
    assert_snapshot!(refused(&["study", "--workers", &many.join(","), "--blocks", "10"]), @"2: vscale: 10010 visits take about 98.4 hours: add --yes to begin, or --budget to end earlier");
    assert_snapshot!(refused(&["study", "--resume", "no/such/run"]), @"2: vscale: no/such/run: no run's folder: there is no run.json in it");
    assert_snapshot!(refused(&["rerun", "tests"]), @"2: vscale: tests: no run's folder: there is no run.json in it");
    assert_snapshot!(refused(&["calibrate", "--cases", "quota,nonsense"]), @"2: vscale: --cases nonsense: there are linear, usl, quota, cpu, event-loop, threads, blocking, lock, slots, pool, one-user, two-limits, alternating, imbalance, errors, ignores-workers, memory, starved-generator, starved-mock, neighbour, two-modes");
}

#[test]
fn a_run_of_an_older_version_is_not_gone_on_with() {
    assert_snapshot!(refused(&["study", "--resume", "tests/store/v2/20261125T143904Z-bench-7d7b95"]), @"2: vscale: tests/store/v2/20261125T143904Z-bench-7d7b95: an older vscale planned this run, and left out what its containers ran");
}
