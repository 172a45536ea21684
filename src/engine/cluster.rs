//! One run's objects in the engine: its networks and containers, made with the run's labels and removed by them, so that
//! removing needs no memory of what was made.

use super::{
    Container, Engine, convert, failed,
    gc::{OWNER_LABEL, Owner, RUN_LABEL},
    status,
};
use crate::{
    compose::{Network, Service},
    error::{Error, Result},
    units::{self, format_cpu_list},
};
use bollard::{
    models::{ContainerCreateBody, Ipam, IpamConfig, NetworkConnectRequest, NetworkCreateRequest},
    query_parameters::{
        CreateContainerOptionsBuilder, ListContainersOptionsBuilder, ListNetworksOptionsBuilder,
        RemoveContainerOptionsBuilder,
    },
};
use futures_util::future::join_all;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Longest time for removing a run's objects.
const REMOVE_LIMIT: Duration = Duration::from_secs(30);
/// Subnets that are tried when one is taken.
const SUBNET_TRIES: u32 = 32;

/// A run's objects.
pub struct Cluster {
    engine: Engine,
    run: String,
    labels: HashMap<String, String>,
    networks: HashMap<String, String>,
}

/// What could not be removed, and why; empty when all is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftovers(pub Vec<String>);

impl Cluster {
    /// A new run's, empty; `project` is the name under which Compose's own tools show it.
    pub fn new(engine: Engine, run: &str) -> Self {
        let label = |name: &str, value: String| (name.to_owned(), value);
        let labels = HashMap::from([
            label(RUN_LABEL, run.to_owned()),
            label(OWNER_LABEL, Owner::this_process().to_label()),
            label("dev.vscale.created", units::format_utc(units::now_unix_us())),
            label("com.docker.compose.project", project(run)),
        ]);
        Self { labels, ..Self::of_run(engine, run) }
    }

    /// An earlier run's, to be removed.
    pub(super) fn of_run(engine: Engine, run: &str) -> Self {
        Self { engine, run: run.to_owned(), labels: HashMap::new(), networks: HashMap::new() }
    }

    /// Makes the network that the compose file calls `key`, on a small subnet of its own unless the file names one.
    ///
    /// # Errors
    /// `Error::Engine` when the engine refuses, or every subnet tried is taken.
    pub async fn create_network(&mut self, key: &str, network: &Network) -> Result<()> {
        let name = format!("{}_{key}", project(&self.run));
        let mut labels = self.labels.clone();
        labels.insert("com.docker.compose.network".into(), key.to_owned());
        labels.extend(network.labels.clone());
        let mut request = NetworkCreateRequest {
            name: name.clone(),
            driver: Some(network.driver.clone().unwrap_or_else(|| "bridge".into())),
            internal: Some(network.internal),
            labels: Some(labels),
            ..Default::default()
        };
        let seed = self.run.bytes().fold(0_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
        for attempt in 0..SUBNET_TRIES {
            let subnets =
                if network.subnets.is_empty() { vec![small_subnet(seed, attempt)] } else { network.subnets.clone() };
            let config = subnets.into_iter().map(|subnet| IpamConfig { subnet: Some(subnet), ..Default::default() });
            request.ipam = Some(Ipam { config: Some(config.collect()), ..Default::default() });
            match self.engine.docker.create_network(request.clone()).await {
                Ok(answer) => {
                    self.networks.insert(key.to_owned(), answer.id);
                    return Ok(());
                }
                Err(error) if network.subnets.is_empty() && overlaps(&error) => {}
                Err(error) => return Err(failed(&format!("creating network {name}"), &error)),
            }
        }
        Err(Error::Engine(format!("creating network {name}: {SUBNET_TRIES} subnets of 10.213.0.0/16 are taken")))
    }

    /// Creates a service's container of `image`, not yet started. With `piped` its stdin, stdout and stderr are
    /// ours, and it can tell by its stdin when we are gone.
    ///
    /// # Errors
    /// `Error::Engine` when the engine refuses; `Error::Preflight` when it would go on without a limit asked for.
    pub async fn create(&self, name: &str, service: &Service, image: &str, piped: bool) -> Result<Container> {
        let body = convert::container(service, image);
        let mut networks = service.networks.iter();
        let first = networks.next();
        let mut body = ContainerCreateBody {
            networking_config: first.map(|(key, attachment)| convert::endpoint(name, self.network(key), attachment)),
            ..body
        };
        if first.is_none()
            && let Some(host_config) = &mut body.host_config
        {
            host_config.network_mode = Some("none".into());
        }
        let container = self.create_from(name, body, piped).await?;
        for (key, attachment) in networks {
            let request = NetworkConnectRequest {
                container: container.id().to_owned(),
                endpoint_config: Some(convert::endpoint_settings(name, attachment)),
            };
            let connected = self.engine.docker.connect_network(self.network(key), request).await;
            connected.map_err(|error| failed(&format!("connecting {name} to network {key}"), &error))?;
        }
        Ok(container)
    }

    /// Creates a container of our own image in the PID and network namespaces of `target`, without any capability
    /// and as `user`.
    pub async fn create_probe(
        &self,
        target: &Container,
        image: &str,
        user: &str,
        cpuset: &[u32],
        command: Vec<String>,
    ) -> Result<Container> {
        let body = convert::probe(target.id(), image, user, &format_cpu_list(cpuset), command);
        self.create_from(&format!("{}-probe", target.service()), body, true).await
    }

    /// Creates a container of our own image that sees nothing but the host's `/proc` and `/sys`.
    pub async fn create_alone(&self, name: &str, image: &str, command: Vec<String>) -> Result<Container> {
        self.create_from(name, convert::alone(image, command), true).await
    }

    async fn create_from(&self, service: &str, mut body: ContainerCreateBody, piped: bool) -> Result<Container> {
        let name = format!("{}-{service}-1", project(&self.run));
        let mut labels = self.labels.clone();
        labels.insert("com.docker.compose.service".into(), service.to_owned());
        labels.insert("com.docker.compose.container-number".into(), "1".into());
        labels.insert("com.docker.compose.oneoff".into(), "False".into());
        labels.insert("com.docker.compose.config-hash".into(), self.run.clone());
        labels.extend(body.labels.take().unwrap_or_default());
        body.labels = Some(labels);
        if piped {
            convert::pipe(&mut body);
        }
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        let created = self.engine.docker.create_container(Some(options), body).await;
        let created = created.map_err(|error| failed(&format!("creating container {service}"), &error))?;
        if !created.warnings.is_empty() {
            return Err(Error::Preflight(format!(
                "creating container {service}: the engine would go on without what was asked: {}",
                created.warnings.join("; ")
            )));
        }
        Ok(Container::new(self.engine.clone(), service, created.id, piped))
    }

    /// Removes the run's containers, its network stays.
    ///
    /// # Errors
    /// `Error::Engine` that names what could not be removed.
    pub async fn remove_containers(&self) -> Result<()> {
        let left: Vec<String> =
            self.remove_round(false).await.0.into_iter().filter(|what| what.contains(": ")).collect();
        if left.is_empty() { Ok(()) } else { Err(Error::Engine(left.join(", "))) }
    }

    /// Removes everything that carries this run's label, and looks again until nothing is left: an object whose making
    /// was cut short may appear after the first look.
    pub async fn remove_all(&self) -> Leftovers {
        let deadline = Instant::now() + REMOVE_LIMIT;
        let mut empty_looks = 0;
        let mut left = Leftovers::default();
        while Instant::now() < deadline {
            left = self.remove_round(true).await;
            empty_looks = if left.0.is_empty() { empty_looks + 1 } else { 0 };
            if empty_looks == 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        left
    }

    /// One round; names what was there and could not be removed (or was, and must be looked for again).
    async fn remove_round(&self, networks_too: bool) -> Leftovers {
        let docker = &self.engine.docker;
        let filters = HashMap::from([("label".to_owned(), vec![format!("{RUN_LABEL}={}", self.run)])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let containers = match docker.list_containers(Some(options)).await {
            Ok(containers) => containers,
            Err(error) => return Leftovers(vec![failed("listing containers", &error).to_string()]),
        };
        let removals = containers.into_iter().filter_map(|container| container.id).map(|id| async move {
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            let outcome = docker.remove_container(&id, Some(options)).await;
            format!("container {}{}", &id[..id.len().min(12)], why(outcome))
        });
        let mut found = join_all(removals).await;
        if !networks_too {
            return Leftovers(found);
        }
        let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
        let networks = match docker.list_networks(Some(options)).await {
            Ok(networks) => networks,
            Err(error) => return Leftovers(vec![failed("listing networks", &error).to_string()]),
        };
        for network in networks {
            let outcome = docker.remove_network(network.id.as_deref().unwrap_or_default()).await;
            found.push(format!("network {}{}", network.name.unwrap_or_default(), why(outcome)));
        }
        Leftovers(found)
    }

    fn network<'a>(&'a self, key: &'a str) -> &'a str {
        self.networks.get(key).map_or(key, String::as_str)
    }
}

fn why(outcome: Result<(), bollard::errors::Error>) -> String {
    match outcome {
        Err(error) if status(&error) != Some(404) => format!(": {}", failed("removing it", &error)),
        _ => String::new(),
    }
}

fn project(run: &str) -> String {
    format!("vscale-{}", run.to_ascii_lowercase())
}

/// A /28 (13 containers) of 10.213.0.0/16, another one for each attempt.
fn small_subnet(seed: u32, attempt: u32) -> String {
    let block = seed.wrapping_add(attempt.wrapping_mul(97)) % 4096;
    format!("10.213.{}.{}/28", block / 16, block % 16 * 16)
}

fn overlaps(error: &bollard::errors::Error) -> bool {
    error.to_string().to_ascii_lowercase().contains("overlap")
}

#[cfg(test)]
mod tests {
    use super::small_subnet;
    use std::collections::HashSet;

    #[test]
    fn attempts_go_to_different_subnets_of_the_range() {
        let subnets: HashSet<String> = (0..32).map(|attempt| small_subnet(4_000_000_000, attempt)).collect();
        assert_eq!(subnets.len(), 32);
        assert!(subnets.iter().all(|subnet| subnet.starts_with("10.213.") && subnet.ends_with("/28")));
    }
}
