//! What is mounted into a service's container: volumes, folders and files of the host, memory, secrets and configs; and the
//! devices that it is given.

use super::service::is_false;
use serde::Serialize;
use std::{collections::BTreeMap, path::PathBuf};

/// An entry of `volumes`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mount {
    /// What is mounted.
    #[serde(flatten)]
    pub source: MountSource,
    /// Where: an absolute path in the container.
    pub target: String,
    /// Whether it may only be read.
    #[serde(skip_serializing_if = "is_false")]
    pub read_only: bool,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum MountSource {
    /// A folder or file of the host.
    Bind {
        /// Absolute.
        source: PathBuf,
        /// How.
        bind: BindOptions,
    },
    /// A volume of the engine.
    Volume {
        /// Its key in the project's `volumes`; `None` is an anonymous one.
        #[serde(skip_serializing_if = "Option::is_none")]
        source: Option<String>,
        /// How.
        volume: VolumeOptions,
    },
    /// Memory.
    Tmpfs {
        /// How.
        tmpfs: TmpfsOptions,
    },
}

/// How a folder of the host is mounted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BindOptions {
    /// Whether a missing source becomes an empty folder: the short form's rule. Without it that is an error.
    pub create_host_path: bool,
    /// `rprivate` and its like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub propagation: Option<String>,
    /// `z` or `Z`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selinux: Option<String>,
}

/// How a volume is mounted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct VolumeOptions {
    /// Whether an empty volume stays empty, where the image has files at the target.
    #[serde(skip_serializing_if = "is_false")]
    pub nocopy: bool,
    /// A path in the volume, mounted in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subpath: Option<String>,
}

/// How memory is mounted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TmpfsOptions {
    /// At most so much.
    #[serde(rename = "size", skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// Of the folder: 0o1777.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
}

/// A secret or config of the project as a file in the container.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FileMount {
    /// Its key in the project's `secrets` or `configs`.
    pub source: String,
    /// Absolute path in the container; of a build's secret its id.
    pub target: String,
    /// Owner; as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Group; as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gid: Option<String>,
    /// 0o444 where nobody says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
}

/// A device of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct Device {
    /// On the host.
    pub source: String,
    /// In the container.
    pub target: String,
    /// `rwm` or fewer.
    pub permissions: String,
}

/// Devices that a driver of the engine chooses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Gpus {
    /// The engine's own where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// How many; -1 is all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
    /// These, in place of a number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub device_ids: Vec<String>,
    /// `gpu` and others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
    /// The driver's own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

impl From<Device> for String {
    fn from(device: Device) -> Self {
        format!("{}:{}:{}", device.source, device.target, device.permissions)
    }
}
