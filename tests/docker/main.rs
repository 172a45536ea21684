//! `vscale bench` on the real engine. The targets are small: our own mock stands in for the server under test, except in
//! `ogx`, which measures the real one. `make test` builds the static binary that these tests put into images.

mod bench;
mod calibrate;
mod compose;
mod failures;
mod generators;
mod hostile;
mod init;
mod ogx;
#[path = "../shared/runs.rs"]
mod runs;
mod stopping;
mod study;
mod targets;

use runs::{STACK, binary, docker, left_by, listed};
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use vscale::{model::Run, store::RunFolder};

/// The exit status of a run on a host that was too busy to believe it.
const BUSY: i32 = 8;

/// That of one with something against it, and how that begins, and goes on, which a host may bring about unseen: the gates look
/// at the target's CPUs, and a load generator that is kept from running at a window's end reads answers too late for it.
const INVALID: i32 = 5;
const HOSTS_DOING: [(&str, &str); 2] = [
    ("target: a second of the window's second half had", ""),
    ("target: throughput times latency is", " less than what was in flight"),
];

/// A folder with a compose file and results of its own.
struct Bench {
    folder: TempDir,
}

impl Bench {
    /// With `stack` as the target's service and `ready` as its readiness path.
    fn new(stack: &str, ready: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("compose.yaml"), runs::compose(stack, ready)).expect("writable");
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        let users: &[&str] = if arguments.contains(&"--rate") { &[] } else { &["--users", "2"] };
        command
            .args(["bench", "--warm-up", "0", "--progress", "plain"])
            .args(users)
            .args(arguments)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        Finished::of_all(&mut self.command(arguments))
    }

    /// Starts it and waits until a container of the service runs; gives its id.
    fn start_until(&self, arguments: &[&str], service: &str) -> (Child, String) {
        let mut child = self.command(arguments).spawn().expect("it runs");
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            if let Some(id) = container_of(child.id(), service) {
                return (child, id);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        child.kill().expect("it is ours");
        let finished = Finished::of(child);
        panic!("no container of {service} came up in a minute:\n{}", finished.stderr);
    }

    /// Starts it and waits until its progress says something.
    fn start_until_said(&self, arguments: &[&str], words: &str) -> Started {
        let mut child = self.command(arguments).spawn().expect("it runs");
        let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut said = String::new();
        while !said.contains(words) {
            let count = stderr.read_line(&mut said).expect("UTF-8");
            assert!(count > 0, "it ended without saying `{words}`:\n{said}");
        }
        Started { child, stderr, said }
    }

    fn saved(&self) -> Run {
        load(&self.run_folder())
    }

    fn run_folder(&self) -> PathBuf {
        let runs: Vec<PathBuf> = self.run_folders();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs[0].clone()
    }

    fn run_folders(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path().join("results/runs")).expect("runs are there");
        entries.map(|entry| entry.expect("readable").path()).collect()
    }
}

/// What a run has found, by its folder.
fn load(folder: &Path) -> Run {
    RunFolder::open(folder).and_then(|folder| folder.load()).expect("a run's folder")
}

/// A run under way, and what it has said so far.
struct Started {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
}

impl Started {
    fn finish(mut self) -> Finished {
        self.stderr.read_to_string(&mut self.said).expect("UTF-8");
        Finished { stderr: self.said, ..Finished::of(self.child) }
    }
}

/// How a run ended.
struct Finished {
    /// Of the controller.
    pid: u32,
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Finished {
    /// Runs it to its end.
    fn of_all(command: &mut Command) -> Self {
        Self::of(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs"))
    }

    /// Waits for its end.
    fn of(child: Child) -> Self {
        let pid = child.id();
        let output = child.wait_with_output().expect("it ends");
        Self {
            pid,
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Checks the exit status and that nothing is left in the engine. On a busy host, what would be 0 or 7 is 8, or 5 for
    /// no other reason than what a host may bring about unseen: these tests are about other things.
    fn assert(self, code: i32) -> Self {
        let mut invalid = self.stderr.lines().filter_map(|line| line.split_once("invalid: "));
        let is_hosts = |why: &str| HOSTS_DOING.iter().any(|(begin, then)| why.starts_with(begin) && why.contains(then));
        let is_uneven = self.code == Some(INVALID) && invalid.all(|(_, why)| is_hosts(why));
        let is_only_busy = (self.code == Some(BUSY) || is_uneven) && [0, 7].contains(&code);
        let said = format!("stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        assert!(is_only_busy || self.code == Some(code), "{:?}, not {code}\n{said}", self.code);
        assert_eq!(left_by(self.pid), [""; 0]);
        self
    }

    fn assert_says(&self, words: &[&str]) {
        for word in words {
            assert!(self.stderr.contains(word), "`{word}` is not in:\n{}", self.stderr);
        }
    }
}

/// The running container of a service, started by the controller with this PID.
fn container_of(controller: u32, service: &str) -> Option<String> {
    listed(controller, &["ps", "--filter", &format!("label=com.docker.compose.service={service}")]).pop()
}
