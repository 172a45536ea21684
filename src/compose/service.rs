//! One service of the compose file in canonical form: what Compose's keys say about its container. It is written as Compose
//! reads it, so what `vscale config` prints is a compose file again.

use super::{Build, Device, FileMount, Gpus, Healthcheck, Mount};
use crate::model::Limits;
use serde::Serialize;
use std::collections::BTreeMap;

/// The image of our own roles: this program's executable, which the controller puts into an image.
pub const OWN_IMAGE: &str = "vscale/self";

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
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "links")]
    pub links: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Mount>,
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

/// What a service waits for before it is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DependsOn {
    /// What is waited for.
    pub condition: Condition,
    /// Whether it is an error when the other service is not there or does not come so far.
    pub required: bool,
}

/// How far another service must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Condition {
    /// It runs.
    #[serde(rename = "service_started")]
    Started,
    /// Its health check has succeeded.
    #[serde(rename = "service_healthy")]
    Healthy,
    /// It has ended with exit status 0.
    #[serde(rename = "service_completed_successfully")]
    Completed,
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

/// A network that is not one of the run's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub enum NetworkMode {
    /// None at all.
    None,
    /// That of another service.
    Service(String),
}

/// A service's place in a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// Names beside the service's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// An address of its own choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv4_address: Option<String>,
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
}

impl From<NetworkMode> for String {
    fn from(mode: NetworkMode) -> Self {
        match mode {
            NetworkMode::None => "none".into(),
            NetworkMode::Service(name) => format!("service:{name}"),
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
pub(super) fn is_false(truth: &bool) -> bool {
    !truth
}

fn links<S: serde::Serializer>(links: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(links.iter().map(|(service, alias)| format!("{service}:{alias}")))
}
