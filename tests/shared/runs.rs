//! Runs of `vscale bench` on the real engine, on a small target, and what of them is there.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What stands in for the server: `vscale mock` on port 81, which answers by itself, and slowly enough to leave the load
/// generator CPU to spare: one that is as fast as the generator makes the generator the limit, and the run invalid.
pub const STACK: &str = "
    image: vscale/self
    command: [mock, --host, 0.0.0.0, --port, '81', --service-time, 2ms]
    user: '65534:65534'
";

/// The statically linked binary.
pub fn binary() -> PathBuf {
    let named = std::env::var_os("VSCALE")
        .expect("VSCALE names the static binary: run these by `make test` or `make test-faults`");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(named)
}

/// A compose file with `stack` as the target's service and `ready` as its readiness path.
pub fn compose(stack: &str, ready: &str) -> String {
    format!(
        "x-vscale:
  name: test
  target: stack
  backend: mock
  load: loadgen
  backend_requests: 0
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
    )
}

/// Containers, networks and volumes of the controller with this PID: others may use the same engine.
pub fn left_by(controller: u32) -> Vec<String> {
    let mut left = listed(controller, &["ps", "--all"]);
    left.extend(listed(controller, &["network", "ls"]));
    left.extend(listed(controller, &["volume", "ls"]));
    left
}

/// The ids of what this list has of the controller's: a label names each object's owner, by host, boot and PID.
pub fn listed(controller: u32, list: &[&str]) -> Vec<String> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").expect("Linux");
    // A volume's name is all that it has, and is never cut.
    let (id, whole) = if list[0] == "volume" { ("Name", &[][..]) } else { ("ID", &["--no-trunc"][..]) };
    let form = format!("{{{{.{id}}}}} {{{{.Label \"dev.vscale.owner\"}}}}");
    let lines = docker(&[list, whole, &["--filter", "label=dev.vscale.run", "--format", &form]].concat());
    let of_ours = |line: &str| match line.split(' ').collect::<Vec<_>>()[..] {
        [id, of, _boot, pid, ..] => (of == host.trim() && pid == controller.to_string()).then(|| id.to_owned()),
        _ => None,
    };
    lines.lines().filter_map(of_ours).collect()
}

pub fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().expect("the docker command is there");
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}
