//! A load phase from start to end: starts the threads, decides when the window starts and ends, and gathers the result.

use super::{
    LoadConfig, Spawning, SteadyDetector, WarmUp,
    collect::Collector,
    event_loop::{EventLoop, Plan, Totals},
    own_usage::{self, OwnUsage},
    recorder::{Recorder, Slice},
    target::Target,
    timeline::{LEAD, Timeline},
};
use crate::error::{Error, Result};
use crate::model::{GeneratorUsage, LoadProgress, LoadResult, RequestStats, StopCause, Window};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

/// Between two looks at the stop flag, and between two throughput readings of the [`SteadyDetector`].
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Loads the server until the run time is over or `stop` is set, and then waits up to 5 s for what is under way.
/// Calls `on_progress` about once a second. Blocks; sends from threads of its own.
///
/// A server that cannot be reached is no error: its requests are counted as failures. Errors: [`Error::Usage`]
/// for a configuration that makes no load, [`Error::Other`] when the operating system refuses threads or polling.
pub fn run(config: &LoadConfig, stop: &AtomicBool, on_progress: &mut dyn FnMut(&LoadProgress)) -> Result<LoadResult> {
    config.validate()?;
    let target = Target::parse(&config.host)?;
    let request = config.request.render(&target, config.keep_alive)?;
    own_usage::allow_many_files();
    let cpus_allowed = own_usage::cpus_allowed()?;
    let default_threads = || std::thread::available_parallelism().map_or(1, |count| count.get() as u32);
    let threads = config.threads.unwrap_or_else(default_threads).min(config.users);
    let (addresses, unresolved) = match target.resolve() {
        Ok(addresses) => (addresses, None),
        Err(why) => (Vec::new(), Some(why)),
    };
    let plan = Plan {
        request,
        method: config.request.method.clone(),
        addresses,
        unresolved,
        expect: config.expect.clone(),
        timeout: config.timeout,
        keep_alive: config.keep_alive,
        spawning: Spawning::at_rate(config.spawn_rate_per_s),
        users: config.users,
        threads,
        timeline: Timeline::start_now(),
    };
    let ended: Vec<AtomicU64> = (0..threads).map(|_| AtomicU64::new(0)).collect();
    let (sender, slices) = channel();
    let loops: Vec<EventLoop> = (0..threads)
        .zip(&ended)
        .map(|(thread, ended)| EventLoop::new(&plan, thread, Recorder::new(&plan.timeline, sender.clone(), ended)))
        .collect::<Result<_, _>>()
        .map_err(|error| Error::Other(format!("epoll: {error}")))?;
    drop(sender);

    let mut conductor = Conductor::new(config, &plan, &ended);
    let mut collector = Collector::new(&plan.timeline, plan.spawning, config.users, threads);
    // With a thread to each CPU, the scheduler has no better place for any of them.
    let pins = if threads as usize == cpus_allowed.len() { cpus_allowed.clone() } else { Vec::new() };
    let totals = std::thread::scope(|scope| {
        let mut handles = Vec::new();
        for (number, event_loop) in loops.into_iter().enumerate() {
            let pin = pins.get(number).copied();
            let body = move || {
                pin.inspect(|&cpu| own_usage::pin_to(cpu));
                event_loop.run()
            };
            let started = std::thread::Builder::new().name(format!("load-{number}")).spawn_scoped(scope, body);
            match started {
                Ok(handle) => handles.push(handle),
                Err(error) => {
                    plan.timeline.set_end(0);
                    return Err(Error::Other(format!("cannot start a thread: {error}")));
                }
            }
        }
        conductor.lead(&slices, &handles, stop, &mut collector, on_progress)?;
        join(handles)
    })?;
    collector.finish(plan.timeline.us_at(Instant::now()));
    Ok(conductor.result(config, &target, collector, totals, cpus_allowed))
}

fn join(handles: Vec<ScopedJoinHandle<'_, std::io::Result<Totals>>>) -> Result<Totals> {
    let mut all = Totals::default();
    for handle in handles {
        let totals = match handle.join() {
            Ok(result) => result.map_err(|error| Error::Other(format!("a load thread failed: {error}")))?,
            Err(_) => return Err(Error::Other("a load thread panicked".into())),
        };
        all.connections_opened += totals.connections_opened;
        all.retries += totals.retries;
        all.unanswered += totals.unanswered;
    }
    Ok(all)
}

/// Decides where the window lies, and measures this process's own usage over it.
struct Conductor<'a> {
    plan: &'a Plan,
    run_time: Option<Duration>,
    ended: &'a [AtomicU64],
    /// When all users run.
    all_started_us: u64,
    /// Until the window's start is known: the detector and the latest moment for it.
    warming_up: Option<(SteadyDetector, u64)>,
    last_ended: u64,
    stopped_by: StopCause,
    usage_at_start: Option<OwnUsage>,
    usage_at_end: Option<OwnUsage>,
}

impl<'a> Conductor<'a> {
    fn new(config: &LoadConfig, plan: &'a Plan, ended: &'a [AtomicU64]) -> Self {
        let all_started_us = plan.spawning.start_of(config.users - 1).as_micros() as u64;
        let mut conductor = Self {
            plan,
            run_time: config.run_time,
            ended,
            all_started_us,
            warming_up: None,
            last_ended: 0,
            stopped_by: StopCause::RunTime,
            usage_at_start: None,
            usage_at_end: None,
        };
        match config.warm_up {
            WarmUp::Fixed(length) => conductor.start_window(all_started_us + length.as_micros() as u64),
            WarmUp::Steady { at_most } => {
                let latest_us = all_started_us + at_most.as_micros() as u64;
                conductor.warming_up = Some((SteadyDetector::default(), latest_us));
            }
        }
        conductor
    }

    fn start_window(&mut self, at_us: u64) {
        let timeline = &self.plan.timeline;
        timeline.set_window_start(at_us);
        if let Some(run_time) = self.run_time {
            timeline.set_end(at_us + run_time.as_micros() as u64);
        }
    }

    /// Until every thread has ended.
    fn lead(
        &mut self,
        slices: &Receiver<Slice>,
        handles: &[ScopedJoinHandle<'_, std::io::Result<Totals>>],
        stop: &AtomicBool,
        collector: &mut Collector,
        on_progress: &mut dyn FnMut(&LoadProgress),
    ) -> Result<()> {
        let mut next_look = self.plan.timeline.start() + LOOK_EVERY;
        loop {
            let wake = next_look.min(self.next_border().unwrap_or(next_look));
            match slices.recv_timeout(wake.saturating_duration_since(Instant::now())) {
                Ok(slice) => {
                    if let Some(progress) = collector.add(slice) {
                        on_progress(&progress);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    let is_cut_short = stop.load(Relaxed) || handles.iter().any(ScopedJoinHandle::is_finished);
                    self.look(is_cut_short)?;
                    if Instant::now() >= next_look {
                        next_look += LOOK_EVERY;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return self.look(false),
            }
        }
    }

    /// The next moment at which this process's usage must be read.
    fn next_border(&self) -> Option<Instant> {
        let timeline = &self.plan.timeline;
        let us = match (self.usage_at_start, self.usage_at_end) {
            (None, _) => timeline.window_start_us(),
            (Some(_), None) => timeline.end_us(),
            (Some(_), Some(_)) => None,
        };
        us.map(|us| timeline.at(us))
    }

    /// One look at the clock, the throughput and the stop flag.
    fn look(&mut self, is_cut_short: bool) -> Result<()> {
        let timeline = &self.plan.timeline;
        let now_us = timeline.us_at(Instant::now());
        let soon_us = now_us + LEAD.as_micros() as u64;
        if is_cut_short && timeline.end_us().is_none_or(|end_us| soon_us < end_us) {
            self.stopped_by = StopCause::Signal;
            timeline.set_window_start(timeline.window_start_us().unwrap_or(soon_us).min(soon_us));
            timeline.set_end(soon_us);
            self.warming_up = None;
        }
        let ended: u64 = self.ended.iter().map(|count| count.load(Relaxed)).sum();
        let reading = (ended - std::mem::replace(&mut self.last_ended, ended)) as f64;
        if let Some((detector, latest_us)) = &mut self.warming_up
            && now_us >= self.all_started_us
            && (detector.push(reading) || soon_us >= *latest_us)
        {
            self.warming_up = None;
            self.start_window(soon_us);
        }
        let is_past = |border: Option<u64>| border.is_some_and(|us| now_us >= us);
        if self.usage_at_start.is_none() && is_past(self.plan.timeline.window_start_us()) {
            self.usage_at_start = Some(OwnUsage::now()?);
        }
        if self.usage_at_end.is_none() && is_past(self.plan.timeline.end_us()) {
            self.usage_at_end = Some(OwnUsage::now()?);
        }
        Ok(())
    }

    fn result(
        self,
        config: &LoadConfig,
        target: &Target,
        collector: Collector,
        totals: Totals,
        cpus_allowed: Vec<u32>,
    ) -> LoadResult {
        let timeline = &self.plan.timeline;
        let end_us = timeline.end_us().unwrap_or_default();
        let warm_up_us = timeline.window_start_us().unwrap_or(end_us);
        let (method, name) = (config.request.method.clone(), config.request.name.clone());
        let from = self.usage_at_start.unwrap_or_default();
        let to = self.usage_at_end.unwrap_or(from);
        LoadResult {
            host: target.origin(),
            users: config.users,
            spawn_rate_per_s: config.spawn_rate_per_s,
            window: Window {
                start_unix_us: timeline.unix_us(warm_up_us),
                warm_up_us,
                duration_us: end_us - warm_up_us,
            },
            stopped_by: self.stopped_by,
            failures: collector.failed.into_groups(&method, &name),
            requests: vec![RequestStats {
                method,
                name,
                requests: collector.window.requests,
                failures: collector.window.failures,
                content_bytes: collector.window.content_bytes,
                latency: collector.window.latency,
            }],
            series: collector.series,
            generator: GeneratorUsage {
                threads: self.plan.threads,
                cpus_allowed,
                cpu_user_us: to.cpu_user_us - from.cpu_user_us,
                cpu_system_us: to.cpu_system_us - from.cpu_system_us,
                max_rss_bytes: to.max_rss_bytes,
                connections_opened: totals.connections_opened,
                retries: totals.retries,
                unanswered: totals.unanswered,
            },
        }
    }
}
