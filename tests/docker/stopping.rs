//! Whatever ends a run, nothing of it stays: signals, a killed controller, a target that dies under load.

use super::*;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

fn signalled(signal: Signal) -> Finished {
    let bench = Bench::new(STACK, "/v1/health");
    let (child, _) = bench.start_until(&["--run-time", "60"], "loadgen");
    kill(Pid::from_raw(child.id() as i32), signal).expect("it is ours");
    Finished::of(child)
}

#[test]
fn interrupt_removes_everything() {
    signalled(Signal::SIGINT).assert(130).assert_says(&["stopped by SIGINT"]);
}

#[test]
fn termination_removes_everything() {
    signalled(Signal::SIGTERM).assert(143).assert_says(&["stopped by SIGTERM"]);
}

#[test]
fn finished_levels_survive_an_interrupt() {
    let bench = Bench::new(STACK, "/v1/health");
    let mut child = bench.command(&["--workers", "1,1,1", "--run-time", "2"]).spawn().expect("it runs");
    let deadline = Instant::now() + Duration::from_secs(60);
    let saved = || {
        bench.path().join("results/runs").exists()
            && bench
                .run_folders()
                .iter()
                .any(|folder| fs::read_dir(folder.join("visits")).is_ok_and(|mut visits| visits.next().is_some()))
    };
    while !saved() {
        assert!(Instant::now() < deadline && child.try_wait().expect("ours").is_none(), "no level was saved");
        std::thread::sleep(Duration::from_millis(50));
    }
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).expect("it is ours");
    let finished = Finished::of(child).assert(130);
    finished.assert_says(&["the visits above are ", "stopped by SIGINT"]);
    let visited = bench.saved().visited;
    // The one under way may have come to its second load.
    let whole: Vec<&str> = visited.iter().filter(|it| it.is_whole()).map(|it| it.id.as_str()).collect();
    assert_eq!(whole, ["w1", "w1-r2", "w1-r3"][..whole.len().max(1)]);
    assert!(visited.len() - whole.len() <= 1 && whole.len() < 3, "{whole:?}");
    assert!(bench.run_folder().join("report.html").is_file());
}

#[test]
fn what_a_killed_controller_left_ends_by_itself_and_is_collected() {
    let bench = Bench::new(STACK, "/v1/health");
    let (mut child, loadgen) = bench.start_until(&["--run-time", "600"], "loadgen");
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
    let deadline = Instant::now() + Duration::from_secs(20);
    while docker(&["ps", "-q", "--no-trunc"]).contains(&loadgen) {
        assert!(Instant::now() < deadline, "the load generator goes on without its controller");
        std::thread::sleep(Duration::from_millis(100));
    }
    // Another user's run may collect it first: what counts is that it is collected.
    Finished::of_all(Command::new(binary()).arg("gc")).assert(0);
    assert_eq!(left_by(child.id()), [""; 0]);
}

#[test]
fn a_target_that_dies_under_load_makes_the_level_invalid() {
    let bench = Bench::new(STACK, "/v1/health");
    let started = bench.start_until_said(&["--run-time", "4"], "baseline: loading");
    docker(&["kill", &container_of(started.child.id(), "stack").expect("it is ready")]);
    let finished = started.finish().assert(5);
    assert!(finished.stdout.contains("stack was lost while it was measured (exit status 137)"), "{}", finished.stdout);
    assert!(bench.path().join("results/stack_failures.csv").is_file());
}
