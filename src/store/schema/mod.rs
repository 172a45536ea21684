//! Reads a run's folder, of whatever version wrote it: one reader a schema version, each of which gives today's [`Run`].

mod current;
mod v2;

use super::RUN;
use crate::{
    error::{Error, Result},
    model::{Run, SCHEMA_VERSION},
};
use serde::{Deserialize, de::DeserializeOwned};
use std::{fs, path::Path};

/// Where version 2 has the whole run.
pub(super) const V2_RESULT: &str = "result.json";

/// What tells whether the rest can be read.
#[derive(Deserialize)]
struct Versioned {
    schema_version: Option<u64>,
}

pub(super) fn load(dir: &Path) -> Result<Run> {
    const V2: u64 = v2::SCHEMA_VERSION as u64;
    const CURRENT: u64 = SCHEMA_VERSION as u64;
    let is_one_file = !dir.join(RUN).is_file();
    let path = dir.join(if is_one_file { V2_RESULT } else { RUN });
    let refused = |why: String| Err(Error::Usage(format!("{}: {why}", path.display())));
    let run = match (read::<Versioned>(&path)?.schema_version, is_one_file) {
        (Some(V2), true) => v2::load(dir)?,
        (Some(CURRENT), false) => current::load(dir)?,
        (Some(CURRENT), true) => return refused(format!("the {RUN} that belongs to it is gone")),
        (Some(V2), false) => return refused(format!("there is no {RUN} of schema_version {V2}")),
        (Some(other), _) => {
            return refused(format!("its schema_version is {other}, and this vscale reads {V2} and {CURRENT}"));
        }
        (None, _) => return refused("it has no schema_version, so it is no run of vscale's".into()),
    };
    check(&run).map_err(|why| Error::Usage(format!("{}: not a run: {why}", path.display())))?;
    Ok(run)
}

/// What the rest of the program takes for granted.
fn check(run: &Run) -> Result<(), String> {
    if run.origin.hosts.is_empty() || run.plan.hosts.is_empty() {
        return Err("it names no host".into());
    }
    let points = run.plan.points.len();
    match run.plan.order().map(|(_, turn)| turn.point).find(|&point| point >= points) {
        Some(point) => Err(format!("point {point} is to be visited, and there are {points}")),
        None => Ok(()),
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).map_err(Error::file(path))?;
    serde_json::from_slice(&bytes).map_err(|error| not_a_runs(path, error))
}

fn not_a_runs(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::Usage(format!("{}: not a run's: {why}", path.display()))
}
