//! Containers and networks that go while they are needed, and targets that are no good.

use super::{
    bench::{Bench, Finished, Started},
    runs::{STACK, docker},
};
use vscale::{
    analyse::Analysis,
    model::{PhaseKind, Run, Visited},
};

const BASELINE: &str = "w1: baseline: loading";
const LOADING: &str = "w1: target: loading stack";

/// Wherever its lines end.
fn assert_shows(finished: &Finished, words: &str) {
    let shown: Vec<&str> = finished.stdout.split_whitespace().collect();
    assert!(shown.join(" ").contains(words), "`{words}` is not in:\n{}", finished.stdout);
}

/// A service's container, once this load has begun: looked for before, so that nothing is lost of the load's time.
fn loaded(started: &mut Started, service: &str, loading: &str) -> String {
    let container = started.until_said("baseline: loading").container(service);
    started.until_said(loading);
    container
}

fn successes(run: &Run, visit: usize) -> u64 {
    let load = &run.visited[visit].phase(PhaseKind::Target).expect("it was loaded").load;
    load.request_count() - load.failure_count()
}

#[test]
fn a_backend_that_was_killed_costs_one_level_and_is_started_anew() {
    let bench = Bench::new();
    let mut started = bench.start(&["--workers", "1,1", "--run-time", "3"]);
    started.until_said(BASELINE);
    docker(&["kill", &started.container("mock")]);
    let finished = started.finish().assert(5).assert_says(&["invalid: mock was lost while it was measured"]);
    assert_shows(&finished, "mock was lost while it was measured (exit status 137)");
    let run = bench.saved();
    assert!(run.visited[0].ended.iter().any(|ended| ended.container == "mock"));
    assert!(run.visited[1].ended.is_empty() && successes(&run, 1) > 0, "{}", finished.stderr);
}

#[test]
fn a_generator_that_was_killed_is_named() {
    let bench = Bench::new();
    let mut started = bench.start(&["--workers", "1,1", "--run-time", "3"]);
    let generator = loaded(&mut started, "loadgen", "w1-r2: target: loading stack");
    started.until_said("w1: saved");
    docker(&["kill", &generator]);
    started.finish().assert(4).assert_says(&["loadgen: it ended in mid-load: exit status 137"]);
    assert_eq!(bench.visits(), 2);
    let is_whole: Vec<bool> = bench.saved().visited.iter().map(Visited::is_whole).collect();
    assert_eq!(is_whole, [true, false]);
}

#[test]
fn a_generator_that_is_killed_in_the_last_load_loses_no_earlier_one() {
    let bench = Bench::new();
    let mut started = bench.start(&["--run-time", "3"]);
    let generator = loaded(&mut started, "loadgen", LOADING);
    docker(&["kill", &generator]);
    let finished = started.finish().assert(4);
    let finished =
        finished.assert_says(&["loadgen: it ended in mid-load: exit status 137", "the last as far as it got"]);
    let lost = "loadgen was lost (exit status 137)";
    assert_shows(&finished, lost);
    assert_eq!(bench.visits(), 1);
    let run = bench.saved();
    let visited = &run.visited[0];
    let baseline = &visited.phase(PhaseKind::Baseline).expect("it was measured").load;
    assert!(baseline.request_count() > 50 && baseline.failure_count() == 0, "{}", finished.stderr);
    assert!(!visited.is_whole() && !Analysis::of(&run).is_valid(visited));
    let result = std::fs::read_to_string(bench.run_folder().join("result.json")).expect("written");
    let result: serde_json::Value = serde_json::from_str(&result).expect("JSON");
    let kinds: Vec<&str> = result["visited"][0]["phases"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|phase| phase["kind"].as_str().expect("words"))
        .collect();
    assert_eq!(kinds, ["baseline", "null"]);
    let findings = result["findings"].as_array().expect("a list");
    let finding = findings.iter().find(|finding| finding["gate"] == "visit_whole").expect("it is told");
    assert_eq!((&finding["severity"], &finding["note"]), (&"invalid".into(), &lost.into()), "{finding}");
}

#[test]
fn a_study_goes_on_with_the_visit_that_was_cut_short() {
    let bench = Bench::new();
    let study = ["study", "--workers", "1", "--blocks", "2", "--warm-up", "0", "--run-time", "2", "--users", "2"];
    let mut started = bench.start_as(&study);
    let generator = loaded(&mut started, "loadgen", "target: loading stack");
    docker(&["kill", &generator]);
    started.finish().assert(4);
    assert_eq!(bench.visits(), 1);
    let folder = bench.run_folder();
    let finished = bench.start_as(&["study", "--resume", folder.to_str().expect("UTF-8")]).finish().assert_measured();
    let visited = bench.saved().visited;
    // Of each of two blocks w1, and w1 with twice the load; on a busy host some come once more.
    let is_whole: Vec<bool> = visited.iter().map(Visited::is_whole).collect();
    assert!(
        is_whole.len() >= 5 && !is_whole[0] && is_whole[1..].iter().all(|it| *it),
        "{is_whole:?}\n{}",
        finished.stderr
    );
    assert_eq!((visited[0].block, visited[0].turn()), (visited[1].block, visited[1].turn()), "the same once more");
    finished.assert_clean();
}

#[test]
fn a_network_that_was_taken_away_is_named() {
    let bench = Bench::new();
    let mut started = bench.start(&["--run-time", "6"]);
    let target = loaded(&mut started, "stack", LOADING);
    let networks =
        docker(&["inspect", "--format", "{{range .NetworkSettings.Networks}}{{.NetworkID}}{{end}}", &target]);
    docker(&["network", "disconnect", "--force", networks.trim(), &target]);
    let finished = started.finish().assert(5);
    assert_shows(&finished, "stack was lost while it was measured (somebody took it off its network)");
    assert_eq!(bench.visits(), 1);
}

#[test]
fn a_target_that_hangs_is_measured_as_that() {
    let bench = Bench::new();
    let mut started = bench.start(&["--run-time", "3", "--timeout", "1s"]);
    let target = loaded(&mut started, "stack", LOADING);
    docker(&["pause", &target]);
    // Its connections are accepted by the kernel, and never answered.
    let finished = started.finish().assert_measured().assert_clean();
    assert_shows(&finished, "requests failed");
    assert_eq!(bench.visits(), 1);
}

#[test]
fn a_target_that_ends_in_mid_load_says_how() {
    let bench = Bench::new();
    let mut started = bench.start(&["--run-time", "4"]);
    let target = loaded(&mut started, "stack", LOADING);
    docker(&["kill", "--signal", "TERM", &target]);
    let finished = started.finish().assert(5).assert_says(&["invalid: stack was lost while it was measured"]);
    assert_shows(&finished, "stack was lost while it was measured (exit status ");
    assert_eq!(bench.visits(), 1);
}

#[test]
fn a_target_without_the_memory_it_needs_is_said_to_be_killed_for_it() {
    let bench = Bench::of(STACK);
    let line = serde_json::json!({"method": "POST", "path": "/v1/chat/completions", "body": "x".repeat(8 << 20)});
    std::fs::write(bench.path().join("large.jsonl"), line.to_string()).expect("writable");
    let started = bench.start(&["--memory", "8m", "--run-time", "4", "--request-file", "large.jsonl"]);
    let finished = started.finish().assert_clean();
    let said = [finished.stdout.as_str(), &finished.stderr].concat();
    assert!([4, 5].contains(&finished.code.expect("it ended")), "{said}");
    assert!(said.contains("killed by the kernel: out of memory"), "{said}");
}
