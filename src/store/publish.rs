//! The newest run's files at the top of `results/`, by the names that the seed benchmark gave them.

use super::atomic;
use crate::error::Result;
use std::path::Path;

const REPORTS: [&str; 2] = ["baseline.html", "stack.html"];
const TABLES: [&str; 8] = [
    "baseline_stats.csv",
    "baseline_stats_history.csv",
    "baseline_failures.csv",
    "baseline_exceptions.csv",
    "stack_stats.csv",
    "stack_stats_history.csv",
    "stack_failures.csv",
    "stack_exceptions.csv",
];

/// Copies the run's reports, one level's tables and the target's log (if it was kept) from their folders to `results`.
pub fn publish(run: &Path, level: &Path, results: &Path, target: &str) -> Result<()> {
    for name in REPORTS {
        atomic::copy(&run.join(name), &results.join(name))?;
    }
    for name in TABLES {
        atomic::copy(&level.join(name), &results.join(name))?;
    }
    let log = level.join(format!("{target}.log"));
    if log.is_file() { atomic::copy(&log, &results.join("stack.log")) } else { Ok(()) }
}
