//! Runs beside each other: what is said, and what `vscale compare` and `vscale history` end with.

use crate::fixture::{invalid_run, repeated_run, run};
use std::{path::Path, process::Command};
use vscale::{
    analyse::compare::Comparison,
    model::{PhaseKind, Run},
    report::{
        compare_text,
        history_text::{self, Entry, Told},
        terminal,
    },
    store::{Attached, RunFolder},
    text::columns,
};

/// Five blocks of three worker counts, all visits `times` as fast as those of the fixture.
fn study(id: &str, workers: &[u32], times: f64) -> Run {
    let mut run = repeated_run(workers, 5);
    run.id = id.into();
    let phases = run.visited.iter_mut().flat_map(|visited| &mut visited.phases);
    for stats in phases.filter(|phase| phase.kind == PhaseKind::Target).flat_map(|phase| &mut phase.load.requests) {
        stats.requests = (stats.requests as f64 * times) as u64;
    }
    run
}

/// Another host, and another server.
fn elsewhere(mut run: Run) -> Run {
    let host = &mut run.origin.hosts[0].facts;
    host.kernel = "6.12.9".into();
    host.governor = None;
    run.origin.images[1].id = format!("sha256:{}", "c".repeat(64));
    run.plan.ready_timeout_us += 1;
    run
}

fn said(a: &Run, b: &Run, width: usize) -> String {
    let limits = ["throughput < -3%", "p99 > +10%"].map(|text| text.parse().unwrap());
    compare_text::render(&Comparison::of(a, b).unwrap(), [&a.plan, &b.plan], &limits, width)
}

#[test]
fn a_slower_run_on_another_host() {
    let (a, b) = (study("a", &[1, 2, 4], 1.0), elsewhere(study("b", &[2, 4, 8], 0.75)));
    insta::assert_snapshot!(said(&a, &b, terminal::WIDTH));
    for width in [40, 60, 80, 120] {
        assert!(said(&a, &b, width).lines().all(|line| columns(line) <= width), "{width}");
    }
}

#[test]
fn single_visits() {
    insta::assert_snapshot!(said(&run(), &run(), terminal::WIDTH));
}

#[test]
fn only_valid_visits_count() {
    let (a, b) = (study("a", &[1, 2, 4], 1.0), study("b", &[1, 2, 4], 1.0));
    let counted = |comparison: &Comparison| {
        comparison.contrast.points.iter().map(|point| point.changes[0].a_visits).collect::<Vec<_>>()
    };
    // The tenth visit is invalid: the fourth block's first point.
    assert_eq!(counted(&Comparison::of(&a, &b).unwrap()), [4, 5, 5]);
}

#[test]
fn cpus_of_another_host_do_not_make_another_point() {
    let (a, mut b) = (study("a", &[1, 2], 1.0), study("b", &[1, 2], 1.0));
    for point in &mut b.plan.points {
        let cpus = vscale::model::LimitValue::Cpus("0-1".parse().unwrap());
        point.limits.set(vscale::model::Limit::Cpuset, Some(cpus));
    }
    let comparison = Comparison::of(&a, &b).unwrap();
    let apart = (comparison.only_in_a, comparison.only_in_b);
    assert_eq!((comparison.contrast.points.len(), apart), (2, (0, 0)));
    b.plan.points[1].workers = 3;
    b.plan.points[0].limits.set(vscale::model::Limit::CpuQuotaUs, Some(vscale::model::LimitValue::Number(50_000)));
    assert_eq!(Comparison::of(&a, &b), None);
}

#[test]
fn runs_newest_first() {
    let mut older = invalid_run();
    older.id = "20261123T000000Z-bench-000000".into();
    older.started_unix_us -= 86_400_000_000;
    let entry = |run: &Run| Entry { id: run.id.clone(), read: Ok(Told::of(run)) };
    let broken = Entry { id: "20261122T000000Z-bench-111111".into(), read: Err("run.json: no run".into()) };
    let entries = vec![broken, entry(&older), entry(&run())];
    insta::assert_snapshot!(history_text::render(entries, terminal::WIDTH));
}

/// Saves a run in `results`, and gives its folder.
fn saved(results: &Path, run: &Run) -> String {
    let folder = RunFolder::create(results, &run.id).unwrap();
    folder.save_run(run).unwrap();
    run.visited.iter().for_each(|visited| folder.save_visit(visited, &Attached::default()).unwrap());
    folder.path().display().to_string()
}

/// Exit status, stdout and stderr.
fn vscale(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_vscale")).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn three_answers_have_three_statuses() {
    let results = tempfile::tempdir().unwrap();
    let save = |id: &str, workers: &[u32], times: f64| saved(results.path(), &study(id, workers, times));
    let (a, same, slow) = (save("a", &[1, 2, 4], 1.0), save("same", &[1, 2, 4], 1.0), save("slow", &[1, 2, 4], 0.7));
    let other = save("other", &[3, 5], 1.0);
    let status = |b: &str, fail_if: &str| vscale(&["compare", &a, b, "--fail-if", fail_if]).0;
    assert_eq!(status(&same, "throughput < -15%"), 0);
    assert_eq!(status(&slow, "throughput < -15%"), 99);
    assert_eq!(status(&same, "throughput < 0%"), 98);
    assert_eq!(status(&same, "p99 > +10%"), 0);
    assert_eq!(vscale(&["compare", &a, &slow]).0, 0);
    let both = ["compare", &a, &slow, "--json", "--fail-if", "p50 > +20%", "--fail-if", "throughput < -15%"];
    let (status, json, _) = vscale(&both);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((status, json["points"][0]["changes"][3]["measure"].as_str()), (99, Some("p99")), "{json}");
    let ratio = json["pooled"][0]["ratio"]["estimate"].as_f64().unwrap();
    assert!((ratio / 0.7 - 1.0).abs() < 0.01, "{json}");
    let (status, out, error) = vscale(&["compare", &a, &other]);
    assert_eq!((status, out.as_str()), (2, ""));
    assert!(error.contains("have no point in common"), "{error}");
    let (status, _, error) = vscale(&["compare", &a, "no/such"]);
    assert!(status == 2 && error.contains("no/such: no run's folder"), "{error}");
}

#[test]
fn a_results_folder_is_listed_and_two_of_its_runs_told_apart() {
    let results = tempfile::tempdir().unwrap();
    let (dir, path) = (results.path(), results.path().display().to_string());
    let (status, _, error) = vscale(&["history", &path]);
    assert!(status == 2 && error.contains("runs: No such file"), "{error}");
    std::fs::create_dir(dir.join("runs")).unwrap();
    assert_eq!(vscale(&["history", &path]).1, format!("no runs in {path}\n"));
    saved(dir, &study("one", &[1, 2], 1.0));
    saved(dir, &elsewhere(study("two", &[1, 2], 1.0)));
    std::fs::create_dir(dir.join("runs/no-run")).unwrap();
    let broken = saved(dir, &study("broken", &[1], 1.0));
    std::fs::write(Path::new(&broken).join("run.json"), "{").unwrap();
    let (status, out, _) = vscale(&["history", &path]);
    // A row may go on in a second table, where the folder's name is long.
    let is_there = |id: &str| out.lines().any(|line| line.starts_with(id));
    assert!(status == 0 && ["one", "two", "broken"].map(is_there) == [true; 3] && !is_there("no-run"), "{out}");
    let (status, out, _) = vscale(&["history", &path, "--diff", "one", "two"]);
    assert!(status == 0 && out.contains("origin.hosts[0].facts.kernel") && out.contains("6.12.9"), "{out}");
    let (status, out, _) = vscale(&["history", &path, "--diff", "one", "one"]);
    assert!(status == 0 && out.starts_with("Hosts, images and plans are the same"), "{out}");
    for (id, why) in [("three", "no run's folder"), ("../x", "cannot be a run's id")] {
        let (status, _, error) = vscale(&["history", &path, "--diff", "one", id]);
        assert!(status == 2 && error.contains(why), "{error}");
    }
}
