//! Compose files that are meant to hurt, or are only large: an error or a project, soon.

use super::{error, load, with_stack};
use proptest::prelude::*;
use std::{
    fmt::Write,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};
use vscale::{compose, redact::Redactor};

fn soon<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = work();
    // Far above what it takes in a debug build on a busy machine, far below what it took: minutes.
    assert!(begun.elapsed() < Duration::from_secs(20), "{what}: {:?}", begun.elapsed());
    result
}

#[test]
fn hostile_files_cost_nothing() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        let _ = writeln!(bomb, "a{level}: &a{level} [{}]", [alias.as_str(); 8].join(", "));
    }
    for (what, text, says) in [
        ("aliases", bomb, "with its aliases written out"),
        ("brackets", format!("a: {}", "[".repeat(400_000)), "nested more than 64 deep"),
        ("braces", "{".repeat(400_000), "nested more than 64 deep"),
        ("size", format!("a: {}", "x".repeat(2 << 20)), "is longer than 1048576 bytes"),
        ("defaults", with_stack(&format!("user: \"{}\"", "${A:-".repeat(50_000))), "not closed"),
    ] {
        let said = soon(what, || error(&text));
        assert!(said.contains(says), "{what}: {said}");
    }
}

#[test]
fn devices_pipes_and_folders_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("it is installed").success());
    for (path, says) in
        [("/dev/zero".into(), "no regular file"), (pipe, "no regular file"), (PathBuf::from("/tmp"), "is a folder")]
    {
        let said = soon("a device", || compose::load(&[path], &|_| None)).expect_err("no file").to_string();
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn devices_and_pipes_that_a_file_names_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("it is installed").success());
    let with = |more: &str| with_stack("").replace("  load: loadgen\n", &format!("  load: loadgen\n  {more}\n"));
    for path in ["/dev/zero", pipe.to_str().expect("UTF-8")] {
        let https = with(&format!("ca: {path}")).replace("port: 81\n", "port: 81\n      scheme: https\n");
        let env_file = with_stack(&format!("env_file: {path}"));
        for (what, text) in [("ca", https), ("requests", with(&format!("requests: {path}"))), ("env_file", env_file)] {
            let said = soon(what, || error(&text));
            assert!(said.contains(what) && said.contains("is no regular file"), "{said}");
        }
        // What is a secret is read to keep it out of what is shown.
        let text = with_stack("") + &format!("secrets: {{ token: {{ file: {path} }} }}\n");
        let shown = soon("a secret", || load(&text).map(|project| project.teach(&mut Redactor::default())));
        assert_eq!(shown, Ok(()));
    }
}

#[test]
fn three_thousand_services_are_ordered_soon() {
    let mut text = with_stack("");
    for number in 0..3000 {
        let before = number / 2;
        let _ = writeln!(text, "  s{number}: {{ image: x, depends_on: [s{before}, mock] }}");
    }
    let text = text.replace("s0: { image: x, depends_on: [s0, mock] }", "s0: { image: x }");
    let project = soon("services", || load(&text)).expect("good");
    let order = soon("order", || project.start_order());
    let place = |name: &str| order.iter().position(|other| other == name).expect("it is there");
    assert_eq!(order.len(), 3003);
    for (name, service) in project.services.iter().take(300) {
        assert!(service.depends_on.keys().all(|other| place(other) < place(name)), "{name}");
    }
    let endless = text.replace("s0: { image: x }", "s0: { image: x, depends_on: [s2999] }");
    assert!(soon("cycle", || error(&endless)).contains("it depends on itself: "));
}

#[test]
fn services_that_extend_each_other_end() {
    let mut chain = with_stack("");
    for number in 0..2000 {
        let _ = writeln!(chain, "  s{number}: {{ extends: s{}, environment: [V{number}=1] }}", number + 1);
    }
    assert!(soon("extends", || error(&chain)).contains("too much is extended"));
}

/// Pieces of compose files, good and bad.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("services:\n".to_owned()),
        Just("  a:\n".to_owned()),
        Just("    image: x\n".to_owned()),
        "    (volumes|ports|environment|command|build|networks|depends_on|deploy|healthcheck|secrets): ?[\\[{\"a:$*&!-]{0,6}\n",
        "    (extends|env_file|ulimits|gpus|devices|tmpfs|labels): (\\[\\]|\\{\\}|~|a|\\[a: b\\]|5)\n",
        "(networks|volumes|secrets|configs|include|x-vscale): (\\[\\]|\\{\\}|~|a|\\{a: 1\\}|\\[1\\])\n",
        "[ -~]{0,20}\n",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_makes_it_panic(pieces in prop::collection::vec(piece(), 0..12)) {
        let _ = load(&pieces.concat());
        let _ = load(&with_stack(&pieces.concat()));
    }
}
