//! What others wait for before they are started: that a service is healthy, or has done its work (`depends_on`); and what a
//! service waits for that is ready when it is healthy.

use super::{Listener, containers::Starter, last_words::not_ready};
use crate::{
    compose::Condition,
    engine::{Container, Health},
    error::{Error, Result},
    events::Event,
    model::ContainerPlan,
};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Between two looks at most: a check goes on at its own interval only where that is shorter, as it ends with the first
/// success. How long it may fail is by its own interval and number of retries.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Starter<'_> {
    /// Waits for what others want of a container that was just started; gives whether it has ended as it should.
    ///
    /// # Errors
    /// [`Error::Start`] when it does not come so far and somebody requires it, with its last log lines.
    pub(super) async fn await_wanted(
        &self,
        plan: &ContainerPlan,
        container: &Container,
        image: &str,
        visit: &str,
        tell: Listener<'_>,
    ) -> Result<bool> {
        let mut has_completed = false;
        for condition in [Condition::Healthy, Condition::Completed] {
            // Of what is made of a service and is not it, nobody wants anything.
            let is_itself = self.project.name_of(&plan.service) == plan.name;
            let wanted = self.project.wanted_of(&plan.service).into_iter().filter(|_| is_itself);
            let wanted: Vec<_> = wanted.filter(|wanted| wanted.condition == condition).collect();
            // By its endpoint a service is ready once it is healthy.
            let by_endpoint = condition == Condition::Healthy && plan.is_ready_when_healthy();
            if wanted.is_empty() && !by_endpoint {
                continue;
            }
            let is_required = by_endpoint || wanted.iter().any(|wanted| wanted.required);
            let mut waiting = |how: &str| {
                tell(Event::Waiting { visit: visit.to_owned(), what: format!("{}: {how}", plan.name) });
            };
            let outcome = match condition {
                Condition::Healthy => self.until_healthy(plan, container, image, &mut waiting).await,
                _ => self.until_completed(container, &mut waiting).await,
            };
            match outcome {
                Ok(()) => has_completed |= condition == Condition::Completed,
                Err(Error::Start(why)) if !is_required => {
                    waiting(&format!("no more, as nobody requires it ({why})"));
                    has_completed |= !container.state().await?.running;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(has_completed)
    }

    async fn until_healthy(
        &self,
        plan: &ContainerPlan,
        container: &Container,
        image: &str,
        waiting: &mut dyn FnMut(&str),
    ) -> Result<()> {
        let check = self.project.service(&plan.service).healthcheck.as_ref();
        let check = self.cluster.engine().health_check(&plan.service, check, image).await?;
        let start = Instant::now();
        loop {
            let why = match container.check(&check).await {
                Ok(Health::Good) => return Ok(()),
                Ok(Health::Bad(why)) => why,
                Err(error) => return Err(not_ready(container, error).await),
            };
            if !container.state().await?.running {
                return Err(not_ready(container, Error::Start(why)).await);
            }
            if start.elapsed() >= check.patience {
                let why = format!("unhealthy after {} s: {why}", start.elapsed().as_secs());
                return Err(not_ready(container, Error::Start(why)).await);
            }
            waiting(&why);
            sleep(check.interval.min(LOOK_EVERY)).await;
        }
    }

    async fn until_completed(&self, container: &Container, waiting: &mut dyn FnMut(&str)) -> Result<()> {
        waiting("to complete");
        if timeout(self.ready_timeout, container.ended()).await.is_err() {
            let why = format!(
                "it has not completed after {} s; --ready-timeout allows more",
                self.ready_timeout.as_secs_f64()
            );
            return Err(not_ready(container, Error::Start(why)).await);
        }
        let state = container.state().await?;
        if !state.running && state.exit_code == 0 {
            return Ok(());
        }
        Err(not_ready(container, Error::Start("it has not completed".into())).await)
    }
}
