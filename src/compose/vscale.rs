//! `x-vscale`: which service is the target, which the backend and which the generator; how a worker count reaches the target and
//! how it is proved; where a service answers.

use super::{
    Service, StudyFile,
    fields::{Field, Problem},
};
use crate::model::{BackendRequests, CountBy, Endpoint, WorkersPlan};
use regex_lite::Regex;
use serde::Serialize;
use std::collections::BTreeMap;

/// What is measured.
#[derive(Clone, Debug, Serialize)]
pub struct Vscale {
    /// The project's name, for tools of before Compose's own `name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The service under test.
    pub target: String,
    /// What it calls; loaded directly for the baseline.
    pub backend: String,
    /// The service that loads.
    pub generator: String,
    /// How many workers, and whether it is so.
    pub workers: WorkersPlan,
    /// By service.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// Requests that the target makes of its backend for each one that it gets.
    pub backend_requests: BackendRequests,
    /// What a study of it is, where nobody says otherwise.
    pub study: StudyFile,
}

const KEYS: [&str; 9] =
    ["name", "target", "backend", "generator", "load", "workers", "endpoints", "backend_requests", "study"];

impl Vscale {
    pub(super) fn parse(field: &Field<'_>, services: &BTreeMap<String, Service>) -> Result<Self, Problem> {
        let mut keys = field.keys(&KEYS)?;
        let mut endpoints = BTreeMap::new();
        for (name, entry) in keys.required("endpoints")?.entries()? {
            known(&name, &entry, services)?;
            endpoints.insert(name, endpoint(&entry)?);
        }
        // Its old name is read too.
        let generator_key =
            if keys.take("generator").is_none() && keys.take("load").is_some() { "load" } else { "generator" };
        let mut service = |key: &str| {
            let field = keys.required(key)?;
            let name = field.string()?;
            known(&name, &field, services)?;
            Ok((name, field))
        };
        let (target, target_field) = service("target")?;
        let (backend, backend_field) = service("backend")?;
        let (generator, generator_field) = service(generator_key)?;
        for (name, field) in [(&target, &target_field), (&backend, &backend_field)] {
            if !endpoints.contains_key(name) {
                return Err(field.problem(format!("`{name}` has no entry in x-vscale.endpoints")));
            }
            if *name == generator {
                return Err(generator_field.problem(format!("`{name}` cannot load itself")));
            }
        }
        if target == backend {
            return Err(backend_field.problem(format!("`{backend}` is the target too")));
        }
        let name = keys.take("name").map(|field| field.string()).transpose()?;
        if let Some(old) = keys.take("load").filter(|_| generator_key == "generator") {
            return Err(old.problem("is the old name of `generator`, which is there too; keep one"));
        }
        let study = keys.take("study").map(|field| StudyFile::parse(&field)).transpose()?.unwrap_or_default();
        let backend_requests = keys.take("backend_requests").map(|field| field.parsed(str::parse)).transpose()?;
        Ok(Self {
            name,
            target,
            backend,
            generator,
            workers: workers(&keys.required("workers")?)?,
            endpoints,
            backend_requests: backend_requests.unwrap_or_default(),
            study,
        })
    }
}

fn workers(field: &Field<'_>) -> Result<WorkersPlan, Problem> {
    let mut keys = field.keys(&["env", "count"])?;
    let count = keys.required("count")?;
    let process = count.keys(&["process"])?.required("process")?;
    let pattern = process.string()?;
    Regex::new(&pattern).map_err(|error| process.problem(format!("not a regular expression: {error}")))?;
    Ok(WorkersPlan { env: keys.required("env")?.string()?, count: CountBy::Process(pattern) })
}

fn endpoint(field: &Field<'_>) -> Result<Endpoint, Problem> {
    let mut keys = field.keys(&["port", "ready"])?;
    let port = keys.required("port")?;
    let number = port.integer()?;
    let ready = keys.required("ready")?;
    let path = ready.string()?;
    if !path.starts_with('/') || path.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(ready.problem(format!("`{path}` is not a path such as /health")));
    }
    let in_range = u16::try_from(number).ok().filter(|&port| port > 0);
    let port = in_range.ok_or_else(|| port.problem(format!("{number} is not a port (1 to 65535)")))?;
    Ok(Endpoint { port, ready: path })
}

fn known(name: &str, field: &Field<'_>, services: &BTreeMap<String, Service>) -> Result<(), Problem> {
    if services.contains_key(name) {
        return Ok(());
    }
    let names: Vec<&str> = services.keys().map(String::as_str).collect();
    Err(field.problem(format!("no service `{name}`; there are {}", names.join(", "))))
}
