//! `vscale study` on the real engine: a target whose limit is programmed, cut short and gone on with.

use super::{BUSY, Finished, INVALID, binary};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Waits 5 ms a request in each worker: 200 requests/s a worker, whatever else the host does.
const COMPOSE: &str = "
x-vscale:
  name: study
  target: app
  backend: mock
  generator: loadgen
  backend_requests: 0
  workers: { env: WORKERS, count: { process: '--worker [0-9]' } }
  endpoints: { mock: { port: 8080, ready: /v1/health }, app: { port: 8321, ready: /v1/health } }
  study: { users_per_worker: 4, run_time: 1s, blocks: 2 }
services:
  mock: { image: vscale/self, command: mock --host 0.0.0.0 --port 8080, networks: [bench] }
  app: { image: vscale/self, command: app --host 0.0.0.0 --sleep 5ms, init: true, networks: [bench] }
  loadgen: { image: vscale/self, networks: [bench] }
networks: { bench: { internal: true } }
";

fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("compose.yaml"), COMPOSE).expect("writable");
    folder
}

fn vscale(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).args(["--progress", "plain"]).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

const STUDY: [&str; 8] = ["study", "--workers", "1,2", "--no-baseline", "--warm-up", "200ms", "--seed", "7"];

/// The folder of the only run.
fn run_folder(folder: &Path) -> PathBuf {
    let runs = fs::read_dir(folder.join("results/runs")).expect("runs");
    let runs: Vec<PathBuf> = runs.map(|entry| entry.expect("readable").path()).collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs[0].clone()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("it is there")).expect("JSON")
}

/// Block, point and change of each visit, in order.
fn order(run: &Path) -> Vec<(u64, u64, bool)> {
    let files = fs::read_dir(run.join("visits")).expect("visits");
    let mut visits: Vec<Value> = files.map(|entry| json(&entry.expect("readable").path())).collect();
    visits.sort_by_key(|visit| visit["sequence"].as_u64());
    let number = |value: &Value| value.as_u64().expect("a number");
    visits.iter().map(|it| (number(&it["block"]), number(&it["point"]), it["change"].is_object())).collect()
}

/// Measured: valid, on a busy host, or with an invalid visit. What is tested here is what is done, and not how still the
/// machine is.
fn assert_measured(finished: &Finished) {
    let code = finished.code.expect("it ends by itself");
    assert!([0, INVALID, BUSY].contains(&code), "{code}: {}", finished.stderr);
}

#[test]
fn every_setting_is_visited_in_each_block_and_the_answer_is_kept() {
    let folder = folder();
    let finished = Finished::of_all(&mut vscale(folder.path(), &STUDY));
    assert_measured(&finished);
    let run = run_folder(folder.path());
    let order = order(&run);
    let of_block = |block: u64| -> BTreeSet<(u64, bool)> {
        order.iter().filter(|(of, ..)| *of == block).map(|it| (it.1, it.2)).collect()
    };
    let wanted = BTreeSet::from([(0, false), (1, false), (1, true)]);
    for block in 0..2 {
        assert_eq!(of_block(block), wanted, "block {block}: {order:?}");
    }
    let study = &json(&run.join("result.json"))["study"];
    assert_eq!(study["points"].as_array().map(Vec::len), Some(2), "{study}");
    assert_eq!((&study["blocks"], &study["curves"][0]["points"]), (&2.into(), &serde_json::json!([0, 1])), "{study}");
}

/// A and B are the same, or B takes half as long again; both on real visits.
#[test]
fn two_sides_are_visited_in_pairs_and_judged() {
    let folder = folder();
    let variable = COMPOSE.replace("app --host 0.0.0.0 --sleep 5ms", "\"app --host 0.0.0.0 --sleep ${SLEEP:-5ms}\"");
    fs::write(folder.path().join("compose.yaml"), variable).expect("writable");
    let ab = |b: &str| {
        let judged = ["--blocks", "4", "--workers", "1", "--fail-if", "throughput < -20%", "--fail-if", "p50 > +25%"];
        let arguments =
            [&["study", "--no-baseline", "--warm-up", "200ms", "--seed", "5", "--ab", b][..], &judged].concat();
        Finished::of_all(&mut vscale(folder.path(), &arguments))
    };
    // An uneven host widens the interval until four pairs cannot tell: then neither side is said to be right.
    const CANNOT_TELL: i32 = 98;
    let is_told = |b: &str, verdict: i32| {
        let finished = ab(b);
        let code = finished.code.expect("it ends");
        let codes = [verdict, CANNOT_TELL, INVALID, BUSY];
        assert!(codes.contains(&code), "{code}: {}\n{}", finished.stdout, finished.stderr);
        code == verdict
    };
    let told = [is_told("SLEEP=5ms", 0), is_told("SLEEP=7500us", 99)];

    let mut runs: Vec<PathBuf> = fs::read_dir(folder.path().join("results/runs"))
        .expect("runs")
        .map(|it| it.expect("readable").path())
        .collect();
    runs.sort();
    let ratios = [&runs[0], &runs[1]].map(|run| {
        // What a busy host has spoiled is visited again.
        let mut seen = BTreeSet::new();
        let firsts: Vec<_> = order(run).into_iter().filter(|turn| seen.insert(*turn)).collect();
        let is_pair = |pair: &[(u64, u64, bool)]| pair[0].0 == pair[1].0 && pair[0].1 != pair[1].1;
        assert!(firsts[..8].chunks(2).all(is_pair), "in pairs: {firsts:?}");
        json(&run.join("result.json"))["study"]["ab"]["pooled"][0]["ratio"]["estimate"].as_f64()
    });
    for ((ratio, is_told), programmed) in ratios.iter().zip(told).zip([1.0, 5.0 / 7.5]) {
        let is_as_programmed = ratio.is_some_and(|ratio| (ratio / programmed - 1.0).abs() < 0.15);
        assert!(is_as_programmed || !is_told, "{ratio:?}, not {programmed}");
    }
    // None where too few pairs are valid.
    if let [Some(same), Some(slower)] = ratios {
        assert!(slower < 0.9 * same, "{same} and {slower}");
    }
    let dir = runs[0].to_str().expect("UTF-8");
    let again = Finished::of_all(&mut vscale(folder.path(), &["rerun", dir]));
    assert_eq!(again.code, Some(2), "{}", again.stderr);
    assert!(again.stderr.contains("it compares two"), "{}", again.stderr);
}

/// `--users 2,8`: with one worker that waits 5 ms, more users only wait longer.
#[test]
fn several_users_are_points_of_their_own() {
    let folder = folder();
    let arguments = ["study", "--workers", "1", "--users", "2,8", "--no-baseline", "--warm-up", "200ms", "--seed", "5"];
    assert_measured(&Finished::of_all(&mut vscale(folder.path(), &arguments)));
    let result = json(&run_folder(folder.path()).join("result.json"));
    let drives: Vec<&Value> =
        result["study"]["points"].as_array().expect("points").iter().map(|it| &it["setting"]["drive"]).collect();
    assert_eq!(drives, [&serde_json::json!({"users": 2}), &serde_json::json!({"users": 8})]);
    assert_eq!(result["study"]["curves"][0]["over"], "users", "{result}");
}

#[test]
fn a_study_that_was_killed_goes_on_in_the_same_order() {
    let folder = folder();
    let mut killed = vscale(folder.path(), &STUDY).spawn().expect("it runs");
    let visits = |folder: &Path| {
        let runs = fs::read_dir(folder.join("results/runs")).into_iter().flatten();
        runs.flatten().map(|run| fs::read_dir(run.path().join("visits")).map_or(0, Iterator::count)).sum::<usize>()
    };
    let begin = Instant::now();
    while visits(folder.path()) < 2 {
        assert!(begin.elapsed() < Duration::from_secs(120), "no second visit");
        assert!(killed.try_wait().expect("a status").is_none(), "it ended by itself");
        sleep(Duration::from_millis(50));
    }
    let run = run_folder(folder.path());
    let dir = run.to_str().expect("UTF-8").to_owned();
    let beside = Finished::of_all(&mut vscale(folder.path(), &["study", "--resume", &dir]));
    assert_eq!(beside.code, Some(2), "{}", beside.stderr);
    assert!(beside.stderr.contains("another vscale is at work in it"), "{}", beside.stderr);
    killed.kill().expect("SIGKILL");
    killed.wait().expect("it has ended");

    let before = order(&run);
    let changed = COMPOSE.replace("5ms", "6ms");
    fs::write(folder.path().join("compose.yaml"), changed).expect("writable");
    let refused = Finished::of_all(&mut vscale(folder.path(), &["study", "--resume", &dir]));
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("the compose file has changed since"), "{}", refused.stderr);
    fs::write(folder.path().join("compose.yaml"), COMPOSE).expect("writable");

    assert_measured(&Finished::of_all(&mut vscale(folder.path(), &["study", "--resume", &dir])));
    let after = order(&run);
    assert!(after.len() >= 6, "{after:?}");
    assert_eq!(after[..before.len()], before, "what was done stays");
    let planned: Vec<(u64, u64, bool)> = json(&run.join("run.json"))["plan"]["blocks"]
        .as_array()
        .expect("blocks")
        .iter()
        .zip(0..)
        .flat_map(|(turns, block)| {
            let turns = turns.as_array().expect("turns").clone();
            turns.into_iter().map(move |it| (block, it["point"].as_u64().expect("a number"), it["change"].is_object()))
        })
        .collect();
    assert_eq!(after[..3], planned[..3], "in the order of the plan");

    let again = Finished::of_all(&mut vscale(folder.path(), &["rerun", &dir]));
    assert_measured(&again);
    assert_eq!(fs::read_dir(folder.path().join("results/runs")).expect("runs").count(), 2);
}
