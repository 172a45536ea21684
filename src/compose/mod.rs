//! The compose file: an ordinary Compose file whose `x-vscale` says what is measured. Parsed, interpolated, validated;
//! an error names file, line, column and path, and nothing that the file says is ignored in silence.

mod document;
mod fields;
mod interpolate;
mod limits;
mod secrets;
mod service;
mod study;
mod vscale;

pub use service::{Attachment, Build, OWN_IMAGE, Service, Ulimit};
pub use study::StudyFile;
pub use vscale::Vscale;

use crate::{
    error::{Error, Result},
    redact::{Redactor, is_secret},
};
use document::Document;
use fields::{Field, Problem};
use serde::Serialize;
use std::{
    cell::RefCell,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// What the compose file describes.
#[derive(Clone, Debug, Serialize)]
pub struct Project {
    /// Project name.
    pub name: String,
    /// What is measured, and how.
    #[serde(rename = "x-vscale")]
    pub vscale: Vscale,
    /// By name.
    pub services: BTreeMap<String, Service>,
    /// By name.
    pub networks: BTreeMap<String, Network>,
    /// Values of the secret variables that the file uses, under whatever key.
    #[serde(skip)]
    secret_variables: Vec<String>,
}

/// A network of the run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Network {
    /// Without a way out.
    pub internal: bool,
    /// `bridge` where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// CIDR subnets; a small one is chosen where none is named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<String>,
    /// Labels of its own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// Reads compose files, the later merged over the earlier; `env` gives the variables for interpolation, before those of
/// an `.env` file beside the first.
///
/// # Errors
/// `Error::Compose`, as `compose.yaml:12:5: services.stack.gpus: not supported`.
pub fn load(files: &[PathBuf], env: &dyn Fn(&str) -> Option<String>) -> Result<Project> {
    load_texts(&files.iter().map(|file| document::read(file)).collect::<Result<Vec<_>>>()?, env)
}

/// The same of texts, each with the path that its file has, or would have.
///
/// # Errors
/// Those of [`load`].
pub fn load_texts(texts: &[(PathBuf, String)], env: &dyn Fn(&str) -> Option<String>) -> Result<Project> {
    let folder = texts.first().and_then(|(file, _)| file.parent()).unwrap_or(Path::new("")).to_owned();
    let dot_env = dot_env(&folder.join(".env"))?;
    let secrets = RefCell::new(Vec::new());
    let variable = |name: &str| {
        let value = env(name).or_else(|| dot_env.get(name).cloned());
        secrets.borrow_mut().extend(value.clone().filter(|_| is_secret(name)));
        value
    };
    let project = Document::of(texts, &variable)
        .and_then(|document| parse(&document.root(), &folder).map_err(|problem| document.locate(&problem)));
    let secret_variables = secrets.into_inner();
    match project {
        Ok(project) => Ok(Project { secret_variables, ..project }),
        Err(error) => {
            let mut redactor = Redactor::default();
            secret_variables.iter().for_each(|value| redactor.learn(value));
            Err(redactor.error(error))
        }
    }
}

fn parse(root: &Field<'_>, folder: &Path) -> Result<Project, Problem> {
    const KEYS: &[&str] = &["name", "services", "networks", "version", "x-vscale"];
    let mut keys = root.keys(KEYS)?;
    let mut services = BTreeMap::new();
    for (name, field) in keys.required("services")?.entries()? {
        services.insert(name, Service::parse(&field, folder)?);
    }
    let mut networks = BTreeMap::new();
    for (name, field) in keys.take("networks").map_or(Ok(Vec::new()), |field| field.entries())? {
        networks.insert(name, Network::parse(&field)?);
    }
    let default = || folder.file_name().map_or_else(|| "vscale".into(), |name| name.to_string_lossy().into_owned());
    let study = Vscale::parse(&keys.required("x-vscale")?, &services)?;
    let project = Project {
        name: keys.take("name").map(|field| field.string()).transpose()?.or(study.name.clone()).unwrap_or_else(default),
        vscale: study,
        services,
        networks,
        secret_variables: Vec::new(),
    };
    for (name, service) in &project.services {
        let here = root.child("services").child(name);
        if let Some(unknown) = service.networks.keys().find(|network| !project.networks.contains_key(*network)) {
            return Err(here.child("networks").problem(format!("no network `{unknown}` is defined")));
        }
        if let Some(unknown) = service.depends_on.iter().find(|other| !project.services.contains_key(*other)) {
            return Err(here.child("depends_on").problem(format!("no service `{unknown}` is defined")));
        }
    }
    match project.order() {
        Ok(_) => Ok(project),
        Err(name) => Err(root.child("services").child(&name).child("depends_on").problem("it depends on itself")),
    }
}

impl Network {
    fn parse(field: &Field<'_>) -> Result<Self, Problem> {
        if field.is_null() {
            return Ok(Self::default());
        }
        let mut keys = field.keys(&["internal", "driver", "ipam", "labels"])?;
        let mut subnets = Vec::new();
        if let Some(ipam) = keys.take("ipam") {
            for config in ipam.keys(&["config"])?.take("config").map_or(Ok(Vec::new()), |list| list.items())? {
                subnets.push(config.keys(&["subnet"])?.required("subnet")?.string()?);
            }
        }
        Ok(Self {
            internal: keys.take("internal").map_or(Ok(false), |field| field.boolean())?,
            driver: keys.take("driver").map(|field| field.string()).transpose()?,
            labels: keys.take("labels").map_or(Ok(BTreeMap::new()), |field| field.labels())?,
            subnets,
        })
    }
}

impl Project {
    /// Service names, each after those that it depends on.
    pub fn start_order(&self) -> Vec<String> {
        self.order().expect("a Project is only made without cycles")
    }

    /// The order, or the name of a service that depends on itself.
    fn order(&self) -> Result<Vec<String>, String> {
        let mut order: Vec<String> = Vec::new();
        while order.len() < self.services.len() {
            let ready = |(name, service): &(&String, &Service)| {
                !order.contains(name) && service.depends_on.iter().all(|other| order.contains(other))
            };
            match self.services.iter().find(ready) {
                Some((name, _)) => order.push(name.clone()),
                None => {
                    return Err(self.services.keys().find(|name| !order.contains(name)).cloned().unwrap_or_default());
                }
            }
        }
        Ok(order)
    }

    /// Has `redactor` learn the secrets of the file.
    pub fn teach(&self, redactor: &mut Redactor) {
        self.secret_variables.iter().for_each(|value| redactor.learn(value));
        if let Ok(value) = serde_yaml::to_value(self) {
            secrets::learn(redactor, "", &value);
        }
    }

    /// The file as understood, secrets left out.
    pub fn to_yaml(&self, redactor: &Redactor) -> String {
        let shown = serde_yaml::to_value(self).and_then(|mut value| {
            secrets::redact(redactor, "", &mut value);
            serde_yaml::to_string(&value)
        });
        shown.unwrap_or_else(|error| format!("# cannot be shown: {error}\n"))
    }
}

/// `NAME=value` lines; a missing file is empty.
fn dot_env(path: &Path) -> Result<BTreeMap<String, String>> {
    if path.is_file() { env_file(path) } else { Ok(BTreeMap::new()) }
}

/// `NAME=value` lines, `#` comments, quotes around a whole value taken off.
fn env_file(path: &Path) -> Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::Compose(format!("{}: {error}", path.display())))?;
    let mut variables = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.trim_start_matches("export ").split_once('=') else {
            return Err(Error::Compose(format!("{}:{}: not NAME=value", path.display(), index + 1)));
        };
        let value = value.trim();
        let unquoted = ['"', '\''].iter().find_map(|&quote| value.strip_prefix(quote)?.strip_suffix(quote));
        variables.insert(name.trim().to_owned(), unquoted.unwrap_or(value).to_owned());
    }
    Ok(variables)
}
