//! The newest run's files at the top of `results/`, by the names that the seed benchmark gave them.

use super::{RunFolder, atomic, safe_name};
use crate::error::{Error, Result};
use std::{fs, io::ErrorKind, path::Path};

/// Copies files of a run to the top of `results`, each whole or not at all: (path in the run's folder, name at the top).
/// What this run has not (a log, tables of streams) is no longer there afterwards: it would be an older run's.
///
/// # Errors
/// For a name or path that leads out of its folder, and [`Error::File`].
pub fn publish(folder: &RunFolder, results: &Path, files: &[(String, String)]) -> Result<()> {
    for (path, name) in files {
        bring(&folder.inside(path)?, &results.join(safe_name(name)?))?;
    }
    Ok(())
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
