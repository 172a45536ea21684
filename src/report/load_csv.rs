//! Which CSV files a load phase has.

use super::{clocks, locust};
use crate::model::LoadResult;

/// All that their names can end with.
pub const SUFFIXES: [&str; 5] = ["stats", "stats_history", "failures", "exceptions", "streams"];

/// What a file's name ends with, and its text: Locust's four, and one of ours where streams were asked for.
pub fn tables(load: &LoadResult) -> Vec<(&'static str, String)> {
    let texts = [
        Some(locust::stats_csv(load)),
        Some(locust::stats_history_csv(load)),
        Some(locust::failures_csv(load)),
        Some(locust::exceptions_csv()),
        clocks::streams_csv(load),
    ];
    SUFFIXES.into_iter().zip(texts).filter_map(|(suffix, text)| Some((suffix, text?))).collect()
}
