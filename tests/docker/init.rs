//! A server that nobody has written a compose file for: by `vscale init` and `vscale bench`, and by `vscale bench --image` alone; and
//! requests that have to do with each other.

use super::*;
use vscale::model::PhaseKind;

/// Our own mock, as if it were somebody's server.
const SERVER: [&str; 8] = [
    "--image",
    "vscale/self",
    "--command",
    "mock --host 0.0.0.0 --port 8321 --service-time 2ms",
    "--port",
    "8321",
    "--ready",
    "/v1/health",
];

/// Each user asks, and then asks for what it was told.
const SCENARIO: &str = r#"{"steps": [{"path": "/v1/chat/completions", "body": {"model": "m-{{counter}}", "messages": [{"role": "user", "content": "hi"}]}, "capture": {"model": {"json": "/model"}}}, {"path": "/v1/models/{{model}}", "expect": "/id", "name": "model"}]}"#;

fn empty() -> Bench {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("requests.jsonl"), SCENARIO).expect("writable");
    Bench { folder }
}

/// That it was measured, and each step answered; the compose file as it was understood.
fn measured(bench: &Bench, arguments: &[&str]) -> String {
    bench.run(&[arguments, &["--run-time", "2", "--request-file", "requests.jsonl"]].concat()).assert(0);
    let run = bench.saved();
    let load = &run.visited[0].phase(PhaseKind::Target).expect("it was loaded").load;
    assert_eq!((load.failure_count(), load.requests.len()), (0, 2), "{:?}", load.failures);
    assert!(load.requests.iter().all(|step| step.requests > 100), "{:?}", load.requests);
    fs::read_to_string(bench.run_folder().join("compose.resolved.yaml")).expect("it is kept")
}

#[test]
fn with_and_without_a_file_the_same_is_measured() {
    let by_file = empty();
    let mut init = Command::new(binary());
    let written = init.arg("init").args(SERVER).current_dir(by_file.path()).output().expect("it runs");
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let of_file = measured(&by_file, &[]);
    let of_flags = measured(&empty(), &SERVER);
    // A project without a name has that of its folder.
    let without_name =
        |text: &str| text.lines().filter(|line| !line.starts_with("name:")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(without_name(&of_file), without_name(&of_flags));
}
