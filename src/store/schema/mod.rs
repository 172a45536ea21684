//! Reads a run's folder, of whatever version wrote it: one reader a schema version, each of which gives today's [`Run`].

use super::{RUN, VISITS};
use crate::{
    error::{Error, Result},
    model::{Run, SCHEMA_VERSION, Visited},
};
use serde::{Deserialize, de::DeserializeOwned};
use std::{fs, path::Path};

/// Where version 2 has the whole run.
pub(super) const V2_RESULT: &str = "result.json";

/// What tells whether the rest can be read.
#[derive(Deserialize)]
struct Versioned {
    schema_version: u32,
}

pub(super) fn load(dir: &Path) -> Result<Run> {
    let path = if dir.join(RUN).is_file() { dir.join(RUN) } else { dir.join(V2_RESULT) };
    let Versioned { schema_version } = read(&path)?;
    match schema_version {
        SCHEMA_VERSION => current(dir),
        other => Err(Error::Usage(format!(
            "{}: its schema_version is {other}, and this vscale reads {SCHEMA_VERSION}",
            path.display()
        ))),
    }
}

/// `run.json`, and the visits that were finished.
fn current(dir: &Path) -> Result<Run> {
    let mut run: Run = read(&dir.join(RUN))?;
    let folder = dir.join(VISITS);
    for entry in fs::read_dir(&folder).map_err(Error::file(&folder))? {
        let path = entry.map_err(Error::file(&folder))?.path();
        // A visit whose writing was cut short has a temporary name.
        if path.extension().is_some_and(|extension| extension == "json") {
            run.visited.push(read::<Visited>(&path)?);
        }
    }
    run.visited.sort_by_key(|visited| visited.sequence);
    check(&run).map_err(|why| Error::Usage(format!("{}: not a run: {why}", dir.display())))?;
    Ok(run)
}

/// What the rest of the program takes for granted.
fn check(run: &Run) -> Result<(), String> {
    if run.origin.hosts.is_empty() || run.plan.hosts.is_empty() {
        return Err("it names no host".into());
    }
    let points = run.plan.points.len();
    match run.visited.iter().find(|visited| visited.point >= points) {
        Some(visited) => Err(format!("visit {} is of point {}, and there are {points}", visited.id, visited.point)),
        None => Ok(()),
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).map_err(Error::file(path))?;
    serde_json::from_slice(&bytes).map_err(|error| Error::Usage(format!("{}: not a run's: {error}", path.display())))
}
