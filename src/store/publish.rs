//! The newest run's files at the top of `results/`, by the names that the seed benchmark gave them.

use super::atomic;
use crate::error::{Error, Result};
use crate::model::Level;
use crate::report::load_csv;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Copies the run's reports, one level's tables and the target's log from their folders to `results`. What this run has not
/// (a log, tables of streams) is no longer there afterwards: it would be an older run's.
pub fn publish(run: &Path, level: &Level, level_dir: &Path, target: &str, results: &Path) -> Result<()> {
    for phase in [&level.baseline, &level.stack] {
        let report = format!("{}.html", phase.name);
        bring(&run.join(&report), &results.join(&report))?;
        for suffix in load_csv::SUFFIXES {
            let table = format!("{}_{suffix}.csv", phase.name);
            bring(&level_dir.join(&table), &results.join(&table))?;
        }
    }
    bring(&level_dir.join(format!("{target}.log")), &results.join("stack.log"))
}

fn bring(from: &Path, to: &Path) -> Result<()> {
    if from.is_file() {
        return atomic::copy(from, to);
    }
    match fs::remove_file(to) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::file(to)(error)),
        _ => Ok(()),
    }
}
