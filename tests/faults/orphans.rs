//! What a killed controller leaves running ends by itself, a server that knows nothing of us included.

use super::{
    bench::{Bench, Started, collect_garbage},
    runs::docker,
};
use nix::sys::signal::Signal;
use std::{
    fs, thread,
    time::{Duration, Instant},
};

/// For what is to take about 20 s: this host may be busy.
const PATIENCE: Duration = Duration::from_secs(90);

/// A server that is hard to end: `deaf` ignores what can be ignored; `family` has children that do, too; `drop` starts as root
/// and goes on as another user.
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
if "drop" in sys.argv:
    os.setuid(12345)
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
http.server.ThreadingHTTPServer(("0.0.0.0", 80 if "backend" in sys.argv else 81), Server).serve_forever()
"#;

/// In its place stands a server that knows nothing of us.
const OUR_BACKEND: &str = "image: vscale/self, command: [mock, --host, 0.0.0.0, --port, '80']";

/// Who the servers are, and how hard they are to end.
const TARGETS: [&str; 7] = [
    "command: [plain]",
    "user: nobody\n    command: [plain]",
    "user: '10001:10001'\n    command: [deaf]",
    "init: true\n    command: [deaf, family]",
    "command: [family]",
    "command: [drop, deaf]",
    "command: [plain]\n    depends_on: [side]",
];

/// Nobody asks it whether it is ready.
const SIDE: &str = "services:\n  side: { build: image, command: [backend, family], networks: [bench] }\n";

fn start(settings: &str) -> (Bench, Started) {
    let bench = Bench::of(&format!("build: image\n    {settings}"));
    let image = bench.path().join("image");
    fs::create_dir(&image).expect("writable");
    fs::write(image.join("server.py"), SERVER).expect("writable");
    let dockerfile = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY server.py /\nENTRYPOINT [\"python3\", \"/server.py\"]\n";
    fs::write(image.join("Dockerfile"), dockerfile).expect("writable");
    let compose = fs::read_to_string(bench.path().join("compose.yaml")).expect("written");
    let compose = compose.replace(OUR_BACKEND, "build: image, command: [backend]");
    let compose = if settings.contains("side") { compose.replace("services:\n", SIDE) } else { compose };
    fs::write(bench.path().join("compose.yaml"), compose).expect("writable");
    let started = bench.start(&["--run-time", "600", "--ready-timeout", "5s"]);
    (bench, started)
}

/// Alone and all at once: any other run would take what is left for garbage, and end it.
#[test]
fn what_a_killed_controller_left_ends_by_itself() {
    let mut runs = TARGETS.map(start);
    let mut left = Vec::new();
    for ((_, started), target) in runs.iter_mut().zip(TARGETS) {
        started.until_said("w1: baseline: loading");
        let side = target.contains("side").then_some("side");
        for name in ["stack", "stack-probe", "mock", "loadgen"].into_iter().chain(side) {
            left.push((format!("{name} of {target}"), started.container(name)));
        }
    }
    runs.iter().for_each(|(_, started)| started.signal(Signal::SIGKILL));
    let killed = Instant::now();
    while let Some((name, container)) = left.pop() {
        while docker(&["inspect", "--format", "{{.State.Running}}", &container]).trim() == "true" {
            assert!(killed.elapsed() < PATIENCE, "{name} goes on without its controller");
            thread::sleep(Duration::from_millis(100));
        }
        eprintln!("{:.1?}: {name} has ended", killed.elapsed());
    }
    for (_, started) in runs {
        collect_garbage(started.finish().pid);
    }
}
