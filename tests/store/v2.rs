//! What version 2 wrote: a run that it really recorded, against its own `result.json` and `scaling.csv`.

use crate::fixture::{files, json, run, v2_folder};
use std::{fs, path::Path};
use vscale::{
    analyse::Analysis,
    model::{CountBy, Gate, Limit, LimitRow, LimitValue, LoadModel, PhaseKind, Run, SCHEMA_VERSION, Turn},
    store::{Attached, RunFolder},
};

fn load(folder: &Path) -> Run {
    RunFolder::open(folder).unwrap().load().unwrap()
}

/// Its `result.json`, changed at each of these places.
fn changed<const N: usize>(changes: [(&str, serde_json::Value); N]) -> Run {
    let folder = v2_folder();
    let path = folder.path().join("result.json");
    let mut result: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for (pointer, value) in changes {
        *result.pointer_mut(pointer).unwrap() = value;
    }
    fs::write(&path, result.to_string()).unwrap();
    load(folder.path())
}

/// What invalidates a run.
fn against(run: &Run) -> Vec<Gate> {
    let findings = Analysis::of(run).findings;
    findings.into_iter().filter(|finding| finding.invalidates()).map(|finding| finding.gate).collect()
}

#[test]
fn it_is_valid_as_it_was() {
    let run = run();
    assert!(Analysis::of(&run).is_run_valid(&run), "{:?}", against(&run));
}

#[test]
fn every_level_has_the_numbers_of_its_own_table() {
    let folder = v2_folder();
    let run = load(folder.path());
    let mut table = csv::Reader::from_path(folder.path().join("scaling.csv")).unwrap();
    let columns = table.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), run.visited.len());
    for (row, visited) in rows.iter().zip(&run.visited) {
        let cell = |name: &str| row.get(columns.iter().position(|column| column == name).unwrap()).unwrap();
        let number = |name: &str| cell(name).parse::<f64>().unwrap();
        assert_eq!(visited.id, cell("level"));
        assert_eq!(f64::from(visited.workers), number("workers"));
        assert_eq!(visited.ready_after_us as f64, number("ready_after_us"));
        assert_eq!(run.point(visited).limits.quota_cores(), Some(number("cpus_cores")));
        assert_eq!(visited.attestation.workers_before.map(f64::from), Some(number("workers_before")));
        assert_eq!(visited.attestation.workers_after.map(f64::from), Some(number("workers_after")));
        for (kind, prefix) in [(PhaseKind::Target, ""), (PhaseKind::Baseline, "baseline_")] {
            let load = &visited.phase(kind).unwrap().load;
            let number = |name: &str| number(&format!("{prefix}{name}"));
            assert_eq!(load.throughput_rps(), number("throughput_rps"), "{kind}");
            assert_eq!(load.latency().percentile_us(50.0) as f64, number("p50_us"), "{kind}");
            assert_eq!(load.latency().percentile_us(95.0) as f64, number("p95_us"), "{kind}");
            assert_eq!(load.request_count() as f64, number("requests"), "{kind}");
            assert_eq!(load.failure_count() as f64, number("failures"), "{kind}");
        }
    }
}

#[test]
fn the_plan_is_what_its_settings_say() {
    let run = run();
    let plan = &run.plan;
    assert_eq!((run.schema_version, run.id.as_str()), (SCHEMA_VERSION, "20261125T143904Z-bench-7d7b95"));
    assert_eq!((run.started_unix_us, run.finished_unix_us), (1_795_617_544_549_940, Some(1_795_617_572_017_868)));
    assert_eq!((plan.name.as_str(), plan.services()), ("recorded", vec!["mock", "stack", "loadgen"]));
    let placed = [&plan.placement().generator, &plan.placement().backend, &plan.placement().target];
    assert_eq!(placed.map(ToString::to_string), ["0", "0", "1"]);
    assert_eq!((plan.points.len(), &plan.blocks), (1, &vec![vec![Turn::plain(0); 2]]));
    insta::assert_snapshot!(json(&plan.points[0].limits), @r#"{"cpuset":"1","cpu_quota_us":5000,"cpu_period_us":10000,"memory_bytes":67108864}"#);
    assert!(matches!(plan.load.model, LoadModel::Open { rate_rps: 100.0, max_in_flight: 1000, .. }));
    assert_eq!((plan.load.host.as_str(), plan.load.window_us()), ("http://stack:81", Some(3_000_000)));
    assert_eq!((plan.load.warm_up.longest_us(), plan.load.stream), (0, false));
    assert_eq!(plan.load.backend.as_deref(), Some("http://mock:80"));
    let workers = plan.workers.as_ref().expect("it had some");
    assert_eq!(workers.env.as_deref(), Some("WORKERS"));
    assert_eq!(workers.count, CountBy::Process("vscale mock".into()));
}

#[test]
fn where_it_ran_is_as_it_was() {
    let run = run();
    assert_eq!(run.origin.vscale_version, "0.1.0");
    assert_eq!(run.origin.arguments[..3], ["bench", "--workers", "1,1"]);
    assert_eq!((run.host().facts.kernel.as_str(), run.host().facts.cpus.len()), ("6.18.44-fc-v657", 2));
    assert_eq!((run.host().engine.version.as_str(), run.origin.images.len()), ("20.10.24+dfsg1", 3));
}

#[test]
fn limits_are_rows_in_today_s_units() {
    let run = run();
    let rows = |container: &str| {
        let rows = run.visited[1].attestation.limits.iter().filter(|row| row.container == container);
        let shown = |value: &Option<LimitValue>| value.as_ref().map_or("-".into(), |it| json(it).to_string());
        let line = |row: &LimitRow| {
            let [asked, engine, inside] = [&row.asked, &row.engine, &row.inside].map(shown);
            format!("{}: {asked} {engine} {inside}", json(&row.limit))
        };
        rows.map(line).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(rows("stack"), @r#"
    "cpuset": "1" "1" "1"
    "affinity": "1" - "1"
    "cpu_quota_us": 5000 5000 5000
    "cpu_period_us": - 10000 10000
    "memory_bytes": 67108864 67108864 67108864
    "#);
    insta::assert_snapshot!(rows("loadgen"), @r#"
    "cpuset": "0" "0" "0"
    "affinity": "0" - "0"
    "cpu_quota_us": - "unlimited" "unlimited"
    "cpu_period_us": - - 100000
    "memory_bytes": - "unlimited" "unlimited"
    "#);
}

#[test]
fn what_was_watched_is_there() {
    let run = run();
    let phase = run.visited[0].phase(PhaseKind::Target).unwrap();
    let usage = phase.usage("stack").unwrap();
    assert_eq!((usage.samples[0].cpu_us, usage.samples[0].periods), (40_600, Some(34)));
    assert_eq!(phase.processes[0].processes[0].cpus_allowed.to_string(), "1");
    assert_eq!(phase.processes[0].limits.quota_cores(), Some(0.5));
    let generator = &phase.load.generators[0];
    assert_eq!((generator.cpu_us(), generator.cpus_allowed.to_string().as_str()), (23_056 + 22_985, "0"));
    assert_eq!(generator.limits.get(Limit::MemoryBytes), Some(&LimitValue::Unlimited));
}

#[test]
fn what_was_invalid_still_is() {
    let stack_limits = "/levels/0/attestation/limits/1";
    let quota = changed([(&format!("{stack_limits}/inside/cpu_quota_cores"), serde_json::Value::Null)]);
    assert_eq!(against(&quota), [Gate::LimitApplied]);
    let affinity = changed([(&format!("{stack_limits}/cpus_allowed"), "0-1".into())]);
    assert_eq!(against(&affinity), [Gate::LimitApplied]);
    let workers = changed([("/levels/1/attestation/workers_after", 2.into())]);
    assert_eq!(against(&workers), [Gate::Workers]);
    let warning = serde_json::json!([
        {"kind": "engine", "message": "no swap limit"},
        {"kind": "container_ended", "level": "w1-c0.5", "service": "mock", "how": "exit status 137"},
    ]);
    let ended = changed([("/levels/0/warnings", warning)]);
    assert_eq!((ended.visited[0].ended.len(), against(&ended)), (1, vec![Gate::ContainerLives]));
}

#[test]
fn a_run_that_was_cut_short_is_what_it_got_to() {
    let folder = v2_folder();
    let path = folder.path().join("result.json");
    let mut result: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    result["settings"]["workers"] = serde_json::json!([1, 2, 1]);
    result["finished_unix_us"] = serde_json::Value::Null;
    result["levels"].as_array_mut().unwrap().truncate(1);
    fs::write(&path, result.to_string()).unwrap();
    let run = load(folder.path());
    let workers: Vec<u32> = run.plan.points.iter().map(|point| point.workers).collect();
    assert_eq!((workers, &run.plan.blocks), (vec![1, 2], &vec![[0, 1, 0].map(Turn::plain).to_vec()]));
    assert_eq!((run.visited.len(), run.finished_unix_us), (1, None));
}

#[test]
fn without_the_compose_file_nobody_says_what_a_worker_was() {
    let folder = v2_folder();
    for name in ["compose.resolved.yaml", "manifest.json"] {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    let run = load(folder.path());
    assert!(run.visited.iter().flat_map(|visited| &visited.phases).all(|phase| phase.processes.is_empty()));
    assert!(!Analysis::of(&run).is_run_valid(&run), "what is not known is no evidence: {:?}", against(&run));
    assert_eq!(run.origin.vscale_version, "");
}

#[test]
fn a_file_that_is_broken_is_named() {
    for name in ["compose.resolved.yaml", "manifest.json", "result.json"] {
        let folder = v2_folder();
        let path = folder.path().join(name);
        fs::write(&path, "schema_version: [").unwrap();
        let error = RunFolder::open(folder.path()).unwrap().load().unwrap_err();
        assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}

#[test]
fn reports_can_be_made_in_its_folder_and_nothing_of_it_is_lost() {
    let copy = v2_folder();
    let before = files(copy.path());
    let folder = RunFolder::open(copy.path()).unwrap();
    let run = folder.load().unwrap();
    folder.write("result.json", "made up").unwrap();
    folder.discard();
    let errors =
        [folder.save_run(&run).unwrap_err(), folder.save_visit(&run.visited[0], &Attached::default()).unwrap_err()];
    for error in errors {
        assert!(error.to_string().contains("an older vscale wrote this run"), "{error}");
    }
    assert_eq!(files(copy.path()), before);
    folder.write("report.html", "made up").unwrap();
    assert_eq!(json(&load(copy.path())), json(&run));
}
