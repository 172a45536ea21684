//! The CSV files against real ones: `locust/` has what Locust 2.47.0 wrote in a run of 12 s with 3 users against a
//! server that fails 2 % of requests (history without `--csv-full-history`). Headers must be equal, and each cell of
//! ours must be of a kind that Locust has in that column: empty, word, whole number, decimal, six decimals, N/A, time.

use crate::csv_form::{HISTORY_ALSO, assert_same_form, records};
use crate::fixture::{invalid_run, run};
use vscale::model::{LoadResult, RunResult};
use vscale::report::{locust, scaling};

const STATS: &str = include_str!("locust/stats.csv");
const HISTORY: &str = include_str!("locust/stats_history.csv");
const FAILURES: &str = include_str!("locust/failures.csv");
const EXCEPTIONS: &str = include_str!("locust/exceptions.csv");

#[test]
fn stats_are_as_locust_s() {
    assert_same_form(&locust::stats_csv(&stack(&run())), STATS, &[]);
}

#[test]
fn history_is_as_locust_s() {
    assert_same_form(&locust::stats_history_csv(&stack(&run())), HISTORY, &HISTORY_ALSO);
}

#[test]
fn failures_are_as_locust_s() {
    assert_same_form(&locust::failures_csv(&stack(&run())), FAILURES, &[]);
}

#[test]
fn exceptions_are_a_header() {
    assert_eq!(locust::exceptions_csv(), EXCEPTIONS);
}

#[test]
fn the_text_of_each() {
    let load = stack(&run());
    insta::assert_snapshot!("stats", locust::stats_csv(&load));
    insta::assert_snapshot!("stats_history", locust::stats_history_csv(&load));
    insta::assert_snapshot!("failures", locust::failures_csv(&load));
    insta::assert_snapshot!("scaling", scaling::scaling_csv(&run()));
}

#[test]
fn without_requests_the_aggregate_is_locust_s() {
    let mut load = stack(&run());
    load.requests.clear();
    let locust_s = ",Aggregated,0,0,0,0.0,0,0,0,0.0,0.0,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A\r\n";
    assert_eq!(locust::stats_csv(&load).split_once('\n').unwrap().1, locust_s);
}

#[test]
fn a_median_below_half_a_millisecond_stays_within_the_extremes() {
    let baseline = run().levels[0].baseline.load.clone();
    let row = records(&locust::stats_csv(&baseline)).pop().unwrap();
    assert_eq!(
        (row[4].as_str(), row[6].as_str()),
        ("0.24", "0.24"),
        "Locust's rule, where 0 ms would be below the least"
    );
}

#[test]
fn the_last_row_of_the_history_is_the_aggregate() {
    let load = stack(&run());
    let history = records(&locust::stats_history_csv(&load)).pop().unwrap();
    let aggregate = records(&locust::stats_csv(&load)).pop().unwrap();
    assert_eq!(history[17..], aggregate[2..9]);
}

#[test]
fn the_warm_up_is_in_no_total() {
    let load = stack(&run());
    let rows = records(&locust::stats_history_csv(&load));
    assert_eq!(rows.len(), 1 + load.series.len());
    for (row, second) in rows[1..].iter().zip(&load.series) {
        assert_eq!(row[17] == "0", !second.measured);
    }
}

#[test]
fn speed_up_is_against_the_fewest_workers_of_a_valid_level() {
    let mut run = run();
    run.levels.reverse();
    let figures = |run: &RunResult| scaling::scaled(run).iter().map(|level| level.speed_up).collect::<Vec<_>>();
    assert_eq!(figures(&run), [Some(88.7 / 45.9), Some(1.0)]);
    assert_eq!(scaling::scaled(&run)[0].efficiency, Some(88.7 / 45.9 / 2.0));
    run.levels[1].warnings = invalid_run().levels[1].warnings.clone();
    assert_eq!(figures(&run), [Some(1.0), Some(45.9 / 88.7)]);
    run.levels[0].warnings = run.levels[1].warnings.clone();
    assert_eq!(figures(&run), [None, None]);
}

#[test]
fn every_sample_of_a_container_is_a_row() {
    let run = run();
    let rows = records(&scaling::containers_csv(&run.levels[0]));
    assert_eq!(rows.len(), 1 + 2 * 3 * 24);
    assert_eq!(rows[1][..4], ["baseline", "mock", "1795520691120000", "0"]);
    assert_eq!(rows[1][6], "", "the mock has no quota, so no periods");
}

fn stack(run: &RunResult) -> LoadResult {
    run.levels[1].stack.load.clone()
}
