//! Which CSV files a load phase has.

use super::{clocks, locust};
use crate::model::LoadResult;

/// What a file's name ends with, and its text: Locust's four, and one of ours where streams were asked for.
pub fn tables(load: &LoadResult) -> Vec<(&'static str, String)> {
    let mut tables = vec![
        ("stats", locust::stats_csv(load)),
        ("stats_history", locust::stats_history_csv(load)),
        ("failures", locust::failures_csv(load)),
        ("exceptions", locust::exceptions_csv()),
    ];
    tables.extend(clocks::streams_csv(load).map(|text| ("streams", text)));
    tables
}
