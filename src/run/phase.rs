//! One load phase: the generator is handed its plan, and every container is sampled while it works. Another load generator
//! than ours works as `tool` has it.

use super::{
    Listener,
    containers::Up,
    control::line,
    last_words::fell_silent,
    probe::{Answer, Probe},
    samples::Samples,
    times::{Times, WindowTimes},
    tool::Tool,
};
use crate::{
    engine::{Container, EngineError, Output, Sampled},
    error::{Error, Result},
    events::{Event, Follow},
    model::{
        ContainerSample, ContainerUsage, LoadEvent, LoadPlan, LoadProgress, LoadResult, Phase, PhasePlan, ProbeSample,
        Tick, hlog_head,
    },
    text::shortened,
    units::now_unix_us,
};
use futures_util::{FutureExt, future::join_all};
use std::{cell::RefCell, pin::pin, time::Duration};
use tokio::{
    sync::{
        mpsc::{UnboundedSender, unbounded_channel},
        watch,
    },
    time::{Instant, timeout},
};

/// Between two samples of a container or of its processes.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// Between two ticks of the target's cgroup.
const TICK_INTERVAL: Duration = Duration::from_millis(100);
/// What the last look at what was watched may take.
const LAST_LOOK: Duration = Duration::from_secs(2);
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
    let (window_told, window) = watch::channel(None);
    let mut sampling = pin!(join_all(watched.iter().zip(&samples).map(|(one, samples)| watch(
        one,
        samples,
        Times::every(SAMPLE_INTERVAL, &window)
    ))));
    let mut working = pin!(working);
    let (mut processes, mut ticks) = (Samples::of_processes(), Samples::of_ticks());
    let mut blind = None;
    let [mut sample_times, mut tick_times] = [SAMPLE_INTERVAL, TICK_INTERVAL].map(|it| Times::every(it, &window));
    let mut hlog = hlog_head(now_unix_us());
    let mut take = |now: &LoadProgress| {
        hlog += &now.to_hlog_line();
        tell(Event::Progress { visit: visit.to_owned(), phase: plan.kind, now: follow.now(now) });
    };
    let load = loop {
        tokio::select! {
            Some(now) = told.recv() => {
                if window.borrow().is_none()
                    && let Some(window) = WindowTimes::told_by(&plan.load, &now, Instant::now())
                {
                    window_told.send_replace(Some(window));
                }
                take(&now);
            }
            outcome = &mut working => break outcome?,
            _ = &mut sampling => {}
            () = sample_times.next() => if let Some(probe) = &mut probe { probe.ask().await },
            () = tick_times.next() => if let Some(probe) = &mut probe { probe.ask_tick().await },
            answer = answer(&mut probe) => match answer {
                Ok(Some(Answer::Sample(sample))) => processes.push(sample),
                Ok(Some(Answer::Tick(tick))) => ticks.push(tick),
                ended => if let Some(probe) = probe.take() { blind = Some(probe.why_ended(ended).await) },
            },
        }
    };
    // What was told just before the result.
    while let Ok(now) = told.try_recv() {
        take(&now);
    }
    // The probe tells at once how things stand at the window's end. The engine may take a second, which is worth it only
    // where a short window has too few of its readings.
    let window = load.window.start_unix_us..=load.window.start_unix_us + load.window.duration_us;
    let is_in_window = |sample: &ContainerSample| window.contains(&sample.unix_us);
    let too_few =
        |samples: &RefCell<Vec<ContainerSample>>| samples.borrow().iter().filter(|it| is_in_window(it)).count() < 2;
    let looking = async {
        let short = watched.iter().zip(&samples).filter(|(_, samples)| too_few(samples));
        // Of one reading nothing is known to have grown: an engine that is slow may have given none so far.
        let others = join_all(short.map(|(one, samples)| async move {
            look(one, samples).await;
            if samples.borrow().len() < 2 {
                look(one, samples).await;
            }
        }));
        tokio::join!(look_until(*window.end(), probe, &mut processes, &mut ticks), others).0
    };
    if let Ok(looked) = timeout(LAST_LOOK, looking).await {
        blind = blind.or(looked.err());
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

/// Samples a container for as long as it is polled.
async fn watch(container: &Container, samples: &RefCell<Vec<ContainerSample>>, mut times: Times) {
    loop {
        times.next().await;
        look(container, samples).await;
    }
}

/// What cannot be read is not there: later on, rates over too few samples are not known.
async fn look(container: &Container, samples: &RefCell<Vec<ContainerSample>>) {
    match container.sample().await {
        Ok(Sampled::Now(sample)) => samples.borrow_mut().push(*sample),
        Ok(Sampled::Ended) | Err(_) => {}
    }
}

/// Asks a probe until it has looked after this moment.
async fn look_until(
    unix_us: u64,
    probe: Option<&mut Probe>,
    processes: &mut Samples<ProbeSample>,
    ticks: &mut Samples<Tick>,
) -> Result<()> {
    let is_late = |sample: &ProbeSample| sample.unix_us >= unix_us;
    let Some(probe) = probe.filter(|_| !processes.newest().is_some_and(is_late)) else { return Ok(()) };
    loop {
        if !probe.owes_sample() {
            probe.ask_tick().await;
            probe.ask().await;
        }
        match probe.answer().await {
            Ok(Some(Answer::Sample(sample))) => {
                let is_last = is_late(&sample);
                processes.push(sample);
                if is_last {
                    return Ok(());
                }
            }
            Ok(Some(Answer::Tick(tick))) => ticks.push(tick),
            ended => return Err(probe.why_ended(ended).await),
        }
    }
}
