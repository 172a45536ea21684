//! `vscale generator`: plans in, events out, and when it ends.

use super::servers::{Mock, config, for_ms};
use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};
use vscale::model::{LoadEvent, LoadPlan, LoadResult, StopCause, Until};

/// The process, with its stdin open until [`Generator::close`].
struct Generator {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Generator {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vscale"));
        let piped = command.arg("generator").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, stdin, stdout }
    }

    fn write(&mut self, text: &str) {
        self.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn tell(&mut self, plan: &LoadPlan) {
        self.write(&(serde_json::to_string(plan).unwrap() + "\n"));
    }

    fn next_event(&mut self) -> LoadEvent {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// With the number of progress lines before it.
    fn next_result(&mut self) -> (usize, LoadResult) {
        let mut rows = 0;
        loop {
            match self.next_event() {
                LoadEvent::Progress(_) => rows += 1,
                LoadEvent::Result(result) => return (rows, *result),
            }
        }
    }

    fn close(&mut self) {
        self.stdin = None;
    }

    /// Exit status and stderr.
    fn end(self) -> (Option<i32>, String) {
        let Output { status, stderr, .. } = self.child.wait_with_output().unwrap();
        (status.code(), String::from_utf8(stderr).unwrap())
    }
}

#[test]
fn plan_after_plan_until_stdin_is_closed() {
    let mock = Mock::start();
    let mut generator = Generator::start();
    let first = LoadPlan { until: for_ms(1200), ..config(mock.address) };
    let second = LoadPlan { until: Until::Iterations { count: 50 }, ..config(mock.address) };
    generator.tell(&first);
    generator.tell(&second);
    let (rows, result) = generator.next_result();
    assert_eq!((rows, result.window.duration_us, result.failure_count()), (2, 1_200_000, 0));
    assert_eq!((result.model, result.generators.len()), (first.model, 1));
    let (_, result) = generator.next_result();
    assert_eq!((result.request_count(), result.stopped_by), (50, StopCause::Iterations));
    generator.close();
    assert_eq!(generator.end(), (Some(0), String::new()));
}

#[test]
fn without_its_controller_it_ends_at_once() {
    let mock = Mock::start();
    let mut generator = Generator::start();
    generator.tell(&LoadPlan { until: Until::Stopped, ..config(mock.address) });
    assert!(matches!(generator.next_event(), LoadEvent::Progress(_)));
    let closed = Instant::now();
    generator.close();
    assert_eq!(generator.end(), (Some(129), String::new()));
    assert!(closed.elapsed() < Duration::from_secs(20), "{:?}", closed.elapsed());
}

#[test]
fn what_is_no_plan_is_refused_by_name() {
    let good = serde_json::to_string(&LoadPlan::new("http://127.0.0.1:1")).unwrap();
    for (line, message) in [
        ("--users 1", "vscale: stdin: plan 1 cannot be read: invalid number at line 1 column 2\n"),
        ("{}", "vscale: stdin: plan 1 cannot be read: missing field `host` at line 1 column 2\n"),
        (&good.replace("200 /choices", "okay"), "`okay` is neither a status nor a JSON pointer"),
        (&good.replace("\"users\":1", "\"users\":0"), "vscale: 0 users or requests in flight: use 1 to 100000\n"),
    ] {
        let mut generator = Generator::start();
        generator.write(line);
        generator.write("\n");
        let stdin = generator.stdin.take();
        let (status, said) = generator.end();
        assert_eq!(status, Some(2), "{said}");
        assert!(said.contains(message), "{said}");
        drop(stdin);
    }
}

#[test]
fn it_tells_for_how_long_it_was_kept_from_running() {
    const PAUSE: Duration = Duration::from_millis(1500);
    let mock = Mock::start();
    let mut generator = Generator::start();
    generator.tell(&LoadPlan { until: for_ms(6000), ..config(mock.address) });
    assert!(matches!(generator.next_event(), LoadEvent::Progress(_)));
    let pid = generator.child.id().to_string();
    let signal = |name: &str| assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    signal("-STOP");
    thread::sleep(PAUSE);
    signal("-CONT");
    let (_, result) = generator.next_result();
    let paused = Duration::from_micros(result.generators[0].longest_pause_us.unwrap());
    // It may have been about to sleep for a while anyway.
    assert!(paused > PAUSE - Duration::from_millis(100), "{paused:?}");
    generator.close();
    assert_eq!(generator.end().0, Some(0));
}

#[test]
fn a_signal_ends_the_load_with_a_result_and_then_the_process() {
    let mock = Mock::start();
    let mut generator = Generator::start();
    generator.tell(&LoadPlan { until: Until::Stopped, ..config(mock.address) });
    assert!(matches!(generator.next_event(), LoadEvent::Progress(_)));
    let pid = generator.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let (_, result) = generator.next_result();
    assert_eq!(result.stopped_by, StopCause::Signal);
    let stdin = generator.stdin.take();
    assert_eq!(generator.end(), (Some(0), String::new()));
    drop(stdin);
}
