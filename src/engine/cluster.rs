//! One run's objects in the engine: its networks, volumes and containers, made with the run's labels and removed by them, so that
//! removing needs no memory of what was made.

use super::{
    Call, Container, Engine, EngineError, convert, files,
    gc::{CREATED_LABEL, OWNER_LABEL, Owner, RUN_LABEL},
    mounts,
};
use crate::{
    compose::{Attachment, Project},
    error::{Error, Result},
    model::{ContainerPlan, CpuSet},
    units,
};
use bollard::{
    errors::Error as DockerError,
    models::{ContainerCreateBody, NetworkConnectRequest, NetworkingConfig},
    query_parameters::{
        CreateContainerOptionsBuilder, ListContainersOptionsBuilder, ListNetworksOptionsBuilder,
        ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder, RemoveVolumeOptions,
    },
};
use futures_util::future::join_all;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::RwLock,
    time::{sleep, timeout},
};

/// Longest time for removing a run's objects: an engine that was away for half a minute is back by then, and a removal
/// that was never answered is tried again.
const REMOVE_LIMIT: Duration = Duration::from_secs(60);
/// How long something may still come that the engine was asked for and did not answer.
const LATE_LIMIT: Duration = Duration::from_secs(5);
/// Between two looks, when the last one went well and when it did not.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const RETRY_EVERY: Duration = Duration::from_millis(500);

/// A run's objects.
pub struct Cluster {
    pub(super) engine: Engine,
    pub(super) run: String,
    labels: HashMap<String, String>,
    /// The engine's id of each network, by its key.
    pub(super) networks: HashMap<String, String>,
    /// The engine's name of each volume, by its key.
    pub(super) volumes: HashMap<String, String>,
    /// Shared by whatever is being made.
    making: Arc<RwLock<()>>,
    /// Whether the engine was asked for something and did not say what became of it.
    may_make_more: Arc<AtomicBool>,
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
            label(CREATED_LABEL, units::format_utc(units::now_unix_us())),
            label("com.docker.compose.project", project_name(run)),
        ]);
        Self { labels, ..Self::of_run(engine, run) }
    }

    /// Where it is.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// An earlier run's, to be removed.
    pub(super) fn of_run(engine: Engine, run: &str) -> Self {
        let (labels, networks, volumes, making, may_make_more) = Default::default();
        Self { engine, run: run.to_owned(), labels, networks, volumes, making, may_make_more }
    }

    /// Creates a container as planned, of the service that it is made of, with its secrets and configs; it is not yet
    /// started. Of our own image, its stdin, stdout and stderr are ours, and it can tell by its stdin when we are gone.
    ///
    /// # Errors
    /// `Error::Engine` when the engine fails; `Error::Preflight` when it takes none such, or would go on without what is asked for;
    /// `Error::Compose` for a secret or config that cannot be read.
    pub async fn create(&self, plan: &ContainerPlan, project: &Project, image: &str) -> Result<Container> {
        self.create_with(plan, project, image, project.service(&plan.service).is_ours()).await
    }

    /// The same, of any image, with pipes: what it writes can be heard as it does.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub async fn create_piped(&self, plan: &ContainerPlan, project: &Project, image: &str) -> Result<Container> {
        self.create_with(plan, project, image, true).await
    }

    async fn create_with(
        &self,
        plan: &ContainerPlan,
        project: &Project,
        image: &str,
        piped: bool,
    ) -> Result<Container> {
        let name = &plan.name;
        let service = project.service(&plan.service);
        if let Some(why) = mounts::not_known(service, self.engine.api_version()) {
            return Err(Error::Preflight(format!("creating container {name}: {why}")));
        }
        let files = files::placed(&plan.service, service, project)?;
        let names = convert::Names {
            container: &|service| self.container_name(service),
            volume: &|key| self.volumes.get(key).map_or(key, String::as_str).to_owned(),
        };
        let mut body = convert::container(plan, service, image, &files::volumes(&files), &names);
        // What is made of another's service cannot have its address too.
        let is_itself = project.name_of(&plan.service) == plan.name;
        let place = |(key, attachment): (_, &Attachment)| {
            let ipv4_address = attachment.ipv4_address.clone().filter(|_| is_itself);
            (key, Attachment { ipv4_address, ..attachment.clone() })
        };
        let mut networks = service.networks.iter().map(place);
        if let Some((key, attachment)) = networks.next() {
            let settings = convert::endpoint(name, service, &attachment, &names);
            let endpoints_config = Some(HashMap::from([(self.network(key).to_owned(), settings)]));
            body.networking_config = Some(NetworkingConfig { endpoints_config });
        }
        let labels = service.labels.clone().into_iter().collect();
        let platform = service.platform.as_deref().unwrap_or_default();
        let container = self.create_from(name, body, labels, piped, platform).await?;
        for (key, attachment) in networks {
            let request = NetworkConnectRequest {
                container: container.id().to_owned(),
                endpoint_config: Some(convert::endpoint(name, service, &attachment, &names)),
            };
            let connected = self.engine.docker.connect_network(self.network(key), request);
            self.engine.ask(Call::Connect, &format!("container {name} to network {key}"), connected).await?;
        }
        container.put(&files).await?;
        Ok(container)
    }

    /// Creates a container of our own image in the PID and network namespaces of `target`, as `user`, and without any
    /// capability but what root takes to end processes that are no longer root's.
    pub async fn create_probe(
        &self,
        target: &Container,
        image: &str,
        user: &str,
        cpus: &CpuSet,
        command: Vec<String>,
    ) -> Result<Container> {
        let body = convert::probe(target.id(), image, user, cpus, command);
        self.create_from(&format!("{}-probe", target.service()), body, Default::default(), true, "").await
    }

    /// Creates a container of our own image that sees nothing but the host's `/proc` and `/sys`.
    pub async fn create_alone(&self, name: &str, image: &str, command: Vec<String>) -> Result<Container> {
        self.create_from(name, convert::alone(image, command), Default::default(), true, "").await
    }

    async fn create_from(
        &self,
        service: &str,
        mut body: ContainerCreateBody,
        labels: BTreeMap<String, String>,
        piped: bool,
        platform: &str,
    ) -> Result<Container> {
        let name = self.container_name(service);
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
        let options = CreateContainerOptionsBuilder::new().name(&name).platform(platform).build();
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
    pub(super) fn labelled<const N: usize>(
        &self,
        theirs: BTreeMap<String, String>,
        ours: [(&str, &str); N],
    ) -> HashMap<String, String> {
        let ours = ours.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        theirs.into_iter().chain(ours).chain(self.labels.clone()).collect()
    }

    /// Asks for something new, and goes on asking when nobody waits for it any more: what an engine is making while it is
    /// looked for is in no list yet.
    pub(super) async fn make<T: Send + 'static>(
        &self,
        call: Call,
        object: &str,
        answer: impl Future<Output = Result<T, DockerError>> + Send + 'static,
    ) -> Result<T, EngineError> {
        let making = Arc::clone(&self.making).read_owned().await;
        let (engine, asked, may_make_more) = (self.engine.clone(), object.to_owned(), self.may_make_more.clone());
        let made = tokio::spawn(async move {
            let _making = making;
            let made = engine.ask(call, &asked, answer).await;
            if made.as_ref().is_err_and(EngineError::is_unanswered) {
                may_make_more.store(true, Ordering::Relaxed);
            }
            made
        });
        made.await.unwrap_or_else(|defect| Err(EngineError::other(call, object, defect.to_string())))
    }

    /// Removes everything that carries this run's label, and looks again until nothing is left.
    pub async fn remove_all(&self) -> Leftovers {
        self.remove_within(REMOVE_LIMIT.min(10 * self.engine.longest_wait)).await
    }

    /// The same in this time, which begins when nothing more is being made: what is still being made is looked for meanwhile.
    pub(super) async fn remove_within(&self, limit: Duration) -> Leftovers {
        let (mut left, mut empty_looks) = (Vec::new(), 0);
        let mut began = Instant::now();
        while began.elapsed() < limit {
            let nothing_is_being_made = self.making.try_write();
            if nothing_is_being_made.is_err() {
                (began, empty_looks) = (Instant::now(), 0);
            }
            let Ok(round) = timeout(limit.saturating_sub(began.elapsed()), self.remove_round()).await else { break };
            empty_looks = if round.was_empty { empty_looks + 1 } else { 0 };
            left = round.failed;
            let look_for = if self.may_make_more.load(Ordering::Relaxed) { LATE_LIMIT } else { Duration::ZERO };
            if nothing_is_being_made.is_ok() && empty_looks > 1 && began.elapsed() >= look_for {
                return Leftovers::default();
            }
            drop(nothing_is_being_made);
            sleep(if left.is_empty() { LOOK_EVERY } else { RETRY_EVERY }).await;
        }
        if left.is_empty() && empty_looks < 2 {
            left.push(EngineError::timed_out(Call::Remove, "containers, networks and volumes", limit));
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
        let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
        let volumes = match engine.ask(Call::List, "volumes", docker.list_volumes(Some(options))).await {
            Ok(answer) => answer.volumes.unwrap_or_default(),
            Err(error) => return Round { was_empty: false, failed: vec![error] },
        };
        let was_empty = containers.is_empty() && networks.is_empty() && volumes.is_empty();
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
        for volume in volumes {
            let removal = docker.remove_volume(&volume.name, None::<RemoveVolumeOptions>);
            outcomes.push(engine.ask(Call::Remove, &format!("volume {}", volume.name), removal).await);
        }
        let failed = outcomes.into_iter().filter_map(Result::err).filter(|error| !error.is_not_found());
        Round { was_empty, failed: failed.collect() }
    }

    /// Under which the engine knows a service's container.
    fn container_name(&self, service: &str) -> String {
        format!("{}-{service}-1", project_name(&self.run))
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

/// The name under which Compose's own tools show a run.
pub(super) fn project_name(run: &str) -> String {
    format!("vscale-{}", run.to_ascii_lowercase())
}
