//! What there is to see of a visit's containers after its loads.

use super::{containers::Up, last_words::log_of, steps::Steps, tool::Left};
use crate::{
    error::{Error, Result},
    measure::WorkerCounter,
    model::{Ended, Life, Limit, LimitRow, LimitValue, Limits, Phase, QuotaAbove, Visited},
};
use futures_util::future::join_all;

/// What was seen before a visit's loads and during them, besides what the phases have.
#[derive(Default)]
pub(super) struct Seen {
    /// Quotas above the target, before.
    pub(super) above_before: Option<Vec<QuotaAbove>>,
    /// Why the target's probe fell silent, if it did.
    pub(super) blind: Option<Error>,
    /// What load generators left that are not ours.
    pub(super) tools: Vec<Left>,
}

/// What a look back is at, besides the target.
pub(super) struct LookBack<'a> {
    /// The other containers that are up.
    pub(super) standing: &'a [Up],
    /// The name of the load generator among them.
    pub(super) generator: &'a str,
    pub(super) workers: &'a WorkerCounter,
}

impl LookBack<'_> {
    /// What workers, limits and containers are after the loads; gives what each container wrote meanwhile.
    pub(super) async fn at(
        self,
        target: &mut Up,
        visited: &mut Visited,
        seen: Seen,
        steps: &mut Steps,
    ) -> Vec<(String, Vec<u8>)> {
        visited.attestation.workers_after = target.look(self.workers).await;
        visited.attestation.workers_not_told =
            target.workers_not_told().or(visited.attestation.workers_not_told.take());
        visited.attestation.above = since(seen.above_before, target.quotas_above().await);
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
        let mut logs = self.logs(target, visited.started_unix_us).await;
        logs.extend(seen.tools.into_iter().map(|left| left.log));
        steps.lap("read logs");
        visited.steps = steps.so_far();
        logs
    }

    /// Every limit of every container.
    async fn limits(&self, target: &Up, phases: &[Phase]) -> Vec<LimitRow> {
        let mut rows = target.limits(&target.limits_seen()).await;
        for up in self.standing {
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
