//! All that talks to Docker: the only place that names bollard. The rest asks it for an image, a network, a container,
//! a sample, a removal.
//!
//! Everything a run makes carries the label `dev.vscale.run`; nothing without it is ever touched, nothing is pruned.

mod base;
mod build;
mod cluster;
mod container;
mod convert;
mod gc;
mod image;
mod own_image;
mod stats;

pub use base::BaseImage;

pub use cluster::{Cluster, Leftovers};
pub use container::{Container, Output};
pub use gc::{Owner, collect_garbage};

use crate::{
    error::{Error, Result},
    model::{EngineFacts, ImageFacts},
};
use bollard::{Docker, errors::Error as DockerError};
use std::time::Duration;

/// Longest wait for the head of an answer: an image import answers only once it has read the whole body.
const ANSWER_LIMIT: Duration = Duration::from_secs(600);

/// A connection to the engine.
#[derive(Clone)]
pub struct Engine {
    docker: Docker,
    facts: EngineFacts,
}

impl Engine {
    /// Connects to the engine of `DOCKER_HOST`, or to the local one, and agrees on an API version.
    ///
    /// # Errors
    /// `Error::Preflight` that names the address and what to do: no engine there, or no permission on its socket.
    pub async fn connect() -> Result<Self> {
        let address = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".into());
        let unreachable = |error: DockerError| unreachable(&address, &error);
        let docker = Docker::connect_with_defaults().map_err(unreachable)?.with_timeout(ANSWER_LIMIT);
        let docker = tokio::time::timeout(Duration::from_secs(20), docker.negotiate_version())
            .await
            .map_err(|_| Error::Preflight(format!("the Docker engine at {address} does not answer")))?
            .map_err(unreachable)?;
        let version = docker.version().await.map_err(unreachable)?;
        let info = docker.info().await.map_err(unreachable)?;
        let missing: Vec<&str> =
            [("cpusets", info.cpu_set), ("CPU quotas", info.cpu_cfs_quota), ("memory limits", info.memory_limit)]
                .into_iter()
                .filter_map(|(what, able)| (able == Some(false)).then_some(what))
                .collect();
        if !missing.is_empty() {
            return Err(Error::Preflight(format!(
                "the engine at {address} cannot apply {}: its kernel lacks the cgroup controller (rootless engines need \
                 delegation)",
                missing.join(", ")
            )));
        }
        let facts = EngineFacts {
            name: version
                .platform
                .map(|platform| platform.name)
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| "Docker Engine".into()),
            version: version.version.unwrap_or_default(),
            api_version: docker.client_version().to_string(),
            cgroup_version: info.cgroup_version.map_or_else(|| "1".into(), |version| version.to_string()),
            storage_driver: info.driver.unwrap_or_default(),
        };
        Ok(Self { docker, facts })
    }

    /// What it is.
    pub fn facts(&self) -> &EngineFacts {
        &self.facts
    }

    /// Id and size of an image, or `None` when it is not there.
    pub async fn image(&self, service: &str, reference: &str) -> Result<Option<ImageFacts>> {
        match self.docker.inspect_image(reference).await {
            Ok(image) => Ok(Some(ImageFacts {
                service: service.to_owned(),
                reference: reference.to_owned(),
                id: image.id.unwrap_or_default(),
                size_bytes: image.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
            })),
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(failed(&format!("inspecting image {reference}"), &error)),
        }
    }
}

/// The status with which the engine refused, if it did.
fn status(error: &DockerError) -> Option<u16> {
    match error {
        DockerError::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// An operation on an object that went wrong, both named.
fn failed(operation: &str, error: &DockerError) -> Error {
    let why = match error {
        DockerError::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        other => with_causes(other),
    };
    Error::Engine(format!("{operation}: {why}"))
}

/// No engine, or none for us: what to do about it.
fn unreachable(address: &str, error: &DockerError) -> Error {
    let why = with_causes(error);
    let advice = if why.contains("Permission denied") {
        "you may not use its socket: join the `docker` group (and log in again), or run as root"
    } else if matches!(error, DockerError::UnsupportedURISchemeError { .. } | DockerError::InvalidURIError { .. }) {
        "DOCKER_HOST must be unix:///path or tcp://host:port"
    } else {
        "is it running? DOCKER_HOST says where it listens"
    };
    Error::Preflight(format!("no Docker engine at {address}: {why}; {advice}"))
}

/// An error with its sources: bollard's own text often stops at "client error (Connect)".
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
