//! `manifest.json`: what one needs to run it again, and to tell whether two runs may be compared.

use super::to_json;
use crate::error::Result;
use crate::model::{EngineFacts, HostFacts, ImageFacts, RunResult, Settings};
use crate::redact::redact_argument;
use serde::Serialize;

/// How vscale was called.
#[derive(Clone, Debug)]
pub struct Provenance {
    /// The binary's version.
    pub version: String,
    /// Its arguments, without its own name; secrets in `NAME=value` are redacted when they are written.
    pub arguments: Vec<String>,
}

#[derive(Serialize)]
struct Manifest<'a> {
    schema_version: u32,
    id: &'a str,
    name: &'a str,
    started_unix_us: u64,
    vscale_version: &'a str,
    arguments: Vec<String>,
    settings: &'a Settings,
    host: &'a HostFacts,
    engine: &'a EngineFacts,
    images: &'a [ImageFacts],
}

/// The text of `manifest.json`.
pub fn manifest_json(run: &RunResult, provenance: &Provenance) -> Result<String> {
    to_json(&Manifest {
        schema_version: run.schema_version,
        id: &run.id,
        name: &run.name,
        started_unix_us: run.started_unix_us,
        vscale_version: &provenance.version,
        arguments: provenance.arguments.iter().map(|argument| redact_argument(argument)).collect(),
        settings: &run.settings,
        host: &run.host,
        engine: &run.engine,
        images: &run.images,
    })
}
