//! A corpus of compose files, simple to nasty: that ours and Compose's own reading agree on what they mean, that bad ones are
//! refused by both, and that what `vscale config` prints is read as the same again.

use insta::assert_snapshot;
use serde_json::{Map, Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use vscale::{
    compose::{self, Project, Vscale},
    redact::Redactor,
};

const CORPUS: &str = "tests/compose/corpus";
/// Compose v2, as Debian builds it.
const COMPOSE: &str = "target/test-tools/docker-compose";
/// The caller's variables.
const VARIABLES: [(&str, &str); 3] = [("SET", "7"), ("EMPTY", ""), ("HOME", "/root")];

/// A case: a file, or a folder of files in the order in which they are merged.
fn cases(kind: &str) -> Vec<(String, Vec<PathBuf>)> {
    let entries = fs::read_dir(format!("{CORPUS}/{kind}")).expect("the corpus is there");
    let mut cases = Vec::new();
    for path in entries.map(|entry| entry.expect("readable").path()) {
        let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        if path.is_file() {
            cases.push((name, vec![path]));
        } else if path.join("compose.yaml").is_file() {
            let inside = fs::read_dir(&path).expect("readable").map(|entry| entry.expect("readable").path());
            let mut files: Vec<PathBuf> =
                inside.filter(|file| file.extension().is_some_and(|it| it == "yaml")).collect();
            files.sort();
            cases.push((name, files));
        }
    }
    cases.sort();
    cases
}

fn ours(files: &[PathBuf]) -> Result<Project<Option<Vscale>>, String> {
    let env = |name: &str| {
        let found = VARIABLES.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    compose::resolve(files, &env).map_err(|error| error.to_string())
}

fn theirs(files: &[PathBuf]) -> Result<Value, String> {
    let mut command = Command::new(COMPOSE);
    command.env_clear().envs(VARIABLES).args(["--project-name", "corpus"]);
    files.iter().for_each(|file| {
        command.arg("--file").arg(file);
    });
    let output = command.args(["config", "--format", "json"]).output().expect("`tests/tools/install` brings it");
    if output.status.success() {
        let text = String::from_utf8(output.stdout).expect("UTF-8").replace("$$", "$");
        Ok(serde_json::from_str(&text).expect("JSON"))
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// What both must agree on, of a service.
const COMPARED: [&str; 48] = [
    "image",
    "build",
    "platform",
    "command",
    "entrypoint",
    "environment",
    "depends_on",
    "healthcheck",
    "profiles",
    "labels",
    "user",
    "group_add",
    "working_dir",
    "hostname",
    "domainname",
    "init",
    "tty",
    "stdin_open",
    "networks",
    "network_mode",
    "extra_hosts",
    "dns",
    "dns_search",
    "dns_opt",
    "volumes",
    "volumes_from",
    "tmpfs",
    "secrets",
    "configs",
    "read_only",
    "cap_add",
    "cap_drop",
    "security_opt",
    "ipc",
    "pid",
    "devices",
    "gpus",
    "runtime",
    "cpuset",
    "cpu_quota",
    "mem_limit",
    "mem_reservation",
    "memswap_limit",
    "pids_limit",
    "cpu_shares",
    "shm_size",
    "sysctls",
    "stop_signal",
];

/// A service's meaning, whichever of the two says it.
fn meaning(service: &Value) -> Value {
    let mut all = service.as_object().expect("a mapping").clone();
    take_from_deploy(&mut all);
    if let Some(cpus) = all.remove("cpus").and_then(|cpus| number(&cpus)) {
        all.insert("cpu_quota".into(), json!(cpus * 100_000.0));
    }
    let mut kept = Map::new();
    for key in COMPARED {
        let Some(value) = all.get(key).filter(|value| !is_nothing(value)) else { continue };
        let value = match key {
            "mem_limit" | "mem_reservation" | "memswap_limit" | "shm_size" | "pids_limit" | "cpu_shares"
            | "cpu_quota" => {
                json!(number(value).expect("a number"))
            }
            // What Compose leaves in as unset is not there in a container.
            "environment" => entries(value, |_, value| (!value.is_null()).then(|| value.clone())),
            "depends_on" => {
                entries(value, |_, how| Some(json!([how["condition"], how.get("required").unwrap_or(&json!(true))])))
            }
            "networks" => entries(value, |_, place| Some(json!([list(&place["aliases"]), place.get("ipv4_address")]))),
            "volumes" => list_of(value, |mount| {
                let size = number(&mount["tmpfs"]["size"]);
                let create = mount["bind"]["create_host_path"].as_bool().unwrap_or(false);
                json!([
                    mount["type"],
                    mount.get("source"),
                    mount["target"],
                    mount["read_only"].as_bool().unwrap_or(false),
                    create,
                    mount["bind"]["propagation"],
                    mount["volume"]["nocopy"].as_bool().unwrap_or(false),
                    size
                ])
            }),
            "secrets" => list_of(value, |file| mount(file, "/run/secrets/")),
            "configs" => list_of(value, |file| mount(file, "/")),
            "devices" => list_of(value, |device| match device {
                Value::String(_) => device.clone(),
                _ => json!(format!(
                    "{}:{}:{}",
                    text(&device["source"]),
                    text(&device["target"]),
                    device["permissions"].as_str().filter(|it| !it.is_empty()).unwrap_or("rwm")
                )),
            }),
            "gpus" => list_of(value, |gpu| json!([gpu["count"], gpu.get("driver"), gpu.get("capabilities")])),
            "extra_hosts" => list_of(value, |host| json!(text(host).replacen('=', ":", 1))),
            "healthcheck" => {
                let off = value["disable"] == true;
                let test = if off { json!(["NONE"]) } else { value["test"].clone() };
                json!([
                    test,
                    value["retries"],
                    time(&value["interval"]),
                    time(&value["timeout"]),
                    time(&value["start_period"])
                ])
            }
            "build" => json!([
                value["context"],
                value.get("dockerfile"),
                value.get("dockerfile_inline"),
                value.get("target"),
                entries(&value["args"], |_, value| (!value.is_null()).then(|| value.clone())),
                entries(&value["additional_contexts"], |_, value| Some(value.clone())),
            ]),
            _ => value.clone(),
        };
        kept.insert(key.into(), value);
    }
    Value::Object(kept)
}

/// `deploy.resources` is another spelling.
fn take_from_deploy(service: &mut Map<String, Value>) {
    let resources = service.get("deploy").map_or(Value::Null, |deploy| deploy["resources"].clone());
    let (limits, reserved) = (&resources["limits"], &resources["reservations"]);
    for (key, value) in [
        ("cpus", &limits["cpus"]),
        ("mem_limit", &limits["memory"]),
        ("pids_limit", &limits["pids"]),
        ("mem_reservation", &reserved["memory"]),
        ("gpus", &reserved["devices"]),
    ] {
        if !value.is_null() {
            service.insert(key.into(), value.clone());
        }
    }
}

fn mount(file: &Value, folder: &str) -> Value {
    let target = file["target"].as_str().unwrap_or(text(&file["source"]));
    let target = if target.starts_with('/') { target.to_owned() } else { format!("{folder}{target}") };
    json!([file["source"], target, file.get("uid"), number(&file["mode"])])
}

fn entries(value: &Value, keep: impl Fn(&str, &Value) -> Option<Value>) -> Value {
    let all = value.as_object().into_iter().flatten();
    let mut kept: Vec<_> = all.filter_map(|(name, value)| Some((name.clone(), keep(name, value)?))).collect();
    kept.sort_by(|a, b| a.0.cmp(&b.0));
    Value::Object(kept.into_iter().collect())
}

fn list_of(value: &Value, each: impl Fn(&Value) -> Value) -> Value {
    let mut items: Vec<Value> = value.as_array().into_iter().flatten().map(each).collect();
    items.sort_by_key(ToString::to_string);
    Value::Array(items)
}

fn list(value: &Value) -> Value {
    if value.is_null() { json!([]) } else { value.clone() }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// In microseconds; Compose writes `1m30s`, we `90000000us`.
fn time(value: &Value) -> Option<f64> {
    let mut rest = value.as_str()?;
    let mut us = 0.0;
    while let Some(end) = rest.find(char::is_alphabetic) {
        let amount: f64 = rest[..end].parse().expect("a number");
        rest = &rest[end..];
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "us" => 1.0,
            "ms" => 1e3,
            "s" => 1e6,
            "m" => 60e6,
            "h" => 3600e6,
            unit => panic!("{unit}"),
        };
        us += amount * unit;
        rest = &rest[end..];
    }
    Some(us)
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

#[test]
fn ours_and_composes_own_reading_agree() {
    let cases = cases("good");
    assert!(cases.len() >= 40, "{}", cases.len());
    let mut wrong = Vec::new();
    for (name, files) in cases {
        let (ours, theirs) = match (ours(&files), theirs(&files)) {
            (Ok(ours), Ok(theirs)) => (serde_json::to_value(&ours).expect("plain data"), theirs),
            (ours, theirs) => {
                wrong.push(format!("{name}: we say {:?}\n  Compose says {:?}", ours.err(), theirs.err()));
                continue;
            }
        };
        let names =
            |project: &Value| project["services"].as_object().expect("a mapping").keys().cloned().collect::<Vec<_>>();
        let mut both = [names(&ours), names(&theirs)];
        both.iter_mut().for_each(|names| names.sort());
        if both[0] != both[1] {
            wrong.push(format!("{name}: services {both:?}"));
            continue;
        }
        for service in &both[0] {
            let mut their_service = theirs["services"][service].clone();
            if let Some(others) = their_service["depends_on"].as_object_mut() {
                // Those that are left out by their profiles are not waited for.
                others.retain(|other, _| both[0].contains(other));
            }
            let their_service = &their_service;
            let mut ours = meaning(&ours["services"][service]);
            let mut theirs = meaning(their_service);
            if their_service.get("memswap_limit").is_none() {
                // Where nobody says, we give no swap: it would hide what a memory limit is to show.
                ours.as_object_mut().expect("a mapping").remove("memswap_limit");
            }
            for meaning in [&mut ours, &mut theirs] {
                // An alias of a service's own name says nothing.
                meaning.as_object_mut().expect("a mapping").retain(|_, value| !is_nothing(value));
            }
            for key in COMPARED {
                if ours.get(key) != theirs.get(key) {
                    let (ours, theirs) = (ours.get(key), theirs.get(key));
                    wrong.push(format!("{name}: {service}.{key}\n  ours   {ours:?}\n  theirs {theirs:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn bad_files_are_refused_by_both_and_each_problem_has_its_place() {
    let mut said = Vec::new();
    for (name, files) in cases("bad") {
        let refused = ours(&files).expect_err(&name);
        assert!(refused.starts_with(CORPUS), "{refused}");
        assert!(theirs(&files).is_err(), "{name}: Compose takes it");
        said.push(refused.replace(&format!("{CORPUS}/bad/"), "").replace(&here(), "[here]"));
    }
    assert_snapshot!("bad_files", said.join("\n"));
}

#[test]
fn what_the_corpus_means() {
    let mut all = String::new();
    for (name, files) in cases("good") {
        let project = ours(&files).unwrap_or_else(|error| panic!("{error}"));
        let yaml = project.to_yaml(&Redactor::default()).replace(&here(), "[here]");
        all += &format!("# {name}\n{yaml}");
        for note in project.notes() {
            all += &format!("# note: {note}\n");
        }
        all.push('\n');
    }
    assert_snapshot!("corpus", all);
}

#[test]
fn what_is_printed_reads_as_the_same_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, files) in cases("good") {
        let first = ours(&files).unwrap_or_else(|error| panic!("{error}"));
        let file = folder.path().join(format!("{name}.yaml"));
        let shown = first.to_yaml(&Redactor::default());
        fs::write(&file, &shown).expect("writable");
        // What names say is a secret is left out of what is shown.
        if shown.contains("redacted") {
            continue;
        }
        let again = ours(&[file]).unwrap_or_else(|error| panic!("{name}: {error}\n{shown}"));
        assert_eq!(first.services, again.services, "{name}");
        assert_eq!(first.networks, again.networks, "{name}");
        assert_eq!(first.volumes, again.volumes, "{name}");
        assert_eq!(first.secrets, again.secrets, "{name}");
        assert_eq!(first.configs, again.configs, "{name}");
    }
}

#[test]
fn what_is_measured_is_printed_as_it_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let printed_again = |file: &Path| {
        let first = ours(&[file.to_owned()]).unwrap_or_else(|error| panic!("{error}"));
        let shown = first.to_yaml(&Redactor::default());
        let copy = folder.path().join("compose.yaml");
        fs::write(&copy, &shown).expect("writable");
        let again = ours(&[copy]).unwrap_or_else(|error| panic!("{}: {error}\n{shown}", file.display()));
        assert_eq!(first.vscale, again.vscale, "{}", file.display());
        // What names say is a secret is left out of what is shown.
        assert!(shown.contains("redacted") || first.services == again.services, "{}", file.display());
    };
    let inside = |dir: &str| fs::read_dir(dir).expect("it is there").map(|entry| entry.expect("readable").path());
    let files = inside("examples").map(|folder| folder.join("compose.yaml")).chain(inside("examples/limits"));
    let files: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|it| it == "yaml") && file.is_file()).collect();
    assert!(files.len() > 25, "{files:?}");
    files.iter().for_each(|file| printed_again(file));
    printed_again(Path::new("compose.yaml"));

    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("writable");
    write("ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    write("requests.jsonl", "{\"path\": \"/\"}\n");
    write("locustfile.py", "");
    let endpoints = "{ web: { port: 8443, scheme: https, path: /api, ready: { path: /up, status: [200, 401] } } }";
    let studies = [
        "{ workers: [1, 2], cpus: [0.5, 1], cpu_period: 10ms, users: [8, 16], run_time: 5s, blocks: 4, precision: 3% }",
        "{ cpus_per_worker: 0.2, cpuset_sizes: [1], users_per_worker: 8, budget: 30m, slo: p99 < 250ms }",
        "{ rate: [100, 2.5] }",
    ];
    let counts = ["{ process: 'a|b$$' }", "{ thread: tokio }", "{ http: /stats, pointer: /workers/0 }", "none"];
    let generators =
        ["loadgen", "{ kind: locust, file: locustfile.py, args: [--tags, quick] }", "{ kind: wrk, image: my/wrk }"];
    for (at, (count, study)) in counts.iter().zip(studies.iter().cycle()).enumerate() {
        let generator = generators[at % generators.len()];
        let text = format!(
            "x-vscale:\n  target: web\n  generator: {generator}\n  workers: {{ env: W, count: {count} }}\n  endpoints: {endpoints}\n  \
             ca: ca.pem\n  requests: requests.jsonl\n  backend_requests: any\n  study: {study}\nservices:\n  web: {{ image: a }}\n  \
             loadgen: {{ image: vscale/self }}\n"
        );
        let name = format!("{at}.yaml");
        write(&name, &text);
        printed_again(&folder.path().join(name));
    }
}

fn here() -> String {
    std::path::absolute(Path::new(".")).expect("it is there").display().to_string()
}
