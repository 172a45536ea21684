//! Load generators that are not ours, on the real engine: each loads the same target as ours does.

use super::*;
use vscale::{
    measure::Rates,
    model::{Limit, LoadResult, LoadTool, PhaseKind},
};

const SERVICE_TIME_US: f64 = 90_000.0;
const USERS: f64 = 2.0;

/// A target and a backend that take 90 ms, loaded by `generator`.
fn bench(generator: &str) -> Bench {
    let slow = STACK.replace("2ms", "90ms");
    let bench = Bench::new(&slow, "/v1/health");
    let file = bench.path().join("compose.yaml");
    let text = fs::read_to_string(&file)
        .expect("written")
        .replace("  load: loadgen\n", &format!("  generator: {generator}\n"));
    let text = text.replace("--port, '80']", "--port, '80', --service-time, 90ms]");
    fs::write(&file, text).expect("writable");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/locust/locustfile.py");
    fs::copy(script, bench.path().join("locustfile.py")).expect("it is there");
    bench
}

fn load(run: &Run, kind: PhaseKind) -> &LoadResult {
    &run.visited[0].phase(kind).expect("it was loaded").load
}

#[test]
fn locust_and_ours_agree_within_what_locust_tells() {
    let of_locust = bench("{ kind: locust, file: locustfile.py }");
    let finished = of_locust.run(&["--run-time", "6"]).assert(0);
    assert!(finished.stdout.contains("load by locust with locustfile.py, which does not tell"), "{}", finished.stdout);
    let of_ours = bench("loadgen");
    let by_ours = of_ours.run(&["--run-time", "6"]).assert(0);
    // On a busy host Locust's Python waits for a CPU longer than ours does.
    let is_quiet = [finished.code, by_ours.code] == [Some(0), Some(0)];
    let (locust, ours) = (of_locust.saved(), of_ours.saved());
    for kind in [PhaseKind::Baseline, PhaseKind::Target] {
        let (told, exact) = (load(&locust, kind), load(&ours, kind));
        assert_eq!((told.told_by, exact.told_by), (Some(LoadTool::Locust), None));
        assert_eq!((told.failure_count(), exact.failure_count()), (0, 0));
        // Two digits: 90 ms is 85 to 95, and its own Python takes some milliseconds more.
        let [theirs, ours] = [told, exact].map(|load| load.p50_us().expect("there were answers") as f64);
        assert!(theirs >= SERVICE_TIME_US - 500.0, "{theirs}");
        assert!(theirs / ours > 0.85 && theirs / ours < if is_quiet { 1.3 } else { 2.0 }, "{theirs} and {ours} us");
        // Who does not think has one request under way, but for the time that Locust takes between two.
        let summary = told.summary.as_ref().expect("told");
        let in_flight = told.throughput_rps() * summary.mean_us / 1e6;
        let least = if is_quiet { 0.7 } else { 0.1 };
        assert!(in_flight < USERS * 1.05 && in_flight > USERS * least, "{in_flight} of {USERS}");
        let rows = told.series.iter().filter(|row| row.measured).map(|row| row.requests).sum::<u64>();
        assert_eq!((rows, summary.count), (told.request_count(), told.request_count()));
    }
    // The backend counted the same: in all exactly, in the window but for who was under way at its ends.
    let baseline = load(&locust, PhaseKind::Baseline);
    let truth = baseline.backend.as_ref().expect("our own mock tells what it saw");
    assert_eq!(truth.total_arrivals, baseline.totals.sent);
    let [seen, told] = [truth.window.arrivals, baseline.request_count()].map(|count| count as f64);
    // The mock's window is closed when its border was heard of: what it is longer has answers, too.
    let apart_us = truth.window.duration_us.abs_diff(baseline.window.duration_us) as f64;
    let most = 2.0 * USERS + USERS * apart_us / SERVICE_TIME_US;
    assert!((seen - told).abs() <= most, "{seen} and {told}, {apart_us} us apart");
    // Pinned and counted as ours.
    let visited = &locust.visited[0];
    let cpuset = visited.attestation.limits.iter().find(|row| row.container == "loadgen" && row.limit == Limit::Cpuset);
    assert!(cpuset.is_some_and(|row| row.asked.is_some() && row.asked == row.engine), "{cpuset:?}");
    let phase = visited.phase(PhaseKind::Target).expect("it was loaded");
    let cores = Rates::of(phase, "loadgen").cpu_cores;
    assert!(cores.is_some_and(|cores| cores > 0.01 && cores < 1.1), "{cores:?}: one process of Python");
    // What it does not tell has no file.
    let level = of_locust.run_folder().join("levels/w1");
    assert!(level.join("stack_stats.csv").is_file() && level.join("loadgen-stack.log").is_file());
    assert!(!level.join("stack.hgrm").exists() && !level.join("stack.hlog").exists());
}

#[test]
fn a_locustfile_that_cannot_be_read_is_told_by_its_last_words() {
    let bench = bench("{ kind: locust, file: locustfile.py }");
    fs::write(bench.path().join("locustfile.py"), "import nothing_of_that_name\n").expect("writable");
    let finished = bench.run(&["--run-time", "1"]).assert(4);
    finished.assert_says(&["loadgen: exit status 1", "nothing_of_that_name"]);
}

#[test]
fn wrk_of_an_image_of_the_user_s_loads_as_ours() {
    let bench = bench("{ kind: wrk, service: loadgen }");
    let file = bench.path().join("compose.yaml");
    let text = fs::read_to_string(&file).expect("written");
    let text = text.replace("loadgen: { image: vscale/self,", "loadgen: { build: wrk,");
    assert!(text.contains("build: wrk"), "{text}");
    fs::write(&file, text).expect("writable");
    fs::create_dir(bench.path().join("wrk")).expect("writable");
    let dockerfile = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nRUN apt-get -o Acquire::Retries=3 update -qq \\\n && apt-get -o Acquire::Retries=3 install -qqy \
                      --no-install-recommends wrk >/dev/null\nENTRYPOINT [\"wrk\"]\n";
    fs::write(bench.path().join("wrk/Dockerfile"), dockerfile).expect("writable");
    bench.run(&["--run-time", "3"]).assert(0);
    let run = bench.saved();
    let baseline = load(&run, PhaseKind::Baseline);
    assert_eq!((baseline.told_by, baseline.failure_count()), (Some(LoadTool::Wrk), 0));
    let p50_us = baseline.p50_us().expect("there were answers") as f64;
    assert!((SERVICE_TIME_US..1.2 * SERVICE_TIME_US).contains(&p50_us), "{p50_us}");
    let truth = baseline.backend.as_ref().expect("our own mock tells what it saw");
    // wrk cuts off at its end what is under way.
    let missing = truth.total_arrivals as f64 - baseline.request_count() as f64;
    assert!((0.0..=USERS).contains(&missing), "{truth:?} and {}", baseline.request_count());
}
