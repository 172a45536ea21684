//! Which files a run has, and what stands in those that programs read.

use crate::fixture::{COMPOSE, analysed, behind_run, first_visit, run, streamed_run, unread_run};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use vscale::{
    error::Error,
    model::Run,
    report::{self, newest},
};

fn files(run: Run) -> BTreeMap<String, Vec<u8>> {
    let (run, analysis) = analysed(run);
    let mut files = BTreeMap::new();
    let mut write = |path: &str, bytes: &[u8]| {
        assert!(files.insert(path.to_owned(), bytes.to_vec()).is_none(), "{path} is written twice");
        Ok(())
    };
    report::files(&run, &analysis, COMPOSE, &mut write).expect("memory takes every write");
    files
}

fn json(files: &BTreeMap<String, Vec<u8>>, path: &str) -> Value {
    serde_json::from_slice(&files[path]).expect("JSON")
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn the_files_of_a_run() {
    insta::assert_snapshot!(files(run()).into_keys().collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    assert_eq!(files(run()), files(run()));
}

#[test]
fn the_newest_run_s_files_have_the_seed_s_names() {
    let run = streamed_run();
    insta::assert_snapshot!(newest(&run).iter().map(|(from, to)| format!("{from} -> {to}\n")).collect::<String>());
    let files = files(run.clone());
    let missing = newest(&run).into_iter().filter(|(from, _)| !files.contains_key(from)).map(|(_, to)| to);
    assert_eq!(missing.collect::<Vec<_>>(), ["stack.log"], "the container's own");
    assert_eq!(newest(&Run { visited: vec![], ..run }), []);
}

#[test]
fn a_phase_that_was_not_has_no_file() {
    let files = files(unread_run());
    let of_baseline: Vec<_> = files.keys().filter(|path| path.contains("baseline")).collect();
    assert!(of_baseline.iter().all(|path| path.starts_with("levels/w1/")), "{of_baseline:?}");
}

#[test]
fn the_result_has_what_was_measured_and_what_follows() {
    let result = json(&files(run()), "result.json");
    let measured = ["schema_version", "id", "started_unix_us", "finished_unix_us", "origin", "plan", "visited"];
    assert_eq!(keys(&result), [&measured[..], &["findings", "scaling"]].concat());
    assert_eq!(result["findings"][0]["gate"], "failures");
    assert_eq!(result["scaling"]["rows"][1]["speed_up"], 88.7 / 45.9);
    let read_back: Run = serde_json::from_value(result.clone()).expect("a run, and more");
    assert_eq!(serde_json::to_value(read_back).expect("plain data")["visited"], result["visited"]);
}

const BEGIN: &str = "<!-- what `vscale schema --markdown` prints begins here -->\n";

#[test]
fn results_readme_names_every_key() {
    let readme = include_str!("../../results/README.md");
    let (_, reference) = readme.split_once(BEGIN).expect("the mark is there");
    assert!(
        reference.trim() == report::schema::reference().trim(),
        "results/README.md: put what `vscale schema --markdown` prints below its mark"
    );
    // Whatever the types say, what is written is what counts.
    for run in [run(), streamed_run(), behind_run()] {
        let files = files(run);
        for path in ["result.json", "manifest.json"] {
            let mut keys = BTreeSet::new();
            collect_keys(&json(&files, path), &mut keys);
            assert!(keys.len() > 30, "{path}");
            let missing: Vec<_> = keys.iter().filter(|key| !reference.contains(&format!("| `{key}` |"))).collect();
            // Limits are named as words, not as keys: they are a type of their own.
            let missing: Vec<_> =
                missing.into_iter().filter(|key| !reference.contains(&format!("- `{key}`:"))).collect();
            assert_eq!(missing, Vec::<&String>::new(), "{path}");
        }
    }
}

fn collect_keys(value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            keys.insert(key.clone());
            collect_keys(value, keys);
        }),
        Value::Array(items) => items.iter().for_each(|item| collect_keys(item, keys)),
        _ => {}
    }
}

#[test]
fn the_manifest_says_what_was_asked_for_without_what_was_sent() {
    let mut run = first_visit(run());
    run.plan.load.lines = vec!["a line of the users".into()];
    run.plan.load.requests[0].headers = vec![("Authorization".into(), "Bearer secret".into())];
    let manifest = json(&files(run.clone()), "manifest.json");
    let text = manifest.to_string();
    assert!(!text.contains("Hello") && !text.contains("secret") && !text.contains("a line"), "{text}");
    assert_eq!(manifest["arguments"][4], "API_KEY=[redacted]");
    insta::assert_snapshot!(serde_json::to_string_pretty(&manifest).expect("JSON"));
}

#[test]
fn what_cannot_be_written_ends_it() {
    let (run, analysis) = analysed(run());
    let mut write = |path: &str, _: &[u8]| Err(Error::Other(path.to_owned()));
    let error = report::files(&run, &analysis, COMPOSE, &mut write).unwrap_err();
    assert_eq!(error.to_string(), "levels/w1/baseline_stats.csv");
}
