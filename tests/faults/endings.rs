//! Signals at any time, and readers that leave.

use super::bench::{Bench, Finished, Started, collect_garbage};
use nix::{pty::openpty, sys::signal::Signal};
use rand_pcg::{
    Pcg64,
    rand_core::{Rng, SeedableRng},
};
use std::{fs::File, process::Stdio, thread, time::Duration};

const ROUNDS: u32 = 20;
/// So many runs go on at once: they wait for the engine for most of their time. `.config/nextest.toml` has as many threads
/// for each of these tests.
const AT_ONCE: u32 = 3;

/// Sends a signal to run after run, each at another time between the beginning and the end of a run of two levels.
fn at_any_time(signal: Signal, seed: u64, ended: impl Fn(Finished, &Bench) + Sync) {
    let arguments = ["--workers", "1,1", "--run-time", "0.3"];
    let whole = {
        let started = Bench::new_started(&arguments);
        let began = started.1.began;
        started.1.finish().assert_measured().assert_clean();
        began.elapsed()
    };
    let mut random = Pcg64::seed_from_u64(seed);
    // Spread over the run, one in each of its parts.
    let share =
        |round: u32| (f64::from(round) + f64::from(random.next_u32()) / f64::from(u32::MAX)) / f64::from(ROUNDS);
    let shares: Vec<f64> = (0..ROUNDS).map(share).collect();
    let one = |share: f64| {
        let (bench, mut started) = Bench::new_started(&arguments);
        thread::sleep(whole.mul_f64(share));
        if started.is_running() {
            started.signal(signal);
        }
        eprintln!("{signal} after {share:.2} of {whole:.1?}");
        ended(started.finish(), &bench);
    };
    thread::scope(|scope| {
        for lane in 0..AT_ONCE {
            let shares = shares.iter().skip(lane as usize).step_by(AT_ONCE as usize);
            scope.spawn(|| shares.for_each(|share| one(*share)));
        }
    });
}

/// Levels that it said were saved. What was measured and not yet said is saved as well.
fn assert_kept(finished: &Finished, bench: &Bench) {
    let said = finished.stderr.matches(": saved after ").count();
    let kept = bench.visits();
    assert!((said..=said + 1).contains(&kept), "{kept} levels of {said} are kept:\n{}", finished.stderr);
}

fn stops(signal: Signal, number: i32, seed: u64) {
    at_any_time(signal, seed, |finished, bench| {
        assert_kept(&finished, bench);
        let finished = finished.assert_clean();
        match finished.code {
            Some(code) if code == 128 + number => {
                finished.assert_says(&[&format!("stopped by {}", signal.as_str())]);
            }
            // Before it has begun to listen, or after all was done.
            None => assert_eq!(finished.stderr, ""),
            Some(_) => {
                finished.assert_measured();
            }
        }
    });
}

#[test]
fn sigint_at_any_time() {
    stops(Signal::SIGINT, 2, 1);
}

#[test]
fn sigterm_at_any_time() {
    stops(Signal::SIGTERM, 15, 2);
}

#[test]
fn sighup_at_any_time() {
    stops(Signal::SIGHUP, 1, 3);
}

#[test]
fn sigkill_at_any_time() {
    at_any_time(Signal::SIGKILL, 4, |finished, bench| {
        collect_garbage(finished.pid);
        assert_kept(&finished, bench);
    });
}

#[test]
fn a_full_stdout_is_an_error_and_no_panic() {
    let bench = Bench::new();
    let mut command = bench.command(&[]);
    command.stdout(File::options().write(true).open("/dev/full").expect("it is there"));
    let finished = Started::of(command).finish().assert(1);
    finished.assert_says(&["stdout: No space left on device"]).assert_does_not_say(&["panicked"]);
    assert_eq!(bench.visits(), 1);
    assert!(bench.path().join("results/stack.html").is_file());
}

#[test]
fn a_reader_that_has_left_is_told_by_the_status_alone() {
    let bench = Bench::new();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = bench.command(&[]);
    command.stdout(writer);
    Started::of(command).finish().assert(141).assert_does_not_say(&["panicked", "Broken pipe"]);
    assert_eq!(bench.visits(), 1);
}

#[test]
fn a_terminal_that_is_gone_keeps_nothing_from_ending_well() {
    let bench = Bench::new();
    let terminal = openpty(None, None).expect("a terminal");
    let mut command = bench.command(&["--progress", "tty"]);
    command.stdout(terminal.slave.try_clone().expect("a descriptor")).stderr(terminal.slave);
    let started = Started::of(command);
    thread::sleep(Duration::from_secs(1));
    drop(terminal.master);
    started.signal(Signal::SIGHUP);
    started.finish().assert(129);
}

#[test]
fn two_runs_at_once_do_not_disturb_each_other() {
    let runs = [Bench::new_started(&[]), Bench::new_started(&[])];
    for (bench, started) in runs {
        started.finish().assert_measured().assert_clean();
        assert_eq!(bench.visits(), 1);
    }
}

#[test]
fn gc_into_a_closed_pipe_is_no_success_and_no_panic() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = std::process::Command::new(super::runs::binary());
    command.arg("gc").stdout(writer).stderr(Stdio::piped());
    Started::of(command).finish().assert_code(141);
}
