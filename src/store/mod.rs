//! The run folder: the only place that knows which file lies where. It knows no report: what is in a report's file, the
//! caller says.
//!
//! ```text
//! run.json               where it ran and what was planned; written before the first visit, and once more at the end
//! visits/<id>.json       a finished visit each; a visit's `sequence` says in which order they were
//! compose.resolved.yaml  the compose file as understood
//! levels/<id>/           what a visit leaves besides, and tables made of it
//! ```
//!
//! Every file appears whole or not at all, so a run that is cut short loses the visit under way and nothing else; a visit
//! costs one file however many there were before.
//!
//! A folder that an older version wrote is read as well. Reports can be made in it; what it tells of the run stays as it is.

mod atomic;
mod claim;
mod publish;
mod schema;

pub use publish::publish;

use crate::{
    error::{Error, Result},
    model::{PhaseKind, Run, Visited},
};
use claim::Claim;
use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

const RUN: &str = "run.json";
const VISITS: &str = "visits";
const LEVELS: &str = "levels";
const COMPOSE: &str = "compose.resolved.yaml";
const LONGEST_NAME: usize = 100;

/// What a visit leaves besides what it found.
#[derive(Clone, Debug, Default)]
pub struct Attached {
    /// The output of each container: name and bytes.
    pub logs: Vec<(String, Vec<u8>)>,
    /// The latencies of each second of a phase, as HdrHistogram's log.
    pub hlogs: Vec<(PhaseKind, String)>,
}

/// `results/runs/<id>/`.
#[derive(Clone, Debug)]
pub struct RunFolder {
    dir: PathBuf,
    /// Of those who carry out the run.
    _claim: Option<Arc<Claim>>,
}

/// Whether runs can be kept in `results`, which is made if need be: to be asked before anything is measured.
///
/// # Errors
/// [`Error::Preflight`] names the folder and why not.
pub fn check(results: &Path) -> Result<()> {
    let runs = results.join("runs");
    fs::create_dir_all(&runs).map_err(denied(&runs))?;
    atomic::try_out(results).map_err(denied(results))?;
    atomic::try_out(&runs).map_err(denied(&runs))
}

/// The folders of all runs in `results`, in the order of their names, which begin with the time.
///
/// # Errors
/// [`Error::Usage`] where `results` has no folder of runs that can be read.
pub fn runs(results: &Path) -> Result<Vec<RunFolder>> {
    let runs = results.join("runs");
    let entries =
        fs::read_dir(&runs).and_then(Iterator::collect::<std::io::Result<Vec<_>>>).map_err(Error::input(&runs))?;
    let mut dirs: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    dirs.sort();
    // What else lies there is no run.
    Ok(dirs.iter().filter_map(|dir| RunFolder::open(dir).ok()).collect())
}

/// The folder of the run `id` in `results`.
///
/// # Errors
/// [`Error::Usage`] where there is none.
pub fn run(results: &Path, id: &str) -> Result<RunFolder> {
    let name = safe_name(id).map_err(|_| Error::Usage(format!("{id:?} cannot be a run's id")))?;
    RunFolder::open(&results.join("runs").join(name))
}

impl RunFolder {
    /// A new folder for the run `id` in `results`; never an existing run's.
    ///
    /// # Errors
    /// [`Error::Preflight`] names the folder and why it cannot be made.
    pub fn create(results: &Path, id: &str) -> Result<Self> {
        let dir = results.join("runs").join(safe_name(id)?);
        check(results)?;
        for folder in [dir.clone(), dir.join(VISITS), dir.join(LEVELS)] {
            atomic::create_folder(&folder).map_err(denied(&folder))?;
        }
        Self { dir, _claim: None }.claimed()
    }

    /// The folder of a run that was saved before.
    ///
    /// # Errors
    /// [`Error::Usage`] where there is no run in it.
    pub fn open(dir: &Path) -> Result<Self> {
        if dir.join(RUN).is_file() || dir.join(schema::V2_RESULT).is_file() {
            Ok(Self { dir: dir.to_owned(), _claim: None })
        } else {
            Err(Error::Usage(format!("{}: no run's folder: there is no {RUN} in it", dir.display())))
        }
    }

    /// The same, for whoever goes on with the run: until all copies of this are dropped, no other process can.
    ///
    /// # Errors
    /// [`Error::Usage`] where another process is at work in it.
    pub fn claimed(self) -> Result<Self> {
        let claim = Claim::of(&self.dir)?;
        Ok(Self { _claim: Some(Arc::new(claim)), ..self })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Its last part: the run's id, unless it was moved.
    pub fn name(&self) -> String {
        self.dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Takes back a folder in which no visit was saved; what else may be in it stays.
    pub fn discard(&self) {
        let has_visits = fs::read_dir(self.dir.join(VISITS)).is_ok_and(|mut entries| entries.next().is_some());
        if !has_visits && !self.is_older() {
            for file in [RUN, COMPOSE] {
                let _ = fs::remove_file(self.dir.join(file));
            }
            for folder in [VISITS, LEVELS, ""] {
                let _ = fs::remove_dir(self.dir.join(folder));
            }
        }
    }

    /// Where the run runs and what it does; its visits are files of their own.
    ///
    /// # Errors
    /// [`Error::Usage`] in a folder of an older version, and [`Error::File`].
    pub fn save_run(&self, run: &Run) -> Result<()> {
        self.refuse_older()?;
        let head =
            Run { visited: Vec::new(), id: run.id.clone(), origin: run.origin.clone(), plan: run.plan.clone(), ..*run };
        self.write(RUN, to_json(&head)?)
    }

    /// The compose file as resolved, whose secrets its producer has redacted ([`crate::redact`]).
    pub fn save_compose(&self, compose: &str) -> Result<()> {
        self.write(COMPOSE, compose)
    }

    /// A finished visit; what it leaves besides comes first, so that a visit that can be read is whole. But it is saved even
    /// where that cannot be.
    ///
    /// # Errors
    /// [`Error::Usage`] in a folder of an older version, and [`Error::File`].
    pub fn save_visit(&self, visited: &Visited, attached: &Attached) -> Result<()> {
        self.refuse_older()?;
        let level = format!("{LEVELS}/{}", safe_name(&visited.id)?);
        let hlogs = attached.hlogs.iter().map(|(phase, hlog)| (format!("{}.hlog", phase.file_stem()), hlog.as_bytes()));
        let logs = attached.logs.iter().map(|(container, output)| (Visited::log_file(container), output.as_slice()));
        let save = |(name, content): (String, &[u8])| self.write(&format!("{level}/{}", safe_name(&name)?), content);
        let besides: Vec<Result<()>> = hlogs.chain(logs).map(save).collect();
        self.write(&format!("{VISITS}/{}.json", visited.id), to_json(visited)?)?;
        besides.into_iter().collect()
    }

    /// Writes a file of a report, by its path in the run's folder. The `result.json` of an older version stays: it is all
    /// that there is of that run.
    ///
    /// # Errors
    /// For a path that leads out of the folder, and [`Error::File`].
    pub fn write(&self, path: &str, contents: impl AsRef<[u8]>) -> Result<()> {
        let file = self.inside(path)?;
        if path == schema::V2_RESULT && self.is_older() {
            return Ok(());
        }
        self.create_folders(path)?;
        atomic::write(&file, contents)
    }

    /// All that the run has found so far, of whatever version of this program.
    ///
    /// # Errors
    /// [`Error::Usage`] names a file that is not a run's, or of a version that is not read.
    pub fn load(&self) -> Result<Run> {
        schema::load(&self.dir)
    }

    /// The compose file as resolved; empty where the run was cut short before it was written.
    pub fn load_compose(&self) -> Result<String> {
        let path = self.dir.join(COMPOSE);
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
            other => other.map_err(Error::file(&path)),
        }
    }

    /// Where the file of this path in the folder lies.
    fn inside(&self, path: &str) -> Result<PathBuf> {
        path.split('/').try_fold(self.dir.clone(), |folder, part| Ok(folder.join(safe_name(part)?)))
    }

    /// Those that a file of this path lies in.
    fn create_folders(&self, path: &str) -> Result<()> {
        for (end, _) in path.match_indices('/') {
            let folder = self.inside(&path[..end])?;
            match atomic::create_folder(&folder) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(Error::file(&folder)(error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether a version before run.json wrote it.
    fn is_older(&self) -> bool {
        !self.dir.join(RUN).is_file() && self.dir.join(schema::V2_RESULT).is_file()
    }

    /// Its visits are in one file that is not written any more: a new one would stand beside them, and hide them.
    fn refuse_older(&self) -> Result<()> {
        if self.is_older() {
            let dir = self.dir.display();
            return Err(Error::Usage(format!("{dir}: an older vscale wrote this run, so it cannot be gone on with")));
        }
        Ok(())
    }
}

fn denied(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::Preflight(format!("{path}: results cannot be written here: {source}"))
}

fn to_json(value: &impl serde::Serialize) -> Result<String> {
    let json = serde_json::to_string_pretty(value).map_err(|error| Error::Other(format!("writing JSON: {error}")))?;
    Ok(json + "\n")
}

/// `name`, if it can be one part of a path and stays inside of its folder: ASCII letters, digits, `.`, `_`, `-` and `@`, not
/// starting with a dot.
fn safe_name(name: &str) -> Result<&str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte);
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
    use crate::model::Visited;

    #[test]
    fn names_stay_in_their_folder() {
        let logs = [".db", "..", &"x".repeat(300)].map(Visited::log_file);
        for name in
            ["w2", "w2-c1.5", "20261124T114421Z-bench-3f9a1c", "_"].into_iter().chain(logs.iter().map(|it| &**it))
        {
            assert!(safe_name(name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", "../x", "a/b", "/etc", ".hidden", "a\0b", "a\nb", "ä", &"x".repeat(101)] {
            assert!(safe_name(name).is_err(), "{name}");
        }
    }
}
