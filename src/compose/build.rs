//! How a service's image is built: Compose's `build`.

use super::FileMount;
use serde::Serialize;
use std::{collections::BTreeMap, path::PathBuf};

/// How an image is built.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Build {
    /// Folder whose files the builder gets; absolute.
    pub context: PathBuf,
    /// The Dockerfile, below the context or absolute; none where it stands in the compose file itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dockerfile: Option<PathBuf>,
    /// The text of the Dockerfile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dockerfile_inline: Option<String>,
    /// Build arguments.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub args: BTreeMap<String, String>,
    /// Stage to stop at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// By name: a folder (absolute), `docker-image://...`, or an address.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub additional_contexts: BTreeMap<String, String>,
    /// Secrets of the project that `RUN --mount=type=secret` finds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<FileMount>,
}
