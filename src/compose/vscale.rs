//! `x-vscale`: which service is the target, which the backend, if there is one, and which the generator; how a worker count
//! reaches the target and how it is proved; where a service answers.

use super::{
    Service, StudyFile, Tool,
    fields::{Field, Problem},
};
use crate::{
    files,
    model::{BackendRequests, CountBy, Endpoint, Ready, Scheme, Statuses, WorkersPlan, checked_path},
};
use regex_lite::Regex;
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// What is measured. It is shown in the form in which it is read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Vscale {
    /// The project's name, for tools of before Compose's own `name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The service under test.
    pub target: String,
    /// What it calls; loaded directly for the baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// What loads.
    pub generator: Generator,
    /// How many workers, and whether it is so; `None` for a target that is taken as it is.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_read")]
    pub workers: Option<WorkersPlan>,
    /// By service.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// Who vouches for the certificates of those that speak TLS; without it any will do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<Certificates>,
    /// Requests that the target makes of its backend for each one that it gets.
    pub backend_requests: BackendRequests,
    /// File with the requests to send, where `--request-file` names no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<PathBuf>,
    /// What a study of it is, where nobody says otherwise.
    #[serde(skip_serializing_if = "StudyFile::is_empty")]
    pub study: StudyFile,
}

/// What loads.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Generator {
    /// This service, our own load generator.
    Ours(String),
    /// Another.
    Tool(Tool),
}

/// Certificates of a PEM file.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(into = "PathBuf")]
pub struct Certificates {
    /// Where it is.
    pub path: PathBuf,
    /// The certificates, and nothing else of it: a key is nobody's business.
    pub pem: String,
}

impl Generator {
    /// The service that loads.
    pub fn service(&self) -> &str {
        match self {
            Self::Ours(service) => service,
            Self::Tool(tool) => &tool.service,
        }
    }

    /// What it is, if not our own load generator.
    pub fn tool(&self) -> Option<&Tool> {
        if let Self::Tool(tool) = self { Some(tool) } else { None }
    }
}

impl From<Certificates> for PathBuf {
    fn from(certificates: Certificates) -> Self {
        certificates.path
    }
}

const KEYS: [&str; 11] = [
    "name",
    "target",
    "backend",
    "generator",
    "load",
    "workers",
    "endpoints",
    "ca",
    "backend_requests",
    "requests",
    "study",
];

impl Vscale {
    pub(super) fn parse(
        field: &Field<'_>,
        services: &BTreeMap<String, Service>,
        tool: Option<Tool>,
        folder: &Path,
    ) -> Result<Self, Problem> {
        let mut keys = field.keys(&KEYS)?;
        let mut endpoints = BTreeMap::new();
        for (name, entry) in keys.required("endpoints")?.entries()? {
            known(&name, &entry, services)?;
            endpoints.insert(name, endpoint(&entry)?);
        }
        // Its old name is read too.
        let generator_key =
            if keys.take("generator").is_none() && keys.take("load").is_some() { "load" } else { "generator" };
        let service = |field: Field<'_>| {
            let name = field.string()?;
            known(&name, &field, services).map(|()| name)
        };
        let (target_field, generator_field) = (keys.required("target")?, keys.required(generator_key)?);
        let backend_field = keys.take("backend");
        let target = service(keys.required("target")?)?;
        let backend = keys.take("backend").map(service).transpose()?;
        let generator = match tool {
            Some(tool) => Generator::Tool(tool),
            None => Generator::Ours(service(keys.required(generator_key)?)?),
        };
        for (name, field) in [(Some(&target), Some(&target_field)), (backend.as_ref(), backend_field.as_ref())] {
            let (Some(name), Some(field)) = (name, field) else { continue };
            if !endpoints.contains_key(name) {
                return Err(field.problem(format!("`{name}` has no entry in x-vscale.endpoints")));
            }
            if name == generator.service() {
                return Err(generator_field.problem(format!("`{name}` cannot load itself")));
            }
        }
        if let Some(field) = backend_field.filter(|_| backend.as_ref() == Some(&target)) {
            return Err(field.problem(format!("`{target}` is the target too")));
        }
        let name = keys.take("name").map(|field| field.string()).transpose()?;
        if let Some(old) = keys.take("load").filter(|_| generator_key == "generator") {
            return Err(old.problem("is the old name of `generator`, which is there too; keep one"));
        }
        let study = keys.take("study").map(|field| StudyFile::parse(&field)).transpose()?.unwrap_or_default();
        let ca = keys.take("ca").map(|field| {
            let is_needed = endpoints.values().any(|endpoint| endpoint.scheme == Scheme::Https);
            if is_needed { certificates(&field, folder) } else { Err(field.problem("no endpoint has `scheme: https`")) }
        });
        let backend_requests = keys.take("backend_requests").map(|field| field.parsed(str::parse)).transpose()?;
        Ok(Self {
            name,
            target,
            backend,
            generator,
            workers: keys.take("workers").map(|field| workers(&field)).transpose()?,
            endpoints,
            ca: ca.transpose()?,
            backend_requests: backend_requests.unwrap_or_default(),
            requests: keys.take("requests").map(|field| requests(&field, folder)).transpose()?,
            study,
        })
    }
}

fn workers(field: &Field<'_>) -> Result<WorkersPlan, Problem> {
    let mut keys = field.keys(&["env", "count"])?;
    let env = keys.take("env").map(|field| field.string()).transpose()?;
    Ok(WorkersPlan { env, count: count(&keys.required("count")?)? })
}

fn as_read<S: Serializer>(plan: &Option<WorkersPlan>, serializer: S) -> Result<S::Ok, S::Error> {
    let Some(WorkersPlan { env, count }) = plan else { return serializer.serialize_none() };
    let way: BTreeMap<&str, &str> = match count {
        CountBy::Process(pattern) => [("process", pattern.as_str())].into(),
        CountBy::Thread(pattern) => [("thread", pattern.as_str())].into(),
        CountBy::Http { path, pointer } => [("http", path.as_str()), ("pointer", pointer.as_str())].into(),
        CountBy::None => BTreeMap::new(),
    };
    let mut map = serializer.serialize_map(None)?;
    if let Some(env) = env {
        map.serialize_entry("env", env)?;
    }
    if way.is_empty() {
        map.serialize_entry("count", "none")?
    } else {
        map.serialize_entry("count", &way)?
    }
    map.end()
}

/// `none`, or one of the ways in which workers are counted.
fn count(field: &Field<'_>) -> Result<CountBy, Problem> {
    const WAYS: &str = "use `process: REGEX`, `thread: REGEX`, `http: /path` with a `pointer`, or `none`";
    if !field.is_mapping() {
        return match field.string()?.as_str() {
            "none" => Ok(CountBy::None),
            other => Err(field.problem(format!("`{other}` is no way to count workers: {WAYS}"))),
        };
    }
    let mut keys = field.keys(&["process", "thread", "http", "pointer"])?;
    let pointer = keys.take("pointer");
    let ways: Vec<(&str, Field<'_>)> =
        ["process", "thread", "http"].into_iter().filter_map(|way| Some((way, keys.take(way)?))).collect();
    let [(way, how)] = &ways[..] else {
        return Err(field.problem(format!("one way to count workers is needed: {WAYS}")));
    };
    if let Some(pointer) = pointer.as_ref().filter(|_| *way != "http") {
        return Err(pointer.problem("it is into the answer of `http`, which is not there"));
    }
    match *way {
        "process" => pattern(how).map(CountBy::Process),
        "thread" => pattern(how).map(CountBy::Thread),
        _ => Ok(CountBy::Http {
            path: how.parsed(checked_path)?,
            pointer: pointer.map(|field| field.parsed(checked_pointer)).transpose()?.unwrap_or_default(),
        }),
    }
}

fn pattern(field: &Field<'_>) -> Result<String, Problem> {
    let pattern = field.string()?;
    match Regex::new(&pattern) {
        Ok(_) => Ok(pattern),
        Err(error) => Err(field.problem(format!("not a regular expression: {error}"))),
    }
}

/// RFC 6901.
fn checked_pointer(text: &str) -> Result<String, String> {
    let escapes_are_right = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    let is_pointer = (text.is_empty() || text.starts_with('/')) && escapes_are_right;
    if is_pointer { Ok(text.to_owned()) } else { Err(format!("`{text}` is not a JSON pointer such as /workers/count")) }
}

fn endpoint(field: &Field<'_>) -> Result<Endpoint, Problem> {
    let mut keys = field.keys(&["port", "scheme", "path", "ready"])?;
    let port = keys.required("port")?;
    let number = port.integer()?;
    let in_range = u16::try_from(number).ok().filter(|&port| port > 0);
    let path = keys.take("path").map(|field| field.parsed(checked_path)).transpose()?;
    Ok(Endpoint {
        port: in_range.ok_or_else(|| port.problem(format!("{number} is not a port (1 to 65535)")))?,
        scheme: keys.take("scheme").map(|field| field.parsed(str::parse)).transpose()?.unwrap_or_default(),
        path: path.unwrap_or_default(),
        ready: ready(&keys.required("ready")?)?,
    })
}

/// `/health`, `tcp`, `healthcheck`, or `{ path: /health, status: 401 }`, whose status may be a list of them, or `any`.
fn ready(field: &Field<'_>) -> Result<Ready, Problem> {
    if !field.is_mapping() {
        return field.parsed(str::parse);
    }
    let mut keys = field.keys(&["path", "status"])?;
    let path = keys.required("path")?.parsed(checked_path)?;
    let statuses = match keys.take("status") {
        None => Statuses::Success,
        Some(list) if list.is_sequence() => {
            list.list_of(Field::string)?.join(",").parse().map_err(|wrong: String| list.problem(wrong))?
        }
        Some(one) => one.parsed(str::parse)?,
    };
    Ok(Ready::Answers(path, statuses))
}

/// A file that is not there is missed where it is read: a flag may name another.
fn requests(field: &Field<'_>, folder: &Path) -> Result<PathBuf, Problem> {
    let path = folder.join(field.string()?);
    match path.metadata() {
        Ok(kind) if !kind.is_file() => Err(field.problem(format!("{}: is no regular file", path.display()))),
        _ => Ok(path),
    }
}

fn certificates(field: &Field<'_>, folder: &Path) -> Result<Certificates, Problem> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let path = folder.join(field.string()?);
    let text = files::read_text(&path, files::MOST_BYTES)
        .map_err(|error| field.problem(format!("{}: {error}", path.display())))?;
    let blocks = text.split(BEGIN).skip(1).filter_map(|rest| Some(rest.split_once(END)?.0));
    let pem: String = blocks.map(|block| format!("{BEGIN}{block}{END}\n")).collect();
    if pem.is_empty() {
        return Err(field.problem(format!("{}: no certificate in it ({BEGIN})", path.display())));
    }
    Ok(Certificates { path, pem })
}

fn known(name: &str, field: &Field<'_>, services: &BTreeMap<String, Service>) -> Result<(), Problem> {
    if services.contains_key(name) {
        return Ok(());
    }
    let names: Vec<&str> = services.keys().map(String::as_str).collect();
    Err(field.problem(format!("no service `{name}`; there are {}", names.join(", "))))
}
