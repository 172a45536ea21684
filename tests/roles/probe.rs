//! The probe as a process: what it answers, and what that costs.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use vscale::model::{ProbeEvent, ProbeSample, Tick};

/// `vscale probe` beside this process, until dropped.
struct Probe {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Probe {
    /// It has told that its target is ready: a server of one answer.
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("bound"));
        thread::spawn(move || {
            let (mut client, _) = listener.accept().expect("the probe");
            let _ = client.read(&mut [0; 1024]);
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").expect("it reads");
        });
        let mut command = Command::new(env!("CARGO_BIN_EXE_vscale"));
        let command = command.args(["probe", "--ready", &url]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the probe starts");
        let (stdin, stdout) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let mut probe = Self { child, stdin, stdout: BufReader::new(stdout) };
        let event = probe.hear();
        assert!(matches!(event, ProbeEvent::Ready { .. }), "{event:?}");
        probe
    }

    fn ask(&mut self, what: &str) -> ProbeEvent {
        writeln!(self.stdin, "{what}").expect("it listens");
        self.hear()
    }

    fn hear(&mut self) -> ProbeEvent {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("readable");
        serde_json::from_str(&line).expect("an event")
    }

    fn sample(&mut self) -> ProbeSample {
        match self.ask("sample") {
            ProbeEvent::Sample(sample) => sample,
            other => panic!("asked for a sample: {other:?}"),
        }
    }

    fn tick(&mut self) -> Tick {
        match self.ask("tick") {
            ProbeEvent::Tick(tick) => tick,
            other => panic!("asked for a tick: {other:?}"),
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_probe_answers_what_it_is_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let mut probe = Probe::start();
    let sample = probe.sample();
    let seen = sample.processes.iter().find(|process| process.pid == std::process::id());
    assert!(seen.is_some_and(|process| !process.cpus_allowed.is_empty()), "{sample:?}");
    assert!(sample.listeners.iter().any(|listener| listener.port == port && listener.queued == 0));
    // Where this process's own cgroup may be read, so may its counters.
    if sample.throttling.is_some() {
        let (first, second) = (probe.tick(), probe.tick());
        assert!(first.unix_us <= second.unix_us && first.cpu_us <= second.cpu_us, "{first:?} {second:?}");
    }
}

/// Alone in a PID namespace, so that only this process's threads are read:
/// `unshare -Urpf --mount-proc target/debug/deps/roles-... --ignored --nocapture probe`.
#[test]
#[ignore = "measures what a probe costs; it is read by people"]
fn what_a_probe_costs_beside_a_hundred_threads() {
    const SECONDS: u32 = 20;
    for _ in 0..100 {
        thread::spawn(|| {
            loop {
                thread::sleep(Duration::from_millis(20));
            }
        });
    }
    let mut probe = Probe::start();
    let first = probe.sample();
    let start = Instant::now();
    for tenth in 1..=10 * SECONDS {
        thread::sleep((start + tenth * Duration::from_millis(100)).saturating_duration_since(Instant::now()));
        probe.tick();
        if tenth % 10 == 0 {
            probe.sample();
        }
    }
    let last = probe.sample();
    let threads: usize = last.processes.iter().map(|process| process.tasks.len()).sum();
    let used_us = (last.own_cpu_us - first.own_cpu_us) as f64;
    let share = used_us / (last.unix_us - first.unix_us) as f64;
    println!("{} processes, {threads} threads: {:.3} % of a CPU", last.processes.len(), 100.0 * share);
    assert!(threads >= 100 && share < 0.005, "{share}");
}
