//! A run's folder: its files, its names, and what is refused.

use crate::fixture::{attached, begun, files, run, saved};
use std::{fs, path::Path};
use vscale::{
    error::Error,
    store::{Attached, RunFolder, check},
};

#[test]
fn a_run_s_files() {
    let results = tempfile::tempdir().unwrap();
    let folder = saved(results.path(), &run());
    folder.write("report.html", "<p>made up").unwrap();
    folder.write("levels/w1-c0.5/target_stats.csv", "made,up\n").unwrap();
    let names = files(folder.path()).into_keys().collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(names, @"
    compose.resolved.yaml
    levels/w1-c0.5-r2/mock.log
    levels/w1-c0.5-r2/stack.hlog
    levels/w1-c0.5-r2/stack.log
    levels/w1-c0.5/mock.log
    levels/w1-c0.5/stack.hlog
    levels/w1-c0.5/stack.log
    levels/w1-c0.5/target_stats.csv
    report.html
    run.json
    visits/w1-c0.5-r2.json
    visits/w1-c0.5.json
    ");
    assert_eq!(folder.load_compose().unwrap(), "name: recorded\n");
}

#[test]
fn a_report_s_file_is_written_as_it_is_and_over_an_older_one() {
    let results = tempfile::tempdir().unwrap();
    let folder = saved(results.path(), &run());
    let before = files(folder.path());
    for contents in ["older", "made up: \u{1b}\0\r\n"] {
        folder.write("tables/of/streams.csv", contents).unwrap();
    }
    let mut after = files(folder.path());
    assert_eq!(after.remove("tables/of/streams.csv").unwrap(), b"made up: \x1b\0\r\n");
    assert_eq!(after, before);
}

#[test]
fn where_nothing_can_be_written_is_said_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results");
    fs::write(&file, "a file").unwrap();
    for results in [file.as_path(), Path::new("/proc/results")] {
        for error in [check(results).unwrap_err(), RunFolder::create(results, "run").unwrap_err()] {
            assert!(matches!(error, Error::Preflight(_)), "{error}");
            assert_eq!(error.exit_code(), 3);
            assert!(error.to_string().contains("results cannot be written here"), "{error}");
            assert!(error.to_string().starts_with(&results.display().to_string()), "{error}");
        }
    }
}

#[test]
fn checking_leaves_nothing_but_the_folders() {
    let folder = tempfile::tempdir().unwrap();
    check(&folder.path().join("results")).unwrap();
    assert!(folder.path().join("results/runs").is_dir());
    assert!(files(folder.path()).is_empty());
}

#[test]
fn an_existing_run_s_folder_is_never_taken() {
    let results = tempfile::tempdir().unwrap();
    RunFolder::create(results.path(), "run").unwrap();
    assert!(matches!(RunFolder::create(results.path(), "run").unwrap_err(), Error::Preflight(_)));
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let results = tempfile::tempdir().unwrap();
    assert!(RunFolder::create(results.path(), "../run").is_err());
    let mut run = run();
    let folder = begun(results.path(), &run);
    let before = files(results.path());
    for path in ["../report.html", "/etc/motd", "levels/../../x", "levels//x", "", ".hidden", "levels/.hidden/x"] {
        assert!(folder.write(path, "made up").is_err(), "{path}");
    }
    run.visited[0].id = "../../w1".into();
    assert!(folder.save_visit(&run.visited[0], &attached()).is_err());
    assert_eq!(files(results.path()), before);
    let logs = vec![("../stack".to_owned(), b"log".to_vec()), (".db".to_owned(), b"log".to_vec())];
    assert!(folder.save_visit(&run.visited[1], &Attached { logs, ..Attached::default() }).is_err());
    let after = files(results.path());
    let added: Vec<&String> = after.keys().filter(|file| !before.contains_key(*file)).collect();
    let ends = |end: &str| added.iter().any(|file| file.ends_with(end));
    assert!(added.len() == 2 && ends("/@.db.log") && ends("/visits/w1-c0.5-r2.json"), "the visit is saved: {added:?}");
}

#[test]
fn a_run_that_did_not_begin_leaves_no_folder() {
    let results = tempfile::tempdir().unwrap();
    let run = run();
    let folder = begun(results.path(), &run);
    folder.discard();
    assert!(!folder.path().exists());

    let folder = begun(results.path(), &run);
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    folder.discard();
    assert_eq!(files(folder.path()).into_keys().collect::<Vec<_>>(), ["notes.txt"]);
}

#[test]
fn a_visit_is_not_discarded() {
    let results = tempfile::tempdir().unwrap();
    let folder = saved(results.path(), &run());
    let before = files(folder.path());
    folder.discard();
    assert_eq!(files(folder.path()), before);
}

#[test]
fn what_is_no_run_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let error = RunFolder::open(folder.path()).unwrap_err();
    assert!(error.to_string().contains("no run's folder"), "{error}");
    for name in ["result.json", "run.json"] {
        let path = folder.path().join(name);
        for (text, why) in [
            ("{\"half\":", "not a run's"),
            ("[]", "not a run's"),
            ("{\"schema_version\": \"2\"}", "not a run's"),
            ("{}", "it has no schema_version"),
            ("{\"schema_version\": 1}", "its schema_version is 1, and this vscale reads 2 and 3"),
            ("{\"schema_version\": 99}", "its schema_version is 99, and this vscale reads 2 and 3"),
        ] {
            fs::write(&path, text).unwrap();
            let error = RunFolder::open(folder.path()).unwrap().load().unwrap_err();
            assert!(matches!(error, Error::Usage(_)), "{error}");
            let message = error.to_string();
            assert!(message.starts_with(&path.display().to_string()) && message.contains(why), "{message}");
        }
    }
}

#[test]
fn a_report_s_result_is_not_taken_for_the_run() {
    let results = tempfile::tempdir().unwrap();
    let folder = saved(results.path(), &run());
    folder.write("result.json", "{\"schema_version\": 3}").unwrap();
    assert_eq!(folder.load().unwrap().visited.len(), 2);
    fs::remove_file(folder.path().join("run.json")).unwrap();
    let error = RunFolder::open(folder.path()).unwrap().load().unwrap_err().to_string();
    assert!(error.contains("run.json that belongs to it is gone"), "{error}");
}
