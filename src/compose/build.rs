//! How a service's image is built: Compose's `build`.

use super::{
    FileMount,
    context::Context,
    fields::{Field, Problem},
};
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

/// Keys that are read.
const KEYS: [&str; 13] = [
    "additional_contexts",
    "args",
    "context",
    "dockerfile",
    "dockerfile_inline",
    "secrets",
    "target",
    // What an image is called, where its layers are kept and when they are made anew changes nothing in it.
    "cache_from",
    "cache_to",
    "labels",
    "no_cache",
    "pull",
    "tags",
];

impl Build {
    pub(super) fn read(field: &Field<'_>, context: &Context<'_>) -> Result<Self, Problem> {
        let keys = field.keys(&KEYS)?;
        let inline = keys.filled("dockerfile_inline", Field::text);
        let named = keys.filled("dockerfile", Field::text);
        if inline.is_some() && named.is_some() {
            keys.field("dockerfile").complain("and `dockerfile_inline` are both there; keep one");
        }
        let dockerfile = named.or_else(|| inline.is_none().then(|| "Dockerfile".into()));
        let folder = keys.get("context", |field| match field.text()? {
            address if address.contains("://") || address.starts_with("git@") => {
                Err(field.problem(format!("`{address}` is not supported: clone it, and name the folder")))
            }
            folder => Ok(folder),
        });
        let args = keys.or_default("args", |field| context.values(field));
        Ok(Self {
            context: folder.map_or_else(|| context.folder.to_owned(), PathBuf::from),
            dockerfile: dockerfile.map(PathBuf::from),
            dockerfile_inline: inline,
            args: args.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
            target: keys.filled("target", Field::text),
            additional_contexts: keys.or_default("additional_contexts", |field| field.map_of(Field::string)),
            secrets: keys.or_default("secrets", |field| field.list_of(FileMount::read)),
        })
    }
}
