//! What a killed controller leaves running ends by itself, a server that knows nothing of us included.

use super::bench::{Bench, collect_garbage, docker};
use nix::sys::signal::Signal;
use std::{
    fs, thread,
    time::{Duration, Instant},
};

/// For what is to take about 20 s: this host may be busy.
const PATIENCE: Duration = Duration::from_secs(90);

/// A server that is hard to end: `deaf` ignores what can be ignored; `family` has children that do, too.
const SERVER: &str = r#"
import http.server, os, signal, sys

class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
    do_POST = do_GET
    def log_message(self, *arguments):
        pass

for _ in range(2 if "family" in sys.argv else 0):
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True:
            signal.pause()
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
http.server.ThreadingHTTPServer(("0.0.0.0", 81), Server).serve_forever()
"#;

fn ends_by_itself(settings: &str) {
    let bench = Bench::of(&format!("build: image\n    {settings}"));
    let image = bench.path().join("image");
    fs::create_dir(&image).expect("writable");
    fs::write(image.join("server.py"), SERVER).expect("writable");
    let dockerfile = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY server.py /\nENTRYPOINT [\"python3\", \"/server.py\"]\n";
    fs::write(image.join("Dockerfile"), dockerfile).expect("writable");
    let mut started = bench.start(&["--run-time", "600", "--ready-timeout", "5s"]);
    started.until_said("w1: baseline: loading");
    let names = ["stack", "stack-probe", "mock", "loadgen"];
    let containers = names.map(|name| started.container(name));
    started.signal(Signal::SIGKILL);
    let killed = Instant::now();
    let finished = started.finish();
    for (name, container) in names.iter().zip(&containers) {
        while docker(&["inspect", "--format", "{{.State.Running}}", container]).trim() == "true" {
            assert!(killed.elapsed() < PATIENCE, "{name} goes on without its controller");
            thread::sleep(Duration::from_millis(100));
        }
        eprintln!("{name} has ended after {:.1?}", killed.elapsed());
    }
    collect_garbage(finished.pid);
}

#[test]
fn a_server_of_root() {
    ends_by_itself("command: [plain]");
}

#[test]
fn a_server_of_a_named_user() {
    ends_by_itself("user: nobody\n    command: [plain]");
}

#[test]
fn a_server_that_ignores_signals() {
    ends_by_itself("user: '10001:10001'\n    command: [deaf]");
}

#[test]
fn a_server_that_ignores_signals_below_an_init() {
    ends_by_itself("init: true\n    command: [deaf, family]");
}

#[test]
fn a_server_whose_children_ignore_signals() {
    ends_by_itself("command: [family]");
}
