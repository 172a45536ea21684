//! The run folder: the only place that knows which file lies where. What is in the files, [`crate::report`] decides.
//!
//! Every file appears whole or not at all. After each level `result.json` holds all levels finished until then, so a
//! run that is cut short loses the level under way and nothing else.

mod atomic;
mod manifest;
mod publish;

pub use manifest::Provenance;

use crate::error::{Error, Result};
use crate::model::{Level, Phase, PhaseName, RunResult, SCHEMA_VERSION};
use crate::report::{html, load_csv, markdown, scaling};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const RESULT: &str = "result.json";
const MANIFEST: &str = "manifest.json";
const COMPOSE: &str = "compose.resolved.yaml";
const LONGEST_NAME: usize = 100;

/// What a level leaves besides its result.
#[derive(Clone, Debug, Default)]
pub struct LevelFiles {
    /// The output of each container: service and bytes.
    pub logs: Vec<(String, Vec<u8>)>,
    /// The latencies of each second of a phase, as HdrHistogram's log.
    pub hlogs: Vec<(PhaseName, String)>,
}

/// `results/runs/<id>/`.
#[derive(Clone, Debug)]
pub struct RunFolder {
    dir: PathBuf,
}

impl RunFolder {
    /// A new folder for the run `id` in `results`, which is made if need be. Fails before anything is measured where
    /// nothing can be written, and never takes an existing run's folder.
    pub fn create(results: &Path, id: &str) -> Result<Self> {
        let runs = results.join("runs");
        let dir = runs.join(safe_name(id)?);
        let denied = |path: &Path| {
            let path = path.display().to_string();
            move |source| Error::Preflight(format!("{path}: results cannot be written here: {source}"))
        };
        fs::create_dir_all(&runs).map_err(denied(&runs))?;
        atomic::try_out(results).map_err(denied(results))?;
        fs::create_dir(&dir).map_err(denied(&dir))?;
        fs::create_dir(dir.join("levels")).map_err(denied(&dir))?;
        Ok(Self { dir })
    }

    /// The folder of a run that was saved before.
    pub fn open(dir: &Path) -> Result<Self> {
        if !dir.join(RESULT).is_file() {
            return Err(Error::Usage(format!("{}: no run's folder: there is no {RESULT} in it", dir.display())));
        }
        Ok(Self { dir: dir.to_owned() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Takes back a folder that no level was saved in; what else may be in it stays.
    pub fn discard(&self) {
        if !self.dir.join(RESULT).exists() {
            let _ = fs::remove_file(self.dir.join(MANIFEST));
            let _ = fs::remove_file(self.dir.join(COMPOSE));
            let _ = fs::remove_dir(self.dir.join("levels"));
            let _ = fs::remove_dir(&self.dir);
        }
    }

    /// Where the run comes from, to be called once the images are known: `manifest.json` and the compose file as
    /// resolved, whose secrets its producer has redacted ([`crate::redact`]).
    pub fn save_origin(&self, run: &RunResult, provenance: &Provenance, compose: &str) -> Result<()> {
        self.write(MANIFEST, manifest::manifest_json(run, provenance)?)?;
        self.write(COMPOSE, compose)
    }

    /// A finished level, which `run` already has: its tables, histograms, samples and logs, and then `result.json`.
    pub fn save_level(&self, run: &RunResult, level: &Level, files: &LevelFiles) -> Result<()> {
        let dir = self.level_dir(level)?;
        fs::create_dir_all(&dir).map_err(Error::file(&dir))?;
        for phase in [&level.baseline, &level.stack] {
            save_phase(&dir, phase)?;
        }
        atomic::write(&dir.join("containers.csv"), scaling::containers_csv(level))?;
        for (phase, hlog) in &files.hlogs {
            atomic::write(&dir.join(format!("{phase}.hlog")), hlog)?;
        }
        for (service, output) in &files.logs {
            atomic::write(&dir.join(format!("{}.log", safe_name(service)?)), output)?;
        }
        self.save_result(run)
    }

    /// `result.json` and every report made from it.
    pub fn save(&self, run: &RunResult) -> Result<()> {
        self.save_result(run)?;
        self.save_reports(run)
    }

    /// The reports alone, from what the run found and the compose file in the folder: what `vscale report` does.
    pub fn save_reports(&self, run: &RunResult) -> Result<()> {
        self.write("report.html", html::run(run, &self.load_compose()?))?;
        self.write("report.md", markdown::render(run))?;
        self.write("scaling.csv", scaling::scaling_csv(run))?;
        if let Some(level) = run.levels.last() {
            for phase in [&level.baseline, &level.stack] {
                self.write(&format!("{}.html", phase.name), html::load(phase.name, &phase.load))?;
            }
        }
        Ok(())
    }

    /// Copies the last level's files to the top of `results` by the seed's names, each whole or not at all; nothing
    /// else there is touched.
    pub fn publish_newest(&self, results: &Path, run: &RunResult) -> Result<()> {
        match run.levels.last() {
            Some(level) => {
                let target = safe_name(&run.settings.target)?;
                publish::publish(&self.dir, level, &self.level_dir(level)?, target, results)
            }
            None => Ok(()),
        }
    }

    /// What the run found.
    pub fn load_result(&self) -> Result<RunResult> {
        let path = self.dir.join(RESULT);
        let bytes = fs::read(&path).map_err(Error::file(&path))?;
        let unreadable = |error| Error::Usage(format!("{}: not a run's result: {error}", path.display()));
        let versioned: Versioned = serde_json::from_slice(&bytes).map_err(unreadable)?;
        if versioned.schema_version != SCHEMA_VERSION {
            return Err(Error::Usage(format!(
                "{}: its schema_version is {}, and this vscale reads {SCHEMA_VERSION}",
                path.display(),
                versioned.schema_version
            )));
        }
        serde_json::from_slice(&bytes).map_err(unreadable)
    }

    /// The compose file as resolved; empty where the run was cut short before it was written.
    pub fn load_compose(&self) -> Result<String> {
        let path = self.dir.join(COMPOSE);
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
            other => other.map_err(Error::file(&path)),
        }
    }

    fn save_result(&self, run: &RunResult) -> Result<()> {
        self.write(RESULT, to_json(run)?)
    }

    fn level_dir(&self, level: &Level) -> Result<PathBuf> {
        Ok(self.dir.join("levels").join(safe_name(&level.name)?))
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> Result<()> {
        atomic::write(&self.dir.join(name), contents)
    }
}

/// What tells whether the rest can be read.
#[derive(serde::Deserialize)]
struct Versioned {
    schema_version: u32,
}

fn save_phase(dir: &Path, phase: &Phase) -> Result<()> {
    let (name, load) = (phase.name, &phase.load);
    for (suffix, table) in load_csv::tables(load) {
        atomic::write(&dir.join(format!("{name}_{suffix}.csv")), table)?;
    }
    atomic::write(&dir.join(format!("{name}.hgrm")), load.latency().to_hgrm())
}

fn to_json(value: &impl serde::Serialize) -> Result<String> {
    let json = serde_json::to_string_pretty(value).map_err(|error| Error::Other(format!("writing JSON: {error}")))?;
    Ok(json + "\n")
}

/// `name`, if it can be one part of a path and stays inside of its folder: ASCII letters, digits, `.`, `_` and `-`, not
/// starting with a dot.
fn safe_name(name: &str) -> Result<&str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_safe = (1..=LONGEST_NAME).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(allowed);
    if is_safe {
        Ok(name)
    } else {
        Err(Error::Other(format!("{name:?} cannot be the name of a file in the run folder")))
    }
}

#[cfg(test)]
mod tests {
    use super::safe_name;

    #[test]
    fn names_stay_in_their_folder() {
        for name in ["w2", "w2-c1.5", "20261124T114421Z-bench-3f9a1c", "_"] {
            assert!(safe_name(name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", "../x", "a/b", "/etc", ".hidden", "a\0b", "a\nb", "ä", &"x".repeat(101)] {
            assert!(safe_name(name).is_err(), "{name}");
        }
    }
}
