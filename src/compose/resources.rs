//! What services share, by the keys at the top of a compose file: networks, volumes, secrets and configs.

use super::{
    context::Context,
    fields::{Field, Keys, Problem, is_false},
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::{collections::BTreeMap, path::PathBuf};

/// A network of the run, or one that is there (`external`).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Network {
    /// The engine's name of an external one; its key where nobody says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it is there: it is used and left.
    #[serde(skip_serializing_if = "is_false")]
    pub external: bool,
    /// Without a way out.
    #[serde(skip_serializing_if = "is_false")]
    pub internal: bool,
    /// `bridge` where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// The driver's own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub driver_opts: BTreeMap<String, String>,
    /// Whether it has IPv6 too.
    #[serde(skip_serializing_if = "is_false")]
    pub enable_ipv6: bool,
    /// Its addresses; a small subnet is chosen where none is named.
    #[serde(skip_serializing_if = "Ipam::is_empty")]
    pub ipam: Ipam,
    /// Labels of its own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// How a network's addresses are chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Ipam {
    /// The engine's own where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// Its subnets.
    pub config: Vec<Subnet>,
}

/// Addresses of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Subnet {
    /// CIDR: 172.28.0.0/16.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet: Option<String>,
    /// The host's own address in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// Where containers' addresses are taken from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_range: Option<String>,
    /// Addresses that the driver keeps, by host name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub aux_addresses: BTreeMap<String, String>,
}

/// A volume of the run, made and removed with it, or one that is there (`external`).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Volume {
    /// The engine's name of an external one; its key where nobody says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it is there: it is used and left.
    #[serde(skip_serializing_if = "is_false")]
    pub external: bool,
    /// The engine's own where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// The driver's own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub driver_opts: BTreeMap<String, String>,
    /// Labels of its own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// A secret: where its content comes from.
pub type Secret = FileSource;
/// A config: where its content comes from.
pub type Config = FileSource;

/// Where a secret's or a config's content comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum FileSource {
    /// A file of the host; absolute.
    File(PathBuf),
    /// A variable of the caller's; the second is what it is set to, and never shown.
    Environment((String, String)),
    /// The compose file itself.
    Content(String),
}

/// As Compose has it: a mapping of one key.
impl Serialize for FileSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::File(path) => map.serialize_entry("file", path)?,
            Self::Environment((name, _)) => map.serialize_entry("environment", name)?,
            Self::Content(text) => map.serialize_entry("content", text)?,
        }
        map.end()
    }
}

impl Network {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, Problem> {
        const KEYS: [&str; 9] =
            ["name", "external", "internal", "driver", "driver_opts", "enable_ipv6", "attachable", "ipam", "labels"];
        if field.is_null() {
            return Ok(Self::default());
        }
        let keys = field.keys(&KEYS)?;
        // Who may join besides is nobody's but ours to say.
        keys.get("attachable", Field::boolean);
        Ok(Self {
            name: keys.filled("name", Field::text),
            external: external(&keys),
            internal: keys.or_default("internal", Field::boolean),
            driver: keys.filled("driver", Field::text),
            driver_opts: keys.or_default("driver_opts", Field::pairs),
            enable_ipv6: keys.or_default("enable_ipv6", Field::boolean),
            ipam: keys.or_default("ipam", Ipam::read),
            labels: keys.or_default("labels", Field::labels),
        })
    }
}

impl Volume {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, Problem> {
        if field.is_null() {
            return Ok(Self::default());
        }
        let keys = field.keys(&["name", "external", "driver", "driver_opts", "labels"])?;
        Ok(Self {
            name: keys.filled("name", Field::text),
            external: external(&keys),
            driver: keys.filled("driver", Field::text),
            driver_opts: keys.or_default("driver_opts", Field::pairs),
            labels: keys.or_default("labels", Field::labels),
        })
    }
}

impl FileSource {
    pub(super) fn read(field: &Field<'_>, context: &Context<'_>) -> Result<Self, Problem> {
        let keys = field.keys(&["name", "external", "file", "environment", "content", "labels"])?;
        if keys.or_default("external", Field::boolean) {
            return Err(field.problem("an external one is a swarm's, and not supported: give its `file`"));
        }
        let given: Vec<&str> = ["file", "environment", "content"].into_iter().filter(|key| keys.has(key)).collect();
        let [key] = given[..] else {
            return Err(field.problem("needs one of `file`, `environment` and `content`"));
        };
        let value = keys.field(key).text()?;
        match key {
            "file" => Ok(Self::File(value.into())),
            "content" => Ok(Self::Content(value)),
            _ => match context.callers(&value, field) {
                Some(set) => Ok(Self::Environment((value, set))),
                None => Err(keys.field(key).problem(format!("the variable {value} is not set"))),
            },
        }
    }
}

/// One that is there already is what it is: nothing but its name can be said of it.
fn external(keys: &Keys<'_>) -> bool {
    let external = keys.or_default("external", Field::boolean);
    if external {
        for name in keys.names().filter(|name| !["external", "name"].contains(name) && !name.starts_with("x-")) {
            keys.field(name).complain("cannot be said of an external one: it is there already");
        }
    }
    external
}

impl Ipam {
    fn read(field: &Field<'_>) -> Result<Self, Problem> {
        let keys = field.keys(&["driver", "config"])?;
        Ok(Self {
            driver: keys.filled("driver", Field::text),
            config: keys.or_default("config", |field| field.list_of(Subnet::read)),
        })
    }

    fn is_empty(&self) -> bool {
        self.driver.is_none() && self.config.is_empty()
    }
}

impl Subnet {
    fn read(field: &Field<'_>) -> Result<Self, Problem> {
        let keys = field.keys(&["subnet", "gateway", "ip_range", "aux_addresses"])?;
        Ok(Self {
            subnet: keys.filled("subnet", Field::text),
            gateway: keys.filled("gateway", Field::text),
            ip_range: keys.filled("ip_range", Field::text),
            aux_addresses: keys.or_default("aux_addresses", Field::pairs),
        })
    }
}
