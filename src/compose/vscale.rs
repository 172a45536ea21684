//! `x-vscale`: which service is the target, which the backend and which the load; how a worker count reaches the target and
//! how it is proved; where a service answers.

use super::{
    Service,
    fields::{Field, Problem},
};
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
    /// The load generator.
    pub load: String,
    /// How many workers, and whether it is so.
    pub workers: Workers,
    /// By service.
    pub endpoints: BTreeMap<String, Endpoint>,
}

/// How a worker count reaches the target, and how it is proved.
#[derive(Clone, Debug, Serialize)]
pub struct Workers {
    /// Environment variable of the target that carries the count.
    pub env: String,
    /// What is counted.
    pub count: CountProbe,
}

/// What counts as a worker.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CountProbe {
    /// A process whose command line matches this regular expression and none of whose children match.
    Process(String),
}

/// Where a service answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// TCP port in its container.
    pub port: u16,
    /// Path that answers with a 2xx once the service is ready.
    pub ready: String,
}

impl Vscale {
    pub(super) fn parse(field: &Field<'_>, services: &BTreeMap<String, Service>) -> Result<Self, Problem> {
        let mut keys = field.keys(&["name", "target", "backend", "load", "workers", "endpoints"])?;
        let mut endpoints = BTreeMap::new();
        for (name, entry) in keys.required("endpoints")?.entries()? {
            known(&name, &entry, services)?;
            endpoints.insert(name, Endpoint::parse(&entry)?);
        }
        let mut service = |key: &str| {
            let field = keys.required(key)?;
            let name = field.string()?;
            known(&name, &field, services)?;
            Ok((name, field))
        };
        let (target, target_field) = service("target")?;
        let (backend, backend_field) = service("backend")?;
        let (load, load_field) = service("load")?;
        for (name, field) in [(&target, &target_field), (&backend, &backend_field)] {
            if !endpoints.contains_key(name) {
                return Err(field.problem(format!("`{name}` has no entry in x-vscale.endpoints")));
            }
            if *name == load {
                return Err(load_field.problem(format!("`{name}` cannot load itself")));
            }
        }
        if target == backend {
            return Err(backend_field.problem(format!("`{backend}` is the target too")));
        }
        let name = keys.take("name").map(|field| field.string()).transpose()?;
        Ok(Self { name, target, backend, load, workers: Workers::parse(&keys.required("workers")?)?, endpoints })
    }
}

impl Workers {
    fn parse(field: &Field<'_>) -> Result<Self, Problem> {
        let mut keys = field.keys(&["env", "count"])?;
        let count = keys.required("count")?;
        let process = count.keys(&["process"])?.required("process")?;
        let pattern = process.string()?;
        Regex::new(&pattern).map_err(|error| process.problem(format!("not a regular expression: {error}")))?;
        Ok(Self { env: keys.required("env")?.string()?, count: CountProbe::Process(pattern) })
    }
}

impl Endpoint {
    fn parse(field: &Field<'_>) -> Result<Self, Problem> {
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
        Ok(Self { port, ready: path })
    }
}

fn known(name: &str, field: &Field<'_>, services: &BTreeMap<String, Service>) -> Result<(), Problem> {
    if services.contains_key(name) {
        return Ok(());
    }
    let names: Vec<&str> = services.keys().map(String::as_str).collect();
    Err(field.problem(format!("no service `{name}`; there are {}", names.join(", "))))
}
