//! What is mounted into a service's container: volumes, folders and files of the host, memory, secrets and configs; and the
//! devices that it is given.

use super::fields::{Field, Problem, is_false};
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

/// An entry of `volumes_from`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct VolumesFrom {
    /// Whose volumes.
    pub service: String,
    /// Whether they may only be read.
    pub read_only: bool,
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

impl Mount {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, Problem> {
        let mut keys =
            field.keys(&["type", "source", "target", "read_only", "consistency", "bind", "volume", "tmpfs"])?;
        let kind = keys.required("type")?;
        let target = keys.required("target")?.text()?;
        if !target.starts_with('/') {
            return Err(field.problem(format!("`{target}` is not an absolute path in the container")));
        }
        let named = keys.filled("source", Field::text);
        let source = match kind.text()?.as_str() {
            "bind" => MountSource::Bind {
                source: named.ok_or_else(|| field.problem("a bind mount needs a `source`"))?.into(),
                bind: keys.get("bind", BindOptions::read).unwrap_or_default(),
            },
            "volume" => MountSource::Volume {
                source: named,
                volume: keys.get("volume", VolumeOptions::read).unwrap_or_default(),
            },
            "tmpfs" => MountSource::Tmpfs { tmpfs: keys.get("tmpfs", TmpfsOptions::read).unwrap_or_default() },
            other => return Err(kind.problem(format!("`{other}` is not supported: bind, volume or tmpfs"))),
        };
        Ok(Self { source, target, read_only: keys.or_default("read_only", Field::boolean) })
    }
}

impl VolumesFrom {
    /// `service`, `service:ro` or `service:rw`.
    pub(super) fn read(field: &Field<'_>) -> Result<Self, Problem> {
        let text = field.text()?;
        let (service, read_only) = match text.split_once(':') {
            None => (text.as_str(), false),
            Some(("container", _)) => {
                let what = format!("`{text}` is not supported: a run has containers of its own; name a service");
                return Err(field.problem(what));
            }
            Some((service, access @ ("ro" | "rw"))) => (service, access == "ro"),
            Some(_) => return Err(field.problem(format!("`{text}` is not service, service:ro or service:rw"))),
        };
        Ok(Self { service: service.to_owned(), read_only })
    }
}

impl BindOptions {
    fn read(field: &Field<'_>) -> Result<Self, Problem> {
        let keys = field.keys(&["create_host_path", "propagation", "selinux"])?;
        Ok(Self {
            create_host_path: keys.or_default("create_host_path", Field::boolean),
            propagation: keys.filled("propagation", Field::text),
            selinux: keys.get("selinux", |field| field.one_of(&[("z", "z"), ("Z", "Z")])).map(str::to_owned),
        })
    }
}

impl VolumeOptions {
    fn read(field: &Field<'_>) -> Result<Self, Problem> {
        let keys = field.keys(&["nocopy", "subpath"])?;
        Ok(Self { nocopy: keys.or_default("nocopy", Field::boolean), subpath: keys.filled("subpath", Field::text) })
    }
}

impl TmpfsOptions {
    fn read(field: &Field<'_>) -> Result<Self, Problem> {
        let keys = field.keys(&["size", "mode"])?;
        Ok(Self { size_bytes: keys.get("size", Field::bytes), mode: keys.get("mode", mode) })
    }
}

impl FileMount {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, Problem> {
        let mut keys = field.keys(&["source", "target", "uid", "gid", "mode"])?;
        let source = keys.required("source")?.text()?;
        Ok(Self {
            target: keys.filled("target", Field::text).unwrap_or_else(|| source.clone()),
            source,
            uid: keys.filled("uid", Field::string),
            gid: keys.filled("gid", Field::string),
            mode: keys.get("mode", mode),
        })
    }
}

impl Device {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, Problem> {
        let mut keys = field.keys(&["source", "target", "permissions"])?;
        let source = keys.required("source")?.text()?;
        let permissions = keys.get("permissions", Field::text).unwrap_or_else(|| "rwm".into());
        if permissions.is_empty() || !permissions.chars().all(|c| "rwm".contains(c)) {
            return Err(field.problem(format!("`{permissions}` is not of r, w and m")));
        }
        Ok(Self { target: keys.filled("target", Field::text).unwrap_or_else(|| source.clone()), source, permissions })
    }
}

impl Gpus {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, Problem> {
        let keys = field.keys(&["driver", "count", "device_ids", "capabilities", "options"])?;
        let gpus = Self {
            driver: keys.filled("driver", Field::text),
            count: keys.get("count", Field::integer),
            device_ids: keys.or_default("device_ids", Field::strings),
            capabilities: keys.or_default("capabilities", Field::strings),
            options: keys.or_default("options", Field::pairs),
        };
        if gpus.count.is_some() && !gpus.device_ids.is_empty() {
            return Err(field.problem("`count` and `device_ids` are both there; keep one"));
        }
        // Where nothing says which, all of them are meant.
        Ok(Self { count: gpus.count.or_else(|| gpus.device_ids.is_empty().then_some(-1)), ..gpus })
    }
}

/// A mode of a file: a number, or octal digits as text.
fn mode(field: &Field<'_>) -> Result<u32, Problem> {
    let text = field.string()?;
    let base = if field.node().as_text().is_some() { 8 } else { 10 };
    let mode = u32::from_str_radix(&text, base).ok().filter(|&mode| mode <= 0o7777);
    mode.ok_or_else(|| field.problem(format!("`{text}` is not a mode such as 0440")))
}

impl From<VolumesFrom> for String {
    fn from(from: VolumesFrom) -> Self {
        if from.read_only { format!("{}:ro", from.service) } else { from.service }
    }
}

impl From<Device> for String {
    fn from(device: Device) -> Self {
        format!("{}:{}:{}", device.source, device.target, device.permissions)
    }
}
