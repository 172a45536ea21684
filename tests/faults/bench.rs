//! `vscale bench` in a folder of its own, on small targets, and what it leaves behind.

use super::{
    proxy::Proxy,
    runs::{STACK, binary, compose, left_by, listed},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use vscale::{model::Run, store::RunFolder};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(200);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A folder with a compose file and results.
pub struct Bench {
    pub folder: TempDir,
}

impl Bench {
    pub fn new() -> Self {
        Self::of(STACK)
    }

    /// With `stack` as the target's service.
    pub fn of(stack: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("compose.yaml"), compose(stack, "/v1/health")).expect("writable");
        Self { folder }
    }

    pub fn new_started(arguments: &[&str]) -> (Self, Started) {
        let bench = Self::new();
        let started = bench.start(arguments);
        (bench, started)
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Windows of a second, two users who leave the CPUs to other runs.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(["bench", "--warm-up", "0", "--users", "2", "--think-time", "20ms"])
            .args(if arguments.contains(&"--run-time") { &[][..] } else { &["--run-time", "1"] })
            .args(if arguments.contains(&"--progress") { &[][..] } else { &["--progress", "plain"] })
            .args(arguments)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Another subcommand than `bench`, with all its flags.
    pub fn start_as(&self, arguments: &[&str]) -> Started {
        let mut command = Command::new(binary());
        command.args(arguments).args(["--progress", "plain"]).current_dir(self.path()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Started::of(command)
    }

    pub fn start(&self, arguments: &[&str]) -> Started {
        Started::of(self.command(arguments))
    }

    pub fn start_behind(&self, proxy: &Proxy, arguments: &[&str]) -> Started {
        let mut command = self.command(arguments);
        command.env("DOCKER_HOST", proxy.address());
        Started::of(command)
    }

    /// Visits that can be read, by `vscale report` too.
    pub fn visits(&self) -> usize {
        let Ok(runs) = fs::read_dir(self.path().join("results/runs")) else { return 0 };
        let runs: Vec<PathBuf> = runs.map(|run| run.expect("readable").path()).collect();
        assert!(runs.len() < 2, "{runs:?}");
        let Some(folder) = runs.first() else { return 0 };
        let Ok(run) = RunFolder::open(folder).and_then(|folder| folder.load()) else {
            // Killed before there was one.
            return 0;
        };
        if !run.visited.is_empty() {
            let output = Command::new(binary()).arg("report").arg(folder).output().expect("it runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        run.visited.len()
    }

    /// Of its only run.
    pub fn run_folder(&self) -> PathBuf {
        let mut runs = fs::read_dir(self.path().join("results/runs")).expect("made");
        runs.next().expect("one").expect("readable").path()
    }

    pub fn saved(&self) -> Run {
        RunFolder::open(&self.run_folder()).and_then(|folder| folder.load()).expect("a run's folder")
    }
}

/// A run under way.
pub struct Started {
    child: Child,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
    pub began: Instant,
}

impl Started {
    pub fn of(mut command: Command) -> Self {
        let mut child = command.spawn().expect("it runs");
        let stdout = child.stdout.take().map_or_else(Arc::default, collect);
        let stderr = child.stderr.take().map_or_else(Arc::default, collect);
        Self { child, stdout, stderr, began: Instant::now() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn said(&self) -> String {
        self.stderr.lock().expect("whole").clone()
    }

    /// Waits until it has said something.
    pub fn until_said(&mut self, words: &str) -> &mut Self {
        while !self.said().contains(words) {
            let ended = self.child.try_wait().expect("ours");
            assert!(ended.is_none(), "it ended without saying `{words}`:\n{}", self.said());
            assert!(self.began.elapsed() < PATIENCE, "it never said `{words}`:\n{}", self.said());
            thread::sleep(LOOK_EVERY);
        }
        self
    }

    /// The id of the run's container of a service; waits until it is there.
    pub fn container(&self, service: &str) -> String {
        let service = format!("label=com.docker.compose.service={service}");
        while self.began.elapsed() < PATIENCE {
            let mine = listed(self.pid(), &["ps", "--all", "--filter", &service]);
            if let Some(id) = mine.first() {
                return id.clone();
            }
            thread::sleep(LOOK_EVERY);
        }
        panic!("no container with {service}:\n{}", self.said())
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid() as i32), signal).expect("it is ours");
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("ours").is_none()
    }

    pub fn finish(mut self) -> Finished {
        while self.is_running() {
            if self.began.elapsed() > PATIENCE {
                self.child.kill().expect("it is ours");
                panic!("it does not end:\n{}", self.said());
            }
            thread::sleep(LOOK_EVERY);
        }
        let status = self.child.wait().expect("ours");
        // Its readers see the end of the pipes soon after.
        let deadline = Instant::now() + PATIENCE;
        while Arc::strong_count(&self.stdout) + Arc::strong_count(&self.stderr) > 2 && Instant::now() < deadline {
            thread::sleep(LOOK_EVERY);
        }
        let stdout = self.stdout.lock().expect("whole").clone();
        Finished { code: status.code(), pid: self.child.id(), stdout, stderr: self.said() }
    }
}

fn collect(mut pipe: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let shared = Arc::clone(&text);
    thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = pipe.read(&mut chunk) {
            shared.lock().expect("whole").push_str(&String::from_utf8_lossy(&chunk[..count]));
        }
    });
    text
}

/// How a run ended.
pub struct Finished {
    pub code: Option<i32>,
    pub pid: u32,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// Checks the exit status, and that the run has left nothing.
    pub fn assert(self, code: i32) -> Self {
        self.assert_code(code).assert_clean()
    }

    pub fn assert_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Valid, invalid, or on a host that was too busy: it went through.
    pub fn assert_measured(self) -> Self {
        let went_through = self.code.is_some_and(|code| [0, 5, 8].contains(&code));
        assert!(went_through, "{:?}\nstdout:\n{}\nstderr:\n{}", self.code, self.stdout, self.stderr);
        self
    }

    pub fn assert_clean(self) -> Self {
        assert_eq!(left_by(self.pid), Vec::<String>::new(), "stderr:\n{}", self.stderr);
        self
    }

    pub fn assert_says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "`{word}` is not in:\n{}", self.stderr);
        }
        self
    }

    pub fn assert_does_not_say(self, words: &[&str]) -> Self {
        for word in words {
            assert!(!self.stderr.contains(word), "`{word}` is in:\n{}", self.stderr);
        }
        self
    }
}

/// `vscale gc` removes what a dead run has left. What was being made when it died may appear later.
pub fn collect_garbage(pid: u32) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let output = Command::new(binary()).arg("gc").output().expect("it runs");
        let left = left_by(pid);
        if left.is_empty() {
            return;
        }
        let said = [output.stdout, output.stderr].concat();
        assert!(Instant::now() < deadline, "{left:?}\n{}", String::from_utf8_lossy(&said));
    }
}
