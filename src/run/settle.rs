//! When a target has come to rest after its start. The first worker answers while others still start: neither a quota
//! nor a load should meet a worker that is still importing.

use super::probe::Probe;
use crate::{
    error::Result,
    measure::{WorkerCounter, busy_cores},
    model::{ProbeSample, WorkersTold},
};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Longest wait for rest.
const LIMIT: Duration = Duration::from_secs(60);
/// A target that has the wrong number of workers and does nothing for so long will not get the right one.
const IDLE_LIMIT: Duration = Duration::from_secs(5);
/// Between two looks: long enough that a tick of the kernel's clock (10 ms) is not taken for work.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// CPUs in use that count as rest.
const RESTING_CORES: f64 = 0.1;

/// Waits until as many workers as `asked` are there and none is busy, for `at_most` so long; where nothing counts them, until
/// nothing is busy. Goes on after a while all the same: what the target is then is attested like anything else.
pub(super) async fn settle(
    probe: &mut Probe,
    workers: &WorkerCounter,
    asked: Option<u32>,
    at_most: Duration,
    waiting: &mut dyn FnMut(String),
) -> Result<ProbeSample> {
    let start = Instant::now();
    let mut before = probe.sample().await?;
    let mut idle_since = None;
    loop {
        let look = Instant::now() + LOOK_EVERY;
        sleep_until(look).await;
        let now = probe.sample().await?;
        let (found, busy) = (workers.count(&now), busy_cores(&before, &now));
        let is_idle = busy < RESTING_CORES;
        if is_idle && asked.is_none_or(|_| found == asked && now.is_whole()) {
            return Ok(now);
        }
        idle_since = idle_since.filter(|_| is_idle).or(is_idle.then_some(look));
        let has_given_up = idle_since.is_some_and(|since| since.elapsed() >= IDLE_LIMIT);
        if has_given_up || start.elapsed() >= at_most.min(LIMIT) {
            return Ok(now);
        }
        waiting(match (asked, &now.workers_told) {
            (None, _) => format!("rest: {busy:.2} CPUs busy"),
            (Some(asked), Some(WorkersTold::Nothing(why))) => {
                format!("{asked} idle workers: not told how many there are ({why}), {busy:.2} CPUs busy")
            }
            (Some(asked), _) => {
                let at_least = if now.is_whole() { "" } else { "at least " };
                let found = found.map_or_else(|| "not read how many".to_owned(), |found| found.to_string());
                format!("{asked} idle workers: {at_least}{found} found, {busy:.2} CPUs busy")
            }
        });
        before = now;
    }
}
