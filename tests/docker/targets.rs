//! Targets of every kind on the real engine: workers that are threads, that the target tells, or that nobody can prove;
//! without a backend, or with one that is not ours; with another service between; ready by a connection; over TLS.

use super::*;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use vscale::{
    analyse::Analysis,
    measure::Rates,
    model::{Gate, Limit, LoadResult, PhaseKind, Visited},
    report,
};

/// `app` and what else x-vscale says of it, and services besides it and the generator.
fn bench(vscale: &str, app: &str, others: &str) -> Bench {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = format!(
        "x-vscale:
  target: app
  generator: loadgen
  {vscale}
x-role: &role {{ image: vscale/self, user: '65534:65534', networks: [bench] }}
services:
  app:
    <<: *role
    {app}
  loadgen:
    <<: *role
  {others}
networks: {{ bench: {{ internal: true }} }}
"
    );
    fs::write(folder.path().join("compose.yaml"), text).expect("writable");
    Bench { folder }
}

const ENDPOINT: &str = "endpoints: { app: { port: 8321, ready: /v1/health } }";
const APP: &str = "command: [app, --host, 0.0.0.0, --sleep, 2ms, --threads, '${WORKERS}']";

fn target(visited: &Visited) -> &LoadResult {
    &visited.phase(PhaseKind::Target).expect("it was loaded").load
}

fn gates(run: &Run) -> Vec<Gate> {
    Analysis::of(run).findings.iter().map(|finding| finding.gate).collect()
}

fn counted(run: &Run) -> Vec<[Option<u32>; 2]> {
    let counts = |visited: &Visited| [visited.attestation.workers_before, visited.attestation.workers_after];
    run.visited.iter().map(counts).collect()
}

#[test]
fn threads_are_counted_by_their_names_and_the_count_is_in_the_command() {
    // A mock whose threads are all called mock-N, each of which serves.
    let app = "command: [mock, --host, 0.0.0.0, --port, '8321', --service-time, 2ms, --threads, '${WORKERS}']";
    let bench = bench(&format!("{ENDPOINT}\n  workers: {{ count: {{ thread: '^mock-' }} }}"), app, "");
    let finished = bench.run(&["--workers", "1,3", "--run-time", "2"]).assert(0);
    let run = bench.saved();
    assert_eq!(counted(&run), [[Some(1); 2], [Some(3); 2]], "{}", finished.stderr);
    let tasks = run.visited[1].phase(PhaseKind::Target).expect("loaded").processes.iter();
    let names = tasks.flat_map(|sample| &sample.processes).flat_map(|process| &process.tasks);
    assert!(names.filter(|task| task.name == "mock-2").count() > 0, "the names are evidence that is kept");
    assert!(!gates(&run).contains(&Gate::Workers));
}

#[test]
fn a_wrong_number_of_threads_is_invalid() {
    let vscale = format!("{ENDPOINT}\n  workers: {{ env: NOT_READ, count: {{ thread: '^mock-' }} }}");
    let bench = bench(&vscale, "command: [mock, --host, 0.0.0.0, --port, '8321', --threads, '1']", "");
    let finished = bench.run(&["--workers", "2", "--run-time", "1"]).assert(5);
    assert!(finished.stdout.contains("2 workers were asked for, 1 ran before the load"), "{}", finished.stdout);
}

#[test]
fn a_target_tells_its_workers_before_and_after_the_load() {
    let told = "workers: { count: { http: /workers, pointer: /threads } }";
    let bench = bench(&format!("{ENDPOINT}\n  {told}"), APP, "");
    bench.run(&["--workers", "1,2", "--run-time", "2"]).assert(0);
    let run = bench.saved();
    assert_eq!(counted(&run), [[Some(1); 2], [Some(2); 2]]);
    for visited in &run.visited {
        let load = target(visited);
        assert_eq!(load.failure_count(), 0);
        let samples = &visited.phase(PhaseKind::Target).expect("loaded").processes;
        assert!(samples.iter().all(|sample| sample.workers_told.is_none()), "never during a load");
    }
}

#[test]
fn without_backend_and_workers_a_target_is_measured_as_it_is() {
    let bench =
        bench("endpoints: { app: { port: 8321, ready: tcp } }", "command: [app, --host, 0.0.0.0, --cpu, 2ms]", "");
    let finished = bench.run(&["--run-time", "2", "--cpus", "0.25,0.5"]).assert(0);
    finished.assert_says(&["c0.25: starting app\n", "null: loading a mock that answers at once"]);
    let run = bench.saved();
    let ids: Vec<&str> = run.visited.iter().map(|visited| visited.id.as_str()).collect();
    assert_eq!(ids, ["c0.25", "c0.5"]);
    for visited in &run.visited {
        assert!(visited.phase(PhaseKind::Baseline).is_none());
        assert!(target(visited).request_count() > 50 && target(visited).failure_count() == 0);
    }
    let found = gates(&run);
    for gate in [Gate::Workers, Gate::BackendTells, Gate::Amplification, Gate::BackendCpu] {
        assert!(!found.contains(&gate), "{gate:?} does not apply");
    }
    let text = report::terminal::render(&run, &Analysis::of(&run), 110, false);
    assert!(text.contains("no baseline: no backend is named"), "{text}");
}

#[test]
fn nothing_is_claimed_of_workers_that_nothing_counts() {
    let bench = bench(&format!("{ENDPOINT}\n  workers: {{ count: none }}"), APP, "");
    let finished = bench.run(&["--workers", "1,2", "--run-time", "2"]).assert(0);
    let run = bench.saved();
    assert_eq!(counted(&run), [[None; 2]; 2]);
    assert!(finished.stdout.contains("workers not proved"), "{}", finished.stdout);
    assert!(finished.stdout.contains("2, not proved"), "{}", finished.stdout);
    assert!(run.visited.iter().all(|visited| target(visited).failure_count() == 0));
}

#[test]
fn another_service_is_placed_counted_and_named_where_it_is_full() {
    let vscale = "backend: mock
  endpoints: { app: { port: 8321, ready: /v1/health }, mock: { port: 8080, ready: /v1/health }, db: { port: 81, ready: tcp } }";
    let others = "mock: { <<: *role, command: [mock, --host, 0.0.0.0], depends_on: [db] }
  db: { <<: *role, command: [app, --host, 0.0.0.0, --port, '81', --hog, '100%'], cpus: 0.1, mem_limit: 64m }";
    let app = "command: [app, --host, 0.0.0.0, --backend, 'http://mock:8080', --sleep, 2ms]\n    depends_on: [mock]";
    let bench = bench(vscale, app, others);
    let finished = bench.run(&["--run-time", "3"]).assert(0);
    let run = bench.saved();
    let visited = &run.visited[0];
    let rows = visited.attestation.limits.iter().filter(|row| row.container == "db");
    let read: Vec<Limit> =
        rows.filter(|row| row.asked.is_some() && row.engine == row.asked).map(|row| row.limit).collect();
    for limit in [Limit::Cpuset, Limit::CpuQuotaUs, Limit::MemoryBytes] {
        assert!(read.contains(&limit), "{limit:?}: {read:?}");
    }
    assert!(!gates(&run).contains(&Gate::LimitApplied));
    let phase = visited.phase(PhaseKind::Target).expect("loaded");
    let used = Rates::of(phase, "db").cpu_cores.expect("3 s have samples");
    assert!((0.05..0.15).contains(&used), "{used}: as much as its quota is");
    assert!(finished.stdout.contains("db used") && finished.stdout.contains("db on CPU 0"), "{}", finished.stdout);
    let csv = fs::read_to_string(bench.run_folder().join("levels/as-is/containers.csv")).expect("written");
    assert!(csv.lines().any(|line| line.contains(",db,") || line.starts_with("db,")), "{csv}");
}

#[test]
fn requests_of_ones_own_any_status_and_a_header() {
    let vscale = "backend: mock
  backend_requests: 0
  endpoints: { app: { port: 81, ready: { path: /nowhere, status: 404 } }, mock: { port: 8080, ready: /v1/health } }";
    let app = "command: [mock, --host, 0.0.0.0, --port, '81']";
    let bench = bench(vscale, app, "mock: { <<: *role, command: [mock, --host, 0.0.0.0] }");
    fs::write(bench.path().join("requests.jsonl"), "{\"method\": \"GET\", \"path\": \"/items\"}\n").expect("writable");
    // A quota holds both users for up to 70 ms at the window's end: a small part of 2 s.
    let own =
        ["--request-file", "requests.jsonl", "--run-time", "2", "--header", "Authorization: Bearer s3cr3t-t0k3n-1"];
    let finished = bench.run(&[&own[..], &["--cpus", "0.3", "--expect", "any"]].concat()).assert(0);
    assert!(finished.stdout.contains("no baseline: mock has no answer to GET /items"), "{}", finished.stdout);
    let run = bench.saved();
    assert_eq!(target(&run.visited[0]).failure_count(), 0, "404 is as good as any");
    let null = run.visited[0].phase(PhaseKind::Null).expect("it was loaded");
    assert_eq!(null.load.failure_count(), 0);
    let kept = fs::read_dir(bench.run_folder())
        .expect("readable")
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok());
    assert!(kept.into_iter().all(|text| !text.contains("s3cr3t-t0k3n-1")), "the header is a secret");
}

#[test]
fn a_target_is_ready_when_its_own_check_succeeds() {
    let check = "[CMD, /vscale, load, --host, 'http://127.0.0.1:8321', --iterations, '1', --expect, any, --fail-if, 'failed > 0%']";
    let app = format!(
        "command: [app, --host, 0.0.0.0, --sleep, 2ms]\n    healthcheck: {{ test: {check}, interval: 1s, timeout: 5s }}"
    );
    let bench = bench("endpoints: { app: { port: 8321, ready: healthcheck } }", &app, "");
    bench.run(&["--run-time", "1"]).assert(0);
    assert!(target(&bench.saved().visited[0]).request_count() > 10);
}

/// A folder with a server of another make, `nginx`, to build: what it answers is in its configuration.
fn with_nginx(vscale: &str, services: &str, answers: &str) -> Bench {
    let bench = bench(vscale, "command: [app, --host, 0.0.0.0]", services);
    let folder = bench.path().join("nginx");
    fs::create_dir(&folder).expect("writable");
    let dockerfile = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nRUN apt-get -o Acquire::Retries=3 update -qq \\\n && apt-get -o Acquire::Retries=3 install -qqy \
                      --no-install-recommends nginx-light >/dev/null\nCOPY . /etc/vscale/\n\
                      ENTRYPOINT [\"nginx\", \"-c\", \"/etc/vscale/nginx.conf\"]\n";
    let config = format!(
        "daemon off;\nworker_processes 1;\nevents {{ }}\nhttp {{ access_log off; keepalive_requests 1000000;\n\
         server {{ {answers} }} }}\n"
    );
    fs::write(folder.join("Dockerfile"), dockerfile).expect("writable");
    fs::write(folder.join("nginx.conf"), config).expect("writable");
    bench
}

#[test]
fn a_foreign_backend_that_does_not_know_the_request_is_no_baseline() {
    let vscale = "backend: items
  endpoints: { app: { port: 8321, ready: /v1/health }, items: { port: 81, ready: /health } }";
    let answers = "listen 81; location / { return 404; } location /health { return 200; }";
    let bench = with_nginx(vscale, "items: { build: nginx, networks: [bench] }", answers);
    let finished = bench.run(&["--run-time", "2", "--cpus", "0.25,0.5"]).assert(0);
    let said =
        "no baseline: items did not answer 100.0 % of what the target is asked as expected, most often: HTTP 404";
    let words: Vec<&str> = finished.stdout.split_whitespace().collect();
    assert!(words.join(" ").contains(said), "{}", finished.stdout);
    let run = bench.saved();
    for visited in &run.visited {
        assert!(visited.phase(PhaseKind::Baseline).is_none(), "{}", visited.id);
        assert_eq!(target(visited).failure_count(), 0);
    }
    assert_eq!(finished.stderr.matches("baseline: loading").count(), 1, "once is enough:\n{}", finished.stderr);
}

#[test]
fn over_tls_whoever_the_compose_file_names_vouches_for_the_target() {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["server".into()]).expect("a certificate");
    let of_another = generate_simple_self_signed(vec!["server".into()]).expect("a certificate").cert;
    let answers = "listen 8443 ssl; ssl_certificate /etc/vscale/cert.pem; ssl_certificate_key /etc/vscale/key.pem;\n\
                   default_type application/json; location / { return 200 '{\"choices\":[1]}'; }";
    let tls = |ca: &str, pem: &str| {
        let vscale = format!("endpoints: {{ server: {{ port: 8443, scheme: https, ready: / }} }}\n  {ca}");
        let bench = with_nginx(&vscale, "server: { build: nginx, networks: [bench] }", answers);
        let file = bench.path().join("compose.yaml");
        let text = fs::read_to_string(&file).expect("written").replace("target: app", "target: server");
        fs::write(&file, text).expect("writable");
        fs::write(bench.path().join("ca.pem"), pem).expect("writable");
        fs::write(bench.path().join("nginx/cert.pem"), cert.pem()).expect("writable");
        fs::write(bench.path().join("nginx/key.pem"), signing_key.serialize_pem()).expect("writable");
        bench
    };
    let vouched = tls("ca: ca.pem", &cert.pem());
    let finished = vouched.run(&["--run-time", "2", "--cpus", "0.3"]).assert(0);
    let run = vouched.saved();
    assert!(target(&run.visited[0]).request_count() > 50 && target(&run.visited[0]).failure_count() == 0);
    assert!(!run.plan.load.insecure && !finished.stdout.contains("any certificate"), "{}", finished.stdout);

    let refused = tls("ca: ca.pem", &of_another.pem()).run(&["--run-time", "1"]).assert(5);
    assert!(refused.stdout.contains("certificate"), "{}", refused.stdout);

    let unchecked = tls("", "").run(&["--run-time", "2", "--cpus", "0.3"]).assert(0);
    assert!(unchecked.stdout.contains("TLS: any certificate was taken"), "{}", unchecked.stdout);
}
