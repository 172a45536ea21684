//! Targets of other kinds: without a backend, without workers, with other services, with requests of their own.

use super::{all, asked, host, visited};
use insta::assert_snapshot;
use std::fs;
use tempfile::TempDir;
use vscale::{
    analyse::Analysis,
    compose::{self, Project},
    error::Error,
    model::{
        Capture, Change, CountBy, Expect, Gate, HostFacts, Lever, Life, Limit, LoadPlan, Origin, PhaseKind, PhasePlan,
        Plan, Purpose, RequestTemplate, Run, Visit, Wanted,
    },
    plan::{Asked, Quota, apply, make, next},
};

/// A target and a generator, what x-vscale says of them besides, and other services.
fn project(vscale: &str, app: &str, others: &str) -> Project {
    load(vscale, app, others).expect("it is good")
}

fn load(vscale: &str, app: &str, others: &str) -> Result<Project, Error> {
    let file = written(vscale, app, others);
    compose::load(&[file.path().join("compose.yaml")], &|_| None)
}

/// The same for several worker counts.
fn for_counts(counts: &[u32], vscale: &str, app: &str, others: &str) -> Result<Project, String> {
    let folder = written(vscale, app, others);
    let file = folder.path().join("compose.yaml");
    let read = |workers| compose::load_for(std::slice::from_ref(&file), &|_| None, workers);
    let project = read(1).and_then(|project| project.for_counts(counts, &read));
    project.map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
}

fn written(vscale: &str, app: &str, others: &str) -> TempDir {
    let text = format!(
        "x-vscale:
  name: test
  target: app
  generator: loadgen
  endpoints: {{ app: {{ port: 81, ready: tcp }}, mock: {{ port: 80, ready: /v1/health }} }}
  {vscale}
services:
  app: {{ image: vscale/self, networks: [bench], {app} }}
  mock: {{ image: vscale/self, command: [mock], networks: [bench] }}
  loadgen: {{ image: vscale/self, networks: [bench] }}
  {others}
networks: {{ bench: {{ internal: true }} }}
"
    );
    let text = if vscale.contains("backend") || others.contains("mock") { text } else { without_mock(&text) };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("compose.yaml");
    fs::write(&file, text).expect("writable");
    folder
}

fn without_mock(text: &str) -> String {
    let lines = text.replace(", mock: { port: 80, ready: /v1/health }", "");
    lines.lines().filter(|line| !line.starts_with("  mock:")).fold(String::new(), |all, line| all + line + "\n")
}

fn plan(asked: &Asked, project: &Project) -> Plan {
    make(asked, project, &host(4)).expect("it can be planned")
}

fn first(plan: &Plan) -> Visit {
    next(plan, &[], &Wanted::default()).expect("the first")
}

fn refused(asked: &Asked, project: &Project) -> String {
    make(asked, project, &host(4)).map(drop).expect_err("refused").to_string()
}

fn own_requests() -> LoadPlan {
    let request = RequestTemplate {
        method: "GET".into(),
        path: "/items/{{counter}}".into(),
        expect: "201 /id".parse().expect("a success"),
        ..RequestTemplate::default()
    };
    LoadPlan { requests: vec![request], ..LoadPlan::new("") }
}

fn phase(visit: &Visit, kind: PhaseKind) -> Option<&PhasePlan> {
    visit.phases.iter().find(|phase| phase.kind == kind)
}

fn origin() -> Origin {
    Origin { hosts: Vec::new(), images: Vec::new(), vscale_version: String::new(), arguments: Vec::new() }
}

#[test]
fn without_a_backend_there_is_no_baseline_and_its_cpus_are_the_generators() {
    let plan = plan(&asked(&[1]), &project("", "command: [app]", ""));
    let visit = first(&plan);
    let kinds: Vec<PhaseKind> = visit.phases.iter().map(|phase| phase.kind).collect();
    assert_eq!(kinds, [PhaseKind::Null, PhaseKind::Target]);
    assert!(!plan.baseline && plan.no_baseline.as_ref().is_some_and(|why| why.starts_with("no backend is named")));
    let placement = plan.placement();
    let cpus = [&placement.generator, &placement.backend, &placement.target].map(ToString::to_string);
    assert_eq!(cpus, ["0-1", "", "2-3"]);
    let null = phase(&visit, PhaseKind::Null).and_then(|phase| phase.beside.as_ref()).expect("the mock that is there");
    assert_eq!(null.limits.cpuset(), Some(&placement.target), "the target is idle meanwhile");
    assert_eq!(plan.services(), ["app", "loadgen"]);
    assert_eq!(plan.load.backend, None);
    let json = serde_json::to_string(&plan).expect("plain data");
    assert_eq!(serde_json::from_str::<Plan>(&json).expect("what was written"), plan);
}

#[test]
fn a_baseline_of_requests_that_the_mock_does_not_know_is_left_out() {
    let asked = Asked { load: own_requests(), ..asked(&[1]) };
    let target_only = plan(&asked, &project("backend: mock", "command: [app]", ""));
    assert_snapshot!(target_only.no_baseline.clone().expect("it says why"), @"mock has no answer to GET /items/{{counter}}; with --any-path in its command it has one to every request");
    let visit = first(&target_only);
    assert!(phase(&visit, PhaseKind::Baseline).is_none());
    let null = phase(&visit, PhaseKind::Null).expect("the generator's own limit is measured all the same");
    assert_eq!(null.load.requests[0].expect, Expect::any());
    let target = phase(&visit, PhaseKind::Target).expect("it is loaded");
    assert_eq!(target.load.requests, asked.load.requests, "the target must answer as expected");

    let mut told = project("backend: mock", "command: [app]", "");
    let mock = told.services.get_mut("mock").and_then(|mock| mock.command.as_mut()).expect("it has a command");
    mock.push("--any-path".into());
    let any_path = plan(&asked, &told);
    assert_eq!((any_path.baseline, any_path.no_baseline), (true, None));

    let mut load = own_requests();
    load.requests[0].capture = [("item".into(), Capture::Header("Location".into()))].into();
    let capturing = plan(&Asked { load, ..asked }, &told);
    assert_snapshot!(capturing.no_baseline.clone().expect("it says why"), @"mock does not give {{item}}, which is captured from an answer of the target");
    let visit = first(&capturing);
    assert!(phase(&visit, PhaseKind::Null).expect("it is measured").load.requests[0].capture.is_empty());
}

#[test]
fn a_target_that_is_taken_as_it_is_has_no_workers() {
    let project = project("backend: mock", "command: [app]", "");
    let sweep = Asked { quotas: [0.25, 0.5].map(Quota::Whole).to_vec(), ..asked(&[1]) };
    let ids: Vec<String> = all(&plan(&sweep, &project)).into_iter().map(|visit| visit.id).collect();
    assert_eq!(ids, ["c0.25", "c0.5"]);
    let plan = plan(&asked(&[1]), &project);
    let visit = first(&plan);
    assert_eq!((visit.id.as_str(), &plan.workers), ("as-is", &None));
    let app = visit.containers.iter().find(|container| container.name == "app").expect("the target");
    assert!(app.environment.is_empty(), "{:?}", app.environment);
    assert_snapshot!(refused(&asked(&[1, 2]), &project), @"--workers 1,2: the compose file has no x-vscale.workers, so nothing tells app how many to start");
}

#[test]
fn a_count_stands_wherever_the_file_has_it() {
    let workers = "workers: { count: none }";
    let app = "command: [app, --workers, '${WORKERS}'], environment: { GOMAXPROCS: '${WORKERS:-1}', OTHER: x }";
    let project =
        project(workers, app, "cache: { image: vscale/self, networks: [bench], environment: ['N=$WORKERS'] }");
    let visits = all(&plan(&asked(&[1, 3]), &project));
    let container =
        |visit: &Visit, name: &str| visit.containers.iter().find(|it| it.name == name).cloned().expect(name);
    let app = container(&visits[1], "app");
    assert_eq!(app.command, Some(["app", "--workers", "3"].map(str::to_owned).to_vec()));
    assert_eq!(app.environment.get("GOMAXPROCS").map(String::as_str), Some("3"));
    assert_eq!(app.environment.len(), 1, "what does not depend on it is the file's");
    let cache = visits.iter().map(|visit| container(visit, "cache"));
    let counts: Vec<String> = cache.map(|cache| cache.environment["N"].clone()).collect();
    assert_eq!(counts, ["1", "3"], "another container then, which is started anew");
}

#[test]
fn a_count_stands_in_keys_of_every_type() {
    let app = "command: [app, '${WORKERS}'], cpus: '${WORKERS:-1}', mem_limit: '${WORKERS}g', pids_limit: 5,
    ulimits: { nofile: '${WORKERS}000' }, healthcheck: { test: 'true', retries: '${WORKERS}' }";
    let others = "cache: { image: vscale/self, networks: [bench], shm_size: '${WORKERS}m', mem_limit: '${WORKERS}m' }
  db: { image: vscale/self, networks: [bench], command: [db, '$WORKERS'] }";
    let project = for_counts(&[2, 1], "workers: { count: none }", app, others).expect("good");
    let plan = plan(&asked(&[2, 1]), &project);
    let json = serde_json::to_string(&plan).expect("plain data");
    assert_eq!(serde_json::from_str::<Plan>(&json).expect("what was written"), plan);
    let visits = all(&plan);
    for (visit, workers) in visits.iter().zip([2_u32, 1]) {
        let of = |name: &str| visit.containers.iter().find(|it| it.name == name).expect(name);
        let (app, cache, db) = (of("app"), of("cache"), of("db"));
        let behind = if workers == 2 { "" } else { ".w1" };
        assert_eq!((app.service.clone(), cache.service.clone()), (format!("app{behind}"), format!("cache{behind}")));
        assert_eq!((db.service.as_str(), of("loadgen").service.as_str()), ("db", "loadgen"), "they are the same");
        assert_eq!(db.command.as_ref().and_then(|words| words.last()), Some(&workers.to_string()));
        assert_eq!(app.command.as_ref().and_then(|words| words.last()), Some(&workers.to_string()));
        assert_eq!(app.limits_once_ready.quota_cores(), Some(f64::from(workers)));
        assert_eq!(app.limits.number(Limit::MemoryBytes), Some(u64::from(workers) << 30));
        assert_eq!(cache.limits.number(Limit::MemoryBytes), Some(u64::from(workers) << 20));
        let read = project.service(&app.service);
        let retries = read.healthcheck.as_ref().and_then(|check| check.retries);
        assert_eq!((read.ulimits["nofile"].soft, retries), (1000 * i64::from(workers), Some(workers.into())));
        assert_eq!(project.service(&cache.service).shm_size_bytes, Some(u64::from(workers) << 20));
    }
    let more = |factor| Change { lever: Lever::Workers, factor, purpose: Purpose::Test };
    let twice = apply(&plan, &plan.points[0], &more(2.0)).expect("it can be read");
    let (app, limits) = (&twice.containers[0], &twice.point.limits);
    assert_eq!((twice.point.workers, app.service.as_str(), limits.quota_cores()), (4, "app.w4", Some(2.0)));
    assert_eq!(apply(&plan, &plan.points[0], &more(4.0)), None, "nobody has read it for 8");
}

#[test]
fn what_a_count_makes_wrong_is_told_with_it() {
    let refused = |vscale: &str, app: &str| for_counts(&[1, 2], vscale, app, "").map(drop).expect_err("refused");
    let workers = "workers: { env: N, count: none }";
    assert_snapshot!(refused(workers, "cpuset: '${WORKERS}-1'"), @"with 2 workers: compose.yaml:8:49: services.app.cpuset: `2-1` is not a CPU list: use 0,2-3");
    assert_snapshot!(refused(&format!("{workers}\n  requests: '${{WORKERS}}.jsonl'"), ""), @"x-vscale.requests: with 2 workers it is another than with 1; `${WORKERS}` may change what services are, and nothing else");
    let nobodys = for_counts(&[1], "", "cpus: '${WORKERS:-0.5}', command: ['${WORKERS}']", "").expect("good");
    let app = nobodys.service("app");
    assert_eq!((app.limits.quota_cores(), app.command.as_deref()), (Some(0.5), Some(&[String::new()][..])));
    assert_eq!(nobodys.notes().into_iter().collect::<Vec<_>>(), ["the variable WORKERS is not set: it is empty"]);
}

#[test]
fn a_count_that_reaches_nobody_is_refused() {
    let project = project("workers: { count: { thread: '^worker' } }", "command: [app]", "");
    assert_snapshot!(refused(&asked(&[2]), &project), @"--workers 2: nothing tells app how many to start: name a variable of its in x-vscale.workers.env, or use ${WORKERS} in its command, environment or elsewhere");
    assert!(make(&asked(&[1]), &project, &host(4)).is_ok());
    let elsewhere =
        for_counts(&[2], "workers: { count: none }", "entrypoint: [serve, '${WORKERS}']", "").expect("good");
    let plan = plan(&asked(&[2]), &elsewhere);
    assert_eq!(plan.containers[0].service, "app", "it is read for the only count that there is");
    assert_eq!(elsewhere.service("app").entrypoint, Some(["serve", "2"].map(str::to_owned).to_vec()));
}

#[test]
fn ways_to_count_workers_and_to_be_ready_are_read_or_refused() {
    let count = |text: &str| {
        load(&format!("workers: {{ env: N, count: {text} }}"), "command: [app]", "")
            .map(|project| project.vscale.workers.expect("there").count)
            .map_err(|error| error.to_string())
    };
    assert_eq!(count("none"), Ok(CountBy::None));
    assert_eq!(count("{ thread: tokio-runtime-w }"), Ok(CountBy::Thread("tokio-runtime-w".into())));
    let http = CountBy::Http { path: "/debug/workers".into(), pointer: "/n".into() };
    assert_eq!(count("{ http: /debug/workers, pointer: /n }"), Ok(http));
    for (wrong, why) in [
        ("all", "`all` is no way to count workers"),
        ("{ http: debug }", "`debug` is not a path"),
        ("{ http: /a, pointer: n }", "`n` is not a JSON pointer"),
        ("{ http: /a, pointer: /~2 }", "`/~2` is not a JSON pointer"),
        ("{ thread: '[' }", "not a regular expression"),
        ("{ thread: a, process: b }", "one way to count workers is needed"),
        ("{ process: b, pointer: /n }", "it is into the answer of `http`"),
        ("{}", "one way to count workers is needed"),
    ] {
        let error = count(wrong).expect_err(wrong);
        assert!(error.contains(why) && error.contains("x-vscale.workers.count"), "{error}");
    }
}

#[test]
fn who_vouches_for_certificates_is_read_without_the_key_beside_it() {
    let vouched = |scheme: &str, pem: Option<&str>| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        if let Some(pem) = pem {
            fs::write(folder.path().join("ca.pem"), pem).expect("writable");
        }
        let file = folder.path().join("compose.yaml");
        let text = format!(
            "x-vscale:\n  target: app\n  generator: loadgen\n  ca: ca.pem\n  endpoints: {{ app: {{ port: 1, scheme: {scheme}, ready: tcp }} }}\n\
             services: {{ app: {{ image: a }}, loadgen: {{ image: vscale/self }} }}\n"
        );
        fs::write(&file, text).expect("writable");
        let project = compose::load(&[file], &|_| None).map_err(|error| error.to_string())?;
        let load = plan(&asked(&[1]), &project).load;
        Ok::<_, String>((load.ca, load.insecure))
    };
    let block = |what: &str| format!("-----BEGIN {what}-----\nMII=\n-----END {what}-----\n");
    let (certificate, key) = (block("CERTIFICATE"), block("PRIVATE KEY"));
    let both = format!("# of mine\n{key}{certificate}{certificate}");
    assert_eq!(vouched("https", Some(&both)), Ok((Some(certificate.repeat(2)), false)));
    for (scheme, pem, why) in [
        ("https", Some(key.as_str()), "no certificate in it"),
        ("https", None, "ca.pem: No such file"),
        ("http", Some(certificate.as_str()), "no endpoint has `scheme: https`"),
    ] {
        let error = vouched(scheme, pem).expect_err(why);
        assert!(error.contains(why) && error.contains("x-vscale.ca"), "{error}");
    }
}

#[test]
fn endpoints_say_what_is_spoken_and_what_shows_that_they_are_ready() {
    let endpoint = |text: &str| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("compose.yaml");
        let services = "services: { app: { image: a }, loadgen: { image: vscale/self } }";
        let vscale = format!("{{ target: app, generator: loadgen, endpoints: {{ app: {{ {text} }} }} }}");
        fs::write(&file, format!("x-vscale: {vscale}\n{services}\n")).expect("writable");
        let project = compose::load(&[file], &|_| None).map_err(|error| error.to_string())?;
        let plan = plan(&asked(&[1]), &project);
        let app = plan.containers.iter().find(|container| container.name == "app").cloned();
        let ready = app.and_then(|app| app.ready).expect("it has an endpoint");
        Ok::<_, String>((plan.load.host, ready.ready_url("h"), ready.ready.to_string(), plan.load.insecure))
    };
    let found = |host: &str, url: &str, ready: &str, insecure| Ok((host.into(), url.into(), ready.into(), insecure));
    assert_eq!(endpoint("port: 81, ready: /h"), found("http://app:81", "http://h:81/h", "/h", false));
    assert_eq!(
        endpoint("port: 8443, scheme: https, path: /api/, ready: { path: /h, status: [200, 401] }"),
        found("https://app:8443/api", "https://h:8443/h", "/h 200,401", true)
    );
    assert_eq!(
        endpoint("port: 1, ready: { path: /h, status: any }"),
        found("http://app:1", "http://h:1/h", "/h any", false)
    );
    assert_eq!(endpoint("port: 1, ready: tcp"), found("http://app:1", "tcp://h:1", "tcp", false));
    assert_eq!(endpoint("port: 1, ready: healthcheck"), found("http://app:1", "tcp://h:1", "healthcheck", false));
    for (wrong, why) in [
        ("port: 1, ready: health", "`health` is not a path"),
        ("port: 0, ready: tcp", "0 is not a port"),
        ("port: 1, scheme: ftp, ready: tcp", "`ftp` is neither http nor https"),
        ("port: 1, ready: { path: /h, status: 99 }", "`99` is neither a status"),
        ("port: 1, ready: { status: 200 }", "`path` is missing"),
    ] {
        let error = endpoint(wrong).expect_err(wrong);
        assert!(error.contains(why) && error.contains("x-vscale.endpoints.app"), "{error}");
    }
}

#[test]
fn other_services_have_the_backends_cpus_unless_the_file_says_so() {
    let others = "db: { image: postgres, networks: [bench], mem_limit: 1g }
  cache: { image: redis, networks: [bench], cpuset: '3' }";
    let plan = plan(&asked(&[1]), &project("backend: mock", "command: [app], depends_on: [db, cache]", others));
    let of = |name: &str| plan.containers.iter().find(|container| container.name == name).expect(name);
    let cpus = |name: &str| of(name).limits.cpuset().map(ToString::to_string);
    assert_eq!((cpus("db"), cpus("cache"), cpus("mock")), (Some("1".into()), Some("3".into()), Some("1".into())));
    assert_eq!((of("db").life, plan.placement().target.to_string().as_str()), (Life::Run, "2-3"));
    assert_eq!(plan.services(), ["mock", "app", "loadgen", "cache", "db"]);

    let visit = first(&plan);
    let mut run = Run::new("id".into(), 0, origin(), plan);
    run.visited = vec![visited(&visit)];
    let findings = Analysis::of(&run).findings;
    let shared = findings.iter().find(|finding| finding.gate == Gate::CpusApart).expect("they share");
    assert_eq!(
        shared.measured,
        Some("backend and db share CPU 1, cache and target share CPU 3".to_owned().into()),
        "{shared:?}"
    );
    let unread = findings.iter().filter_map(|finding| finding.note.as_deref());
    assert!(unread.clone().any(|note| note == "what db used of its CPUs"), "{:?}", unread.collect::<Vec<_>>());
}

#[test]
fn nothing_is_claimed_of_workers_that_are_not_proved() {
    let project = project("workers: { env: GOMAXPROCS, count: none }", "command: [app]", "");
    let plan = plan(&asked(&[1, 2]), &project);
    let visits: Vec<_> = all(&plan).iter().map(visited).collect();
    let mut run = Run::new("id".into(), 0, origin(), plan);
    run.visited = visits;
    let analysis = Analysis::of(&run);
    assert!(analysis.findings.iter().any(|finding| finding.gate == Gate::WorkersProved && !finding.invalidates()));
    assert!(analysis.findings.iter().all(|finding| finding.gate != Gate::Workers));
    let rows = &analysis.scaling.rows;
    assert!(rows.iter().all(|row| row.efficiency.is_none() && row.ideal_rps.is_none()), "{rows:?}");
}

#[test]
fn a_host_of_one_cpu_is_shared_by_all() {
    let host: HostFacts = host(1);
    let plan = make(&asked(&[1]), &project("", "command: [app]", ""), &host).expect("planned");
    assert_eq!(plan.placement().target.to_string(), "0");
}
