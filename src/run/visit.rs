//! Carries out one visit: up, ready, settle, attest, load, attest, down.

use super::{
    Listener,
    containers::{Starter, Up, not_ready},
    control::Control,
    phase::{self, Stage},
    prepare::Prepared,
    settle::settle,
    steps::Steps,
};
use crate::{
    compose::Project,
    engine::Cluster,
    error::{Error, Result},
    events::Event,
    measure::WorkerCounter,
    model::{
        Attestation, Ended, Life, Limit, LimitRow, LimitValue, Limits, Phase, PhaseKind, PhasePlan, Plan, QuotaAbove,
        SpeedReading, Visit, Visited,
    },
    store::Attached,
    units::now_unix_us,
};
use futures_util::future::join_all;
use std::time::Duration;
use tokio::time::timeout;

/// Longest wait for the speed reference: beyond it the machine is so slow that a number says no more.
const SPEED_LIMIT: Duration = Duration::from_secs(10);

/// Carries out visits, one after the other; what lives for the run stays up between them.
pub(super) struct Carrier<'a> {
    starter: Starter<'a>,
    target: &'a str,
    generator: &'a str,
    workers: WorkerCounter,
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
            starter: Starter {
                cluster,
                project,
                images,
                own_image,
                ready_timeout,
                control: Control::new(&plan.roles.backend)?,
            },
            target: &plan.roles.target,
            generator: &plan.roles.generator,
            workers: WorkerCounter::new(&plan.workers.count)?,
            standing: Vec::new(),
        })
    }

    /// One visit: what it found, what it leaves besides, and whether it could be taken down.
    ///
    /// # Errors
    /// [`Error::Start`] when a container does not start or is never ready, with its last log lines; [`Error::Engine`]
    /// when the engine goes away. What runs then is removed by the run's label.
    pub(super) async fn carry_out(
        &mut self,
        visit: &Visit,
        tell: Listener<'_>,
    ) -> Result<(Visited, Attached, Result<()>)> {
        let started_unix_us = now_unix_us();
        let mut steps = Steps::start();
        let mut attached = Attached::default();
        let mut target = self.bring_up(visit, &mut steps, tell).await?;
        self.settle(visit, &mut target, tell).await?;
        steps.lap("settle");
        self.limit(&mut target).await?;
        steps.lap("set limits");

        let workers_before = self.look(&mut target).await;
        let above_before = target.quotas_above().await;
        let mut phases = Vec::new();
        let mut speed = self.speed().await;
        for plan in &visit.phases {
            let (mut phase, hlog) = self.load(plan, visit, &mut target, tell).await?;
            phase.speed_before = speed;
            speed = self.speed().await;
            phase.speed_after = speed;
            attached.hlogs.push((plan.kind, hlog));
            phases.push(phase);
            steps.lap(format!("load: {}", plan.kind));
        }
        let workers_after = self.look(&mut target).await;
        let above = since(above_before, target.quotas_above().await);
        let limits = self.limits(&target, &phases).await;
        let ended = self.ended(&target).await;
        steps.lap("attest");
        attached.logs = self.logs(&target, started_unix_us).await;
        steps.lap("read logs");

        let ready_after_us = target.ready_after_us;
        let taken_down = target.take_down().await;
        steps.lap("take down");
        let visited = Visited {
            id: visit.id.clone(),
            sequence: visit.sequence,
            point: visit.point,
            block: visit.block,
            workers: visit.workers,
            started_unix_us,
            ready_after_us,
            attestation: Attestation { workers_before, workers_after, limits, above },
            phases,
            ended,
            steps: steps.into_laps(),
        };
        Ok((visited, attached, taken_down))
    }

    /// Starts what does not run yet, in the plan's order; gives the target.
    async fn bring_up(&mut self, visit: &Visit, steps: &mut Steps, tell: Listener<'_>) -> Result<Up> {
        let mut target = None;
        for plan in &visit.containers {
            if self.standing.iter().any(|up| up.plan.name == plan.name) {
                continue;
            }
            let is_target = plan.name == self.target;
            let workers = is_target.then_some(visit.workers);
            tell(Event::Starting { visit: visit.id.clone(), container: plan.name.clone(), workers });
            let mut up = self.starter.start(plan, &visit.id, tell).await?;
            if is_target {
                let (visit, container) = (visit.id.clone(), plan.name.clone());
                tell(Event::Ready { visit, container, after_us: up.ready_after_us });
                target = Some(up);
            } else {
                // It is ready, and nobody looks into it any more.
                if let Some(probe) = up.probe.take() {
                    probe.remove().await?;
                }
                self.standing.push(up);
            }
            steps.lap(format!("start {}", plan.name));
        }
        target.ok_or_else(|| Error::Other("a visit without a target".into()))
    }

    async fn settle(&self, visit: &Visit, target: &mut Up, tell: Listener<'_>) -> Result<()> {
        let probe = target.probe.as_mut().ok_or_else(|| Error::Other("the target has no probe".into()))?;
        let mut waiting = |what| tell(Event::Waiting { visit: visit.id.clone(), what });
        match settle(probe, &self.workers, visit.workers, self.starter.ready_timeout, &mut waiting).await {
            Ok(sample) => {
                target.seen = Some(sample);
                Ok(())
            }
            Err(error) => Err(not_ready(&target.container, &error.to_string()).await),
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

    /// Looks at the target's processes and limits: how many workers there are; `None` where that cannot be seen, also for
    /// more processes than a sample has.
    async fn look(&self, target: &mut Up) -> Option<u32> {
        target.seen = match &mut target.probe {
            Some(probe) => probe.sample().await.ok(),
            None => None,
        };
        target.seen.as_ref().filter(|sample| sample.is_whole()).map(|sample| self.workers.count(sample))
    }

    /// How fast the target's CPUs are now; `None` where that cannot be measured.
    async fn speed(&mut self) -> Option<SpeedReading> {
        let reference = self.standing.iter_mut().find(|up| up.plan.name == Plan::SPEED)?;
        reference.output.write("measure\n").await;
        let line = timeout(SPEED_LIMIT, reference.output.next_line()).await.ok()?.ok()??;
        serde_json::from_str(&line).ok()
    }

    async fn load(
        &mut self,
        plan: &PhasePlan,
        visit: &Visit,
        target: &mut Up,
        tell: Listener<'_>,
    ) -> Result<(Phase, String)> {
        let mut beside = match &plan.beside {
            Some(container) => Some(self.starter.start(container, &visit.id, tell).await?),
            None => None,
        };
        // Its probe must not take CPU from what is measured.
        if let Some(probe) = beside.as_mut().and_then(|up| up.probe.take()) {
            probe.remove().await?;
        }
        let (generators, others): (Vec<&mut Up>, Vec<&mut Up>) =
            self.standing.iter_mut().partition(|up| up.plan.name == self.generator);
        let generator = generators.into_iter().next();
        let generator = generator.ok_or_else(|| Error::Other("a visit without a generator".into()))?;
        let Up { container, probe, .. } = target;
        let probe = probe.as_mut().filter(|_| plan.kind == PhaseKind::Target);
        let others = others.into_iter().filter(|up| up.plan.name != Plan::SPEED).map(|up| &up.container);
        let others = others.chain([&*container]).chain(beside.as_ref().map(|up| &up.container)).collect();
        let stage = Stage { visit: &visit.id, generator, probe, others };
        let outcome = phase::carry_out(&self.starter.control.phase(plan), stage, tell).await;
        if let Some(up) = beside {
            up.take_down().await?;
        }
        outcome
    }

    /// Every limit of every container.
    async fn limits(&self, target: &Up, phases: &[Phase]) -> Vec<LimitRow> {
        let mut rows = target.limits(&target.limits_seen()).await;
        for up in &self.standing {
            let inside = if up.plan.name == self.generator { generator_limits(phases) } else { up.limits_seen() };
            rows.extend(up.limits(&inside).await);
        }
        rows
    }

    /// Containers that should run and do not.
    async fn ended(&self, target: &Up) -> Vec<Ended> {
        let looked = join_all(self.standing.iter().chain([target]).map(Up::ended)).await;
        looked.into_iter().filter_map(|ended| ended.ok().flatten()).collect()
    }

    /// What each container wrote during this visit. A log that cannot be read says so in its place.
    async fn logs(&self, target: &Up, since_unix_us: u64) -> Vec<(String, Vec<u8>)> {
        let ours = self.standing.iter().filter(|up| up.plan.name != self.generator);
        let read = ours.chain([target]).map(|up| async move {
            let since = (up.plan.life == Life::Run).then_some(since_unix_us / 1_000_000);
            let log = up.container.logs(since).await;
            (up.plan.name.clone(), log.unwrap_or_else(|error| format!("not read: {error}\n").into_bytes()))
        });
        join_all(read).await
    }
}

/// What quotas did between two looks at them.
fn since(before: Option<Vec<QuotaAbove>>, after: Option<Vec<QuotaAbove>>) -> Option<Vec<QuotaAbove>> {
    let (before, after) = (before?, after?);
    let earlier = |now: &QuotaAbove| before.iter().find(|then| then.cgroup == now.cgroup);
    let growth = |now: QuotaAbove| {
        let then = earlier(&now).map_or(0, |then| then.throttled_periods);
        QuotaAbove { throttled_periods: now.throttled_periods.saturating_sub(then), ..now }
    };
    Some(after.into_iter().map(growth).collect())
}

/// As the generator itself saw them in its last phase.
fn generator_limits(phases: &[Phase]) -> Limits {
    let Some(generator) = phases.last().and_then(|phase| phase.load.generators.first()) else {
        return Limits::default();
    };
    generator.limits.clone().with(Limit::Affinity, LimitValue::Cpus(generator.cpus_allowed.clone()))
}
