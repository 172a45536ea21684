//! What there is to see of a visit's containers before and after its loads.

use super::{
    containers::Up,
    last_words::log_of,
    steps::Steps,
    tool::Left,
    visit::{Carried, Carrier},
};
use crate::{
    error::{Error, Result},
    model::{Ended, Life, Limit, LimitRow, LimitValue, Limits, Phase, QuotaAbove, WorkersTold},
};
use futures_util::future::join_all;

/// What was seen during a visit's loads, besides what the phases have.
#[derive(Default)]
pub(super) struct Seen {
    /// Why the target's probe fell silent, if it did.
    pub(super) blind: Option<Error>,
    /// What load generators left that are not ours.
    pub(super) tools: Vec<Left>,
}

impl Carrier<'_> {
    /// Looks at the target's processes and limits: how many workers there are; `None` where that cannot be told, also for
    /// more processes than a sample has.
    pub(super) async fn look(&self, target: &mut Up) -> Option<u32> {
        target.seen = match &mut target.probe {
            Some(probe) => probe.sample().await.ok(),
            None => None,
        };
        target.seen.as_ref().and_then(|sample| self.workers.whole_count(sample))
    }

    /// What workers, limits, containers and logs are after the loads.
    pub(super) async fn look_back(
        &self,
        target: &mut Up,
        carried: &mut Carried,
        above_before: Option<Vec<QuotaAbove>>,
        seen: Seen,
        steps: &mut Steps,
    ) {
        let Carried { visited, attached, .. } = carried;
        visited.attestation.workers_after = self.look(target).await;
        visited.attestation.workers_not_told = not_told(target).or(visited.attestation.workers_not_told.take());
        visited.attestation.above = since(above_before, target.quotas_above().await);
        visited.attestation.limits = self.limits(target, &visited.phases).await;
        visited.attestation.limits.extend(seen.tools.last().map(|left| left.limits.clone()).unwrap_or_default());
        for (container, lost) in self.lost(target).await {
            match lost {
                Ok(ended) => visited.ended.extend(ended),
                Err(_) => visited.attestation.not_seen.push(container),
            }
        }
        let blind = seen.blind.filter(|why| is_news(why, &visited.ended));
        visited.ended.splice(..0, blind.map(|why| blinded(target, &why)));
        visited.attestation.is_complete = true;
        steps.lap("attest");
        attached.logs = self.logs(target, visited.started_unix_us).await;
        attached.logs.extend(seen.tools.into_iter().map(|left| left.log));
        steps.lap("read logs");
        visited.steps = steps.so_far();
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

    /// What became of each container that should run, where it does not.
    async fn lost(&self, target: &Up) -> Vec<(String, Result<Option<Ended>>)> {
        join_all(self.standing.iter().chain([target]).map(|up| async { (up.plan.name.clone(), up.lost().await) })).await
    }

    /// What each container wrote during this visit.
    async fn logs(&self, target: &Up, since_unix_us: u64) -> Vec<(String, Vec<u8>)> {
        let ours = self.standing.iter().filter(|up| up.plan.name != self.generator);
        let read = ours.chain([target]).map(|up| async move {
            let since = (up.plan.life == Life::Run).then_some(since_unix_us / 1_000_000);
            (up.plan.name.clone(), log_of(&up.container, since).await)
        });
        join_all(read).await
    }
}

/// Why a target did not tell its workers when it was last looked at, if it was asked.
pub(super) fn not_told(target: &Up) -> Option<String> {
    match &target.seen.as_ref()?.workers_told {
        Some(WorkersTold::Nothing(why)) => Some(why.clone()),
        Some(WorkersTold::Count(_)) | None => None,
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

/// A probe ends with its target, which says more; but where it was cut off first, it has ended the target.
fn is_news(why_blind: &Error, ended: &[Ended]) -> bool {
    ended.is_empty() || matches!(why_blind, Error::Engine(_))
}

fn blinded(target: &Up, why: &Error) -> Ended {
    Ended { container: format!("{}-probe", target.plan.name), how: why.to_string() }
}

/// As the generator itself saw them in its last phase.
fn generator_limits(phases: &[Phase]) -> Limits {
    let Some(generator) = phases.last().and_then(|phase| phase.load.generators.first()) else {
        return Limits::default();
    };
    generator.limits.clone().with(Limit::Affinity, LimitValue::Cpus(generator.cpus_allowed.clone()))
}
