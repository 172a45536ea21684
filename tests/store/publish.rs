//! The newest run's files at the top of `results/`.

use crate::fixture::{files, run, saved};
use std::{collections::BTreeMap, fs};
use vscale::store::publish;

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(path, name)| (path.into(), name.into())).into()
}

#[test]
fn the_newest_run_is_at_the_top_and_nothing_else_changes() {
    let results = tempfile::tempdir().unwrap();
    for (name, contents) in [("README.md", "mine"), ("stack.html", "older"), ("stack_streams.csv", "older")] {
        fs::write(results.path().join(name), contents).unwrap();
    }
    let folder = saved(results.path(), &run());
    folder.write("target.html", "made up").unwrap();
    let in_runs = |files: BTreeMap<String, Vec<u8>>| {
        files.into_iter().filter(|(name, _)| name.starts_with("runs/")).collect::<BTreeMap<_, _>>()
    };
    let before = in_runs(files(results.path()));
    let published = [
        ("target.html", "stack.html"),
        ("levels/w1-c0.5-r2/stack.log", "stack.log"),
        ("levels/w1-c0.5-r2/target_streams.csv", "stack_streams.csv"),
        ("levels/w1-c0.5-r2/target_failures.csv", "stack_failures.csv"),
    ];
    publish(&folder, results.path(), &pairs(published)).unwrap();
    let after = files(results.path());
    let top: Vec<(&str, &[u8])> = after
        .iter()
        .filter(|(name, _)| !name.starts_with("runs/"))
        .map(|(name, contents)| (name.as_str(), contents.as_slice()))
        .collect();
    assert_eq!(top, [("README.md", &b"mine"[..]), ("stack.html", b"made up"), ("stack.log", b"started\n")]);
    assert_eq!(in_runs(after), before);
}

#[test]
fn what_is_published_stays_in_its_folders() {
    let results = tempfile::tempdir().unwrap();
    let folder = saved(results.path(), &run());
    let before = files(results.path());
    for wrong in [("../../x", "x"), ("run.json", "../x"), ("run.json", "runs/x"), ("/etc/hostname", "x")] {
        assert!(publish(&folder, results.path(), &pairs([wrong])).is_err(), "{wrong:?}");
    }
    assert_eq!(files(results.path()), before);
}

#[test]
fn a_failure_leaves_the_older_file_whole() {
    let results = tempfile::tempdir().unwrap();
    let folder = saved(results.path(), &run());
    fs::create_dir(results.path().join("stack.html")).unwrap();
    let before = files(results.path());
    let error = publish(&folder, results.path(), &pairs([("run.json", "stack.html")])).unwrap_err().to_string();
    assert!(error.contains("stack.html"), "{error}");
    assert_eq!(files(results.path()), before);
}
