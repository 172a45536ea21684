//! One load phase: the generator is handed its plan, and every container is sampled while it works.

use super::{
    Listener,
    containers::{Up, fell_silent},
    probe::Probe,
    samples::Samples,
};
use crate::{
    engine::{Container, EngineError, Sampled},
    error::{Error, Result},
    events::{Event, Follow},
    model::{ContainerSample, ContainerUsage, LoadEvent, LoadPlan, Phase, PhasePlan, ProbeSample, hlog_head},
    text::shortened,
    units::now_unix_us,
};
use futures_util::future::join_all;
use std::{cell::RefCell, pin::pin, time::Duration};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// Between two samples of a container or of its processes.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// What a generator may take besides its load: starting threads, writing its result.
const GRACE: Duration = Duration::from_secs(60);
/// As much of a line as an error shows.
const SHOWN_CHARS: usize = 200;

/// Everything that a phase needs to be there.
pub(super) struct Stage<'a> {
    pub(super) visit: &'a str,
    pub(super) generator: &'a mut Up,
    /// The target's, where its processes are watched.
    pub(super) probe: Option<&'a mut Probe>,
    /// The other containers that run.
    pub(super) others: Vec<&'a Container>,
}

/// A phase that was carried out.
pub(super) struct Loaded {
    pub(super) phase: Phase,
    /// The latencies of each second, as HdrHistogram's log.
    pub(super) hlog: String,
    /// Why the target's probe fell silent, if it did.
    pub(super) blind: Option<Error>,
}

pub(super) async fn carry_out(plan: &PhasePlan, stage: Stage<'_>, tell: Listener<'_>) -> Result<Loaded> {
    let Stage { visit, generator, mut probe, mut others } = stage;
    let (host, at_most_us) = (plan.load.host.clone(), plan.load.longest_us());
    tell(Event::Phase { visit: visit.to_owned(), phase: plan.kind, host, at_most_us });
    let mut follow = Follow::new(&plan.load);

    let Up { container: generator, output, .. } = generator;
    others.push(generator);
    let watched = others;
    output.write(&line(&plan.load)?).await;
    let samples: Vec<RefCell<Vec<ContainerSample>>> = watched.iter().map(|_| RefCell::default()).collect();
    let mut sampling = pin!(join_all(watched.iter().zip(&samples).map(|(one, samples)| watch(one, samples))));
    let mut processes = Samples::default();
    let mut blind = None;
    let mut ticks = interval(SAMPLE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut hlog = hlog_head(now_unix_us());
    let longest = plan.load.longest_us().map_or(Duration::MAX, Duration::from_micros);
    let (start, limit) = (Instant::now(), longest.saturating_add(GRACE));
    let load = loop {
        tokio::select! {
            said = timeout(limit.saturating_sub(start.elapsed()), output.next_line()) => match event(said, generator)? {
                Some(LoadEvent::Progress(now)) => {
                    hlog += &now.to_hlog_line();
                    tell(Event::Progress { visit: visit.to_owned(), phase: plan.kind, now: follow.now(&now) });
                }
                Some(LoadEvent::Result(result)) => break *result,
                None => return Err(without_result(generator, fell_silent(generator, output).await)),
            },
            _ = &mut sampling => {}
            _ = ticks.tick() => if let Some(probe) = &mut probe { probe.ask().await },
            sample = answer(&mut probe) => match sample? {
                Some(sample) => processes.push(sample),
                None => blind = match probe.take() {
                    Some(probe) => Some(probe.why_ended().await),
                    None => blind,
                },
            },
        }
    };
    let usage = watched
        .iter()
        .zip(&samples)
        .map(|(one, samples)| ContainerUsage { container: one.service().to_owned(), samples: samples.take() });
    let (usage, processes) = (usage.collect(), processes.into_kept());
    let phase = Phase { kind: plan.kind, load, usage, processes, speed_before: None, speed_after: None };
    Ok(Loaded { phase, hlog, blind })
}

/// What the generator reads: its plan as a line of JSON.
fn line(plan: &LoadPlan) -> Result<String> {
    let json = serde_json::to_string(plan).map_err(|error| Error::Other(format!("writing a load plan: {error}")))?;
    Ok(json + "\n")
}

/// What a generator says next; `None` at its end.
fn event(
    said: Result<Result<Option<String>, EngineError>, tokio::time::error::Elapsed>,
    generator: &Container,
) -> Result<Option<LoadEvent>> {
    let line = said.map_err(|_| Error::Start(format!("{}: gives no result", generator.service())))??;
    let wrong = |error, line: &str| {
        Error::Other(format!("not what a generator says ({error}): {}", shortened(line, SHOWN_CHARS)))
    };
    line.map(|line| serde_json::from_str(&line).map_err(|error| wrong(error, &line))).transpose()
}

/// Why there is no result.
fn without_result(generator: &Container, why: Error) -> Error {
    match why {
        Error::Start(words) => Error::Start(format!("{}: it ended in mid-load: {words}", generator.service())),
        other => other,
    }
}

/// The next sample of a probe; never without one.
async fn answer(probe: &mut Option<&mut Probe>) -> Result<Option<ProbeSample>> {
    match probe {
        Some(probe) => probe.answer().await,
        None => std::future::pending().await,
    }
}

/// Samples a container once a second for as long as it is polled. What cannot be read is not there: later on, rates over
/// too few samples are not known.
async fn watch(container: &Container, samples: &RefCell<Vec<ContainerSample>>) {
    let mut ticks = interval(SAMPLE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        match container.sample().await {
            Ok(Sampled::Now(sample)) => samples.borrow_mut().push(sample),
            Ok(Sampled::Ended) | Err(_) => {}
        }
    }
}
