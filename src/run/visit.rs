//! Carries out one visit: up, ready, settle, attest, load, attest, down.

use super::{
    Listener,
    containers::{Starter, Up},
    control::Control,
    last_words::{not_ready, with_ended},
    look_back::{LookBack, Seen},
    phase::{self, Generator, Loaded, Stage},
    prepare::Prepared,
    settle::settle,
    steps::Steps,
    tool::{Left, Tool},
};
use crate::{
    analyse,
    compose::Project,
    engine::Cluster,
    error::{Error, Result},
    events::Event,
    files,
    measure::WorkerCounter,
    model::{
        Attestation, ContainerPlan, Ended, LoadToolRun, Phase, PhaseKind, PhasePlan, Plan, SpeedReading, Step, Visit,
        Visited,
    },
    store::Attached,
    units::now_unix_us,
};
use std::time::Duration;
use tokio::time::timeout;

/// Longest wait for the speed reference: beyond it the machine is so slow that a number says no more.
const SPEED_LIMIT: Duration = Duration::from_secs(10);

/// A visit that was carried out.
pub(super) struct Carried {
    pub(super) visited: Visited,
    /// What it leaves besides.
    pub(super) attached: Attached,
    /// Whether what its loads were given besides is removed.
    pub(super) removed: Result<()>,
}

/// The target of a visit that was carried out, which still stands.
pub(super) struct StillUp {
    target: Up,
    steps: Steps,
}

impl StillUp {
    /// Gives whether it is removed, so that the next visit can use the names, and all steps of the visit.
    pub(super) async fn take_down(mut self) -> (Result<()>, Vec<Step>) {
        let down = self.target.take_down().await;
        self.steps.lap("take down");
        (down, self.steps.so_far())
    }
}

/// What a load was given besides, for itself alone.
struct Besides<'a> {
    tool: Option<(Tool<'a>, &'a LoadToolRun)>,
    container: Option<Up>,
}

impl Besides<'_> {
    /// Removes it; gives what another load generator leaves.
    async fn take_down(self, kind: PhaseKind) -> (Option<Left>, Result<()>) {
        let (left, tool_removed) = match self.tool {
            Some((tool, run)) => {
                let (left, removed) = tool.take_down(run, kind).await;
                (Some(left), removed)
            }
            None => (None, Ok(())),
        };
        let container_removed = match self.container {
            Some(up) => up.take_down().await,
            None => Ok(()),
        };
        (left, tool_removed.and(container_removed))
    }
}

/// Carries out visits, one after the other; what lives for the run stays up between them.
pub(super) struct Carrier<'a> {
    plan: &'a Plan,
    starter: Starter<'a>,
    target: &'a str,
    generator: &'a str,
    workers: WorkerCounter,
    /// Whether a visit's number of workers can be counted.
    proves_workers: bool,
    /// Of a load generator that is not ours, where it has one.
    script: Option<Vec<u8>>,
    standing: Vec<Up>,
}

impl<'a> Carrier<'a> {
    pub(super) fn new(
        cluster: &'a Cluster,
        project: &'a Project,
        prepared: &'a Prepared,
        plan: &'a Plan,
    ) -> Result<Self> {
        let ready_timeout = Duration::from_micros(plan.ready_timeout_us);
        let (images, own_image) = (&prepared.images, &prepared.own_image);
        Ok(Self {
            plan,
            starter: Starter {
                cluster,
                project,
                images,
                own_image,
                ready_timeout,
                control: Control::new(plan.roles.backend.as_deref())?,
                target: &plan.roles.target,
                count: plan.workers.as_ref().map(|workers| &workers.count),
            },
            target: &plan.roles.target,
            generator: &plan.roles.generator,
            workers: WorkerCounter::of(plan)?,
            proves_workers: plan.proves_workers(),
            script: project.vscale.generator.tool().and_then(|tool| tool.file.as_ref()).map(read).transpose()?,
            standing: Vec::new(),
        })
    }

    /// One visit, whose target then still stands. What it has found so far stands in `carried`, phase after phase: a load that
    /// fails, an engine that does not answer or a signal can only keep it from finding more.
    ///
    /// # Errors
    /// [`Error::Start`] when a container does not start or is never ready, with its last log lines; [`Error::Engine`]
    /// when the engine goes away. What runs then is removed by the run's label.
    pub(super) async fn carry_out(
        &mut self,
        visit: &Visit,
        carried: &mut Option<Carried>,
        tell: Listener<'_>,
    ) -> Result<StillUp> {
        let started_unix_us = now_unix_us();
        let mut steps = Steps::start();
        self.clear_changed(visit).await?;
        // What the last visit lost, that one has told.
        self.replace_lost(visit, tell).await?;
        let mut target = self.bring_up(visit, &mut steps, tell).await?;
        self.settle(visit, &mut target, tell).await?;
        steps.lap("settle");
        self.limit(&mut target).await?;
        steps.lap("set limits");

        let attestation = Attestation {
            workers_before: target.look(&self.workers).await,
            workers_after: None,
            workers_not_told: target.workers_not_told(),
            limits: Vec::new(),
            above: None,
            not_seen: Vec::new(),
            is_complete: false,
        };
        let visited = Visited {
            id: visit.id.clone(),
            sequence: visit.sequence,
            point: visit.point,
            block: visit.block,
            change: visit.change,
            workers: visit.workers,
            started_unix_us,
            ready_after_us: target.ready_after_us,
            attestation,
            phases: Vec::new(),
            no_baseline: None,
            ended: Vec::new(),
            steps: steps.so_far(),
        };
        let carried = carried.insert(Carried { visited, attached: Attached::default(), removed: Ok(()) });
        let mut seen = Seen { above_before: target.quotas_above().await, ..Seen::default() };
        let loaded = self.loads(visit, &mut target, carried, &mut seen, &mut steps, tell).await;
        // An engine that does not answer is not asked any more.
        if !carried.visited.phases.is_empty() && !matches!(loaded, Err(Error::Engine(_))) {
            let look_back = LookBack { standing: &self.standing, generator: self.generator, workers: &self.workers };
            carried.attached.logs = look_back.at(&mut target, &mut carried.visited, seen, &mut steps).await;
        }
        loaded.map(|()| StillUp { target, steps })
    }

    /// All loads, one after the other.
    async fn loads(
        &mut self,
        visit: &Visit,
        target: &mut Up,
        carried: &mut Carried,
        seen: &mut Seen,
        steps: &mut Steps,
        tell: Listener<'_>,
    ) -> Result<()> {
        let Carried { visited, attached, removed } = carried;
        let mut speed = self.speed().await;
        for plan in &visit.phases {
            visited.ended.extend(self.replace_lost(visit, tell).await?);
            let (all, plan) = (self.plan, &self.starter.control.phase(plan));
            let (Loaded { phase, hlog, blind }, besides) = self.load(plan, visit, target, tell).await?;
            // Whatever comes now, it was measured.
            match analyse::why_no_baseline(all, &phase) {
                None => {
                    attached.hlogs.extend(hlog.map(|hlog| (plan.kind, hlog)));
                    visited.phases.push(Phase { speed_before: speed, ..phase });
                }
                why => visited.no_baseline = why,
            }
            seen.blind = seen.blind.take().or(blind);
            let (left, besides_removed) = besides.take_down(plan.kind).await;
            seen.tools.extend(left);
            *removed = std::mem::replace(removed, Ok(())).and(besides_removed);
            speed = self.speed().await;
            if let Some(phase) = visited.phases.last_mut().filter(|phase| phase.kind == plan.kind) {
                phase.speed_after = speed;
            }
            steps.lap(format!("load: {}", plan.kind));
            visited.steps = steps.so_far();
        }
        Ok(())
    }

    /// Ends what stands otherwise than this visit has it.
    async fn clear_changed(&mut self, visit: &Visit) -> Result<()> {
        let is_as_planned = |up: &Up| visit.containers.iter().all(|plan| plan.name != up.plan.name || *plan == up.plan);
        for up in std::mem::take(&mut self.standing) {
            if is_as_planned(&up) {
                self.standing.push(up);
            } else {
                up.take_down().await?;
            }
        }
        Ok(())
    }

    /// Starts anew what should stand and was lost; gives what became of it.
    async fn replace_lost(&mut self, visit: &Visit, tell: Listener<'_>) -> Result<Vec<Ended>> {
        let mut all_lost = Vec::new();
        for up in std::mem::take(&mut self.standing) {
            let Some(lost) = up.lost().await? else {
                self.standing.push(up);
                continue;
            };
            let plan = up.plan.clone();
            up.take_down().await?;
            self.stand(&plan, visit, tell).await?;
            all_lost.push(lost);
        }
        Ok(all_lost)
    }

    async fn start(&self, plan: &ContainerPlan, visit: &str, tell: Listener<'_>) -> Result<Up> {
        match self.starter.start(plan, visit, tell).await {
            Err(error) => {
                let others = self.standing.iter().filter(|up| !up.has_completed).map(|up| &up.container);
                Err(with_ended(error, others).await)
            }
            up => up,
        }
    }

    /// Starts what then stands for the run.
    async fn stand(&mut self, plan: &ContainerPlan, visit: &Visit, tell: Listener<'_>) -> Result<()> {
        tell(Event::Starting { visit: visit.id.clone(), container: plan.name.clone(), workers: None });
        let mut up = self.start(plan, &visit.id, tell).await?;
        // It is ready, and nobody looks into it any more; but who is not of ours does not end with us without its probe.
        let is_ours = self.starter.project.service(&plan.service).is_ours();
        if let Some(probe) = up.probe.take_if(|_| is_ours) {
            probe.remove().await?;
        }
        self.standing.push(up);
        Ok(())
    }

    /// Starts what does not run yet, in the plan's order; gives the target.
    async fn bring_up(&mut self, visit: &Visit, steps: &mut Steps, tell: Listener<'_>) -> Result<Up> {
        let mut target = None;
        for plan in &visit.containers {
            if self.standing.iter().any(|up| up.plan.name == plan.name) {
                continue;
            }
            if plan.name == self.target {
                let (visit_id, container) = (visit.id.clone(), plan.name.clone());
                let workers = Some(visit.workers).filter(|_| self.proves_workers);
                tell(Event::Starting { visit: visit_id.clone(), container: container.clone(), workers });
                let up = self.start(plan, &visit.id, tell).await?;
                tell(Event::Ready { visit: visit_id, container, after_us: up.ready_after_us });
                target = Some(up);
            } else {
                self.stand(plan, visit, tell).await?;
            }
            steps.lap(format!("start {}", plan.name));
        }
        target.ok_or_else(|| Error::Other("a visit without a target".into()))
    }

    async fn settle(&self, visit: &Visit, target: &mut Up, tell: Listener<'_>) -> Result<()> {
        let probe = target.probe.as_mut().ok_or_else(|| Error::Other("the target has no probe".into()))?;
        let mut waiting = |what| tell(Event::Waiting { visit: visit.id.clone(), what });
        let asked = Some(visit.workers).filter(|_| self.proves_workers);
        match settle(probe, &self.workers, asked, self.starter.ready_timeout, &mut waiting).await {
            Ok(sample) => {
                target.seen = Some(sample);
                Ok(())
            }
            Err(error) => Err(not_ready(&target.container, error).await),
        }
    }

    /// Sets the limits that a target gets once it is ready.
    async fn limit(&self, target: &mut Up) -> Result<()> {
        if target.plan.limits_once_ready.is_empty() {
            return Ok(());
        }
        let limits = target.plan.limits.merged(&target.plan.limits_once_ready);
        target.container.set_limits(&limits).await
    }

    /// How fast the target's CPUs are now; `None` where that cannot be measured.
    async fn speed(&mut self) -> Option<SpeedReading> {
        let reference = self.standing.iter_mut().find(|up| up.plan.name == Plan::SPEED)?;
        let line = timeout(SPEED_LIMIT, reference.output.ask("measure\n")).await.ok()?.ok()??;
        serde_json::from_str(&line).ok()
    }

    async fn load<'l>(
        &'l mut self,
        plan: &'l PhasePlan,
        visit: &Visit,
        target: &mut Up,
        tell: Listener<'_>,
    ) -> Result<(Loaded, Besides<'l>)> {
        let mut beside = match &plan.beside {
            Some(container) => Some(self.starter.start(container, &visit.id, tell).await?),
            None => None,
        };
        // Its probe must not take CPU from what is measured.
        if let Some(probe) = beside.as_mut().and_then(|up| up.probe.take()) {
            probe.remove().await?;
        }
        let who = if plan.tool.is_some() { Plan::WITNESS } else { self.generator };
        let (told, others): (Vec<&mut Up>, Vec<&mut Up>) = self.standing.iter_mut().partition(|up| up.plan.name == who);
        let told = told.into_iter().next();
        let Up { container, probe, .. } = target;
        let probe = probe.as_mut().filter(|_| plan.kind == PhaseKind::Target);
        let others =
            others.into_iter().filter(|up| up.plan.name != Plan::SPEED && !up.has_completed).map(|up| &up.container);
        let others = others.chain([&*container]).chain(beside.as_ref().map(|up| &up.container)).collect();
        let (loaded, tool) = match &plan.tool {
            Some(run) => {
                let mut tool = Tool::make(&self.starter, run, plan, self.script.as_deref(), told).await?;
                let stage = Stage { visit: &visit.id, generator: Generator::Tool(&mut tool), probe, others };
                (phase::carry_out(plan, stage, tell).await?, Some((tool, run)))
            }
            None => {
                let generator = told.ok_or_else(|| Error::Other("a visit without a generator".into()))?;
                let stage = Stage { visit: &visit.id, generator: Generator::Ours(generator), probe, others };
                (phase::carry_out(plan, stage, tell).await?, None)
            }
        };
        Ok((loaded, Besides { tool, container: beside }))
    }
}

fn read(path: &std::path::PathBuf) -> Result<Vec<u8>> {
    files::read(path, files::MOST_BYTES).map_err(Error::input(path))
}
