//! What services share, by the keys at the top of a compose file: networks, volumes, secrets and configs.

use super::service::is_false;
use serde::Serialize;
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
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileSource {
    /// A file of the host; absolute.
    File(PathBuf),
    /// A variable of the caller's; the second is what it is set to, and never shown.
    Environment(#[serde(serialize_with = "name_only")] (String, String)),
    /// The compose file itself.
    Content(String),
}

impl Ipam {
    fn is_empty(&self) -> bool {
        self.driver.is_none() && self.config.is_empty()
    }
}

fn name_only<S: serde::Serializer>((name, _): &(String, String), serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name)
}
