//! The app with real processes: that it limits what it is told to limit, and that nothing of it is left.

use super::servers::{Mock, config, for_ms, run};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, ChildStderr, Command, Stdio},
    time::{Duration, Instant},
};
use vscale::{
    measure::WorkerCounter,
    mock::MockConfig,
    model::{CountBy, LoadPlan, LoadResult, ProbeSample, Process, Until},
};

/// `vscale app`, until dropped.
struct App {
    address: SocketAddr,
    child: Child,
    /// Kept open: who writes to a closed pipe ends.
    _stderr: BufReader<ChildStderr>,
}

impl App {
    /// On a free port, with these flags, when so many workers accept connections.
    fn start(flags: &[&str], workers: usize) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vscale"));
        command.args(["app", "--port", "0"]).args(flags).env_remove("WORKERS").stderr(Stdio::piped());
        Self::of(&mut command, workers)
    }

    fn of(command: &mut Command, workers: usize) -> Self {
        let mut child = command.spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("vscale app: http://").unwrap_or_else(|| panic!("{line}"));
        let app = Self { address: address.parse().unwrap(), child, _stderr: stderr };
        app.wait_for(|app| app.workers().len() == workers && app.workers().iter().all(|&worker| is_polling(worker)));
        app
    }

    /// PIDs of the workers, in the order of their numbers where none has ended yet.
    fn workers(&self) -> Vec<u32> {
        children(self.child.id())
    }

    fn wait_for(&self, what: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !what(self) {
            assert!(Instant::now() < deadline, "it has not come in half a minute");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Requests of several users for some time.
    fn load(&self, users: u32, ms: u64) -> LoadResult {
        run(&LoadPlan { until: for_ms(ms), ..config(self.address).with_users(users, 1000.0) })
    }

    /// CPU time of all workers so far.
    fn cpu_ns(&self) -> u64 {
        self.workers().iter().map(|&worker| cpu_ns(worker)).sum()
    }

    /// How many connections each worker has.
    fn connections(&self) -> Vec<usize> {
        self.workers().iter().map(|&worker| sockets(worker)).collect()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn children(parent: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    list.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// Whether a worker has got as far as its event loop.
fn is_polling(worker: u32) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{worker}/fd")).into_iter().flatten().flatten();
    let is_epoll = |link: std::path::PathBuf| link.to_string_lossy().contains("eventpoll");
    let has_epoll = descriptors.filter_map(|entry| fs::read_link(entry.path()).ok()).any(is_epoll);
    let state = fs::read_to_string(format!("/proc/{worker}/stat")).unwrap_or_default();
    has_epoll && state.contains(") S ")
}

/// Connected ones: what a worker has more than its listening socket, however often.
fn sockets(pid: u32) -> usize {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let links: Vec<_> = descriptors.filter_map(|entry| fs::read_link(entry.path()).ok()).collect();
    let listening = fs::read_link(format!("/proc/{pid}/fd/0")).unwrap();
    links.iter().filter(|link| link.to_string_lossy().starts_with("socket:") && **link != listening).count()
}

/// Of all its threads, by the scheduler's own count (proc_pid_schedstat).
fn cpu_ns(pid: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let first = |text: String| text.split(' ').next().unwrap().parse::<u64>().unwrap();
    threads.map(|thread| first(fs::read_to_string(thread.path().join("schedstat")).unwrap())).sum()
}

/// Sends the bytes on a fresh connection, and reads until it is closed.
fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

const POST: &str = "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n";

fn sent(result: &LoadResult) -> u64 {
    super::servers::ended(result) + result.totals.unanswered.unwrap()
}

#[test]
fn a_request_costs_the_cpu_time_that_is_programmed() {
    let app = App::start(&["--workers", "2", "--threads", "2", "--cpu", "5ms"], 2);
    let before = app.cpu_ns();
    let result = app.load(8, 1500);
    // What is under way at the end is worked on to its end.
    app.wait_for(|app| app.workers().iter().all(|&worker| is_polling(worker)));
    let ns = (app.cpu_ns() - before) as f64 / sent(&result) as f64;
    assert!(sent(&result) > 20 && result.failures.is_empty(), "{result:?}");
    assert!((4.9e6..5.5e6).contains(&ns), "{ns} ns");
}

#[test]
fn a_lock_lets_one_request_through_at_a_time_however_many_workers() {
    let app = App::start(&["--workers", "4", "--lock-sleep", "5ms"], 4);
    let begun = Instant::now();
    let requests = sent(&app.load(12, 1000));
    let most = begun.elapsed().as_millis() as u64 / 5 + 12;
    assert!(requests > 20 && requests <= most, "{requests}, and no more than {most} can be");
}

#[test]
fn a_pool_bounds_what_is_at_the_backend() {
    let service_time = "20ms".parse().unwrap();
    let mock = Mock::with(MockConfig { service_time, ..MockConfig::default() });
    let backend = format!("http://{}", mock.address);
    for (flags, most) in [
        (["--workers", "2", "--pool", "3"], 3),
        // The third worker has no connection to the backend, so it gets no clients.
        (["--workers", "3", "--pool", "2"], 2),
        (["--workers", "2", "--concurrency", "1"], 2),
        (["--workers", "2", "--concurrency", "12"], 12),
    ] {
        let app = App::start(&[&flags[..], &["--backend", &backend]].concat(), flags[1].parse().unwrap());
        mock.close_window();
        let result = app.load(12, 1000);
        let window = mock.close_window();
        assert_eq!((window.peak_in_flight, result.failures.len()), (most, 0), "{flags:?}");
        assert!(window.connections_opened <= most, "{flags:?}: {}", window.connections_opened);
        // Those that waited at the end for users who have left are not sent.
        assert!(window.arrivals <= sent(&result) && window.arrivals + 12 >= sent(&result), "{flags:?}");
    }
}

#[test]
fn answers_are_the_backends_and_a_502_where_there_is_none() {
    let mut mock = Mock::with(MockConfig { error_rate: 1.0, error_status: 503, ..MockConfig::default() });
    let app = App::start(&["--backend", &format!("http://{}", mock.address)], 1);
    let body = r#"{"model": "m", "messages": [{"role": "user"}]}"#;
    let ask = format!("{POST}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let answer = exchange(app.address, &ask);
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("this failure was asked for"), "{answer}");
    mock.stop();
    let answer = exchange(app.address, &ask);
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("the backend: "), "{answer}");
}

#[test]
fn requests_are_answered_in_order_whatever_they_are() {
    let app = App::start(&["--cpu", "1ms"], 1);
    let health = "GET /v1/health HTTP/1.1\r\nHost: a\r\n\r\n";
    let answer = exchange(
        app.address,
        &format!(
            "{health}{POST}Content-Length: 2\r\n\r\n{{}}{health}{POST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
    );
    let statuses: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["200", "200", "200", "411"]);
    assert!(answer.contains("\r\n\r\n{}HTTP") && answer.contains(r#""choices":[{"#), "{answer}");
}

#[test]
fn it_says_how_many_workers_and_threads_it_has() {
    let app = App::start(&["--workers", "2", "--ignore-workers", "3", "--threads", "2"], 3);
    let answer = exchange(app.address, "GET /workers HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(answer.ends_with(r#"{"workers":3,"threads":2}"#), "{answer}");
}

#[test]
fn as_many_requests_fail_as_asked() {
    let app = App::start(&["--workers", "2", "--error-rate", "10%", "--seed", "1"], 2);
    let result = app.load(4, 1000);
    let (failed, requests) = (result.failure_count() as f64, result.request_count() as f64);
    let five_sigma = 5.0 * (0.1 * 0.9 / requests).sqrt();
    assert!((failed / requests - 0.1).abs() < five_sigma, "{failed} of {requests}");
    assert!(result.failures.iter().all(|group| group.error.contains("500")), "{:?}", result.failures);
}

#[test]
fn connections_are_divided_as_asked() {
    for (flags, expected) in [(&[][..], vec![4, 3, 3]), (&["--imbalance", "80%"], vec![8, 1, 1])] {
        let app = App::start(&[flags, &["--workers", "3"]].concat(), 3);
        let streams: Vec<TcpStream> = (0..10).map(|_| TcpStream::connect(app.address).unwrap()).collect();
        app.wait_for(|app| app.connections().iter().sum::<usize>() == 10);
        assert_eq!(app.connections(), expected);
        drop(streams);
        app.wait_for(|app| app.connections().iter().sum::<usize>() == 0);
    }
}

#[test]
fn memory_grows_with_each_request() {
    let app = App::start(&["--memory-growth", "64k"], 1);
    let requests = sent(&run(&LoadPlan { until: Until::Iterations { count: 200 }, ..config(app.address) }));
    let status = fs::read_to_string(format!("/proc/{}/status", app.workers()[0])).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(requests > 10 && kib >= requests * 64, "{kib} KiB after {requests} requests");
}

#[test]
fn workers_are_counted_and_their_parent_is_not_one() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vscale"));
    command.args(["app", "--port", "0", "--ignore-workers", "3"]).env("WORKERS", "2").stderr(Stdio::piped());
    let app = App::of(&mut command, 3);
    let process = |pid: u32, ppid: u32| {
        let command_line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap().replace('\0', " ");
        Process { pid, ppid, command_line, ..Process::default() }
    };
    let mut processes: Vec<_> = app.workers().into_iter().map(|worker| process(worker, app.child.id())).collect();
    processes.push(process(app.child.id(), std::process::id()));
    let sample = ProbeSample { processes, ..ProbeSample::default() };
    for pattern in ["app --worker", r"app --worker \d"] {
        assert_eq!(WorkerCounter::new(&CountBy::Process(pattern.into())).unwrap().count(&sample), Some(3), "{pattern}");
    }
}

#[test]
fn a_worker_that_has_ended_is_started_anew() {
    let app = App::start(&["--workers", "2"], 2);
    let first = app.workers()[0];
    kill(Pid::from_raw(first as i32), Signal::SIGKILL).unwrap();
    app.wait_for(|app| app.workers().len() == 2 && !app.workers().contains(&first));
    let answer = exchange(app.address, &format!("{POST}Connection: close\r\nContent-Length: 0\r\n\r\n"));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn workers_end_with_their_parent() {
    for signal in [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGINT] {
        let mut app = App::start(&["--workers", "3", "--cpu", "1h"], 3);
        let workers = app.workers();
        // One of them is at work and looks at nothing.
        let mut busy = TcpStream::connect(app.address).unwrap();
        busy.write_all(format!("{POST}Content-Length: 0\r\n\r\n").as_bytes()).unwrap();
        app.wait_for(|app| app.cpu_ns() > 200_000_000);
        app.signal(signal);
        let status = app.child.wait().unwrap();
        assert_eq!(status.code(), if signal == Signal::SIGKILL { None } else { Some(0) }, "{signal}");
        let is_there =
            |worker: &u32| fs::read_to_string(format!("/proc/{worker}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
        app.wait_for(|_| !workers.iter().any(is_there));
    }
}

#[test]
fn what_makes_no_server_is_refused_at_once() {
    for (flags, words) in [
        (&["--usl", "1"][..], "is not sigma,kappa"),
        (&["--pool", "4"], "--backend"),
        (&["--alternate", "0"], "no time to alternate"),
        (&["--backend", "mock:80"], "is not a server such as"),
        (&["--backend", "http://name.invalid"], "the backend name.invalid"),
        (&["--worker", "1:1"], ""),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vscale"));
        let output = command.args(["app", "--port", "0"]).args(flags).stdin(Stdio::null()).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains(words) && stderr.is_empty() == words.is_empty(), "{flags:?}: {stderr}");
    }
}
