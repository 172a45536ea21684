//! The CSV files against real ones: `locust/` has what Locust 2.47.0 wrote in a run of 12 s with 3 users against a
//! server that fails 2 % of requests (history without `--csv-full-history`). Headers must be equal, and each cell of
//! ours must be of a kind that Locust has in that column: empty, word, whole number, decimal, six decimals, N/A, time.

use crate::{
    csv_form::{HISTORY_ALSO, assert_same_form, records},
    fixture::{analysed, invalidate, phase_of, run, target_load, unread_run},
};
use vscale::{
    analyse::Analysis,
    model::{LoadResult, Peer, PhaseKind, Run, Tick},
    report::{containers_csv, locust, scaling_csv, timeseries_csv},
};

const STATS: &str = include_str!("locust/stats.csv");
const HISTORY: &str = include_str!("locust/stats_history.csv");
const FAILURES: &str = include_str!("locust/failures.csv");
const EXCEPTIONS: &str = include_str!("locust/exceptions.csv");

#[test]
fn stats_are_as_locust_s() {
    assert_same_form(&locust::stats_csv(&target()), STATS, &[]);
}

#[test]
fn history_is_as_locust_s() {
    assert_same_form(&locust::stats_history_csv(&target()), HISTORY, &HISTORY_ALSO);
}

#[test]
fn failures_are_as_locust_s() {
    assert_same_form(&locust::failures_csv(&target()), FAILURES, &[]);
}

#[test]
fn exceptions_are_a_header() {
    assert_eq!(locust::exceptions_csv(), EXCEPTIONS);
}

#[test]
fn the_text_of_each() {
    let load = target();
    let (run, analysis) = analysed(run());
    insta::assert_snapshot!("stats", locust::stats_csv(&load));
    insta::assert_snapshot!("stats_history", locust::stats_history_csv(&load));
    insta::assert_snapshot!("failures", locust::failures_csv(&load));
    insta::assert_snapshot!("scaling", scaling_csv::render(&run, &analysis));
}

#[test]
fn a_visit_s_seconds_are_on_one_clock() {
    let mut run = run();
    let columns = |run: &Run, row: usize| -> Vec<(String, String)> {
        let text = timeseries_csv::render(run, &run.visited[1]);
        let rows = records(&text);
        assert_eq!(rows.len(), 1 + 2 * 23, "a row a second of baseline and target");
        rows[0].iter().cloned().zip(rows[row].iter().cloned()).collect()
    };
    let cell = |run: &Run, row: usize, name: &str| -> String {
        columns(run, row).into_iter().find(|(column, _)| column == name).expect("it is a column").1
    };
    // The target's tenth second; its processes use 1.47 CPUs of theirs, and all that is used there is 1.49.
    let row = 1 + 23 + 9;
    let by_engine: f64 = cell(&run, row, "target_cores").parse().expect("a number");
    assert!((1.3..=1.7).contains(&by_engine), "{by_engine}");
    assert_eq!((cell(&run, row, "phase").as_str(), cell(&run, row, "others_cores").as_str()), ("target", "0.019"));
    assert_eq!(cell(&run, row, "throttled_cores"), "0.24");
    assert_eq!(cell(&run, 9, "target_cores"), "", "in the baseline it is idle");

    let phase = run.visited[1].phases.iter_mut().find(|phase| phase.kind == PhaseKind::Target).expect("loaded");
    let start_unix_us = phase.load.series[0].unix_us - 1_000_000;
    let tick = |tenth: u64| Tick {
        unix_us: start_unix_us + tenth * 100_000,
        cpu_us: tenth * 70_000,
        throttled_us: Some(tenth * 50_000),
    };
    phase.ticks = (0..=230).map(tick).collect();
    phase.processes.iter_mut().for_each(|sample| sample.peers = vec![Peer { port: 8080, connections: 3 }]);
    assert_eq!((cell(&run, row, "target_cores"), cell(&run, row, "throttled_cores")), ("0.7".into(), "0.5".into()));
    assert_eq!(cell(&run, row, "backend_connections"), "3");
}

#[test]
fn without_requests_the_aggregate_is_locust_s() {
    let mut load = target();
    load.requests.clear();
    let locust_s = ",Aggregated,0,0,0,0.0,0,0,0,0.0,0.0,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A\r\n";
    assert_eq!(locust::stats_csv(&load).split_once('\n').unwrap().1, locust_s);
}

#[test]
fn a_median_below_half_a_millisecond_stays_within_the_extremes() {
    let baseline = phase_of(&run(), 0, PhaseKind::Baseline).load.clone();
    let row = records(&locust::stats_csv(&baseline)).pop().unwrap();
    assert_eq!(
        (row[4].as_str(), row[6].as_str()),
        ("0.24", "0.24"),
        "Locust's rule, where 0 ms would be below the least"
    );
}

#[test]
fn the_last_row_of_the_history_is_the_aggregate() {
    let load = target();
    let history = records(&locust::stats_history_csv(&load)).pop().unwrap();
    let aggregate = records(&locust::stats_csv(&load)).pop().unwrap();
    assert_eq!(history[17..], aggregate[2..9]);
}

#[test]
fn the_warm_up_is_in_no_total() {
    let load = target();
    let rows = records(&locust::stats_history_csv(&load));
    assert_eq!(rows.len(), 1 + load.series.len());
    for (row, second) in rows[1..].iter().zip(&load.series) {
        assert_eq!(row[17] == "0", !second.measured);
    }
}

#[test]
fn speed_up_is_against_the_fewest_workers_of_a_valid_level() {
    let mut run = run();
    run.visited.reverse();
    let rows = |run: &Run| Analysis::of(run).scaling.rows;
    let figures = |run: &Run| rows(run).iter().map(|level| level.speed_up).collect::<Vec<_>>();
    assert_eq!(figures(&run), [Some(88.7 / 45.9), Some(1.0)]);
    assert_eq!(rows(&run)[0].efficiency, Some(88.7 / 45.9 / 2.0));
    invalidate(&mut run.visited[1]);
    assert_eq!(figures(&run), [Some(1.0), None], "an invalid visit has no speed-up");
    invalidate(&mut run.visited[0]);
    assert_eq!(figures(&run), [None, None]);
}

#[test]
fn every_sample_of_a_container_is_a_row() {
    let run = run();
    let rows = records(&containers_csv::render(&run.visited[0]));
    assert_eq!(rows.len(), 1 + 2 * 3 * 24);
    assert_eq!(rows[1][..4], ["baseline", "mock", "1795520691120000", "0"]);
    assert_eq!(rows[1][6], "", "the mock has no quota, so no periods");
}

#[test]
fn what_was_not_read_is_empty() {
    let (run, analysis) = analysed(unread_run());
    insta::assert_snapshot!("scaling_of_what_was_not_read", scaling_csv::render(&run, &analysis));
    let rows = records(&containers_csv::render(&run.visited[1]));
    assert!(rows[1][4..].iter().all(String::is_empty), "{:?}", rows[1]);
}

fn target() -> LoadResult {
    target_load(&run(), 1).clone()
}
