//! What is there before a plan can be made: the images, and what the host is.

use super::{Job, Listener};
use crate::{
    compose::{self, Project},
    engine::{BaseImage, Cluster, Engine, collect_garbage},
    error::{Error, Result},
    events::Event,
    load_tools,
    model::{Host, HostFacts, ImageFacts, Origin},
};
use futures_util::future::try_join;
use std::{cell::RefCell, collections::BTreeMap, time::Duration};
use tokio::time::timeout;

/// Longest wait for what the host is: reading it takes milliseconds.
const HOST_LIMIT: Duration = Duration::from_secs(30);

/// Images and host.
pub(super) struct Prepared {
    /// The reference of each service's image.
    pub(super) images: BTreeMap<String, String>,
    /// The image of our own roles.
    pub(super) own_image: String,
    pub(super) host: HostFacts,
    facts: Vec<ImageFacts>,
}

impl Prepared {
    /// Removes what killed runs left, makes or finds the images, and asks a container of ours what the host is.
    ///
    /// # Errors
    /// [`Error::Preflight`] and [`Error::Compose`] for an image that cannot be had.
    pub(super) async fn new(job: &Job, engine: &Engine, cluster: &Cluster, tell: Listener<'_>) -> Result<Self> {
        check_namespaces(&job.project)?;
        for (run, left) in collect_garbage(engine, false).await? {
            tell(Event::Collected { run, left: left.in_words() });
        }
        let base = job.base_image.as_deref().map_or(BaseImage::Any, BaseImage::Given);
        let tell = RefCell::new(tell);
        let say =
            |service: &str, line: &str| tell.borrow_mut()(Event::Image { service: service.into(), line: line.into() });
        // Our own image and the services' do not need each other.
        let mut say_own = |line: &str| say("vscale", line);
        let (own_image, found) = try_join(engine.own_image(&mut say_own), async {
            let mut found = Vec::new();
            for (name, service) in job.project.all_services() {
                say(&name, "");
                let mut say = |line: &str| say(&name, line);
                let image = if service.build.is_none() && service.image.as_deref() == Some(compose::LOCUST_IMAGE) {
                    Some(engine.bundled_image(&name, &load_tools::LOCUST_IMAGE, base, &mut say).await?)
                } else {
                    engine.service_image(&name, service, base, &mut say).await?
                };
                found.push((name, image));
            }
            Ok(found)
        })
        .await?;
        let mut images = BTreeMap::new();
        let mut facts = Vec::new();
        for (name, reference) in found {
            let reference = reference.unwrap_or_else(|| own_image.clone());
            facts.extend(engine.image(&name, &reference).await?);
            images.insert(name, reference);
        }
        let host = host_facts(cluster, &own_image).await?;
        Ok(Self { images, own_image, host, facts })
    }

    /// Where the run runs, and with what.
    pub(super) fn origin(&self, job: &Job, engine: &Engine) -> Origin {
        Origin {
            hosts: vec![Host { facts: self.host.clone(), engine: engine.facts().clone() }],
            images: self.facts.clone(),
            vscale_version: env!("CARGO_PKG_VERSION").into(),
            arguments: job.redactor.arguments(&job.arguments),
        }
    }
}

/// Who lives in a namespace of the target, or with its volumes, would lose them with each visit.
fn check_namespaces(project: &Project) -> Result<()> {
    let target = &project.vscale.target;
    let shared = format!("service:{target}");
    for (key, service) in project.all_services() {
        let name = project.name_of(&key);
        let network = service.network_mode.clone().map(String::from);
        let modes = [("network_mode", &network), ("ipc", &service.ipc), ("pid", &service.pid)];
        if let Some((key, _)) = modes.into_iter().find(|(_, mode)| mode.as_ref() == Some(&shared)) {
            let why =
                format!("`{target}` is the target, and started anew for each visit; share it the other way round");
            return Err(Error::Compose(format!("services.{name}.{key}: {why}: `{key}: service:{name}` in `{target}`")));
        }
        if service.volumes_from.iter().any(|from| from.service == *target) {
            let why = format!("`{target}` is the target, and started anew for each visit");
            return Err(Error::Compose(format!("services.{name}.volumes_from: {why}; name the volumes in both")));
        }
    }
    Ok(())
}

async fn host_facts(cluster: &Cluster, own_image: &str) -> Result<HostFacts> {
    let container = cluster.create_alone("host", own_image, vec!["host".into()]).await?;
    let mut output = container.start().await?;
    let silent = |_| Error::Preflight("the engine's host cannot be read: nothing was told in 30 s".into());
    let line = timeout(HOST_LIMIT, output.next_line()).await.map_err(silent)??;
    let facts = line.as_deref().and_then(|line| serde_json::from_str(line).ok());
    let facts =
        facts.ok_or_else(|| Error::Preflight(format!("the engine's host cannot be read: {}", output.last_words())))?;
    container.remove().await?;
    Ok(facts)
}
