//! A secret, wherever it is given and whoever repeats it, is in no file of a run, no event and no message.

use crate::fixture::{first_visit, run};
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{fs, path::Path};
use vscale::{
    analyse::Analysis,
    compose::{self, Project},
    error::Error,
    events::Event,
    model::{
        AbPlan, AtWorkers, ContainerPlan, CountBy, Ended, Endpoint, Life, Limits, LoadPlan, LoadTool, LoadToolPlan,
        Plan, Ready, RequestTemplate, Run, Scheme, Statuses, WorkersPlan,
    },
    redact::Redactor,
    report,
    store::{Attached, RunFolder},
};

/// Where a secret may be given: lines of the target's service, with `SECRET` for it.
const IN_SERVICE: [&str; 21] = [
    "environment: { OPENAI_API_KEY: SECRET }",
    "environment: [DB_PASSWD=SECRET]",
    "environment: { SSH_PASSPHRASE: SECRET, PLAIN: yes! }",
    "environment: { GOOGLE_CREDENTIALS: SECRET }",
    "environment: { OPENAI_APIKEY: SECRET }",
    "environment: { AUTHORIZATION: Bearer SECRET }",
    "environment: { DATABASE_URL: 'postgres://user:SECRET@db:5432/x' }",
    "environment: { https_proxy: 'http://user:SECRET@proxy:3128' }",
    "environment: { CALLBACK: 'http://x/?a=b&access_token=SECRET&c=d' }",
    "environment: { PLAIN: '${MY_TOKEN}' }",
    "command: [serve, --api-key=SECRET, --port, '80']",
    "command: serve --api-key SECRET --port 80",
    "command: [sh, -c, 'PASSWORD=SECRET exec serve --port 80']",
    "entrypoint: [curl, -H, 'Authorization: Bearer SECRET']",
    "entrypoint: [curl, -H, 'Authorization: Bearer SECRET', 'http://x/?a=b']",
    "command: [sh, -c, 'serve --api-key SECRET --workers=4']",
    "command: [curl, -u, 'name:SECRET', 'http://x']",
    "command: [redis-cli, -a, SECRET, ping]",
    "environment: { HTTPS_PROXY: 'user:SECRET@proxy:3128' }",
    "labels: { com.example.client-secret: SECRET }",
    "build: { context: ., args: { NPM_TOKEN: SECRET } }",
];

/// Where in what is sent.
const IN_REQUEST: [fn(&str) -> RequestTemplate; 4] = [
    |secret| with_header("Authorization", format!("Bearer {secret}")),
    |secret| with_header("X-Api-Key", secret.to_owned()),
    |secret| {
        let path = format!("/v1/x?api_key={secret}&a=b");
        RequestTemplate { name: path.clone(), path, ..RequestTemplate::default() }
    },
    |secret| RequestTemplate { body: format!(r#"{{"password": "{secret}", "n": 1}}"#), ..RequestTemplate::default() },
];

fn with_header(name: &str, value: String) -> RequestTemplate {
    RequestTemplate { headers: vec![(name.into(), value)], ..RequestTemplate::default() }
}

fn project(folder: &Path, line: &str, secret: &str) -> Project {
    let compose = format!(
        "x-vscale:
  target: stack
  backend: mock
  generator: loadgen
  workers: {{ env: WORKERS, count: {{ process: app }} }}
  endpoints: {{ mock: {{ port: 80, ready: / }}, stack: {{ port: 81, ready: / }} }}
services:
  mock: {{ image: a }}
  loadgen: {{ image: a }}
  stack:
    image: b
    {}
",
        line.replace("SECRET", secret)
    );
    let file = folder.join("compose.yaml");
    fs::write(&file, compose).expect("writable");
    compose::load(&[file], &|name| (name == "MY_TOKEN").then(|| secret.to_owned())).expect("good")
}

/// The fixture's run, whose target repeats the secret wherever it can.
fn leaking_run(project: &Project, secret: &str, requests: Vec<RequestTemplate>) -> Run {
    let mut run = first_visit(run());
    let stack = &project.services["stack"];
    run.plan.containers = vec![ContainerPlan {
        name: "stack".into(),
        service: "stack".into(),
        command: stack.command.clone(),
        environment: stack.environment.clone(),
        limits: Limits::default(),
        limits_once_ready: Limits::default(),
        ready: None,
        probe_cpus: Default::default(),
        life: Life::Visit,
    }];
    run.plan.load.requests = requests;
    let visited = &mut run.visited[0];
    visited.ended = vec![Ended { container: "stack".into(), how: format!("exit status 1: {secret}") }];
    for phase in &mut visited.phases {
        phase.load.requests[0].name = run.plan.load.requests[0].name.clone();
        for failure in &mut phase.load.failures {
            failure.name = run.plan.load.requests[0].name.clone();
            // What is cut off may end anywhere.
            failure.error = format!("HTTP 500: {secret} {}", &secret[..secret.len() - 1]);
        }
        for process in phase.processes.iter_mut().flat_map(|sample| &mut sample.processes) {
            process.command_line = format!("serve {secret}");
        }
    }
    run
}

/// Everything that a run leaves and tells, as `vscale bench` does it.
fn written(folder: &Path, project: &Project, secret: &str, requests: Vec<RequestTemplate>) -> Vec<(String, String)> {
    let run = leaking_run(project, secret, requests);
    let mut redactor = Redactor::default();
    project.teach(&mut redactor);
    redactor.learn_load(&run.plan.load);

    let store = RunFolder::create(&folder.join("results"), &run.id).expect("a new folder");
    store.save_compose(&project.to_yaml(&redactor)).expect("saved");
    let mut kept = Run { plan: redactor.plan(&run.plan), visited: Vec::new(), ..run.clone() };
    store.save_run(&kept).expect("saved");
    kept.visited = run.visited.into_iter().map(|visited| redactor.visited(visited)).collect();
    let log = format!("starting with {secret}\n{{\"key\": \"{secret}\"}}\n").into_bytes();
    let attached = Attached { logs: vec![("stack".into(), redactor.bytes(&log))], hlogs: Vec::new() };
    store.save_visit(&kept.visited[0], &attached).expect("saved");
    let analysis = Analysis::of(&kept);
    let compose = store.load_compose().expect("saved");
    report::files(&kept, &analysis, &compose, &mut |path, bytes| store.write(path, bytes)).expect("written");

    let event = redactor.event(Event::Waiting { visit: "w1".into(), what: format!("HTTP 503: {secret}") });
    let mut texts = vec![
        ("event".into(), serde_json::to_string(&event).expect("JSON")),
        ("error".into(), redactor.error(Error::Start(format!("stack: it has ended; {secret}"))).to_string()),
        ("terminal".into(), report::terminal::render(&kept, &analysis, 100, false)),
    ];
    let mut paths = vec![store.path().to_owned()];
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(fs::read_dir(path).expect("readable").map(|entry| entry.expect("readable").path()));
        } else {
            texts.push((path.display().to_string(), fs::read_to_string(&path).expect("UTF-8")));
        }
    }
    texts
}

fn assert_none(texts: &[(String, String)], secrets: [&str; 2]) {
    assert!(texts.len() > 15, "{}", texts.len());
    for (name, text) in texts {
        for secret in secrets {
            // Nor as it is when its end is cut off.
            assert!(!text.contains(&secret[..secret.len() - 1]), "{secret} is in {name}:\n{text}");
        }
    }
    let all: String = texts.iter().map(|(_, text)| text.as_str()).collect();
    assert!(all.matches("[redacted]").count() >= 10, "what was around it is still there");
}

/// Of any form that needs no quoting where it is given.
const SECRET: &str = "x9[A-Za-z0-9_~-]{6,24}q";

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    #[test]
    fn wherever_a_secret_is_given_it_is_not_shown_and_known(secret in SECRET) {
        let folder = tempfile::tempdir().expect("a folder");
        let said = format!("HTTP 500: {secret} {}", &secret[..secret.len() - 1]);
        for line in IN_SERVICE {
            let project = project(folder.path(), line, &secret);
            let mut redactor = Redactor::default();
            project.teach(&mut redactor);
            let yaml = project.to_yaml(&redactor);
            prop_assert!(!yaml.contains(&secret) && yaml.contains("[redacted]"), "{line}:\n{yaml}");
            prop_assert_eq!(redactor.text(&said), "HTTP 500: [redacted] [redacted]", "{}", line);
        }
        for request in IN_REQUEST {
            let mut redactor = Redactor::default();
            redactor.learn_load(&LoadPlan { requests: vec![request(&secret)], ..LoadPlan::new("http://a") });
            prop_assert_eq!(redactor.text(&said), "HTTP 500: [redacted] [redacted]", "{:?}", request(&secret));
        }
    }
}

proptest! {
    // Each is a whole run.
    #![proptest_config(ProptestConfig { cases: 3, ..ProptestConfig::default() })]

    #[test]
    fn a_secret_is_in_no_file_of_a_run(
        line in proptest::sample::select(&IN_SERVICE[..]),
        request in proptest::sample::select(&IN_REQUEST[..]),
        [given, sent] in [SECRET, SECRET],
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let project = project(folder.path(), line, &given);
        assert_none(&written(folder.path(), &project, &given, vec![request(&sent)]), [&given, &sent]);
    }
}

#[test]
fn names_and_what_is_not_secret_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    // As short as it is, it would take much else with it.
    let project = project(folder.path(), "environment: { PASSWORD: stack, SHOWN: shown }", "");
    let mut redactor = Redactor::default();
    project.teach(&mut redactor);
    let yaml = project.to_yaml(&redactor);
    assert!(yaml.contains("PASSWORD: '[redacted]'") && yaml.contains("SHOWN: shown"), "{yaml}");
    let run = run();
    assert_eq!(serde_json::to_value(redactor.plan(&run.plan)).unwrap(), serde_json::to_value(&run.plan).unwrap());
    let visited = redactor.visited(run.visited[0].clone());
    assert_eq!(serde_json::to_value(visited).unwrap(), serde_json::to_value(&run.visited[0]).unwrap());
}

/// Where strings are in JSON, as pointers.
fn strings(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| strings(item, &format!("{at}/{index}"), found));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| strings(field, &format!("{at}/{name}"), found));
        }
        _ => {}
    }
}

/// The fields of `recorded` in which words of others may stand and in which a secret is still there when they are kept.
fn that_show_secrets<T: Serialize + DeserializeOwned>(recorded: &T, kept: impl Fn(&T) -> T) -> Vec<String> {
    let json = serde_json::to_value(recorded).expect("JSON");
    let mut pointers = Vec::new();
    strings(&json, "", &mut pointers);
    let shows = |pointer: &String| {
        let mut json = json.clone();
        *json.pointer_mut(pointer).expect("it is there") = "/a?token=x9hunter2q".into();
        // What takes no such words has no secret.
        let with_secret = serde_json::from_value(json).ok();
        with_secret.is_some_and(|it| serde_json::to_string(&kept(&it)).expect("JSON").contains("x9hunter2q"))
    };
    let mut fields: Vec<String> = pointers
        .into_iter()
        .filter(shows)
        .map(|at| at.split('/').filter(|part| part.parse::<u32>().is_err()).collect::<Vec<_>>().join("."))
        .collect();
    fields.sort();
    fields.dedup();
    fields
}

/// A plan in which whatever may be given is given.
fn full_plan() -> Plan {
    let folder = tempfile::tempdir().expect("a folder");
    let project = project(folder.path(), "command: [serve, --port, '80']\n    environment: { A: b }", "");
    let request = RequestTemplate { body: "{}".into(), ..with_header("X-A", "b".into()) };
    let mut plan = leaking_run(&project, "nothing", vec![request]).plan;
    let ready = Ready::Answers("/health".into(), Statuses::default());
    plan.containers[0].ready = Some(Endpoint { port: 80, scheme: Scheme::Http, path: "/api".into(), ready });
    plan.at_workers = vec![AtWorkers { workers: 1, containers: plan.containers.clone() }];
    let (containers, at_workers) = (plan.containers.clone(), plan.at_workers.clone());
    plan.ab = Some(AbPlan { a: "A=1".into(), b: "A=2".into(), containers, at_workers });
    plan.tool = Some(LoadToolPlan { tool: LoadTool::K6, script: Some("a.js".into()), args: vec!["--quiet".into()] });
    plan.load.lines = vec!["a line".into()];
    let count = CountBy::Http { path: "/workers".into(), pointer: "/count".into() };
    plan.workers = Some(WorkersPlan { env: Some("WORKERS".into()), count });
    plan
}

#[test]
fn only_names_are_kept_as_they_are() {
    let redactor = Redactor::default();
    let of_plan = that_show_secrets(&full_plan(), |plan| redactor.plan(plan));
    let of_visit = that_show_secrets(&run().visited[0], |visited| redactor.visited(visited.clone()));
    insta::assert_debug_snapshot!((of_plan, of_visit));
}
