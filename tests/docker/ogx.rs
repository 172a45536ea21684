//! The real server, end to end, from the repository's own compose file.

use super::*;
use vscale::model::PhaseKind;

#[test]
fn two_workers_of_ogx_are_measured() {
    let results = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(binary());
    command
        .args(["bench", "--workers", "2", "--users", "4", "--run-time", "4", "--cpus", "0.9", "--results"])
        .arg(results.path())
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let finished = Finished::of_all(&mut command).assert(0);
    let run = fs::read_dir(results.path().join("runs")).expect("made").next().expect("one").expect("readable").path();
    let run = load(&run);
    let visited = &run.visited[0];
    let attestation = &visited.attestation;
    assert_eq!((attestation.workers_before, attestation.workers_after), (Some(2), Some(2)), "{}", finished.stdout);
    let target = &visited.phase(PhaseKind::Target).expect("it was loaded").load;
    assert!(target.request_count() > 20 && target.failure_count() == 0, "{}", finished.stdout);
    let log = fs::read_to_string(results.path().join("stack.log")).expect("written");
    assert!(log.contains("POST /v1/chat/completions"), "it logs every request");
}
