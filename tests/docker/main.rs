//! `vscale bench` on the real engine. The targets are small: our own mock stands in for the server under test, except in
//! `ogx`, which measures the real one. `make test` builds the static binary that these tests put into images.

mod bench;
mod failures;
mod hostile;
mod ogx;
mod stopping;

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Output, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use vscale::{model::Run, store::RunFolder};

/// The statically linked binary.
fn binary() -> PathBuf {
    let named = std::env::var_os("VSCALE").expect("VSCALE names the static binary: run these tests by `make test`");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(named)
}

/// A folder with a compose file and results of its own.
struct Bench {
    folder: TempDir,
}

/// What stands in for the server: `vscale mock` on port 81.
const STACK: &str = "
    image: vscale/self
    command: [mock, --host, 0.0.0.0, --port, '81']
    user: '65534:65534'
";

impl Bench {
    /// With `stack` as the target's service and `ready` as its readiness path.
    fn new(stack: &str, ready: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let compose = format!(
            "x-vscale:
  name: test
  target: stack
  backend: mock
  load: loadgen
  workers: {{ env: WORKERS, count: {{ process: 'vscale mock' }} }}
  endpoints:
    mock: {{ port: 80, ready: /v1/health }}
    stack: {{ port: 81, ready: {ready} }}
services:
  mock: {{ image: vscale/self, command: [mock, --host, 0.0.0.0, --port, '80'], networks: [bench] }}
  loadgen: {{ image: vscale/self, networks: [bench] }}
  stack:
    networks: [bench]
    {}
networks: {{ bench: {{ internal: true }} }}
",
            stack.trim()
        );
        fs::write(folder.path().join("compose.yaml"), compose).expect("writable");
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
        Finished::of(self.command(arguments).output().expect("it runs"))
    }

    /// Starts it and waits until a container of the service runs; gives its id.
    fn start_until(&self, arguments: &[&str], service: &str) -> (Child, String) {
        let mut child = self.command(arguments).spawn().expect("it runs");
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            let owner = format!("label=com.docker.compose.service={service}");
            let ids = docker(&["ps", "-q", "--no-trunc", "--filter", "label=dev.vscale.run", "--filter", &owner]);
            if let Some(id) = ids.lines().next() {
                return (child, id.to_owned());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        child.kill().expect("it is ours");
        let finished = Finished::of(child.wait_with_output().expect("it ends"));
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
        let finished = Finished::of(self.child.wait_with_output().expect("it ends"));
        Finished { stderr: self.said, ..finished }
    }
}

/// How a run ended.
struct Finished {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Finished {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Checks the exit status and that nothing is left in the engine.
    fn assert(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        assert_eq!(left_in_the_engine(), "");
        self
    }

    fn assert_says(&self, words: &[&str]) {
        for word in words {
            assert!(self.stderr.contains(word), "`{word}` is not in:\n{}", self.stderr);
        }
    }
}

/// Containers and networks of any run: these tests run one at a time.
fn left_in_the_engine() -> String {
    let containers = docker(&["ps", "-aq", "--filter", "label=dev.vscale.run"]);
    containers + &docker(&["network", "ls", "-q", "--filter", "label=dev.vscale.run"])
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().expect("the docker command is there");
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}
