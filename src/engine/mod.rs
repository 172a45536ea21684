//! All that talks to Docker: the only place that names bollard. The rest asks it for an image, a network, a container,
//! a sample, a removal.
//!
//! Everything a run makes carries the label `dev.vscale.run`; nothing without it is ever touched, nothing is pruned.

mod base;
mod build;
mod call;
mod cluster;
mod container;
mod convert;
mod files;
mod gc;
mod health;
mod image;
mod limits;
mod mounts;
mod output;
mod own_image;
mod shared;
mod stats;
mod user;

pub use base::BaseImage;
pub use call::{Call, Cause, EngineError};
pub use cluster::{Cluster, Leftovers};
pub use container::{Container, Sampled, State};
pub use gc::{Owner, collect_garbage};
pub use health::{Check, Health};
pub use output::Output;

use crate::{
    error::{Error, Result},
    model::{EngineFacts, ImageFacts},
};
use bollard::{Docker, errors::Error as DockerError};
use call::with_causes;
use std::{error::Error as _, time::Duration};

/// Longest wait for the head of any answer: an image import answers only once it has read the whole body. Each call has
/// a limit of its own besides, in [`call`].
const ANSWER_LIMIT: Duration = Duration::from_secs(600);

/// Where the docker command looks for an engine that nobody names.
const LOCAL: &str = "unix:///var/run/docker.sock";

/// A connection to the engine.
#[derive(Clone)]
pub struct Engine {
    docker: Docker,
    /// Where it listens.
    address: String,
    facts: EngineFacts,
    /// No call waits longer, whatever its own limit.
    longest_wait: Duration,
}

impl Engine {
    /// Connects to the engine of `DOCKER_HOST`, or to the local one, and agrees on an API version.
    ///
    /// # Errors
    /// `Error::Preflight` that names the address and what to do: no engine there, or no permission on its socket.
    pub async fn connect() -> Result<Self> {
        Self::connect_to(&address(std::env::var("DOCKER_HOST").ok()), ANSWER_LIMIT).await
    }

    /// The same, to the engine at `address`; no call waits longer than `longest_wait`, whatever its own limit.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn connect_to(address: &str, longest_wait: Duration) -> Result<Self> {
        let docker = Docker::connect_with_host(address).map_err(|error| unreachable(address, &error))?;
        let docker = docker.with_timeout(ANSWER_LIMIT);
        let mut engine = Self { docker, address: address.to_owned(), facts: EngineFacts::default(), longest_wait };
        let refused = |error: EngineError| unreachable(address, error.source().unwrap_or(&error));
        let docker = engine.docker.clone();
        engine.docker = engine.ask(Call::Greet, "the engine", docker.negotiate_version()).await.map_err(refused)?;
        let docker = engine.docker.clone();
        let version = engine.ask(Call::Greet, "the engine", docker.version()).await.map_err(refused)?;
        let info = engine.ask(Call::Greet, "the engine", docker.info()).await.map_err(refused)?;
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
        engine.facts = EngineFacts {
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
        Ok(engine)
    }

    /// What it is.
    pub fn facts(&self) -> &EngineFacts {
        &self.facts
    }

    /// Whether it is on this host.
    fn is_local(&self) -> bool {
        self.address.starts_with("unix://")
    }

    /// As numbers: 1.41.
    fn api_version(&self) -> (usize, usize) {
        let version = self.docker.client_version();
        (version.major_version, version.minor_version)
    }

    /// Id and size of an image, or `None` when it is not there.
    pub async fn image(&self, service: &str, reference: &str) -> Result<Option<ImageFacts>> {
        let image = self.docker.inspect_image(reference);
        match self.ask(Call::Inspect, &format!("image {reference}"), image).await {
            Ok(image) => Ok(Some(ImageFacts {
                service: service.to_owned(),
                reference: reference.to_owned(),
                id: image.id.unwrap_or_default(),
                size_bytes: image.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
            })),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Where an engine listens; an empty name is none, as the docker command has it.
fn address(named: Option<String>) -> String {
    named.filter(|address| !address.is_empty()).unwrap_or_else(|| LOCAL.into())
}

/// No engine, or none for us: what to do about it.
fn unreachable(address: &str, error: &(dyn std::error::Error + 'static)) -> Error {
    let why = with_causes(error);
    let advice = match error.downcast_ref::<DockerError>() {
        _ if why.contains("Permission denied") => {
            "you may not use its socket: join the `docker` group (and log in again), or run as root"
        }
        Some(DockerError::UnsupportedURISchemeError { .. } | DockerError::InvalidURIError { .. }) => {
            "DOCKER_HOST must be unix:///path or tcp://host:port"
        }
        _ => "is it running? DOCKER_HOST says where it listens",
    };
    Error::Preflight(format!("no Docker engine at {address}: {why}; {advice}"))
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn an_empty_address_is_none() {
        let address = |named: Option<&str>| address(named.map(str::to_owned));
        assert_eq!([None, Some("")].map(address), ["unix:///var/run/docker.sock", "unix:///var/run/docker.sock"]);
        assert_eq!(address(Some("tcp://host:1")), "tcp://host:1");
    }
}
