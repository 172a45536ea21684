//! A run by another load generator than ours: what it told is shown, what it did not tell is absent and said so, and gates
//! that need it find nothing, while the others still do.

use crate::fixture::{COMPOSE, analysed, run};
use std::collections::BTreeMap;
use vscale::{
    analyse::Analysis,
    model::{
        ContainerSample, Gate, Histogram, LatencySummary, LoadTool, LoadToolPlan, PhaseKind, Run, ToldPercentile,
        Totals,
    },
    report,
};

/// The fixture's run, as if Locust had loaded; `cores` is what its container used.
fn by_locust(cores: f64) -> Run {
    let mut run = run();
    run.plan.tool =
        Some(LoadToolPlan { tool: LoadTool::Locust, script: Some("locustfile.py".into()), args: Vec::new() });
    run.visited.iter_mut().for_each(|visited| visited.phases.retain(|phase| phase.kind != PhaseKind::Null));
    for phase in run.visited.iter_mut().flat_map(|visited| &mut visited.phases) {
        let load = &mut phase.load;
        let percentiles = [(50.0, 12_000), (95.0, 15_000)];
        let percentiles = percentiles.map(|(percent, latency_us)| ToldPercentile { percent, latency_us });
        let (count, percentiles) = (load.request_count(), percentiles.to_vec());
        let summary = LatencySummary { count, mean_us: 12_500.0, min_us: 9_000, max_us: 17_000, percentiles };
        load.told_by = Some(LoadTool::Locust);
        load.summary = Some(summary.clone());
        load.generators.clear();
        let Totals { sent, succeeded, failed, .. } = load.totals;
        load.totals = Totals { sent, succeeded, failed, ..Totals::default() };
        load.requests.iter_mut().for_each(|stats| {
            (stats.latency, stats.summary) = (Histogram::new(), Some(summary.clone()));
        });
        load.series.iter_mut().for_each(|second| second.percentiles_us = None);
        let window = load.window;
        let used = phase.usage.iter_mut().find(|usage| usage.container == "loadgen").expect("it is watched");
        let first = used.samples[0].clone();
        let at = |unix_us, cpu_us| ContainerSample { unix_us, cpu_us, ..first.clone() };
        let end = window.start_unix_us + window.duration_us;
        used.samples = vec![at(window.start_unix_us, 0), at(end, (cores * window.duration_us as f64) as u64)];
    }
    run
}

fn files(run: Run) -> BTreeMap<String, String> {
    let (run, analysis) = analysed(run);
    let mut files = BTreeMap::new();
    let mut write = |path: &str, bytes: &[u8]| {
        files.insert(path.to_owned(), String::from_utf8_lossy(bytes).into_owned());
        Ok(())
    };
    report::files(&run, &analysis, COMPOSE, &mut write).expect("memory takes every write");
    files
}

#[test]
fn what_was_told_is_shown_and_what_was_not_is_absent() {
    let files = files(by_locust(0.5));
    assert!(files.keys().all(|path| !path.ends_with(".hgrm")), "{:?}", files.keys());
    let stats = &files["levels/w2/stack_stats.csv"];
    let aggregated = stats.lines().find(|line| line.starts_with(",Aggregated,")).expect("it is there");
    let cells: Vec<&str> = aggregated.split(',').collect();
    assert_eq!(cells[4..8], ["12", "12.5", "9.0", "17.0"], "{stats}");
    assert_eq!(cells[11..], ["12", "N/A", "N/A", "N/A", "N/A", "15", "N/A", "N/A", "N/A", "N/A", "N/A"], "{stats}");
    for page in ["report.md", "report.html"] {
        let words = "load by locust with locustfile.py, which does not tell latency histograms";
        assert!(files[page].contains(words), "{page}");
        assert!(files[page].contains("percentiles: as locust tells them"), "{page}");
        assert!(files[page].contains("15.0 ms"), "{page}: the 95th percentile that was told");
    }
    let result: Run = serde_json::from_str(&files["result.json"]).expect("it reads");
    assert_eq!(result.visited[1].phases[0].load.told_by, Some(LoadTool::Locust));
    let totals = serde_json::to_value(result.visited[1].phases[0].load.totals).expect("plain data");
    assert_eq!(totals.as_object().expect("an object").keys().collect::<Vec<_>>(), ["sent", "succeeded", "failed"]);
}

#[test]
fn its_cpu_is_judged_by_its_container_and_one_process_has_one_cpu() {
    let found = |cores| {
        let findings = Analysis::of(&by_locust(cores)).findings;
        findings.iter().any(|finding| finding.gate == Gate::GeneratorCpu && finding.invalidates())
    };
    assert!(!found(0.79) && found(0.82));
    let mut unread = by_locust(0.5);
    unread.visited[1].phases.iter_mut().for_each(|phase| phase.usage.retain(|usage| usage.container != "loadgen"));
    let findings = Analysis::of(&unread).findings;
    let words = "what the load generator used of its CPUs";
    assert!(findings.iter().any(|it| it.gate == Gate::EvidenceRead && it.note.as_deref() == Some(words)));
}

#[test]
fn gates_that_need_what_is_absent_find_nothing() {
    let findings = Analysis::of(&by_locust(0.5)).findings;
    let needing = [Gate::LittlesLaw, Gate::Headroom, Gate::SendLag, Gate::GeneratorPaused];
    assert!(findings.iter().all(|finding| !needing.contains(&finding.gate)), "{findings:?}");
    let mut failing = by_locust(0.5);
    failing.visited[1].attestation.workers_after = Some(7);
    let findings = Analysis::of(&failing).findings;
    assert!(findings.iter().any(|finding| finding.gate == Gate::Workers), "others still judge");
}
