//! `vscale init` in folders of every kind: what it can tell it writes, what it cannot it asks for by the name of a flag, and it
//! writes over nothing.

use insta::assert_snapshot;
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};
use tempfile::TempDir;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("writable");
    }
    folder
}

fn vscale(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vscale"));
    command.args(arguments).current_dir(folder).env("NO_COLOR", "1").output().expect("it runs")
}

/// Exit status, and all of stderr.
fn said(folder: &TempDir, arguments: &[&str]) -> String {
    let output = vscale(folder.path(), arguments);
    format!("{}: {}", output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).trim_end())
}

fn read(folder: &TempDir, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn a_folder_with_a_dockerfile_says_it_all() {
    let dockerfile =
        "FROM python AS build\nEXPOSE 1\nFROM python\nENV PORT=8000\nEXPOSE $PORT\nCMD [\"gunicorn\", \"app:app\"]\n";
    let folder = folder(&[("Dockerfile", dockerfile)]);
    assert_snapshot!(said(&folder, &["init"]), @"0: wrote compose.yaml; now: vscale bench");
    let written = read(&folder, "compose.yaml");
    for line in ["    build: .\n", "    app: { port: 8000, ready: tcp }\n", "    env: WEB_CONCURRENCY "] {
        assert!(written.contains(line), "{line}: {written}");
    }
    assert_snapshot!(said(&folder, &["init", "--image", "x", "--port", "1", "-o", "compose.yaml"]), @"2: vscale: compose.yaml is there already: --force writes over it, -o names another");
    assert_eq!(read(&folder, "compose.yaml"), written);
    assert_snapshot!(said(&folder, &["init", "--image", "x", "--port", "1", "--force"]), @"0: wrote compose.yaml; now: vscale bench");
    assert!(read(&folder, "compose.yaml").contains("image: x\n"));
}

#[test]
fn a_folder_with_a_compose_file_gets_one_more() {
    let compose =
        "services:\n  web: { build: ., ports: ['8080:${INNER:-80}'], depends_on: [db] }\n  db: { image: postgres }\n";
    let folder = folder(&[("docker-compose.yml", compose), ("Dockerfile", "FROM x\nEXPOSE 1\n")]);
    assert_snapshot!(said(&folder, &["init", "--ready", "/up"]), @"0: wrote vscale.yaml; now: vscale bench -f docker-compose.yml -f vscale.yaml");
    assert!(read(&folder, "vscale.yaml").contains("    web: { port: \"${INNER:-80}\", ready: /up }\n"));
    assert_eq!(read(&folder, "docker-compose.yml"), compose);
    assert_snapshot!(said(&folder, &["init", "--service", "cache"]), @"2: vscale: docker-compose.yml: no service `cache`; there are web, db");
    assert_snapshot!(said(&folder, &["init", "--service", "db"]), @"2: vscale: --port: which port does the server answer on? Nothing else says it");
}

#[test]
fn what_stands_over_a_compose_file_is_measured_too() {
    let files = [
        ("compose.yaml", "services: { web: { build: { context: . }, ports: ['8080:80'] } }"),
        ("compose.override.yaml", "services: { web: { build: { target: dev } } }"),
        ("Dockerfile", "FROM x AS dev\nCMD gunicorn\nFROM y\n"),
    ];
    let folder = folder(&files);
    assert_snapshot!(said(&folder, &["init"]), @"0: wrote vscale.yaml; now: vscale bench -f compose.yaml -f compose.override.yaml -f vscale.yaml");
    let written = read(&folder, "vscale.yaml");
    assert!(
        written.starts_with("# What is vscale's own, beside compose.yaml and compose.override.yaml. "),
        "{written}"
    );
    assert!(written.contains("    env: WEB_CONCURRENCY "), "{written}");
}

#[test]
fn what_nothing_says_is_asked_for() {
    let empty = folder(&[]);
    assert_snapshot!(said(&empty, &["init"]), @"2: vscale: here is neither a compose file nor a Dockerfile: say with --image or --build what is measured");
    assert_snapshot!(said(&empty, &["init", "--image", "nginx"]), @"2: vscale: --port: which port does the server answer on? Nothing else says it");
    assert_snapshot!(said(&empty, &["init", "--build", "app"]), @"2: vscale: app/Dockerfile: No such file or directory (os error 2)");
    assert_snapshot!(said(&empty, &["bench", "--image", "nginx"]), @"2: vscale: --port: which port does the server answer on? Nothing else says it");
    assert_snapshot!(said(&empty, &["bench", "--port", "80"]), @"2: vscale: --port is for a server without a compose file: give --image or --build too, or say it in the file");
    let two = folder(&[("Dockerfile", "FROM x\nEXPOSE 80 443\n")]);
    assert_snapshot!(said(&two, &["init"]), @"2: vscale: --port: which of 80, 443?");
}

#[test]
fn a_curl_line_becomes_a_file_of_requests() {
    let folder = folder(&[]);
    let line = "curl 'http://localhost:8000/ask' -H 'Authorization: Bearer abc' --json '{\"q\": 1}'";
    assert_snapshot!(said(&folder, &["init", "--curl", line]), @r"
    0: wrote requests.jsonl; now: vscale bench --request-file requests.jsonl, or vscale load -H http://localhost:8000 --request-file requests.jsonl
    note: the value of Authorization is not copied: set AUTHORIZATION in the environment, as it was sent
    ");
    assert_snapshot!(read(&folder, "requests.jsonl"), @r#"{"path":"/ask","headers":{"Authorization":"{{env:AUTHORIZATION}}","Content-Type":"application/json","Accept":"application/json"},"body":{"q":1}}"#);
    let load = ["load", "-H", "http://127.0.0.1:1", "--iterations", "1", "--request-file", "requests.jsonl"];
    assert_snapshot!(said(&folder, &load), @"2: vscale: requests.jsonl:1: the environment has no AUTHORIZATION, which {{env:AUTHORIZATION}} stands for");
    assert_snapshot!(said(&folder, &["init", "--curl", "curl -F a=b http://a"]), @"2: vscale: -F: a multipart body is not made; copy the body as it is sent (--data-raw, with the Content-Type and its boundary)");
    assert_snapshot!(said(&folder, &["init", "--har", "no.har"]), @"2: vscale: no.har: No such file or directory (os error 2)");
}
