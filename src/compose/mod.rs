//! The compose file: an ordinary Compose file whose `x-vscale` says what is measured. Read as Compose reads it; every problem
//! names file, line, column and path, and nothing that the file says is ignored in silence.
//!
//! text -> `yaml` -> nodes -> `interpolate` -> `canonical` -> `loader` (include, extends, `merge`) -> `project` (typed, checked)

mod beside;
mod build;
mod canonical;
mod context;
mod dotenv;
mod environment;
mod fields;
mod files;
mod generator;
mod health;
mod inert;
mod interpolate;
mod limits;
mod loader;
mod merge;
mod mounts;
mod node;
mod others;
mod patterns;
mod ports;
mod project;
mod resources;
mod secrets;
mod service;
mod study;
mod versions;
mod vscale;
mod words;
mod workers;
mod yaml;

pub use beside::Beside;
pub use build::Build;
pub use files::default_files;
pub use generator::Tool;
pub use health::Healthcheck;
pub use mounts::{BindOptions, Device, FileMount, Gpus, Mount, MountSource, TmpfsOptions, VolumeOptions, VolumesFrom};
pub use others::{Attachment, Condition, DependsOn, NetworkMode};
pub use project::Project;
pub use resources::{Config, FileSource, Ipam, Network, Secret, Subnet, Volume};
pub use service::{LOCUST_IMAGE, OWN_IMAGE, PullPolicy, Service, Ulimit};
pub use study::StudyFile;
pub use vscale::{Certificates, Generator, Vscale};

use crate::{
    error::{Error, Result},
    redact::{Redactor, is_secret, is_secret_value},
};
use context::Context;
use fields::{Field, Problem};
use loader::Loader;
use std::{
    cell::RefCell,
    path::{Path, PathBuf},
};
use workers::Workers;

/// More problems than these are only counted.
const SHOWN_PROBLEMS: usize = 20;

/// Reads compose files, the later merged over the earlier; `env` gives the variables for interpolation, before those of
/// an `.env` file beside the first.
///
/// # Errors
/// `Error::Compose`, a line for each problem: `compose.yaml:12:5: services.stack.uts: not supported: say hostname`.
pub fn load(files: &[PathBuf], env: &dyn Fn(&str) -> Option<String>) -> Result<Project> {
    load_for(files, env, 1)
}

/// The same for a number of workers, which `${WORKERS}` stands for where the file says what its workers are.
///
/// # Errors
/// As [`load`].
pub fn load_for(files: &[PathBuf], env: &dyn Fn(&str) -> Option<String>, workers: u32) -> Result<Project> {
    measured(resolve_by(Loader::default(), files, env, Some(workers))?, files)
}

/// The same of a text that stands in no file; `name` is what errors call it, and says which folder it is in.
///
/// # Errors
/// As [`load`].
pub fn load_text(name: &Path, text: String, env: &dyn Fn(&str) -> Option<String>, workers: u32) -> Result<Project> {
    let files = [name.to_owned()];
    measured(resolve_by(Loader::given(name, text), &files, env, Some(workers))?, &files)
}

/// A project that says what is measured.
fn measured(project: Project<Option<Vscale>>, files: &[PathBuf]) -> Result<Project> {
    let Some(vscale) = project.vscale else {
        let file = files.first().map_or_else(String::new, |file| file.display().to_string());
        return Err(Error::Compose(format!("{file}:1:1: `x-vscale` is missing: it says what is measured")));
    };
    Ok(Project {
        vscale,
        name: project.name,
        services: project.services,
        networks: project.networks,
        volumes: project.volumes,
        secrets: project.secrets,
        configs: project.configs,
        beside: None,
        read_for: project.read_for,
        at: project.at,
        notes: project.notes,
        secret_variables: project.secret_variables,
    })
}

/// The same of files that need not say what is measured; `${WORKERS}` is a variable like others.
///
/// # Errors
/// As [`load`].
pub fn resolve(files: &[PathBuf], env: &dyn Fn(&str) -> Option<String>) -> Result<Project<Option<Vscale>>> {
    resolve_by(Loader::default(), files, env, None)
}

fn resolve_by(
    mut loader: Loader,
    files: &[PathBuf],
    env: &dyn Fn(&str) -> Option<String>,
    workers: Option<u32>,
) -> Result<Project<Option<Vscale>>> {
    let workers = Workers::of(workers.filter(|_| loader.tells_workers(files)));
    let env = |name: &str| workers.variable(name).or_else(|| env(name));
    let beside = files.first().and_then(|file| file.parent()).unwrap_or(Path::new(""));
    let folder = std::path::absolute(if beside.as_os_str().is_empty() { Path::new(".") } else { beside });
    let folder = folder.map_err(|error| Error::Compose(format!("{}: {error}", beside.display())))?;
    let dot_env = [beside.join(".env")].into_iter().filter(|path| path.exists()).collect::<Vec<_>>();
    let dot_env = loader.dot_env(&dot_env, &env);
    let secrets = RefCell::new(Vec::new());
    let variable = |name: &str| {
        let value = env(name).or_else(|| dot_env.get(name).cloned());
        secrets.borrow_mut().extend(value.clone().filter(|value| is_secret_value(name, value)));
        value
    };
    let root = loader.load(files, &folder, &variable, &workers);
    let context = Context::new(&folder, &variable, &loader.unset, &workers);
    let project = (!loader.is_incomplete.get()).then(|| {
        let root = Field::new(&root, &loader.problems);
        let name = variable("COMPOSE_PROJECT_NAME").filter(|name| !name.is_empty());
        root.keep(Project::read(&root, name, &context))
    });
    match project.flatten().filter(|_| loader.problems.is_empty()) {
        Some(project) => Ok(Project { secret_variables: secrets.into_inner(), ..project }),
        None => {
            let mut redactor = Redactor::default();
            secrets.into_inner().iter().for_each(|value| redactor.learn(value));
            Err(redactor.error(Error::Compose(in_words(loader.problems.into_sorted(), &loader.files))))
        }
    }
}

/// A path that ends like a secret's name stands in backticks, or what is said of it would be taken for the secret.
fn quoted(path: String) -> String {
    if is_secret(&path) { format!("`{path}`") } else { path }
}

/// A line for each problem, by place.
fn in_words(problems: Vec<Problem>, files: &[PathBuf]) -> String {
    let count = problems.len();
    let line = |problem: Problem| {
        let file = files.get(problem.place.file).map_or_else(String::new, |file| file.display().to_string());
        let place = match (problem.place.line, problem.place.column) {
            (0, _) => file,
            (line, column) => format!("{file}:{line}:{column}"),
        };
        let path = quoted(problem.path.join("."));
        [place, path, problem.what].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
    };
    let mut lines: Vec<String> = problems.into_iter().take(SHOWN_PROBLEMS).map(line).collect();
    if count > SHOWN_PROBLEMS {
        lines.push(format!("and {} more", count - SHOWN_PROBLEMS));
    }
    lines.join("\n")
}
