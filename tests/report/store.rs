//! The run folder: what lies where, what survives, and that reports can be made again.

use crate::fixture::{COMPOSE, run};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use vscale::error::Error;
use vscale::model::{PhaseName, RunResult, hlog_head};
use vscale::store::{LevelFiles, Provenance, RunFolder};

const PUBLISHED: [&str; 11] = [
    "baseline.html",
    "baseline_exceptions.csv",
    "baseline_failures.csv",
    "baseline_stats.csv",
    "baseline_stats_history.csv",
    "stack.html",
    "stack.log",
    "stack_exceptions.csv",
    "stack_failures.csv",
    "stack_stats.csv",
    "stack_stats_history.csv",
];

#[test]
fn a_run_s_files() {
    let results = tempfile::tempdir().unwrap();
    let folder = saved(results.path(), &run());
    let names = files(folder.path()).into_keys().collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(names);
}

#[test]
fn reports_made_again_are_the_same_bytes() {
    let results = tempfile::tempdir().unwrap();
    let folder = saved(results.path(), &run());
    let before = files(folder.path());
    for report in ["report.html", "report.md", "scaling.csv", "baseline.html", "stack.html", "result.json"] {
        if report != "result.json" {
            fs::remove_file(folder.path().join(report)).unwrap();
        }
    }
    let again = RunFolder::open(folder.path()).unwrap();
    again.save(&again.load_result().unwrap()).unwrap();
    assert_eq!(files(folder.path()), before);
}

#[test]
fn the_newest_run_is_at_the_top_and_nothing_else_changes() {
    let results = tempfile::tempdir().unwrap();
    fs::write(results.path().join("README.md"), "mine").unwrap();
    for older in ["stack.html", "stack_streams.csv"] {
        fs::write(results.path().join(older), "an older run's").unwrap();
    }
    let run = run();
    let folder = saved(results.path(), &run);
    folder.publish_newest(results.path(), &run).unwrap();
    let mut top: Vec<String> = fs::read_dir(results.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !["README.md", "runs"].contains(&name.as_str()))
        .collect();
    top.sort();
    assert_eq!(top, PUBLISHED);
    let same = |top: &str, inside: &str| {
        assert_eq!(fs::read(results.path().join(top)).unwrap(), fs::read(folder.path().join(inside)).unwrap(), "{top}");
    };
    same("stack.html", "stack.html");
    same("stack_stats.csv", "levels/w2/stack_stats.csv");
    same("stack.log", "levels/w2/stack.log");
    assert_eq!(fs::read_to_string(results.path().join("README.md")).unwrap(), "mine");
}

#[test]
fn finished_levels_are_readable_when_a_later_one_crashes() {
    let results = tempfile::tempdir().unwrap();
    let mut run = run();
    let folder = RunFolder::create(results.path(), &run.id).unwrap();
    let second = run.levels.pop().unwrap();
    run.finished_unix_us = None;
    folder.save_level(&run, &run.levels[0], &LevelFiles::default()).unwrap();
    fs::write(folder.path().join(".result.json.1.tmp"), "{\"half\":").unwrap();
    drop(second);
    let read = RunFolder::open(folder.path()).unwrap().load_result().unwrap();
    assert_eq!(read.levels.len(), 1);
    assert_eq!(read.levels[0].stack.load.latency(), run.levels[0].stack.load.latency());
    assert_eq!(serde_json::to_string(&read).unwrap(), serde_json::to_string(&run).unwrap());
}

#[test]
fn where_nothing_can_be_written_is_said_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results");
    fs::write(&file, "a file").unwrap();
    for results in [file.as_path(), Path::new("/proc/results")] {
        let error = RunFolder::create(results, "run").unwrap_err();
        assert!(matches!(error, Error::Preflight(_)), "{error}");
        assert!(error.to_string().contains("results cannot be written here"), "{error}");
    }
}

#[test]
fn an_existing_run_s_folder_is_never_taken() {
    let results = tempfile::tempdir().unwrap();
    RunFolder::create(results.path(), "run").unwrap();
    assert!(RunFolder::create(results.path(), "run").is_err());
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let results = tempfile::tempdir().unwrap();
    assert!(RunFolder::create(results.path(), "../run").is_err());
    let mut run = run();
    let folder = RunFolder::create(results.path(), "run").unwrap();
    run.levels[0].name = "../../w1".into();
    assert!(folder.save_level(&run, &run.levels[0], &LevelFiles::default()).is_err());
    let logs = vec![("../stack".to_owned(), b"log".to_vec())];
    assert!(folder.save_level(&run, &run.levels[1], &LevelFiles { logs, ..LevelFiles::default() }).is_err());
}

#[test]
fn what_is_no_run_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    assert!(RunFolder::open(folder.path()).unwrap_err().to_string().contains("no run's folder"));
    let result = folder.path().join("result.json");
    let load = || RunFolder::open(folder.path()).unwrap().load_result().unwrap_err().to_string();
    fs::write(&result, "{\"half\":").unwrap();
    assert!(load().contains("not a run's result"), "{}", load());
    fs::write(&result, "{\"schema_version\": 99}").unwrap();
    assert!(load().contains("its schema_version is 99"), "{}", load());
}

#[test]
fn the_manifest_has_no_secret() {
    let results = tempfile::tempdir().unwrap();
    let folder = saved(results.path(), &run());
    let manifest = fs::read_to_string(folder.path().join("manifest.json")).unwrap();
    assert!(manifest.contains("OPENAI_API_KEY=[redacted]") && !manifest.contains("hunter2"), "{manifest}");
    for fact in ["6.1.0-28-amd64", "performance", "29.3.1", "sha256:aaaa", "\"vscale_version\": \"0.1.0\""] {
        assert!(manifest.contains(fact), "{fact}");
    }
}

/// Saved as a run does it: where it comes from, each level as it ends, everything at the end.
fn saved(results: &Path, run: &RunResult) -> RunFolder {
    let folder = RunFolder::create(results, &run.id).unwrap();
    let arguments = ["run", "--env", "OPENAI_API_KEY=hunter2"].map(String::from).into();
    folder.save_origin(run, &Provenance { version: "0.1.0".into(), arguments }, COMPOSE).unwrap();
    let logs = vec![("stack".to_owned(), b"started\n".to_vec()), ("mock".to_owned(), Vec::new())];
    let hlogs = vec![(PhaseName::Stack, hlog_head(1))];
    let files = LevelFiles { logs, hlogs };
    for level in &run.levels {
        folder.save_level(run, level, &files).unwrap();
    }
    folder.save(run).unwrap();
    folder
}

/// Every file below `folder`, by its path in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}
