//! One load phase: the generator is handed its plan, and every container is sampled while it works. Another load generator
//! than ours works as `tool` has it.

use super::{
    Listener,
    containers::{Up, fell_silent},
    probe::{Answer, Probe},
    samples::Samples,
    tool::Tool,
};
use crate::{
    engine::{Container, EngineError, Output, Sampled},
    error::{Error, Result},
    events::{Event, Follow},
    model::{
        ContainerSample, ContainerUsage, LoadEvent, LoadPlan, LoadProgress, LoadResult, Phase, PhasePlan, hlog_head,
    },
    text::shortened,
    units::now_unix_us,
};
use futures_util::{FutureExt, future::join_all};
use std::{cell::RefCell, pin::pin, time::Duration};
use tokio::{
    sync::mpsc::{UnboundedSender, unbounded_channel},
    time::{Instant, Interval, MissedTickBehavior, interval, sleep_until, timeout},
};

/// Between two samples of a container or of its processes.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// Between two ticks of the target's cgroup.
const TICK_INTERVAL: Duration = Duration::from_millis(100);
/// What a generator may take besides its load: starting threads, writing its result.
const GRACE: Duration = Duration::from_secs(60);
/// As much of a line as an error shows.
const SHOWN_CHARS: usize = 200;

/// Everything that a phase needs to be there.
pub(super) struct Stage<'a, 'w> {
    pub(super) visit: &'a str,
    pub(super) generator: Generator<'a, 'w>,
    /// The target's, where its processes are watched.
    pub(super) probe: Option<&'a mut Probe>,
    /// The other containers that run.
    pub(super) others: Vec<&'a Container>,
}

/// Who loads.
pub(super) enum Generator<'a, 'w> {
    /// A role of ours, which is handed plan after plan.
    Ours(&'a mut Up),
    /// Another, for this phase alone.
    Tool(&'a mut Tool<'w>),
}

/// A phase that was carried out.
pub(super) struct Loaded {
    pub(super) phase: Phase,
    /// The latencies of each second, as HdrHistogram's log, where they are told.
    pub(super) hlog: Option<String>,
    /// Why the target's probe fell silent, if it did.
    pub(super) blind: Option<Error>,
}

pub(super) async fn carry_out(plan: &PhasePlan, stage: Stage<'_, '_>, tell: Listener<'_>) -> Result<Loaded> {
    let Stage { visit, mut generator, mut probe, mut others } = stage;
    let (host, at_most_us) = (plan.load.host.clone(), plan.load.longest_us());
    tell(Event::Phase { visit: visit.to_owned(), phase: plan.kind, host, at_most_us });
    let mut follow = Follow::new(&plan.load);

    let longest = plan.load.longest_us().map_or(Duration::MAX, Duration::from_micros).saturating_add(GRACE);
    let (progress, mut told) = unbounded_channel();
    let has_histograms = matches!(generator, Generator::Ours(_));
    let working = match &mut generator {
        Generator::Ours(Up { container, output, .. }) => {
            others.push(container);
            load_by_ours(&plan.load, container, output, longest, progress).boxed_local()
        }
        Generator::Tool(tool) => {
            let (container, work) = tool.parts();
            others.push(container);
            work.load(container, longest, progress).boxed_local()
        }
    };
    let watched = others;
    let samples: Vec<RefCell<Vec<ContainerSample>>> = watched.iter().map(|_| RefCell::default()).collect();
    let mut sampling = pin!(join_all(watched.iter().zip(&samples).map(|(one, samples)| watch(one, samples))));
    let mut working = pin!(working);
    let (mut processes, mut ticks) = (Samples::of_processes(), Samples::of_ticks());
    let mut blind = None;
    let (mut sample_times, mut tick_times) = (every(SAMPLE_INTERVAL), every(TICK_INTERVAL));
    let mut window: Option<WindowTimes> = None;
    let mut hlog = hlog_head(now_unix_us());
    let load = loop {
        tokio::select! {
            Some(now) = told.recv() => {
                if window.is_none() {
                    window = WindowTimes::told_by(&plan.load, &now, Instant::now());
                    window.iter().for_each(|window| sample_times.reset_at(window.start));
                }
                hlog += &now.to_hlog_line();
                tell(Event::Progress { visit: visit.to_owned(), phase: plan.kind, now: follow.now(&now) });
            }
            outcome = &mut working => break outcome?,
            _ = &mut sampling => {}
            _ = sample_times.tick() => if let Some(probe) = &mut probe { probe.ask().await },
            () = WindowTimes::odd_end(&mut window) => if let Some(probe) = &mut probe { probe.ask().await },
            _ = tick_times.tick() => if let Some(probe) = &mut probe { probe.ask_tick().await },
            answer = answer(&mut probe) => match answer? {
                Some(Answer::Sample(sample)) => processes.push(sample),
                Some(Answer::Tick(tick)) => ticks.push(tick),
                None => blind = match probe.take() {
                    Some(probe) => Some(probe.why_ended().await),
                    None => blind,
                },
            },
        }
    };
    // What was told just before the result.
    while let Ok(now) = told.try_recv() {
        hlog += &now.to_hlog_line();
        tell(Event::Progress { visit: visit.to_owned(), phase: plan.kind, now: follow.now(&now) });
    }
    let usage = watched
        .iter()
        .zip(&samples)
        .map(|(one, samples)| ContainerUsage { container: one.service().to_owned(), samples: samples.take() });
    let (usage, processes, ticks) = (usage.collect(), processes.into_kept(), ticks.into_kept());
    let phase = Phase { kind: plan.kind, load, usage, processes, ticks, speed_before: None, speed_after: None };
    Ok(Loaded { phase, hlog: has_histograms.then_some(hlog), blind })
}

/// Hands the plan to a generator of ours, and tells how it goes until its result is there.
async fn load_by_ours(
    plan: &LoadPlan,
    generator: &Container,
    output: &mut Output,
    longest: Duration,
    progress: UnboundedSender<LoadProgress>,
) -> Result<LoadResult> {
    output.write(&line(plan)?).await;
    let start = Instant::now();
    loop {
        let said = timeout(longest.saturating_sub(start.elapsed()), output.next_line()).await;
        match event(said, generator)? {
            // Who does not listen any more does not wait for the result either.
            Some(LoadEvent::Progress(now)) => drop(progress.send(now)),
            Some(LoadEvent::Result(result)) => return Ok(*result),
            None => return Err(without_result(generator, fell_silent(generator, output).await)),
        }
    }
}

/// What the generator reads: its plan as a line of JSON.
pub(super) fn line(plan: &LoadPlan) -> Result<String> {
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

/// The next answer of a probe; never without one.
async fn answer(probe: &mut Option<&mut Probe>) -> Result<Option<Answer>> {
    match probe {
        Some(probe) => probe.answer().await,
        None => std::future::pending().await,
    }
}

/// Samples a container once a second for as long as it is polled. What cannot be read is not there: later on, rates over
/// too few samples are not known.
async fn watch(container: &Container, samples: &RefCell<Vec<ContainerSample>>) {
    let mut sample_times = every(SAMPLE_INTERVAL);
    loop {
        sample_times.tick().await;
        match container.sample().await {
            Ok(Sampled::Now(sample)) => samples.borrow_mut().push(*sample),
            Ok(Sampled::Ended) | Err(_) => {}
        }
    }
}

/// Now and then at this distance, without making up for what was missed.
fn every(period: Duration) -> Interval {
    let mut times = interval(period);
    times.set_missed_tick_behavior(MissedTickBehavior::Skip);
    times
}

/// When the counted window starts and ends, by our own clock: the counters of the target's processes are to be read then.
#[derive(Clone, Copy, Debug)]
struct WindowTimes {
    start: Instant,
    /// Where it ends between two samples.
    odd_end: Option<Instant>,
}

impl WindowTimes {
    /// Once a row of the load's series tells, which has just ended.
    fn told_by(plan: &LoadPlan, row: &LoadProgress, now: Instant) -> Option<Self> {
        let start_us = window_start_us(row)?;
        let load_start = now.checked_sub(Duration::from_micros(row.elapsed_us)).unwrap_or(now);
        let start = load_start + Duration::from_micros(start_us);
        let length = plan.window_us().map(Duration::from_micros);
        let is_odd = |length: &Duration| !length.as_micros().is_multiple_of(SAMPLE_INTERVAL.as_micros());
        Some(Self { start, odd_end: length.filter(is_odd).and_then(|length| start.checked_add(length)) })
    }

    /// Waits for an end between two samples; for ever where there is none any more.
    async fn odd_end(window: &mut Option<Self>) {
        match window.as_mut().and_then(|window| window.odd_end.as_mut()) {
            Some(end) => sleep_until(*end).await,
            None => std::future::pending().await,
        }
        window.iter_mut().for_each(|window| window.odd_end = None);
    }
}

/// When the window starts, since the first request, if a row tells: one that is counted starts with it or later, and one
/// that is not ends with it where it is cut short.
fn window_start_us(row: &LoadProgress) -> Option<u64> {
    match row.measuring {
        true => Some(row.elapsed_us - row.duration_us),
        false => (u128::from(row.duration_us) < SAMPLE_INTERVAL.as_micros()).then_some(row.elapsed_us),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Histogram, Until};

    const MS: u64 = 1_000;

    fn row(elapsed_us: u64, duration_us: u64, measuring: bool) -> LoadProgress {
        LoadProgress {
            elapsed_us,
            measuring,
            users: 1,
            start_unix_us: 0,
            duration_us,
            throughput_rps: 0.0,
            failures_rps: 0.0,
            latency: Histogram::new(),
        }
    }

    /// How many milliseconds after this row's end the window starts and, if that is between two samples, ends.
    fn told(plan: &LoadPlan, row: &LoadProgress) -> Option<(i64, Option<i64>)> {
        let before = Instant::now();
        let now = before + Duration::from_secs(100);
        let after_ms = |moment: Instant| (moment - before).as_millis() as i64 - 100_000;
        WindowTimes::told_by(plan, row, now).map(|window| (after_ms(window.start), window.odd_end.map(after_ms)))
    }

    #[test]
    fn a_window_of_a_steady_load_starts_where_a_row_is_cut_short() {
        let plan = LoadPlan::new("http://a");
        assert_eq!(told(&plan, &row(1000 * MS, 1000 * MS, false)), None);
        assert_eq!(told(&plan, &row(1400 * MS, 400 * MS, false)), Some((0, None)));
        assert_eq!(told(&plan, &row(3000 * MS, 1000 * MS, true)), Some((-1000, None)), "the cut was on the second");
        let odd = LoadPlan { until: Until::RunTime { us: 2_500 * MS }, ..plan };
        assert_eq!(told(&odd, &row(1400 * MS, 400 * MS, false)), Some((0, Some(2500))));
    }
}
