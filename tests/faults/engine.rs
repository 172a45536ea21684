//! An engine that drops connections, hangs, refuses, talks rubbish or goes away.

use super::{
    bench::{Bench, Started, collect_garbage},
    proxy::{Fault, Proxy},
    runs::{STACK, binary, left_by},
};
use nix::sys::signal::Signal;
use std::{fs, thread, time::Duration};
use vscale::{
    analyse::Analysis,
    model::{PhaseKind, Visited},
};

const CREATE: &str = "^POST .*/containers/create";
/// Begins like JSON.
const RUBBISH: &str = "{\"Id\": <html>";
const LOADING: &str = "target: loading stack";

/// A run of which something is to be left alone: the containers of `host` and of the mock's probe go before.
struct Faulty {
    bench: Bench,
    proxy: Proxy,
}

impl Faulty {
    fn new(request: &str, nth: impl Into<Option<usize>>, fault: Fault) -> Self {
        let bench = Bench::new();
        let proxy = Proxy::start(bench.path()).with(request, nth, fault);
        Self { bench, proxy }
    }

    /// Nothing is wrong yet.
    fn later() -> Self {
        let bench = Bench::new();
        let proxy = Proxy::start(bench.path());
        Self { bench, proxy }
    }

    fn start(&self, arguments: &[&str]) -> Started {
        self.bench.start_behind(&self.proxy, arguments)
    }

    /// Ends before anything was measured: nothing is kept.
    fn fails(&self, code: i32, words: &[&str]) {
        let finished = self.start(&[]).finish().assert(code).assert_says(words);
        self.proxy.assert_hit();
        assert_eq!(finished.stdout, "");
        assert_eq!(fs::read_dir(self.bench.path().join("results/runs")).map_or(0, Iterator::count), 0);
    }

    /// The level is kept all the same.
    fn is_measured(&self) {
        self.start(&[]).finish().assert_measured().assert_clean();
        self.proxy.assert_hit();
        assert_eq!(self.bench.visits(), 1);
    }
}

#[test]
fn a_creation_that_is_refused_names_what_and_why() {
    Faulty::new(CREATE, 2, Fault::Refuse(500)).fails(1, &["creating container mock: refused by the test"]);
}

#[test]
fn a_creation_that_never_ends_is_given_up() {
    Faulty::new(CREATE, 2, Fault::Hang).fails(1, &["creating container mock: no answer from the engine in 60 s"]);
}

#[test]
fn a_creation_whose_connection_is_dropped_is_not_the_containers_fault() {
    Faulty::new(CREATE, 2, Fault::Drop).fails(1, &["creating container mock: the connection to the engine is lost"]);
}

#[test]
fn a_creation_that_is_answered_with_rubbish_is_said_to_be() {
    Faulty::new(CREATE, 2, Fault::Say(RUBBISH)).fails(1, &["creating container mock: "]);
}

#[test]
fn a_start_that_is_refused_is_one() {
    Faulty::new("^POST .*/start", 2, Fault::Refuse(409)).fails(4, &["starting container mock: refused by the test"]);
}

#[test]
fn a_list_that_never_comes_is_given_up() {
    Faulty::new("^GET .*/containers/json", 1, Fault::Hang).fails(1, &["listing containers: no answer"]);
}

#[test]
fn a_list_of_rubbish_is_said_to_be() {
    Faulty::new("^GET .*/networks", 1, Fault::Say(RUBBISH)).fails(1, &["listing networks: "]);
}

#[test]
fn a_removal_that_never_ends_is_tried_again() {
    // The fifth is the target's or its probe's.
    Faulty::new("^DELETE .*/containers/", 5, Fault::Hang).is_measured();
}

#[test]
fn a_list_that_hangs_while_all_is_removed_is_asked_for_again() {
    Faulty::new("^GET .*/containers/json", 2, Fault::Hang).is_measured();
}

#[test]
fn a_slow_engine_is_waited_for() {
    Faulty::new("^POST .*/(create|start)|^DELETE", None, Fault::Delay(Duration::from_millis(500))).is_measured();
}

#[test]
fn a_run_without_samples_ends_and_says_so() {
    for fault in [Fault::Hang, Fault::Refuse(500)] {
        let faulty = Faulty::new("^GET .*/stats", None, fault);
        let finished = faulty.start(&[]).finish().assert_measured().assert_clean();
        faulty.proxy.assert_hit();
        assert_eq!(faulty.bench.visits(), 1, "{}", finished.stderr);
        let run = faulty.bench.saved();
        assert!(run.visited[0].phases.iter().all(|phase| phase.usage.iter().all(|usage| usage.samples.is_empty())));
    }
}

#[test]
fn logs_that_cannot_be_read_cost_nothing_else() {
    let faulty = Faulty::new("^GET .*/logs", None, Fault::Refuse(500));
    faulty.is_measured();
    let log = fs::read_to_string(faulty.bench.path().join("results/stack.log")).expect("written");
    assert_eq!(log, "not read: reading the log of container stack: refused by the test\n");
}

#[test]
fn a_level_whose_containers_cannot_be_looked_at_afterwards_is_kept() {
    let faulty = Faulty::later();
    let mut started = faulty.start(&[]);
    started.until_said(LOADING);
    faulty.proxy.begin("^GET .*/containers/[^/]+/json", None, Fault::Refuse(500));
    started.finish().assert_measured().assert_clean();
    faulty.proxy.assert_hit();
    assert_eq!(faulty.bench.visits(), 1);
}

#[test]
fn what_cannot_be_removed_is_named_and_the_level_kept() {
    let faulty = Faulty::later();
    let mut started = faulty.start(&[]);
    started.until_said(LOADING);
    faulty.proxy.begin("^DELETE", None, Fault::Refuse(500));
    let finished = started.finish();
    assert!([5, 6, 8].contains(&finished.code.expect("it ended")), "{}", finished.stderr);
    let finished = finished.assert_says(&["left in the engine (`vscale gc` tries again): removing container"]);
    assert_eq!(faulty.bench.visits(), 1);
    collect_garbage(finished.pid);
}

#[test]
fn what_cannot_be_removed_is_named_besides_what_went_wrong() {
    let faulty = Faulty::new(CREATE, 3, Fault::Refuse(500));
    faulty.proxy.begin("^DELETE", None, Fault::Refuse(500));
    let finished = faulty.start(&[]).finish().assert_code(1);
    let finished = finished.assert_says(&["refused by the test", "left in the engine (`vscale gc` tries again)"]);
    collect_garbage(finished.pid);
}

fn is_away(how_long: Duration) {
    let faulty = Faulty::later();
    let mut started = faulty.start(&["--workers", "1,1", "--run-time", "2"]);
    started.until_said("w1: saved").until_said("w1-r2: target: loading");
    faulty.proxy.go_away(how_long);
    let finished =
        started.finish().assert(1).assert_says(&["engine", "the visits above are kept, the last as far as it got"]);
    finished.assert_does_not_say(&["vscale: stack", "vscale: loadgen", "panicked"]);
    assert_eq!(faulty.bench.visits(), 2);
    let is_whole: Vec<bool> = faulty.bench.saved().visited.iter().map(Visited::is_whole).collect();
    assert_eq!(is_whole, [true, false]);
}

#[test]
fn an_engine_that_is_away_for_10_s_costs_the_load_under_way_and_is_named() {
    is_away(Duration::from_secs(10));
}

#[test]
fn an_engine_that_is_away_for_30_s_costs_the_load_under_way_and_is_named() {
    is_away(Duration::from_secs(30));
}

#[test]
fn a_generator_that_was_cut_off_is_not_blamed() {
    let faulty = Faulty::later();
    let mut started = faulty.start(&["--run-time", "30"]);
    started.until_said(LOADING);
    faulty.proxy.cut(&format!("{}/attach", started.container("loadgen")));
    let words = "reading the output of container loadgen: the engine has closed the connection";
    started.finish().assert(1).assert_says(&[words]).assert_does_not_say(&["vscale: loadgen", "vscale: stack"]);
}

#[test]
fn a_probe_that_was_cut_off_makes_the_level_invalid_and_is_not_blamed() {
    let faulty = Faulty::later();
    let mut started = faulty.start(&["--run-time", "6"]);
    started.until_said(LOADING);
    faulty.proxy.cut(&format!("{}/attach", started.container("stack-probe")));
    let finished = started.finish().assert(5);
    let words = "(reading the output of container stack-probe: the engine has closed the connection";
    let shown: Vec<&str> = finished.stdout.split_whitespace().collect();
    assert!(shown.join(" ").contains(words), "{}", finished.stdout);
    assert_eq!(faulty.bench.visits(), 1);
}

#[test]
fn a_signal_while_a_container_is_being_made_leaves_none() {
    // Until here: the host's, the mock, its probe.
    for nth in 1..=4 {
        let faulty = Faulty::new(CREATE, nth, Fault::Delay(Duration::from_secs(2)));
        let started = faulty.start(&[]);
        faulty.proxy.until_hit();
        started.signal(Signal::SIGINT);
        started.finish().assert(130).assert_says(&["stopped by SIGINT"]);
    }
}

#[test]
fn a_creation_that_hangs_does_not_keep_the_rest_from_being_removed() {
    let faulty = Faulty::new(CREATE, 4, Fault::Hang);
    let mut started = faulty.start(&[]);
    faulty.proxy.until_hit();
    started.signal(Signal::SIGINT);
    started.until_said("removing containers and network");
    // It waits for the creation's answer, and meanwhile removes what is there.
    while !left_by(started.pid()).is_empty() {
        assert!(started.is_running(), "{}", started.finish().stderr);
        thread::sleep(Duration::from_millis(100));
    }
    let finished = started.finish().assert(130).assert_says(&["stopped by SIGINT"]);
    finished.assert_does_not_say(&["left in the engine"]);
}

#[test]
fn a_signal_is_heard_while_a_large_folder_is_read() {
    let bench = Bench::of(&STACK.replace("image: vscale/self", "build: ."));
    fs::write(bench.path().join("Dockerfile"), "FROM scratch\nCOPY large /\n").expect("writable");
    // It takes minutes to read, and no space.
    let large = fs::File::create(bench.path().join("large")).expect("writable");
    large.set_len(1 << 40).expect("a sparse file");
    let started = bench.start(&[]);
    thread::sleep(Duration::from_secs(3));
    started.signal(Signal::SIGINT);
    started.finish().assert(130).assert_says(&["stopped by SIGINT"]);
}

#[test]
fn a_signal_is_heard_while_the_engine_hangs() {
    for request in ["^GET .*/version", "^GET .*/containers/json", "^GET .*/images/", CREATE] {
        let faulty = Faulty::new(request, 1, Fault::Hang);
        let started = faulty.start(&[]);
        faulty.proxy.until_hit();
        started.signal(Signal::SIGTERM);
        started.finish().assert(143).assert_says(&["stopped by SIGTERM"]);
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let faulty = Faulty::new("^DELETE", None, Fault::Hang);
    let mut started = faulty.start(&[]);
    faulty.proxy.until_hit();
    started.signal(Signal::SIGINT);
    started.until_said("removing containers and network");
    started.signal(Signal::SIGINT);
    let finished = started.finish().assert_code(130);
    let finished = finished.assert_says(&["stopped by SIGINT at once; `vscale gc` removes what it may have left"]);
    collect_garbage(finished.pid);
}

#[test]
fn a_level_is_saved_before_anything_is_removed() {
    let faulty = Faulty::later();
    let mut started = faulty.start(&[]);
    started.until_said(LOADING);
    faulty.proxy.begin("^DELETE", None, Fault::Hang);
    faulty.proxy.until_hit();
    started.signal(Signal::SIGKILL);
    let killed = started.finish();
    assert_eq!(faulty.bench.visits(), 1);
    collect_garbage(killed.pid);
}

#[test]
fn a_level_that_was_not_looked_at_after_its_load_is_kept_and_not_valid() {
    let faulty = Faulty::later();
    let mut started = faulty.start(&[]);
    started.until_said(LOADING);
    faulty.proxy.begin("^GET .*/containers/[0-9a-f]+/json", None, Fault::Hang);
    faulty.proxy.until_hit();
    started.signal(Signal::SIGINT);
    let finished = started.finish().assert(130);
    let run = faulty.bench.saved();
    assert_eq!(run.visited.len(), 1, "{}", finished.stderr);
    assert!(run.visited[0].phase(PhaseKind::Target).is_some() && !run.visited[0].is_whole());
    assert!(!Analysis::of(&run).is_run_valid(&run));
}

/// Docker 18.06's.
const WITHOUT_BUILDKIT: &str = r#"{"Version":"18.06.3-ce","ApiVersion":"1.38","MinAPIVersion":"1.12"}"#;

#[test]
fn an_engine_without_buildkit_builds_by_its_own_builder() {
    let bench = Bench::of(&STACK.replace("image: vscale/self", "build: ."));
    let proxy = Proxy::start(bench.path()).with("^GET .*/version$", None, Fault::Say(WITHOUT_BUILDKIT));
    let faulty = Faulty { bench, proxy };
    let dockerfile = faulty.bench.path().join("Dockerfile");
    fs::copy(binary(), faulty.bench.path().join("vscale")).expect("writable");
    // No image of an earlier run is the same.
    let label = faulty.bench.path().display();
    let text = format!("FROM scratch\nLABEL test={label}\nCOPY vscale /vscale\nENTRYPOINT [\"/vscale\"]\n");
    fs::write(&dockerfile, &text).expect("writable");
    faulty.is_measured();
    assert!(!faulty.proxy.has_seen("version=2"), "BuildKit was asked");
    fs::write(&dockerfile, text.replace("COPY", "COPY --chmod=755")).expect("writable");
    let refused = faulty.start(&[]).finish().assert(3);
    refused.assert_says(&["Dockerfile:3: COPY --chmod needs BuildKit, which this engine has not"]);
}
