//! A target that wants to be measured as more than it is, looks around, and tells its secrets: `hostile/attack.py`.

use super::*;
use std::net::TcpListener;

const SECRETS: [&str; 7] = [
    "env-5ecret-value",
    "flag-5ecret-value",
    "label-5ecret-value",
    "url-5ecret-value",
    "header-5ecret-value",
    "query-5ecret-value",
    "variable-5ecret-value",
];

fn stack(host_port: u16) -> String {
    format!(
        "
    build: .
    command: [python3, /attack.py, 'vscale mock', --api-key, flag-5ecret-value]
    environment:
      API_KEY: env-5ecret-value
      DATABASE_URL: postgres://user:url-5ecret-value@db/x
      PLAIN: '${{MY_TOKEN}}'
      HOST_PORT: '{host_port}'
    labels: {{ com.example.token: label-5ecret-value }}
    cap_drop: [ALL]
"
    )
}

#[test]
fn a_target_cannot_forge_reach_the_host_or_have_its_secrets_written() {
    let listener = TcpListener::bind("0.0.0.0:0").expect("a free port");
    let bench = Bench::new(&stack(listener.local_addr().expect("bound").port()), "/health");
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/docker/hostile");
    for file in ["Dockerfile", "attack.py"] {
        fs::copy(here.join(file), bench.path().join(file)).expect("copied");
    }
    let requests = r#"{"path": "/v1/chat/completions?api_key=query-5ecret-value", "headers": {"X-Api-Key": "header-5ecret-value"}, "body": {"model": "m", "messages": [{"role": "user", "content": "x"}]}}"#;
    fs::write(bench.path().join("requests.jsonl"), requests).expect("writable");
    let mut command = Command::new(binary());
    command
        .args(["bench", "--workers", "4", "--run-time", "2", "--users", "2", "--warm-up", "0"])
        .args(["--request-file", "requests.jsonl", "--progress", "json"])
        .env("MY_TOKEN", "variable-5ecret-value")
        .current_dir(bench.path())
        .stdin(Stdio::null());
    let finished = Finished::of_all(&mut command);
    assert_eq!(finished.code, Some(5), "stdout:\n{}\nstderr:\n{}", finished.stdout, finished.stderr);

    let run = bench.saved();
    let log = fs::read_to_string(bench.run_folder().join("levels/w4/stack.log")).expect("there is a log");
    let has = |words: &str| assert!(log.contains(words), "`{words}` is not in:\n{log}");
    // The same attack works where nobody is on guard; the probe has the same user, and is not open.
    has("control opened");
    has("probe's user 65534 mine 65534");
    for what in ["probe", "probe mem", "probe environ", "probe fd/0", "probe exe", "probe root/vscale"] {
        has(&format!("{what} Permission denied\n"));
    }
    assert!(!log.contains("probe opened"), "{log}");
    let attestation = &run.visited[0].attestation;
    assert_eq!((attestation.workers_before, attestation.workers_after), (Some(1), Some(1)));
    let processes = || run.visited[0].phases.iter().flat_map(|phase| &phase.processes);
    assert!(processes().count() >= 3, "at both ends of 2 s, and between");
    assert!(
        processes().all(|sample| sample
            .processes
            .iter()
            .filter(|one| one.command_line.contains("vscale mock"))
            .count()
            == 1)
    );
    // Our own mock's limits are still seen inside.
    let inside = attestation.limits.iter().filter(|row| row.container == "mock" && row.inside.is_some()).count();
    assert!(inside > 1, "{:?}", attestation.limits);

    // Others may have said something between the two.
    assert_eq!(log.lines().filter(|line| *line == "mock 404").count(), 2, "{log}");
    let target = run.visited[0].phase(vscale::model::PhaseKind::Target).expect("it was loaded");
    assert!(target.load.backend.is_some(), "{:?}", target.load.backend_error);

    has("host not reached: ");
    assert!(!log.contains("host reached"), "{log}");

    has("my key is [redacted] and my flag [redacted]\nmy database postgres://user:[redacted]@db/x");
    assert!(target.load.failures[0].error.contains("[redacted]"), "{:?}", target.load.failures);
    let mut files = vec![bench.run_folder()];
    let mut written = vec![("stdout".into(), finished.stdout), ("stderr".into(), finished.stderr)];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(fs::read_dir(path).expect("readable").map(|entry| entry.expect("readable").path()));
        } else {
            let text = String::from_utf8_lossy(&fs::read(&path).expect("readable")).into_owned();
            written.push((path.display().to_string(), text));
        }
    }
    assert!(written.len() > 15, "{}", written.len());
    for (name, text) in &written {
        assert_eq!(SECRETS.iter().find(|secret| text.contains(**secret)), None, "{name}");
        let token = "VSCALE_CONTROL_TOKEN";
        assert!(!text.contains(token) && !text.contains("backend_token"), "{name} has a token");
    }
}
