//! What the compose files describe, read from their merged nodes and checked as a whole: what a service names must be there,
//! nothing waits for itself, and services whose profiles are not active are left out.

use super::{
    Beside, Condition, Config, Healthcheck, MountSource, Network, NetworkMode, Secret, Service, Tool, Volume, Vscale,
    context::Context,
    fields::{Field, Problem},
    node::Node,
    secrets,
};
use crate::redact::Redactor;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What the compose file describes. `V` is `Option<Vscale>` where nothing is to be measured.
#[derive(Clone, Debug, Serialize)]
pub struct Project<V = Vscale> {
    /// Project name.
    pub name: String,
    /// What is measured, and how.
    #[serde(rename = "x-vscale")]
    pub vscale: V,
    /// By name; those alone whose profiles are active.
    pub services: BTreeMap<String, Service>,
    /// By name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub networks: BTreeMap<String, Network>,
    /// By name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, Volume>,
    /// By name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, Secret>,
    /// By name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub configs: BTreeMap<String, Config>,
    /// What it is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside: Option<Beside>,
    /// The number of workers that it was read for, where it would be another with another.
    #[serde(skip)]
    pub(super) read_for: Option<u32>,
    /// Itself, as it is with others.
    #[serde(skip)]
    pub(super) at: BTreeMap<u32, Project>,
    /// What the user is to know of it before a run: variables that are not set, keys without effect.
    #[serde(skip)]
    pub(super) notes: Vec<String>,
    /// Values of the secret variables that the file uses, under whatever key.
    #[serde(skip)]
    pub(super) secret_variables: Vec<String>,
}

/// Sections in which a name is of letters, digits, `.`, `_` and `-`. Of networks Compose takes any.
const NAMED: [&str; 4] = ["services", "volumes", "secrets", "configs"];
/// The keys at the top.
const KEYS: [&str; 8] = ["name", "services", "networks", "volumes", "secrets", "configs", "version", "x-vscale"];

impl Project<Option<Vscale>> {
    /// Reads what is merged; every problem is told to `root`'s.
    pub(super) fn read(root: &Field<'_>, name: Option<String>, context: &Context<'_>) -> Result<Self, Problem> {
        let mut keys = root.keys(&KEYS)?;
        keys.required("services").map_err(|_| root.problem("`services` is missing"))?;
        NAMED.iter().filter(|section| keys.has(section)).for_each(|section| check_names(&keys.field(section)));
        let services = keys.or_default("services", |field| field.map_of(|field| Service::read(field, context)));
        let optional = |key: &str| keys.has(key) && !keys.field(key).is_null();
        let mut project = Self {
            name: String::new(),
            vscale: None,
            networks: if optional("networks") {
                keys.or_default("networks", |field| field.map_of(Network::read))
            } else {
                BTreeMap::new()
            },
            volumes: if optional("volumes") {
                keys.or_default("volumes", |field| field.map_of(Volume::read))
            } else {
                BTreeMap::new()
            },
            secrets: keys.or_default("secrets", |field| field.map_of(|field| Secret::read(field, context))),
            configs: keys.or_default("configs", |field| field.map_of(|field| Config::read(field, context))),
            services,
            beside: None,
            read_for: None,
            at: BTreeMap::new(),
            notes: Vec::new(),
            secret_variables: Vec::new(),
        };
        let vscale = keys.take("x-vscale");
        if let Some(field) = &vscale {
            // A service that could not be read is there all the same.
            let read = keys.field("services").entries().is_ok_and(|all| all.len() == project.services.len());
            let tool = Tool::parse(field, &mut project.services, context.folder);
            project.vscale = match tool.and_then(|tool| Vscale::parse(field, &project.services, tool, context.folder)) {
                Ok(vscale) => Some(vscale),
                Err(problem) if read => return Err(problem),
                Err(_) => None,
            };
        }
        let own_name = keys.get("name", Field::text);
        let default =
            || context.folder.file_name().map_or_else(|| "vscale".into(), |name| name.to_string_lossy().into_owned());
        let old_name = project.vscale.as_ref().and_then(|vscale| vscale.name.clone());
        project.name = name.or(own_name).or(old_name).unwrap_or_else(default);
        let services = keys.field("services");
        project.leave_out(&services, &named(vscale.as_ref().map(Field::node)), context);
        project.check(root);
        project.notes = context.notes();
        project.read_for = context.read_for();
        Ok(project)
    }

    /// Leaves out services whose profiles are not active, unless `kept` has them.
    fn leave_out(&mut self, services: &Field<'_>, kept: &BTreeSet<String>, context: &Context<'_>) {
        let active = (context.env)("COMPOSE_PROFILES").unwrap_or_default();
        let active: BTreeSet<&str> = active.split(',').map(str::trim).collect();
        let is_active = |name: &str, service: &Service| {
            service.profiles.is_empty()
                || kept.contains(name)
                || active.contains("*")
                || service.profiles.iter().any(|profile| active.contains(profile.as_str()))
        };
        let all = std::mem::take(&mut self.services);
        let (active, out): (BTreeMap<_, _>, BTreeMap<_, _>) =
            all.into_iter().partition(|(name, service)| is_active(name, service));
        self.services = active;
        for (name, service) in &mut self.services {
            service.depends_on.retain(|other, how| match out.get(other) {
                Some(absent) if how.required => {
                    let profiles = absent.profiles.join(",");
                    services
                        .child(name)
                        .child("depends_on")
                        .complain(format!("`{other}` is left out: its profile is not active (--profile {profiles})"));
                    false
                }
                found => found.is_none(),
            });
        }
    }
}

fn check_names(section: &Field<'_>) {
    let is_good = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    for (name, field) in section.entries().into_iter().flatten().filter(|(name, _)| !is_good(name)) {
        field.complain(format!("`{name}` is no name: letters, digits, `.`, `_` and `-`"));
    }
}

/// The services that `x-vscale` names.
fn named(vscale: Option<&Node>) -> BTreeSet<String> {
    let Some(vscale) = vscale else { return BTreeSet::new() };
    let roles = ["target", "backend", "generator", "load"].into_iter().filter_map(|key| vscale.get(key)?.scalar());
    let endpoints = vscale.get("endpoints").and_then(Node::as_map).into_iter().flat_map(BTreeMap::keys).cloned();
    roles.chain(endpoints).collect()
}

impl<V> Project<V> {
    /// What the user is to know before a run: variables that are not set, keys without effect; of B too, each once.
    pub fn notes(&self) -> BTreeSet<&str> {
        let of_b = self.beside.iter().flat_map(|beside| &beside.project.notes);
        let at_counts = self.at.values().flat_map(Project::notes);
        self.notes.iter().chain(of_b).map(String::as_str).chain(at_counts).collect()
    }

    /// Service names, each after those that it depends on.
    pub fn start_order(&self) -> Vec<String> {
        self.order().0
    }

    /// The order, and those that wait for themselves or for such a one.
    fn order(&self) -> (Vec<String>, BTreeSet<String>) {
        let mut waits_for: BTreeMap<&str, usize> = BTreeMap::new();
        let mut waiting: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, service) in &self.services {
            let others = service.depends_on.keys().filter(|other| self.services.contains_key(*other));
            let mut count = 0;
            for other in others {
                waiting.entry(other).or_default().push(name);
                count += 1;
            }
            waits_for.insert(name, count);
        }
        let mut ready: BTreeSet<&str> =
            waits_for.iter().filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect();
        let mut order = Vec::new();
        while let Some(name) = ready.pop_first() {
            waits_for.remove(name);
            order.push(name.to_owned());
            for &next in waiting.get(name).into_iter().flatten() {
                if let Some(count) = waits_for.get_mut(next) {
                    *count -= 1;
                    if *count == 0 {
                        ready.insert(next);
                    }
                }
            }
        }
        (order, waits_for.into_keys().map(str::to_owned).collect())
    }

    /// A way from a service back to itself, if there is one.
    fn cycle(&self) -> Option<Vec<String>> {
        let stuck = self.order().1;
        let mut way = vec![stuck.first()?.clone()];
        // Whoever is stuck waits for somebody who is.
        loop {
            let last = &self.services[way.last()?];
            let next = last.depends_on.keys().find(|other| stuck.contains(*other))?;
            if let Some(begin) = way.iter().position(|name| name == next) {
                way.push(next.clone());
                return Some(way.split_off(begin));
            }
            way.push(next.clone());
        }
    }

    /// What services name must be there, whether it could be read or not.
    fn check(&mut self, root: &Field<'_>) {
        // A network that nobody has to define.
        if self.services.values().any(|service| service.networks.contains_key("default")) {
            self.networks.entry("default".into()).or_default();
        }
        let services = root.child("services");
        let is_there = |section: &str, name: &str| root.node().get(section).is_some_and(|all| all.get(name).is_some());
        for (name, service) in &self.services {
            let here = services.child(name);
            let need = |field: &Field<'_>, section: &str, kind: &str, other: &str| {
                if !is_there(section, other) {
                    field.complain(format!("no {kind} `{other}` is defined"));
                }
            };
            for network in service.networks.keys().filter(|network| *network != "default") {
                need(&here.child("networks").child(network), "networks", "network", network);
            }
            for (other, how) in &service.depends_on {
                let link = service.links.iter().position(|(linked, _)| linked == other);
                let from = service.volumes_from.iter().position(|from| from.service == *other);
                let field = match (link, from) {
                    _ if service.network_mode == Some(NetworkMode::Service(other.clone())) => {
                        here.child("network_mode")
                    }
                    (Some(index), _) => here.child("links").item(index),
                    (_, Some(index)) => here.child("volumes_from").item(index),
                    _ => here.child("depends_on").child(other),
                };
                if how.required {
                    need(&field, "services", "service", other);
                }
                let check = self.services.get(other).and_then(|other| other.healthcheck.as_ref());
                if how.condition == Condition::Healthy && check.is_some_and(Healthcheck::is_off) {
                    field.complain(format!("`{other}` has its health check off: it would never be healthy"));
                }
            }
            for (index, mount) in service.volumes.iter().enumerate() {
                if let MountSource::Volume { source: Some(volume), .. } = &mount.source {
                    need(&here.child("volumes").item(index), "volumes", "volume", volume);
                }
            }
            let build = service.build.as_ref().map_or(&[][..], |build| &build.secrets);
            for (field, section, kind, mounts) in [
                (here.child("secrets"), "secrets", "secret", &service.secrets[..]),
                (here.child("configs"), "configs", "config", &service.configs),
                (here.child("build").child("secrets"), "secrets", "secret", build),
            ] {
                for (index, mount) in mounts.iter().enumerate() {
                    need(&field.item(index), section, kind, &mount.source);
                }
            }
        }
        if let Some(way) = self.cycle() {
            let what = match way.len() {
                2 => "it depends on itself".to_owned(),
                _ => format!("it depends on itself: {}", way.join(" -> ")),
            };
            services.child(&way[0]).child("depends_on").complain(what);
        }
    }
}

impl<V: Serialize> Project<V> {
    /// Has `redactor` learn the secrets of the file.
    pub fn teach(&self, redactor: &mut Redactor) {
        self.secret_variables.iter().for_each(|value| redactor.learn(value));
        if let Some(beside) = &self.beside {
            beside.project.teach(redactor);
        }
        self.at.values().for_each(|other| other.teach(redactor));
        for secret in self.secrets.values() {
            secret.learn(redactor);
        }
        if let Ok(value) = serde_yaml::to_value(self) {
            secrets::learn(redactor, "", &value);
        }
    }

    /// The file as understood, secrets left out: a compose file again, unless they are needed.
    pub fn to_yaml(&self, redactor: &Redactor) -> String {
        let shown = serde_yaml::to_value(self).and_then(|mut value| {
            secrets::redact(redactor, "", &mut value);
            secrets::escape(&mut value);
            if let Some(map) = value.as_mapping_mut() {
                map.retain(|_, value| !value.is_null());
            }
            serde_yaml::to_string(&value)
        });
        shown.unwrap_or_else(|error| format!("# cannot be shown: {error}\n"))
    }
}
