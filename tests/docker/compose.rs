//! What a compose file says, carried out: builds, volumes, secrets, configs, networks, what waits for what. The target looks
//! around itself and writes what it finds; its log is read.

use super::*;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::os::unix::fs::symlink;

/// A target with a shell: what it looks at, then our mock.
const SHELL: &str = "
    build: .
    user: '0:0'
    command: [sh, /look]
";

/// A bench whose target runs `look` first; `services` and `top` are put among the services and beside them.
fn looking(look: &str, stack: &str, services: &str, top: &str) -> Bench {
    let bench = Bench::new(&format!("{}\n    {}\n", SHELL.trim_end(), stack.trim()), "/v1/health");
    let file = bench.path().join("compose.yaml");
    let text = fs::read_to_string(&file).expect("written");
    let text = text.replace("\nservices:\n", &format!("\nservices:\n{services}\n")) + top;
    fs::write(&file, text).expect("writable");
    fs::copy(binary(), bench.path().join("vscale")).expect("writable");
    let script = format!("{look}\nexec /vscale mock --host 0.0.0.0 --port 81 --service-time 2ms\n");
    fs::write(bench.path().join("look"), script).expect("writable");
    dockerfile(&bench, "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY vscale look /\n");
    bench
}

fn dockerfile(bench: &Bench, text: &str) {
    fs::write(bench.path().join("Dockerfile"), text).expect("writable");
}

/// Services of our own image beside the target: nothing of them is measured.
fn beside(services: &str) -> Bench {
    let stack = format!("{STACK}    depends_on:\n      side: {{ condition: CONDITION }}\n");
    let bench = Bench::new(&stack, "/v1/health");
    let file = bench.path().join("compose.yaml");
    let text = fs::read_to_string(&file).expect("written");
    fs::write(&file, text.replace("\nservices:\n", &format!("\nservices:\n{services}\n"))).expect("writable");
    bench
}

fn condition(bench: &Bench, condition: &str) {
    let file = bench.path().join("compose.yaml");
    let text = fs::read_to_string(&file).expect("written");
    fs::write(&file, text.replace("condition: CONDITION", condition)).expect("writable");
}

/// Runs it with every event as a line of JSON: what is only waited for is no line that stays.
fn run_with_events(bench: &Bench) -> Finished {
    let mut command = Command::new(binary());
    command.args(["bench", "--warm-up", "0", "--users", "2", "--run-time", "1", "--progress", "json"]);
    Finished::of_all(command.current_dir(bench.path()).stdin(Stdio::null()))
}

/// What a container wrote in the only visit.
fn log(bench: &Bench, service: &str) -> String {
    fs::read_to_string(bench.run_folder().join(format!("levels/w1/{service}.log"))).expect("there is a log")
}

fn assert_log(bench: &Bench, service: &str, lines: &[&str]) {
    let log = log(bench, service);
    for line in lines {
        assert!(log.lines().any(|one| one == *line), "`{line}` is not in:\n{log}");
    }
}

#[test]
fn volumes_secrets_and_configs_are_where_the_file_says() {
    let look = r#"
is() { [ "$2" = "$3" ] && echo "$1 is right" || echo "$1 is $2"; }
is file "$(cat /run/secrets/file) $(stat -c '%a %u:%g' /run/secrets/file)" "from a file 440 7:8"
is variable "$(cat /run/secrets/variable) $(stat -c %a /run/secrets/variable)" "from a variable 444"
is content "$(cat /etc/deep/app.conf)" "from the compose file"
touch /data/x /anonymous/x /made/x /memory/x && echo "all can be written"
is size "$(df -B1 --output=size /memory | tail -1 | tr -d ' ')" 1048576
cat /one
( echo x > /one ) 2>/dev/null || echo "and one cannot be written"
"#;
    let stack = "
    volumes:
      - data:/data
      - /anonymous
      - ./made:/made
      - { type: bind, source: ./one, target: /one, read_only: true }
      - { type: tmpfs, target: /memory, tmpfs: { size: 1048576 } }
    secrets: [variable, { source: file, uid: '7', gid: '8', mode: 0440 }]
    configs: [{ source: app, target: /etc/deep/app.conf }]";
    let side = "
  side:
    build: .
    user: '0:0'
    command: [sh, -c, 'cat /run/secrets/variable /etc/deep/app.conf; echo; touch /x; exec /vscale mock --port 82']
    read_only: true
    tmpfs: [/run]
    secrets: [variable]
    configs: [{ source: app, target: /etc/deep/app.conf }]
    networks: [bench]
";
    let top = "
volumes: { data: { } }
secrets: { file: { file: ./secret }, variable: { environment: OF_A_TEST } }
configs: { app: { content: from the compose file } }
";
    let bench = looking(look, stack, side, top);
    fs::write(bench.path().join("secret"), "from a file").expect("writable");
    fs::write(bench.path().join("one"), "one file\n").expect("writable");
    let mut command = bench.command(&["--run-time", "1"]);
    Finished::of_all(command.env("OF_A_TEST", "from a variable")).assert(0);
    let lines = ["file is right", "variable is right", "content is right", "all can be written", "size is right"];
    assert_log(&bench, "stack", &lines);
    assert_log(&bench, "stack", &["one file", "and one cannot be written"]);
    assert!(bench.path().join("made/x").is_file());
    let side = log(&bench, "side");
    assert!(side.contains("from the compose file") && side.contains("Read-only file system"), "{side}");
    assert!(!side.contains("No such file"), "{side}");
}

#[test]
fn a_service_has_the_volumes_of_another_and_none_has_the_targets() {
    let look = "until [ -s /anonymous/y ]; do sleep 0.1; done; cat /named/x /anonymous/y
( echo z > /named/z ) 2>/dev/null || echo and no more than read";
    let side = "
  side:
    build: .
    user: '0:0'
    command: [sh, -c, 'echo in a named one > /named/x; echo in another > /anonymous/y; exec /vscale mock --port 82']
    volumes: ['data:/named', /anonymous]
    networks: [bench]
";
    let bench = looking(look, "volumes_from: ['side:ro']", side, "\nvolumes: { data: {} }\n");
    bench.run(&["--run-time", "1"]).assert(0);
    assert_log(&bench, "stack", &["in a named one", "in another", "and no more than read"]);
    let side = "  side: { image: vscale/self, command: [mock, --port, '82'], volumes_from: [stack] }";
    looking("", "", side, "").run(&[]).assert(2).assert_says(&["services.side.volumes_from: `stack` is the target"]);
}

#[test]
fn what_a_container_may_and_has_is_as_the_file_says() {
    let look = r#"
is() { [ "$2" = "$3" ] && echo "$1 is right" || echo "$1 is $2"; }
is capabilities "$(grep CapBnd /proc/self/status | tr -d '[:space:]')" CapBnd:0000000000003000
is device "$(stat -c '%F %t:%T' /dev/ours)" "character special file 1:3"
is dns "$(tr '\n' ' ' < /etc/resolv.conf | grep -c 'example.test')" 1
is option "$(grep -c 'ndots:3' /etc/resolv.conf)" 1
is init "$(tr '\0' ' ' < /proc/1/cmdline | grep -c init)" 1
is memory "$(df -B1 --output=size /memory | tail -1 | tr -d ' ')" 1048576
is machine "$(uname -m)" x86_64
is limits "$(ulimit -Sn) $(ulimit -Hn)" "1000 2000"
( echo x > /look ) 2>/dev/null || echo nothing can be written
touch /memory/x && echo but memory
"#;
    let stack = "
    cap_drop: [ALL]
    cap_add: [NET_ADMIN, NET_RAW]
    devices: ['/dev/null:/dev/ours:r']
    dns: [10.9.8.7]
    dns_search: example.test
    dns_opt: ['ndots:3']
    init: true
    platform: linux/amd64
    runtime: runc
    ulimits: { nofile: { soft: 1000, hard: 2000 } }
    read_only: true
    tmpfs: ['/memory:size=1m']";
    let side = "
  side:
    build: .
    command: [sh, -c, 'exec /vscale mock --port 82']
    ipc: shareable
    networks: [bench]
  with:
    build: .
    command: [sh, -c, 'grep -aq 8[2] /proc/1/cmdline && echo the other is here; exec /vscale mock --port 83']
    ipc: 'service:side'
    pid: 'service:side'
    networks: [bench]
";
    let bench = looking(look, stack, side, "");
    bench.run(&["--run-time", "1"]).assert(0);
    let right = ["capabilities", "device", "dns", "option", "init", "memory", "machine", "limits"];
    assert_log(&bench, "stack", &right.map(|what| format!("{what} is right")).each_ref().map(String::as_str));
    assert_log(&bench, "stack", &["nothing can be written", "but memory"]);
    assert_log(&bench, "with", &["the other is here"]);
}

#[test]
fn what_the_engine_has_not_is_named() {
    let gpus = format!("{STACK}    gpus: all\n");
    Bench::new(&gpus, "/").run(&[]).assert(4).assert_says(&["container stack", "capabilities: [[gpu]]"]);
    let runtime = format!("{STACK}    runtime: nobodys\n");
    Bench::new(&runtime, "/").run(&[]).assert(3).assert_says(&["container stack", "nobodys"]);
}

#[test]
fn a_build_with_secrets_says_what_to_do_instead() {
    let bench = looking("", "", "", "\nsecrets: { key: { content: x } }\n");
    let file = bench.path().join("compose.yaml");
    let text = fs::read_to_string(&file).expect("written");
    fs::write(&file, text.replace("build: .", "build: { context: ., secrets: [key] }")).expect("writable");
    bench.run(&[]).assert(3).assert_says(&["services.stack.build.secrets: `key`", "docker compose build"]);
}

#[test]
fn a_folder_that_the_long_form_does_not_find_is_named() {
    let stack = format!("{STACK}    volumes: [{{ type: bind, source: ./nowhere, target: /x }}]\n");
    Bench::new(&stack, "/").run(&[]).assert(3).assert_says(&["container stack", "nowhere"]);
}

#[test]
fn an_external_volume_is_used_and_left_and_one_that_is_not_there_is_named() {
    let name = format!("vscale-test-{}", std::process::id());
    let top = format!("\nvolumes: {{ data: {{ external: true, name: {name} }} }}\n");
    let bench = looking("cat /data/kept; echo again > /data/kept", "volumes: [data:/data]", "", &top);
    let finished = bench.run(&["--run-time", "1"]).assert(3);
    finished.assert_says(&["volumes.data: external", &format!("docker volume create {name}")]);
    docker(&["volume", "create", &name]);
    for _ in 0..2 {
        fs::remove_dir_all(bench.path().join("results")).ok();
        bench.run(&["--run-time", "1"]).assert(0);
    }
    docker(&["volume", "rm", &name]);
    assert_log(&bench, "stack", &["again"]);
}

#[test]
fn networks_names_and_addresses_are_as_the_file_says() {
    let look = r#"
echo "host $(cat /etc/hostname) $(cat /proc/sys/kernel/domainname)"
grep -o 10.214.7.9 /etc/hosts | head -1
for name in side other linked theirs; do getent hosts $name >/dev/null && echo "$name is known" || echo "$name is not"; done
grep -c fixed.example /etc/hosts; ulimit -n; cat /proc/sys/net/core/somaxconn; df -B1 --output=size /dev/shm | tail -1 | tr -d ' '
id -G | tr ' ' '\n' | grep 4321
"#;
    let stack = "
    hostname: box
    domainname: example.test
    links: ['side:linked']
    extra_hosts: ['fixed.example:10.9.8.7']
    ulimits: { nofile: 4321 }
    sysctls: { net.core.somaxconn: 99 }
    shm_size: 2m
    group_add: ['4321']";
    let side = "
  side:
    image: vscale/self
    command: [mock, --port, '82']
    networks: { fixed: { aliases: [other], ipv4_address: 10.214.7.10 } }
  plain:
    image: vscale/self
    command: [mock, --port, '83']
  with:
    image: vscale/self
    command: [mock, --port, '84']
    network_mode: 'service:plain'
  alone:
    image: vscale/self
    command: [mock, --port, '85']
    network_mode: none
";
    let bench = looking(look, stack, side, "");
    let file = bench.path().join("compose.yaml");
    let text = fs::read_to_string(&file).expect("written");
    let networks = "networks: { bench: { internal: true }, fixed: { ipam: { config: [{ subnet: 10.214.7.0/24 }] } } }";
    let text = text.replace("networks: { bench: { internal: true } }", networks);
    let stack = "  stack:\n    networks: { bench: {}, fixed: { ipv4_address: 10.214.7.9 } }";
    fs::write(&file, text.replace("  stack:\n    networks: [bench]", stack)).expect("writable");
    bench.run(&["--run-time", "1"]).assert(0);
    let lines = ["10.214.7.9", "side is known", "other is known", "linked is known", "theirs is not"];
    assert_log(&bench, "stack", &lines);
    assert_log(&bench, "stack", &["host box example.test", "1", "4321", "99", "2097152", "4321"]);
}

/// A network of a test's own, which goes with it however it ends.
struct Network(String);

impl Network {
    fn create(subnet: &str) -> Self {
        let name = format!("vscale-test-{}", std::process::id());
        docker(&["network", "create", "--subnet", subnet, &name]);
        Self(name)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["network", "rm", &self.0]).output();
    }
}

#[test]
fn an_external_network_is_used_and_left() {
    let network = Network::create("10.214.8.0/28");
    let name = network.0.clone();
    let bench = looking("cat /etc/hosts", "", "", "");
    let file = bench.path().join("compose.yaml");
    let text = fs::read_to_string(&file).expect("written");
    let external = format!("networks: {{ bench: {{ external: true, name: {name} }} }}");
    fs::write(&file, text.replace("networks: { bench: { internal: true } }", &external)).expect("writable");
    bench.run(&["--run-time", "1"]).assert(0);
    docker(&["network", "rm", &name]);
    bench.run(&["--run-time", "1"]).assert(3).assert_says(&["networks.bench: external", &name]);
    assert!(log(&bench, "stack").contains("10.214.8."));
}

#[test]
fn a_service_starts_once_another_is_healthy() {
    // Healthy from its third check on.
    let side = "
  side:
    build: .
    command: [sh, -c, 'exec /vscale mock --port 82']
    healthcheck: { test: 'echo x >> /tmp/checks; [ $$(wc -l < /tmp/checks) -ge 3 ]', interval: 200ms }
    networks: [bench]
";
    let bench = looking("", "depends_on: { side: { condition: service_healthy } }", side, "");
    run_with_events(&bench).assert(0).assert_says(&["side: its health check fails (exit status 1)"]);
}

#[test]
fn a_target_can_be_ready_by_its_health_check() {
    let stack = format!("{STACK}    healthcheck: {{ test: [CMD, /vscale, --version], interval: 100ms }}\n");
    Bench::new(&stack, "healthcheck").run(&["--run-time", "1"]).assert(0);
    Bench::new(STACK, "healthcheck").run(&[]).assert(2).assert_says(&["services.stack: no health check"]);
}

#[test]
fn a_service_that_is_never_healthy_is_named_with_what_its_check_says() {
    let check = "healthcheck: { test: [CMD, /vscale, nonsense], interval: 100ms, timeout: 5s, retries: 1 }";
    let bench = beside(&format!("  side: {{ image: vscale/self, command: [mock, --port, '82'], {check} }}"));
    condition(&bench, "condition: service_healthy");
    bench.run(&[]).assert(4).assert_says(&["side: unhealthy after", "its health check fails (exit status 2)"]);

    let bench = beside("  side: { image: vscale/self, command: [mock, --port, '82'] }");
    condition(&bench, "condition: service_healthy");
    bench.run(&[]).assert(2).assert_says(&["services.side: no health check"]);
}

#[test]
fn a_service_starts_once_another_has_done_its_work() {
    let bench = beside("  side: { image: vscale/self, command: [--version] }");
    condition(&bench, "condition: service_completed_successfully");
    bench.run(&["--run-time", "1"]).assert(0);
    assert!(bench.saved().visited[0].ended.is_empty(), "{:?}", bench.saved().visited[0].ended);

    let bench = beside("  side: { image: vscale/self, command: [nonsense] }");
    condition(&bench, "condition: service_completed_successfully");
    bench.run(&[]).assert(4).assert_says(&["side: it has ended (exit status 2)", "unrecognized subcommand 'nonsense'"]);

    let bench = beside("  side: { image: vscale/self, command: [nonsense] }");
    condition(&bench, "condition: service_completed_successfully, required: false");
    run_with_events(&bench).assert(0).assert_says(&["side: no more, as nobody requires it"]);
}

#[test]
fn what_ended_before_the_target_was_ready_is_named_too() {
    let bench = beside("  side: { image: vscale/self, command: [mock, --port, nonsense] }");
    condition(&bench, "condition: service_started");
    let file = bench.path().join("compose.yaml");
    let text = fs::read_to_string(&file)
        .expect("written")
        .replace("ready: /v1/health }\nservices", "ready: /nowhere }\nservices");
    fs::write(&file, text).expect("writable");
    let finished = bench.run(&["--ready-timeout", "1s"]).assert(4);
    finished.assert_says(&[
        "stack: not ready after 1 s",
        "side: it has ended (exit status 2)",
        "'nonsense' for '--port",
    ]);
}

#[test]
fn a_context_is_what_docker_would_send() {
    let look = "cd /all && find . -mindepth 1 -name '.*' -prune -o -type f -print -o -type l -print | sort; readlink link; stat -c %a mode; cat /shared/of-another";
    let bench = looking(look, "", "", "");
    let at = |name: &str| bench.path().join(name);
    fs::create_dir_all(at("deep/er")).expect("writable");
    for name in ["kept", "left", "deep/left", "deep/er/kept", "mode"] {
        fs::write(at(name), name).expect("writable");
    }
    fs::set_permissions(at("mode"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("ours");
    symlink("kept", at("link")).expect("writable");
    fs::write(at(".dockerignore"), "**/left\ndeep\n!deep/er\nresults\nother\nvscale\n!vscale\ncompose.yaml\n")
        .expect("writable");
    fs::create_dir(at("other")).expect("writable");
    fs::write(at("other/of-another"), "from another context\n").expect("writable");
    let file = at("compose.yaml");
    let text = fs::read_to_string(&file).expect("written");
    let build = "build: { context: ., additional_contexts: { another: ./other } }";
    fs::write(&file, text.replace("build: .", build)).expect("writable");
    // In this order, as the bundle must not be taken along by what copies all.
    let text = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY host-ca.cr[t] /ca/\nCOPY . /all\nCOPY vscale look /\nCOPY --from=another / /shared/\n";
    dockerfile(&bench, text);
    bench.run(&["--run-time", "1"]).assert(0);
    let log = log(&bench, "stack");
    let expected =
        "./Dockerfile\n./deep/er/kept\n./kept\n./link\n./look\n./mode\n./vscale\nkept\n600\nfrom another context\n";
    assert!(log.starts_with(expected), "{log}");
    // Nothing that enters the context has changed, but the results are there.
    let again = run_with_events(&bench).assert(0);
    assert!(!again.stderr.contains("building vscale/stack"), "{}", again.stderr);
}

#[test]
fn what_the_classic_builder_cannot_read_buildkit_builds() {
    let bench = looking("cat /bound /inline", "", "", "");
    fs::create_dir(bench.path().join("other")).expect("writable");
    fs::write(bench.path().join("other/bound"), "from a mount\n").expect("writable");
    let file = bench.path().join("compose.yaml");
    let text = fs::read_to_string(&file).expect("written");
    let build = "build:
      context: .
      additional_contexts: { another: ./other }
      target: wanted
      args: { WORD: this-word }
      dockerfile_inline: |
        ARG BASE_IMAGE
        FROM ${BASE_IMAGE} AS wanted
        ARG WORD
        COPY vscale look /
        RUN --mount=type=bind,from=another,target=/x --mount=type=cache,target=/c cp /x/bound / && echo a line of the build && echo $WORD > /inline
        FROM wanted
        RUN false";
    // Of this run alone, so that no engine has it from an earlier one.
    let word = bench.path().file_name().and_then(|name| name.to_str()).expect("UTF-8");
    let build = build.replace('$', "$$").replace("this-word", word);
    fs::write(&file, text.replace("build: .", &build)).expect("writable");
    run_with_events(&bench).assert(0).assert_says(&["a line of the build"]);
    assert_log(&bench, "stack", &["from a mount", word]);
}

#[test]
fn a_build_that_fails_by_buildkit_shows_its_words() {
    let bench = looking("", "", "", "");
    dockerfile(
        &bench,
        "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nRUN --mount=type=cache,target=/c echo some words; exit 3\n",
    );
    let finished = bench.run(&[]).assert(3);
    finished.assert_says(&["does not build", "exit code: 3", "some words"]);
    dockerfile(&bench, "FROM scratch\nRUN <<END\ntrue\nEND\n");
    bench.run(&[]).assert(3).assert_says(&["Dockerfile:2:", "heredoc"]);
}

#[test]
fn an_image_that_must_not_be_pulled_is_not() {
    let stack = "image: localhost:1/no/such:tag\n    pull_policy: never";
    Bench::new(stack, "/")
        .run(&[])
        .assert(3)
        .assert_says(&["localhost:1/no/such:tag is not there", "pull_policy: never"]);
}

#[test]
fn a_killed_controller_leaves_no_volume_once_the_garbage_is_collected() {
    let bench = looking("", "volumes: [data:/data, /anonymous]", "", "\nvolumes: { data: {} }\n");
    let (child, _) = bench.start_until(&["--run-time", "60"], "stack");
    kill(Pid::from_raw(child.id() as i32), Signal::SIGKILL).expect("it is ours");
    let killed = Finished::of(child);
    assert!(left_by(killed.pid).iter().any(|name| name.ends_with("_data")), "{:?}", left_by(killed.pid));
    let collected = Command::new(binary()).arg("gc").output().expect("it runs");
    assert!(collected.status.success(), "{}", String::from_utf8_lossy(&collected.stderr));
    assert_eq!(left_by(killed.pid), [""; 0]);
}
