//! The programs that the tests run: our own two roles, and others' tools.

use serde_json::Value;
use std::{
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStderr, Command, Output, Stdio},
};

/// `vscale mock`, until dropped.
pub struct Mock {
    /// `http://127.0.0.1:40123`
    pub url: String,
    pub child: Child,
    /// Kept open: who writes to a closed pipe ends.
    _stderr: BufReader<ChildStderr>,
}

impl Mock {
    /// On a free port, with these flags.
    pub fn start(flags: &[&str]) -> Self {
        let mut command = vscale();
        command.args(["mock", "--port", "0"]).args(flags).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the mock starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
        let mut line = String::new();
        stderr.read_line(&mut line).expect("readable");
        let url = line.trim_start_matches("vscale mock: ").trim().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{line}");
        Self { url, child, _stderr: stderr }
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `vscale load` on `url` with these flags, to its end: its result, as `--json` prints it.
pub fn load(url: &str, flags: &[&str]) -> Value {
    let output = output_of(vscale().args(["load", "--json", "--host", url]).args(flags));
    let last = output.lines().last().expect("a line for the result");
    let mut event: Value = serde_json::from_str(last).expect("JSON");
    let kind = event.as_object_mut().expect("an object").remove("event");
    assert_eq!(kind, Some("result".into()));
    event
}

/// Runs it to its end, which must be a good one, and returns what it printed.
pub fn output_of(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {status}\n{stderr}");
    String::from_utf8(stdout).expect("UTF-8")
}

/// What `tools/setup test` puts into `target/test-tools`; `variable` may name another, and one on the PATH is the last choice.
/// Its absence is a failure, never a reason to skip: a test that CI skips tests nothing.
pub fn test_tool(variable: &str, name: &str) -> Command {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools/bin").join(name);
    let path = match env::var_os(variable) {
        Some(path) => path,
        None if installed.exists() => installed.into(),
        None => name.into(),
    };
    let mut command = Command::new(&path);
    let runs = command.arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(runs, "{} does not run: `tools/setup test` installs it, or {variable} names it", path.display());
    Command::new(path)
}

fn vscale() -> Command {
    Command::new(env!("CARGO_BIN_EXE_vscale"))
}
