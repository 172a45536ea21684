//! One run's objects in the engine: its networks and containers, made with the run's labels and removed by them, so that
//! removing needs no memory of what was made.

use super::{
    Call, Cause, Container, Engine, EngineError, convert,
    gc::{OWNER_LABEL, Owner, RUN_LABEL},
};
use crate::{
    compose::{Network, Service},
    error::{Error, Result},
    model::{ContainerPlan, CpuSet},
    units,
};
use bollard::{
    errors::Error as DockerError,
    models::{ContainerCreateBody, Ipam, IpamConfig, NetworkConnectRequest, NetworkCreateRequest},
    query_parameters::{
        CreateContainerOptionsBuilder, ListContainersOptionsBuilder, ListNetworksOptionsBuilder,
        RemoveContainerOptionsBuilder,
    },
};
use futures_util::future::join_all;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::sync::RwLock;

/// Longest time for removing a run's objects: an engine that was away for half a minute is back by then, and a removal
/// that was never answered is tried again.
const REMOVE_LIMIT: Duration = Duration::from_secs(60);
/// Between two looks, when the last one went well and when it did not.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const RETRY_EVERY: Duration = Duration::from_millis(500);
const BRIDGE: &str = "bridge";
/// An internal network leads nowhere but to the host itself, by the bridge's own address there: so it gets none. Engines
/// from 20.10 on know the option, others pass over it.
const NO_HOST_ADDRESS: &str = "com.docker.network.bridge.inhibit_ipv4";
/// Subnets that are tried when one is taken.
const SUBNET_TRIES: u32 = 32;

/// A run's objects.
pub struct Cluster {
    engine: Engine,
    run: String,
    labels: HashMap<String, String>,
    networks: HashMap<String, String>,
    /// Shared by whatever is being made.
    making: Arc<RwLock<()>>,
}

/// What could not be removed, and why; empty when all is gone.
#[derive(Debug, Default)]
pub struct Leftovers(Vec<EngineError>);

impl Leftovers {
    /// Whether all is gone.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A line each: `removing container 3f9a: no answer from the engine in 30 s`.
    pub fn in_words(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

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
        Self { engine, run: run.to_owned(), labels: HashMap::new(), networks: HashMap::new(), making: Arc::default() }
    }

    /// Makes the network that the compose file calls `key`, on a small subnet of its own unless the file names one.
    ///
    /// # Errors
    /// `Error::Engine` when the engine refuses, or every subnet tried is taken.
    pub async fn create_network(&mut self, key: &str, network: &Network) -> Result<()> {
        let name = format!("{}_{key}", project(&self.run));
        let labels = self.labelled(network.labels.clone(), [("com.docker.compose.network", key)]);
        let driver = network.driver.clone().unwrap_or_else(|| BRIDGE.into());
        let options = (network.internal && driver == BRIDGE)
            .then(|| HashMap::from([(NO_HOST_ADDRESS.to_owned(), "true".to_owned())]));
        let mut request = NetworkCreateRequest {
            name: name.clone(),
            driver: Some(driver),
            options,
            internal: Some(network.internal),
            labels: Some(labels.into_iter().collect()),
            ..Default::default()
        };
        let object = format!("network {key}");
        let seed = self.run.bytes().fold(0_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
        for attempt in 0..SUBNET_TRIES {
            let config = if network.ipam.config.is_empty() {
                vec![IpamConfig { subnet: Some(small_subnet(seed, attempt)), ..Default::default() }]
            } else {
                network.ipam.config.iter().map(convert::subnet).collect()
            };
            request.ipam =
                Some(Ipam { config: Some(config), driver: network.ipam.driver.clone(), ..Default::default() });
            let (docker, request) = (self.engine.docker.clone(), request.clone());
            let made = async move { docker.create_network(request).await };
            match self.make(Call::CreateNetwork, &object, made).await {
                Ok(answer) => {
                    self.networks.insert(key.to_owned(), answer.id);
                    return Ok(());
                }
                Err(error) if network.ipam.config.is_empty() && overlaps(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let why = format!("{SUBNET_TRIES} subnets of 10.213.0.0/16 are taken");
        Err(EngineError::other(Call::CreateNetwork, &object, why).into())
    }

    /// Creates a container as planned, of the service that it is made of; it is not yet started. Of our own image, its
    /// stdin, stdout and stderr are ours, and it can tell by its stdin when we are gone.
    ///
    /// # Errors
    /// `Error::Engine` when the engine refuses; `Error::Preflight` when it would go on without a limit asked for.
    pub async fn create(&self, plan: &ContainerPlan, service: &Service, image: &str) -> Result<Container> {
        let name = &plan.name;
        let mut networks = service.networks.iter();
        let first = networks.next();
        let mut body = ContainerCreateBody {
            networking_config: first.map(|(key, attachment)| convert::endpoint(name, self.network(key), attachment)),
            ..convert::container(plan, service, image)
        };
        if first.is_none()
            && let Some(host_config) = &mut body.host_config
        {
            host_config.network_mode = Some("none".into());
        }
        let labels = service.labels.clone().into_iter().collect();
        let container = self.create_from(name, body, labels, service.is_ours()).await?;
        for (key, attachment) in networks {
            let request = NetworkConnectRequest {
                container: container.id().to_owned(),
                endpoint_config: Some(convert::endpoint_settings(name, attachment)),
            };
            let connected = self.engine.docker.connect_network(self.network(key), request);
            self.engine.ask(Call::Connect, &format!("container {name} to network {key}"), connected).await?;
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
        cpus: &CpuSet,
        command: Vec<String>,
    ) -> Result<Container> {
        let body = convert::probe(target.id(), image, user, cpus, command);
        self.create_from(&format!("{}-probe", target.service()), body, Default::default(), true).await
    }

    /// Creates a container of our own image that sees nothing but the host's `/proc` and `/sys`.
    pub async fn create_alone(&self, name: &str, image: &str, command: Vec<String>) -> Result<Container> {
        self.create_from(name, convert::alone(image, command), Default::default(), true).await
    }

    async fn create_from(
        &self,
        service: &str,
        mut body: ContainerCreateBody,
        labels: BTreeMap<String, String>,
        piped: bool,
    ) -> Result<Container> {
        let name = format!("{}-{service}-1", project(&self.run));
        let ours = [
            ("com.docker.compose.service", service),
            ("com.docker.compose.container-number", "1"),
            ("com.docker.compose.oneoff", "False"),
            ("com.docker.compose.config-hash", &self.run),
        ];
        body.labels = Some(self.labelled(labels, ours));
        if piped {
            convert::pipe(&mut body);
        }
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        let docker = self.engine.docker.clone();
        let created = async move { docker.create_container(Some(options), body).await };
        let created = self.make(Call::Create, &format!("container {service}"), created).await?;
        if !created.warnings.is_empty() {
            return Err(Error::Preflight(format!(
                "creating container {service}: the engine would go on without what was asked: {}",
                created.warnings.join("; ")
            )));
        }
        Ok(Container::new(self.engine.clone(), service, created.id, piped))
    }

    /// Labels of the compose file, and ours over them: removing goes by ours.
    fn labelled<const N: usize>(
        &self,
        theirs: BTreeMap<String, String>,
        ours: [(&str, &str); N],
    ) -> HashMap<String, String> {
        let ours = ours.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        theirs.into_iter().chain(ours).chain(self.labels.clone()).collect()
    }

    /// Asks for something new, and goes on asking when nobody waits for it any more: what an engine is making while it is
    /// looked for is in no list yet.
    async fn make<T: Send + 'static>(
        &self,
        call: Call,
        object: &str,
        answer: impl Future<Output = Result<T, DockerError>> + Send + 'static,
    ) -> Result<T, EngineError> {
        let making = Arc::clone(&self.making).read_owned().await;
        let (engine, asked) = (self.engine.clone(), object.to_owned());
        let made = tokio::spawn(async move {
            let _making = making;
            engine.ask(call, &asked, answer).await
        });
        made.await.unwrap_or_else(|defect| Err(EngineError::other(call, object, defect.to_string())))
    }

    /// Removes everything that carries this run's label, and looks again until nothing is left.
    pub async fn remove_all(&self) -> Leftovers {
        let limit = REMOVE_LIMIT.min(10 * self.engine.longest_wait);
        let mut left = Vec::new();
        let removing = async {
            let _nothing_is_being_made = self.making.write().await;
            let mut empty_looks = 0;
            while empty_looks < 2 {
                let round = self.remove_round().await;
                empty_looks = if round.was_empty { empty_looks + 1 } else { 0 };
                left = round.failed;
                tokio::time::sleep(if left.is_empty() { LOOK_EVERY } else { RETRY_EVERY }).await;
            }
        };
        if tokio::time::timeout(limit, removing).await.is_err() && left.is_empty() {
            left.push(EngineError::timed_out(Call::Remove, "containers and networks", limit));
        }
        Leftovers(left)
    }

    /// One look, and the removal of what is seen.
    async fn remove_round(&self) -> Round {
        let (docker, engine) = (&self.engine.docker, &self.engine);
        let filters = HashMap::from([("label".to_owned(), vec![format!("{RUN_LABEL}={}", self.run)])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let containers = match engine.ask(Call::List, "containers", docker.list_containers(Some(options))).await {
            Ok(containers) => containers,
            Err(error) => return Round { was_empty: false, failed: vec![error] },
        };
        let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
        let networks = match engine.ask(Call::List, "networks", docker.list_networks(Some(options))).await {
            Ok(networks) => networks,
            Err(error) => return Round { was_empty: false, failed: vec![error] },
        };
        let was_empty = containers.is_empty() && networks.is_empty();
        let removals = containers.into_iter().filter_map(|container| container.id).map(|id| async move {
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            let object = format!("container {}", &id[..id.len().min(12)]);
            engine.ask(Call::Remove, &object, docker.remove_container(&id, Some(options))).await
        });
        let mut outcomes = join_all(removals).await;
        for network in networks {
            let object = format!("network {}", network.name.unwrap_or_default());
            let removal = docker.remove_network(network.id.as_deref().unwrap_or_default());
            outcomes.push(engine.ask(Call::Remove, &object, removal).await);
        }
        let failed = outcomes.into_iter().filter_map(Result::err).filter(|error| !error.is_not_found());
        Round { was_empty, failed: failed.collect() }
    }

    fn network<'a>(&'a self, key: &'a str) -> &'a str {
        self.networks.get(key).map_or(key, String::as_str)
    }
}

/// What one look saw.
struct Round {
    /// Nothing at all.
    was_empty: bool,
    failed: Vec<EngineError>,
}

fn project(run: &str) -> String {
    format!("vscale-{}", run.to_ascii_lowercase())
}

/// A /28 (13 containers) of 10.213.0.0/16, another one for each attempt.
fn small_subnet(seed: u32, attempt: u32) -> String {
    let block = seed.wrapping_add(attempt.wrapping_mul(97)) % 4096;
    format!("10.213.{}.{}/28", block / 16, block % 16 * 16)
}

/// Whether a subnet is taken: the engine has no status of its own for that (403, 409 or 500 by its version), only words.
fn overlaps(error: &EngineError) -> bool {
    matches!(error.cause(), Cause::Refused { message, .. } if message.to_ascii_lowercase().contains("overlap"))
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
