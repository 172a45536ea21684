//! One service of the compose file: what Compose's keys say about its container.

use super::{
    env_file,
    fields::{Field, Problem},
    limits,
};
use crate::{model::Limits, units};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The image of our own roles: this program's executable, which the controller puts into an image.
pub const OWN_IMAGE: &str = "vscale/self";

/// Keys that are read, besides those of [`limits`].
const KEYS: &[&str] = &[
    "build",
    "cap_add",
    "cap_drop",
    "command",
    "cpu_shares",
    "depends_on",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "extra_hosts",
    "healthcheck",
    "image",
    "init",
    "labels",
    "networks",
    "ports",
    "read_only",
    "restart",
    "security_opt",
    "shm_size",
    "stop_grace_period",
    "stop_signal",
    "sysctls",
    "tmpfs",
    "ulimits",
    "user",
    "volumes",
    "working_dir",
];

/// A service. Fields have the names of Compose's keys; limits carry their unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the fields are Compose's keys, documented in the Compose Specification")]
pub struct Service {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<Build>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    pub environment: BTreeMap<String, String>,
    pub depends_on: Vec<String>,
    pub labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
    pub networks: BTreeMap<String, Attachment>,
    pub extra_hosts: Vec<String>,
    pub volumes: Vec<String>,
    pub tmpfs: Vec<String>,
    pub read_only: bool,
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    pub security_opt: Vec<String>,
    pub limits: Limits,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_shares: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shm_size_bytes: Option<u64>,
    pub ulimits: BTreeMap<String, Ulimit>,
    pub sysctls: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
}

/// How an image is built.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Build {
    /// Folder whose files the builder gets.
    pub context: PathBuf,
    /// Name of the Dockerfile in it.
    pub dockerfile: String,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// Stage to stop at.
    pub target: Option<String>,
}

/// A service's place in a network.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Attachment {
    /// Names beside the service's own.
    pub aliases: Vec<String>,
}

/// A limit of setrlimit(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the two halves of an rlimit")]
pub struct Ulimit {
    pub soft: i64,
    pub hard: i64,
}

impl Service {
    /// Whether its image is this program itself.
    pub fn is_ours(&self) -> bool {
        self.build.is_none() && self.image.as_deref() == Some(OWN_IMAGE)
    }

    /// Reads a service; relative paths start at `folder`.
    pub(super) fn parse(field: &Field<'_>, folder: &Path) -> Result<Self, Problem> {
        let mut keys = field.keys(&[KEYS, &limits::KEYS].concat())?;
        let mut get = |name: &str| keys.take(name);
        if let Some(restart) = get("restart").filter(|field| field.string().is_ok_and(|text| text != "no")) {
            return Err(restart.problem("not supported: a container that ends has failed the run; only `no`"));
        }
        // Read so that a mistake shows, and without effect: no port is ever published, our own probe replaces health
        // checks (they would steal CPU from the measurement), and a container is removed without grace.
        for without_effect in ["ports", "expose"] {
            get(without_effect).map(|field| field.items()).transpose()?;
        }
        get("healthcheck").map(|field| field.entries()).transpose()?;
        get("stop_grace_period").map(|field| field.parsed(units::parse_duration)).transpose()?;

        let strings = |field: Option<Field<'_>>| field.map_or(Ok(Vec::new()), |field| field.strings());
        let pairs = |field: Option<Field<'_>>| field.map_or(Ok(BTreeMap::new()), |field| field.pairs());
        let string = |field: Option<Field<'_>>| field.map(|field| field.string()).transpose();
        let integer = |field: Option<Field<'_>>| field.map(|field| field.integer()).transpose();
        let bytes = |field: Option<Field<'_>>| field.map(|field| field.bytes()).transpose();
        let mut environment = BTreeMap::new();
        if let Some(files) = get("env_file") {
            for file in files.one_or_more()? {
                environment.extend(env_file(&folder.join(file)).map_err(|error| files.problem(error.to_string()))?);
            }
        }
        environment.extend(pairs(get("environment"))?);
        let service = Self {
            image: string(get("image"))?,
            build: get("build").map(|field| Build::parse(&field, folder)).transpose()?,
            command: get("command").map(|field| field.command()).transpose()?,
            entrypoint: get("entrypoint").map(|field| field.command()).transpose()?,
            environment,
            depends_on: get("depends_on").map_or(Ok(Vec::new()), |field| depends_on(&field))?,
            labels: get("labels").map_or(Ok(BTreeMap::new()), |field| field.labels())?,
            user: string(get("user"))?,
            working_dir: string(get("working_dir"))?,
            init: get("init").map(|field| field.boolean()).transpose()?,
            networks: get("networks").map_or(Ok(BTreeMap::new()), |field| networks(&field))?,
            extra_hosts: get("extra_hosts").map_or(Ok(Vec::new()), |field| extra_hosts(&field))?,
            volumes: get("volumes").map_or(Ok(Vec::new()), |field| volumes(&field, folder))?,
            tmpfs: get("tmpfs").map_or(Ok(Vec::new()), |field| field.one_or_more())?,
            read_only: get("read_only").map_or(Ok(false), |field| field.boolean())?,
            cap_add: strings(get("cap_add"))?,
            cap_drop: strings(get("cap_drop"))?,
            security_opt: strings(get("security_opt"))?,
            cpu_shares: integer(get("cpu_shares"))?,
            shm_size_bytes: bytes(get("shm_size"))?,
            ulimits: get("ulimits").map_or(Ok(BTreeMap::new()), |field| ulimits(&field))?,
            sysctls: pairs(get("sysctls"))?,
            stop_signal: string(get("stop_signal"))?,
            limits: limits::parse(&mut keys)?,
        };
        if service.image.is_none() && service.build.is_none() {
            return Err(field.problem("has neither `image` nor `build`"));
        }
        Ok(service)
    }
}

impl Build {
    fn parse(field: &Field<'_>, folder: &Path) -> Result<Self, Problem> {
        let default = |context: String| Self {
            context: folder.join(context),
            dockerfile: "Dockerfile".into(),
            args: BTreeMap::new(),
            target: None,
        };
        if !field.is_mapping() {
            return Ok(default(field.string()?));
        }
        let mut keys = field.keys(&["context", "dockerfile", "args", "target"])?;
        let build = default(keys.take("context").map_or_else(|| Ok(".".into()), |field| field.string())?);
        Ok(Self {
            dockerfile: keys.take("dockerfile").map_or(Ok(build.dockerfile), |field| field.string())?,
            args: keys.take("args").map_or(Ok(build.args), |field| field.pairs())?,
            target: keys.take("target").map(|field| field.string()).transpose()?,
            context: build.context,
        })
    }
}

/// A list of names, or a mapping of names to conditions: a service is started once those before it are ready, which is
/// what every condition but completion asks for.
fn depends_on(field: &Field<'_>) -> Result<Vec<String>, Problem> {
    if field.is_sequence() {
        return field.strings();
    }
    let mut names = Vec::new();
    for (name, entry) in field.entries()? {
        let mut keys = entry.keys(&["condition", "required", "restart"])?;
        if let Some(condition) = keys.take("condition") {
            let text = condition.string()?;
            if !["service_started", "service_healthy"].contains(&text.as_str()) {
                return Err(condition.problem(format!("`{text}` is not supported: service_started or service_healthy")));
            }
        }
        names.push(name);
    }
    Ok(names)
}

fn networks(field: &Field<'_>) -> Result<BTreeMap<String, Attachment>, Problem> {
    if field.is_sequence() {
        return Ok(field.strings()?.into_iter().map(|name| (name, Attachment::default())).collect());
    }
    let attachment = |(name, entry): (String, Field<'_>)| {
        let aliases = if entry.is_null() { None } else { entry.keys(&["aliases"])?.take("aliases") };
        let aliases = aliases.map_or(Ok(Vec::new()), |field| field.strings())?;
        Ok((name, Attachment { aliases }))
    };
    field.entries()?.into_iter().map(attachment).collect()
}

/// `name:address` each, as the engine takes them.
fn extra_hosts(field: &Field<'_>) -> Result<Vec<String>, Problem> {
    if field.is_sequence() {
        return field.strings();
    }
    Ok(field.pairs()?.into_iter().map(|(name, address)| format!("{name}:{address}")).collect())
}

/// Bind mounts in their short form, with the host's path made absolute.
fn volumes(field: &Field<'_>, folder: &Path) -> Result<Vec<String>, Problem> {
    let bind = |item: Field<'_>| {
        if item.is_mapping() {
            return Err(item.problem("the long form is not supported yet: use ./host/path:/container/path[:ro]"));
        }
        let text = item.string()?;
        let (host, rest) = text.split_once(':').unwrap_or((&text, ""));
        if rest.is_empty() || !host.starts_with(['.', '/']) {
            return Err(
                item.problem("volumes are not supported yet, only bind mounts: ./host/path:/container/path[:ro]")
            );
        }
        let absolute = std::path::absolute(folder.join(host)).map_err(|error| item.problem(error.to_string()))?;
        Ok(format!("{}:{rest}", absolute.display()))
    };
    field.items()?.into_iter().map(bind).collect()
}

fn ulimits(field: &Field<'_>) -> Result<BTreeMap<String, Ulimit>, Problem> {
    let limit = |(name, entry): (String, Field<'_>)| {
        let limit = if entry.is_mapping() {
            let mut keys = entry.keys(&["soft", "hard"])?;
            Ulimit { soft: keys.required("soft")?.integer()?, hard: keys.required("hard")?.integer()? }
        } else {
            let both = entry.integer()?;
            Ulimit { soft: both, hard: both }
        };
        Ok((name, limit))
    };
    field.entries()?.into_iter().map(limit).collect()
}
