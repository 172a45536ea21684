//! One service of the compose file in canonical form: what Compose's keys say about its container. It is written as Compose
//! reads it, so what `vscale config` prints is a compose file again.

use super::{
    Attachment, Build, Condition, DependsOn, Device, FileMount, Gpus, Healthcheck, Mount, NetworkMode, VolumesFrom,
    context::Context,
    environment::environment,
    fields::{Field, Keys, Problem, is_false},
    inert, limits,
    others::{as_links, link, namespace},
};
use crate::model::Limits;
use serde::Serialize;
use std::collections::BTreeMap;

/// The image of our own roles: this program's executable, which the controller puts into an image.
pub const OWN_IMAGE: &str = "vscale/self";
/// Locust's, which is built of files that this program has with it.
pub const LOCUST_IMAGE: &str = "vscale/locust";

/// Keys that are read, besides those of [`limits`] and [`inert`].
const KEYS: [&str; 48] = [
    "build",
    "cap_add",
    "cap_drop",
    "command",
    "configs",
    "cpu_shares",
    "depends_on",
    "deploy",
    "devices",
    "dns",
    "dns_opt",
    "dns_search",
    "domainname",
    "entrypoint",
    "env_file",
    "environment",
    "extra_hosts",
    "gpus",
    "group_add",
    "healthcheck",
    "hostname",
    "image",
    "init",
    "ipc",
    "labels",
    "links",
    "mem_reservation",
    "network_mode",
    "networks",
    "pid",
    "platform",
    "profiles",
    "pull_policy",
    "read_only",
    "runtime",
    "secrets",
    "security_opt",
    "shm_size",
    "stdin_open",
    "stop_signal",
    "sysctls",
    "tmpfs",
    "tty",
    "ulimits",
    "user",
    "volumes",
    "volumes_from",
    "working_dir",
];

/// A service. Fields have the names of Compose's keys, with the unit where there is one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the fields are Compose's keys, documented in the Compose Specification")]
pub struct Service {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<Build>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_policy: Option<PullPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// With what `env_file` says, and with what the caller has for names without a value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// With what `links` and shared namespaces need.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub depends_on: BTreeMap<String, DependsOn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group_add: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domainname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
    #[serde(skip_serializing_if = "is_false")]
    pub tty: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub stdin_open: bool,
    /// Those it names, or else `default`; none with a `network_mode`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub networks: BTreeMap<String, Attachment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_mode: Option<NetworkMode>,
    /// `name:address` each, as the engine takes them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra_hosts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns_search: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns_opt: Vec<String>,
    /// Of service and alias: under the second name it finds the first.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_links")]
    pub links: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Mount>,
    /// Services all of whose volumes it has too, at the same places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes_from: Vec<VolumesFrom>,
    /// `/path:options` each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tmpfs: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<FileMount>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub configs: Vec<FileMount>,
    #[serde(skip_serializing_if = "is_false")]
    pub read_only: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cap_add: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cap_drop: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub security_opt: Vec<String>,
    /// `host`, `private`, `shareable`, `none` or `service:NAME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipc: Option<String>,
    /// `host` or `service:NAME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Device>,
    /// With what `deploy.resources.reservations.devices` says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<Gpus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    #[serde(flatten, serialize_with = "super::limits::as_keys")]
    pub limits: Limits,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_shares: Option<i64>,
    #[serde(rename = "mem_reservation", skip_serializing_if = "Option::is_none")]
    pub mem_reservation_bytes: Option<u64>,
    #[serde(rename = "shm_size", skip_serializing_if = "Option::is_none")]
    pub shm_size_bytes: Option<u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ulimits: BTreeMap<String, Ulimit>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctls: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
}

/// When an image is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PullPolicy {
    /// Before each run.
    Always,
    /// Never: it is there, or the run fails.
    Never,
    /// Where it is not there; as nobody saying anything.
    Missing,
    /// It is built, even where it is there.
    Build,
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

    pub(super) fn read(field: &Field<'_>, context: &Context<'_>) -> Result<Self, Problem> {
        let keys = field.any_keys()?;
        inert::check(&keys, &[&KEYS[..], &limits::KEYS], context);
        let names = |key: &str| keys.or_default(key, Field::strings);
        let text = |key: &str| keys.filled(key, Field::text);
        let is = |key: &str| keys.or_default(key, Field::boolean);
        let files = |key: &str| keys.or_default(key, |field| field.list_of(FileMount::read));
        let (deploy_gpus, mem_reservation) = limits::reservations(&keys);
        let mut service = Self {
            image: text("image"),
            build: keys.get("build", |field| Build::read(field, context)),
            platform: text("platform"),
            pull_policy: keys.get("pull_policy", pull_policy),
            command: words(&keys, "command"),
            entrypoint: words(&keys, "entrypoint"),
            environment: environment(&keys, context),
            depends_on: keys.or_default("depends_on", |field| field.map_of(DependsOn::read)),
            healthcheck: keys.get("healthcheck", Healthcheck::read),
            profiles: names("profiles"),
            labels: keys.or_default("labels", Field::labels),
            user: text("user"),
            group_add: keys.or_default("group_add", |field| field.list_of(Field::string)),
            working_dir: text("working_dir"),
            hostname: text("hostname"),
            domainname: text("domainname"),
            init: keys.get("init", Field::boolean),
            tty: is("tty"),
            stdin_open: is("stdin_open"),
            networks: keys.or_default("networks", |field| field.map_of(Attachment::read)),
            network_mode: keys.filled("network_mode", NetworkMode::read),
            extra_hosts: names("extra_hosts"),
            dns: names("dns").into_iter().filter(|address| !address.is_empty()).collect(),
            dns_search: names("dns_search"),
            dns_opt: names("dns_opt"),
            links: keys.or_default("links", |field| field.list_of(link)),
            volumes: keys.or_default("volumes", |field| field.list_of(Mount::read)),
            volumes_from: keys.or_default("volumes_from", |field| field.list_of(VolumesFrom::read)),
            tmpfs: names("tmpfs"),
            secrets: files("secrets"),
            configs: files("configs"),
            read_only: is("read_only"),
            cap_add: names("cap_add"),
            cap_drop: names("cap_drop"),
            security_opt: names("security_opt"),
            ipc: keys.filled("ipc", |field| namespace(field, &["host", "private", "shareable", "none"])),
            pid: keys.filled("pid", |field| namespace(field, &["host"])),
            devices: keys.or_default("devices", |field| field.list_of(Device::read)),
            gpus: keys.get("gpus", |field| field.list_of(Gpus::read)).unwrap_or(deploy_gpus),
            runtime: text("runtime"),
            limits: limits::read(&keys),
            cpu_shares: keys.get("cpu_shares", Field::integer),
            mem_reservation_bytes: mem_reservation,
            shm_size_bytes: keys.get("shm_size", Field::bytes),
            ulimits: keys.or_default("ulimits", |field| field.map_of(Ulimit::read)),
            sysctls: keys.or_default("sysctls", Field::pairs),
            stop_signal: text("stop_signal"),
        };
        let is_said = |key: &str| keys.has(key) && keys.field(key).node().as_text() != Some("");
        if !is_said("image") && !is_said("build") {
            field.complain("has neither `image` nor `build`");
        }
        if service.network_mode.is_some() && !service.networks.is_empty() {
            keys.field("network_mode").complain("goes with no `networks`; keep one of them");
        } else if !is_said("network_mode") && service.networks.is_empty() {
            service.networks.insert("default".into(), Attachment::default());
        }
        service.depend_on_what_is_shared();
        Ok(service)
    }

    /// As Compose has it: what a service links to, or shares a namespace or volumes with, is started before it.
    fn depend_on_what_is_shared(&mut self) {
        let linked = self.links.iter().map(|(service, _)| service.clone());
        let network = match &self.network_mode {
            Some(NetworkMode::Service(name)) => Some(name.clone()),
            _ => None,
        };
        let spaces = [&self.ipc, &self.pid].into_iter().flatten();
        let shared = spaces.filter_map(|mode| mode.strip_prefix("service:")).map(str::to_owned);
        let mounted = self.volumes_from.iter().map(|from| from.service.clone());
        let others: Vec<String> = linked.chain(network).chain(shared).chain(mounted).collect();
        for other in others {
            self.depends_on.entry(other).or_insert(DependsOn { condition: Condition::Started, required: true });
        }
    }
}

/// A command: null is none, as a key without a value is elsewhere not.
fn words(keys: &Keys<'_>, key: &str) -> Option<Vec<String>> {
    if keys.field(key).is_null() { None } else { keys.get(key, Field::strings) }
}

fn pull_policy(field: &Field<'_>) -> Result<PullPolicy, Problem> {
    field.one_of(&[
        ("always", PullPolicy::Always),
        ("never", PullPolicy::Never),
        ("missing", PullPolicy::Missing),
        ("if_not_present", PullPolicy::Missing),
        ("build", PullPolicy::Build),
    ])
}

impl Ulimit {
    fn read(field: &Field<'_>) -> Result<Self, Problem> {
        let mut keys = field.keys(&["soft", "hard"])?;
        Ok(Self { soft: keys.required("soft")?.integer()?, hard: keys.required("hard")?.integer()? })
    }
}
