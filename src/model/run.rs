//! A whole run: where, what was planned, and what each visit found.

use super::{HostFacts, Plan, Point, Visited};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Of a run's files; raised when a field changes its meaning or goes.
pub const SCHEMA_VERSION: u32 = 3;

/// One run, as far as it has come.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// `20261124T114421Z-bench-3f9a1c`, also the name of its folder.
    pub id: String,
    /// Microseconds since 1970 UTC.
    pub started_unix_us: u64,
    /// `None` while it goes on, or when it was killed.
    pub finished_unix_us: Option<u64>,
    /// Where it ran, and with what.
    pub origin: Origin,
    /// What was to be done.
    pub plan: Plan,
    /// What was done, in that order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub visited: Vec<Visited>,
}

/// Where a run ran, and with what.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// One until there are more.
    pub hosts: Vec<Host>,
    /// By service.
    pub images: Vec<ImageFacts>,
    /// Version of this program.
    pub vscale_version: String,
    /// Its arguments, secrets redacted.
    pub arguments: Vec<String>,
}

/// A host and its engine.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Host {
    /// Kernel, CPUs, memory.
    pub facts: HostFacts,
    /// The engine on it.
    pub engine: EngineFacts,
}

/// The Docker engine.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct EngineFacts {
    /// `Docker Engine - Community`, `Podman Engine`.
    pub name: String,
    /// As the engine says it.
    pub version: String,
    /// The API version agreed on.
    pub api_version: String,
    /// 1 or 2.
    pub cgroup_version: String,
    /// `overlay2`.
    pub storage_driver: String,
}

/// An image that a service ran.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ImageFacts {
    /// Service name.
    pub service: String,
    /// `vscale/stack:3f9a...`.
    pub reference: String,
    /// `sha256:...`.
    pub id: String,
    /// Unpacked.
    pub size_bytes: u64,
}

impl Run {
    /// One that has not begun.
    pub fn new(id: String, started_unix_us: u64, origin: Origin, plan: Plan) -> Self {
        let (schema_version, finished_unix_us, visited) = (SCHEMA_VERSION, None, Vec::new());
        Self { schema_version, id, started_unix_us, finished_unix_us, origin, plan, visited }
    }

    /// The setting of a visit.
    pub fn point(&self, visited: &Visited) -> &Point {
        &self.plan.points[visited.point]
    }

    /// The first host, where all runs until there are more.
    pub fn host(&self) -> &Host {
        &self.origin.hosts[0]
    }
}
