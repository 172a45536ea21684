//! Containers that are up.

use super::{
    Listener,
    control::Control,
    last_words::not_ready,
    probe::{Look, Probe},
};
use crate::{
    compose::Project,
    engine::{Cluster, Container, Output, State},
    error::{Error, Result},
    events::Event,
    load_tools,
    measure::WorkerCounter,
    model::{
        ContainerPlan, CountBy, CpuSet, Ended, Limit, LimitRow, LimitValue, Limits, ProbeSample, QuotaAbove,
        WorkersTold,
    },
    probe::quotas_above,
};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

/// What starting a container takes.
pub(super) struct Starter<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) project: &'a Project,
    pub(super) images: &'a BTreeMap<String, String>,
    pub(super) own_image: &'a str,
    pub(super) ready_timeout: Duration,
    pub(super) control: Control,
    /// The service under test, and what counts as one of its workers.
    pub(super) target: &'a str,
    pub(super) count: Option<&'a CountBy>,
}

/// A container that is up.
pub(super) struct Up {
    pub(super) plan: ContainerPlan,
    pub(super) container: Container,
    /// While this lives, a container of our own image knows that we live.
    pub(super) output: Output,
    /// In how many it is.
    pub(super) networks: usize,
    /// While it is watched.
    pub(super) probe: Option<Probe>,
    /// What its probe saw last.
    pub(super) seen: Option<ProbeSample>,
    pub(super) ready_after_us: u64,
    /// It has done its work and is to run no more.
    pub(super) has_completed: bool,
}

impl Starter<'_> {
    /// Makes the container of a load generator that is not ours, with all that it needs in it; it is not yet started.
    pub(super) async fn tool(&self, plan: &ContainerPlan, files: &[(String, Vec<u8>)]) -> Result<Container> {
        let container = self.cluster.create_piped(plan, self.project, &self.images[&plan.service]).await?;
        container.put_at_root(files, &format!("{}/{}", load_tools::FOLDER, load_tools::OUT)).await?;
        Ok(container)
    }

    /// Starts a container and waits until it is as others want it, and ready, if it has an endpoint to ask; its probe is kept.
    pub(super) async fn start(&self, plan: &ContainerPlan, visit: &str, tell: Listener<'_>) -> Result<Up> {
        let service = self.project.service(&plan.service);
        let image = if service.is_ours() { self.own_image } else { &self.images[&plan.service] };
        let with_token = service.is_ours().then(|| self.control.container(plan));
        let container = self.cluster.create(with_token.as_ref().unwrap_or(plan), self.project, image).await?;
        let output = container.start().await?;
        let started = Instant::now();
        let networks = service.networks.len();
        let mut up = Up {
            plan: plan.clone(),
            container,
            output,
            networks,
            probe: None,
            seen: None,
            ready_after_us: 0,
            has_completed: false,
        };
        up.has_completed = self.await_wanted(plan, &up.container, image, visit, tell).await?;
        let (ready, count) = (plan.ready.as_ref(), self.count.filter(|_| plan.name == self.target));
        let look = Look { target: &up.container, ready, cpus: &plan.probe_cpus, timeout: self.ready_timeout, count };
        if ready.is_none() {
            up.probe = if service.is_ours() || up.has_completed { None } else { self.warden(&look).await? };
            return Ok(up);
        }
        let mut probe = match Probe::start(self.cluster, self.own_image, &look).await {
            Ok(probe) => probe,
            // A container that has ended has no namespaces to look into: that it ended says more.
            Err(error) => return Err(not_ready(&up.container, error).await),
        };
        let mut waiting = |last| {
            tell(Event::Waiting { visit: visit.to_owned(), what: format!("{}: {last}", plan.name) });
        };
        // Its probe ends with it, but for one that shares the processes of another.
        let ready = tokio::select! {
            ready = probe.until_ready(self.ready_timeout, &mut waiting) => ready,
            () = up.container.ended() => Err(Error::Start("it has ended".into())),
        };
        match ready {
            Ok(_) if plan.is_ready_when_healthy() => up.ready_after_us = started.elapsed().as_micros() as u64,
            Ok(after_us) => up.ready_after_us = after_us,
            Err(error) => return Err(not_ready(&up.container, error).await),
        }
        up.seen = match probe.sample().await {
            Ok(sample) => Some(sample),
            Err(error) => return Err(not_ready(&up.container, error).await),
        };
        up.probe = Some(probe);
        Ok(up)
    }

    /// A probe that only waits to end what knows nothing of us, once we are gone; `None` where that has ended by itself.
    async fn warden(&self, look: &Look<'_>) -> Result<Option<Probe>> {
        match Probe::start(self.cluster, self.own_image, look).await {
            Ok(probe) => Ok(Some(probe)),
            Err(error) if look.target.state().await?.running => Err(error),
            Err(_) => Ok(None),
        }
    }
}

impl Up {
    /// Looks at its processes and limits: how many workers there are; `None` where that cannot be told, also for more
    /// processes than a sample has.
    pub(super) async fn look(&mut self, workers: &WorkerCounter) -> Option<u32> {
        self.seen = match &mut self.probe {
            Some(probe) => probe.sample().await.ok(),
            None => None,
        };
        self.seen.as_ref().and_then(|sample| workers.whole_count(sample))
    }

    /// Why it did not tell its workers when it was last looked at, if it was asked.
    pub(super) fn workers_not_told(&self) -> Option<String> {
        match &self.seen.as_ref()?.workers_told {
            Some(WorkersTold::Nothing(why)) => Some(why.clone()),
            Some(WorkersTold::Count(_)) | None => None,
        }
    }

    /// Every limit: as asked for, as the engine has it, as seen inside. What cannot be read is left out.
    pub(super) async fn limits(&self, inside: &Limits) -> Vec<LimitRow> {
        let asked = with_affinity(self.plan.limits.merged(&self.plan.limits_once_ready));
        let engine = self.container.limits().await.unwrap_or_default();
        let mut limits: Vec<Limit> =
            [&asked, &engine, inside].iter().flat_map(|it| it.iter().map(|(it, _)| it)).collect();
        limits.sort_unstable();
        limits.dedup();
        let row = |limit| LimitRow {
            container: self.plan.name.clone(),
            limit,
            asked: asked.get(limit).cloned(),
            engine: engine.get(limit).cloned(),
            inside: inside.get(limit).cloned(),
        };
        limits.into_iter().map(row).collect()
    }

    /// The limits that its probe saw inside, and where its processes may run.
    pub(super) fn limits_seen(&self) -> Limits {
        let Some(seen) = &self.seen else { return Limits::default() };
        let mut affinity = CpuSet::default();
        seen.processes.iter().for_each(|process| affinity.extend(process.cpus_allowed.iter()));
        let affinity = (!affinity.is_empty()).then_some(LimitValue::Cpus(affinity));
        let mut limits = seen.limits.clone();
        limits.set(Limit::Affinity, affinity);
        limits
    }

    /// Quotas on the cgroups above it; `None` where the engine is on another host.
    pub(super) async fn quotas_above(&self) -> Option<Vec<QuotaAbove>> {
        quotas_above(self.container.state().await.ok()?.pid?, self.container.id())
    }

    /// What became of it, if it is not as it was started: it has ended, or somebody took it off a network.
    pub(super) async fn lost(&self) -> Result<Option<Ended>> {
        if self.has_completed {
            return Ok(None);
        }
        let state = self.container.state().await?;
        let how = match state {
            State { running: false, .. } => state.in_words(),
            State { networks, .. } if networks < self.networks => "somebody took it off its network".into(),
            _ => return Ok(None),
        };
        Ok(Some(Ended { container: self.plan.name.clone(), how }))
    }

    /// Ends and removes it, and its probe.
    pub(super) async fn take_down(self) -> Result<()> {
        let probe = async {
            match self.probe {
                Some(probe) => probe.remove().await,
                None => Ok(()),
            }
        };
        let (container, probe) = tokio::join!(self.container.remove(), probe);
        container.and(probe)
    }
}

/// Processes are to run on the CPUs that their container has.
fn with_affinity(asked: Limits) -> Limits {
    match asked.get(Limit::Cpuset).cloned() {
        Some(cpus) => asked.with(Limit::Affinity, cpus),
        None => asked,
    }
}
