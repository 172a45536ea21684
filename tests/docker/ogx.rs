//! The real server, end to end, from the repository's own compose file.

use super::*;

#[test]
fn two_workers_of_ogx_are_measured() {
    let results = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new(binary())
        .args(["bench", "--workers", "2", "--users", "4", "--run-time", "4", "--cpus", "0.9", "--results"])
        .arg(results.path())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("it runs");
    let finished = Finished::of(output).assert(0);
    let run = fs::read_dir(results.path().join("runs")).expect("made").next().expect("one").expect("readable").path();
    let text = fs::read_to_string(run.join("result.json")).expect("written");
    let result: RunResult = serde_json::from_str(&text).expect("ours");
    let level = &result.levels[0];
    assert_eq!((level.attestation.workers_before, level.attestation.workers_after), (2, 2), "{}", finished.stdout);
    assert!(level.stack.load.request_count() > 20 && level.stack.load.failure_count() == 0, "{}", finished.stdout);
    assert!(level.ready_after_us < 60_000_000);
    let log = fs::read_to_string(results.path().join("stack.log")).expect("written");
    assert!(log.contains("POST /v1/chat/completions"), "it logs every request");
}
