//! A load phase from start to end: starts the threads, decides when the window starts and ends, and gathers the result.

use super::{
    SteadyDetector, backend,
    count::{Collector, Counts, LEAD, Recorder, Slice, Timeline},
    event_loop::{EventLoop, ThreadTotals},
    http::{Requests, Target, TlsSettings},
    lane::Shared,
    pace::{ClosedPacer, DueTimes, OpenPacer, Pacer, Ramp, UserSchedule},
    validate::validate,
};
use crate::{
    distribution::random,
    error::{Error, Result},
    model::{
        BackendTruth, BackendWindow, GeneratorUsage, LoadModel, LoadPlan, LoadProgress, LoadResult, RequestStats,
        StopCause, Totals, Until, WarmUp, Window,
    },
    probe,
    this_process::{self, OwnUsage},
};
use std::{
    sync::{
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread::ScopedJoinHandle,
    time::{Duration, Instant},
};

/// Between two looks at the stop flag, and between two throughput readings of the [`SteadyDetector`].
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Uses of the seed, kept apart (arrivals have the stream 1); each thread has its own of each.
const THINK_TIMES: u64 = 1 << 32;
const MIX: u64 = 2 << 32;

/// Loads the server until its end is reached or `stop` is set, and then waits a while for what is under way.
/// Calls `on_progress` about once a second. Blocks; sends from threads of its own.
///
/// A server that cannot be reached is no error: its requests are counted as failures. Errors: [`Error::Usage`]
/// for a configuration that makes no load, [`Error::Preflight`] when there are no certificates to check the server
/// against or the backend does not tell what it saw, [`Error::Other`] when the operating system refuses threads or polling.
pub fn run(plan: &LoadPlan, stop: &AtomicBool, on_progress: &mut dyn FnMut(&LoadProgress)) -> Result<LoadResult> {
    validate(plan)?;
    let target = Target::parse(&plan.host)?;
    let requests = Requests::new(&plan.requests, &plan.lines, &target, plan.keep_alive)?;
    this_process::allow_many_files();
    let cpus_allowed = this_process::cpus_allowed()?;
    let threads = plan.threads.unwrap_or_else(|| this_process::parallelism() as u32).min(plan.max_in_flight());
    let (addresses, unresolved) = match target.resolve() {
        Ok(addresses) => (addresses, None),
        Err(why) => (Vec::new(), Some(why)),
    };
    let tls = TlsSettings::of(&target, plan.insecure)?;
    // What came before is not ours.
    plan.backend.as_deref().map(backend::close_window).transpose()?;
    let shared = Shared {
        requests,
        addresses,
        unresolved,
        tls,
        is_stream: plan.stream,
        is_scheduled: plan.is_scheduled(),
        timeout: Duration::from_micros(plan.timeout_us),
        drain: Duration::from_micros(plan.drain_us),
        keep_alive: plan.keep_alive,
        threads,
        iterations: match plan.until {
            Until::Iterations { count } if plan.stages.is_empty() => Some(count),
            _ => None,
        },
        finished: AtomicU32::new(0),
        timeline: Timeline::start_now(),
    };
    let kinds = plan.requests.len();
    let users = user_schedule(plan);
    let ended: Vec<AtomicU64> = (0..threads).map(|_| AtomicU64::new(0)).collect();
    let (sender, slices) = channel();
    let mut loops = Vec::new();
    for (thread, ended) in (0..threads).zip(&ended) {
        let recorder = Recorder::new(&shared.timeline, sender.clone(), ended, kinds, shared.is_scheduled);
        let pacer = pacer(plan, &users, &shared, thread);
        let mix = random(plan.seed, MIX + u64::from(thread));
        let event_loop = EventLoop::new(&shared, thread, pacer, recorder, mix);
        loops.push(event_loop.map_err(|error| Error::Other(format!("epoll: {error}")))?);
    }
    drop(sender);

    let mut conductor = Conductor::new(plan, &shared, &users, &ended);
    let mut collector = Collector::new(&shared.timeline, threads, kinds);
    // With a thread to each CPU, the scheduler has no better place for any of them.
    let pins = if threads as usize == cpus_allowed.len() { cpus_allowed.clone() } else { Vec::new() };
    let threads_totals = std::thread::scope(|scope| {
        let mut handles = Vec::new();
        for (number, event_loop) in loops.into_iter().enumerate() {
            let pin = pins.get(number).copied();
            let body = move || {
                pin.inspect(|&cpu| this_process::pin_to(cpu));
                event_loop.run()
            };
            let started = std::thread::Builder::new().name(format!("load-{number}")).spawn_scoped(scope, body);
            match started {
                Ok(handle) => handles.push(handle),
                Err(error) => {
                    shared.timeline.set_end(0);
                    return Err(Error::Other(format!("cannot start a thread: {error}")));
                }
            }
        }
        conductor.lead(&slices, &handles, stop, &mut collector, on_progress);
        join(handles)
    })?;
    collector.finish(shared.timeline.us_at(Instant::now()));
    Ok(conductor.result(plan, &target, collector, &threads_totals, cpus_allowed))
}

fn user_schedule(plan: &LoadPlan) -> UserSchedule {
    match plan.model {
        LoadModel::Open { .. } => UserSchedule::spawn(0, 1.0),
        LoadModel::Closed { users, spawn_rate_per_s, .. } if plan.stages.is_empty() => {
            UserSchedule::spawn(users, spawn_rate_per_s)
        }
        LoadModel::Closed { users, .. } => UserSchedule::Stages(Ramp::new(f64::from(users), &plan.stages)),
    }
}

fn pacer(plan: &LoadPlan, users: &UserSchedule, shared: &Shared, thread: u32) -> Pacer {
    let (start, threads) = (shared.timeline.start(), shared.threads);
    match &plan.model {
        LoadModel::Closed { think_time, .. } => {
            let random = random(plan.seed, THINK_TIMES + u64::from(thread));
            Pacer::Closed(ClosedPacer::new(users.clone(), think_time.clone(), random, start, thread, threads))
        }
        &LoadModel::Open { rate_rps, arrivals, max_in_flight } => {
            let rate = Ramp::new(rate_rps, &plan.stages);
            let due = DueTimes::new(rate, arrivals, plan.seed, thread, threads);
            let share = max_in_flight / threads + u32::from(thread < max_in_flight % threads);
            Pacer::Open(OpenPacer::new(due, start, share))
        }
    }
}

fn join(handles: Vec<ScopedJoinHandle<'_, std::io::Result<ThreadTotals>>>) -> Result<Vec<ThreadTotals>> {
    let totals = handles.into_iter().map(|handle| match handle.join() {
        Ok(result) => result.map_err(|error| Error::Other(format!("a load thread failed: {error}"))),
        Err(_) => Err(Error::Other("a load thread panicked".into())),
    });
    totals.collect()
}

/// Decides where the window lies, and measures over it what this process uses and what the backend sees.
struct Conductor<'a> {
    shared: &'a Shared,
    users: &'a UserSchedule,
    backend: Option<&'a str>,
    backend_error: Option<String>,
    /// `None` when only iterations or a signal end it.
    window_us: Option<u64>,
    ended: &'a [AtomicU64],
    /// When all users run.
    all_started_us: u64,
    /// Until the window's start is known: the detector and the latest moment for it.
    warming_up: Option<(SteadyDetector, u64)>,
    last_ended: u64,
    stopped_by: StopCause,
    at_start: Option<Border>,
    at_end: Option<Border>,
}

/// What is read at one of the window's borders.
struct Border {
    usage: OwnUsage,
    /// What the backend saw since it was last asked.
    backend: BackendWindow,
}

impl<'a> Conductor<'a> {
    fn new(plan: &'a LoadPlan, shared: &'a Shared, users: &'a UserSchedule, ended: &'a [AtomicU64]) -> Self {
        let all_started_us = users.complete_after().as_micros() as u64;
        let mut conductor = Self {
            shared,
            users,
            backend: plan.backend.as_deref(),
            backend_error: None,
            window_us: plan.window_us(),
            ended,
            all_started_us,
            warming_up: None,
            last_ended: 0,
            stopped_by: StopCause::RunTime,
            at_start: None,
            at_end: None,
        };
        match plan.warm_up {
            _ if !plan.stages.is_empty() || shared.iterations.is_some() => conductor.start_window(0),
            WarmUp::Fixed { us } => conductor.start_window(all_started_us.saturating_add(us)),
            WarmUp::Steady { at_most_us } => {
                let latest_us = all_started_us.saturating_add(at_most_us);
                conductor.warming_up = Some((SteadyDetector::default(), latest_us));
            }
        }
        conductor
    }

    fn start_window(&mut self, at_us: u64) {
        let timeline = &self.shared.timeline;
        timeline.set_window_start(at_us);
        if let Some(window_us) = self.window_us {
            timeline.set_end(at_us.saturating_add(window_us));
        }
    }

    /// Until every thread has ended.
    fn lead(
        &mut self,
        slices: &Receiver<Slice>,
        handles: &[ScopedJoinHandle<'_, std::io::Result<ThreadTotals>>],
        stop: &AtomicBool,
        collector: &mut Collector,
        on_progress: &mut dyn FnMut(&LoadProgress),
    ) {
        let mut next_look = self.shared.timeline.start() + LOOK_EVERY;
        loop {
            let wake = next_look.min(self.next_border().unwrap_or(next_look));
            match slices.recv_timeout(wake.saturating_duration_since(Instant::now())) {
                Ok(slice) => {
                    let users = |us| self.users.users_at(Duration::from_micros(us));
                    if let Some(progress) = collector.add(slice, users) {
                        on_progress(&progress);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    let is_cut_short = stop.load(Relaxed) || handles.iter().any(ScopedJoinHandle::is_finished);
                    if self.shared.finished.load(Relaxed) == self.shared.threads {
                        self.end_soon(StopCause::Iterations);
                    } else if is_cut_short {
                        self.end_soon(StopCause::Signal);
                    }
                    self.look();
                    if Instant::now() >= next_look {
                        next_look += LOOK_EVERY;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return self.look(),
            }
        }
    }

    /// The next moment at which a border is to be read.
    fn next_border(&self) -> Option<Instant> {
        let timeline = &self.shared.timeline;
        let us = match (&self.at_start, &self.at_end) {
            (None, _) => timeline.window_start_us(),
            (Some(_), None) => timeline.end_us(),
            (Some(_), Some(_)) => None,
        };
        us.map(|us| timeline.at(us))
    }

    /// Announces the load's end, unless it comes as soon by itself.
    fn end_soon(&mut self, cause: StopCause) {
        let timeline = &self.shared.timeline;
        let soon_us = timeline.us_at(Instant::now() + LEAD);
        if timeline.end_us().is_none_or(|end_us| soon_us < end_us) {
            self.stopped_by = cause;
            timeline.set_window_start(timeline.window_start_us().unwrap_or(soon_us).min(soon_us));
            timeline.set_end(soon_us);
            self.warming_up = None;
        }
    }

    /// One look at the clock and the throughput.
    fn look(&mut self) {
        let timeline = &self.shared.timeline;
        let now_us = timeline.us_at(Instant::now());
        let soon_us = now_us + LEAD.as_micros() as u64;
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
        if self.at_start.is_none() && is_past(self.shared.timeline.window_start_us()) {
            self.at_start = Some(self.read_border());
        }
        if self.at_end.is_none() && is_past(self.shared.timeline.end_us()) {
            self.at_end = Some(self.read_border());
        }
    }

    fn read_border(&mut self) -> Border {
        Border { usage: OwnUsage::now().unwrap_or_default(), backend: self.close_backend_window() }
    }

    /// What the backend saw since it was last asked. Where it does not tell, the load goes on, and the result says why.
    fn close_backend_window(&mut self) -> BackendWindow {
        let told = self.backend.map(backend::close_window).transpose();
        told.inspect_err(|error| self.backend_error = Some(error.to_string())).ok().flatten().unwrap_or_default()
    }

    fn result(
        mut self,
        plan: &LoadPlan,
        target: &Target,
        collector: Collector,
        threads: &[ThreadTotals],
        cpus_allowed: Vec<u32>,
    ) -> LoadResult {
        let at_end = self.at_end.take().unwrap_or_else(|| self.read_border());
        let at_start = self.at_start.take();
        let drained = self.close_backend_window();
        let timeline = &self.shared.timeline;
        let mut end_us = timeline.end_us().unwrap_or_default();
        let warm_up_us = timeline.window_start_us().unwrap_or(end_us);
        if self.stopped_by == StopCause::Iterations {
            // The end had to be announced; nothing happened after the last answer.
            let last = threads.iter().filter_map(|thread| thread.last_ended).max();
            end_us = last.map_or(end_us, |last| timeline.us_at(last).clamp(warm_up_us + 1, end_us));
        }
        let (usage_at_start, before) =
            at_start.map_or_else(|| (at_end.usage, BackendWindow::default()), |start| (start.usage, start.backend));
        let total_arrivals = before.arrivals + at_end.backend.arrivals + drained.arrivals;
        let names = |request: usize| (plan.requests[request].method.as_str(), plan.requests[request].name.as_str());
        LoadResult {
            host: target.origin(),
            model: plan.model.clone(),
            stages: plan.stages.clone(),
            window: Window {
                start_unix_us: timeline.unix_us(warm_up_us),
                warm_up_us,
                duration_us: end_us - warm_up_us,
            },
            stopped_by: self.stopped_by,
            requests: by_name(plan, collector.window),
            failures: collector.failed.into_groups(names),
            series: collector.series,
            totals: threads.iter().fold(Totals::default(), |all, thread| all.plus(&thread.totals)),
            backend: match (&plan.backend, &self.backend_error) {
                (Some(url), None) => Some(BackendTruth { url: url.clone(), window: at_end.backend, total_arrivals }),
                _ => None,
            },
            backend_error: self.backend_error,
            generators: vec![GeneratorUsage {
                threads: self.shared.threads,
                cpus_allowed,
                limits: probe::own_limits(),
                cpu_user_us: at_end.usage.cpu_user_us - usage_at_start.cpu_user_us,
                cpu_system_us: at_end.usage.cpu_system_us - usage_at_start.cpu_system_us,
                max_rss_bytes: at_end.usage.max_rss_bytes,
                send_lag: collector.send_lag,
            }],
        }
    }
}

/// The window's statistics by (method, name): requests of one name count together.
fn by_name(plan: &LoadPlan, window: Vec<Counts>) -> Vec<RequestStats> {
    let mut stats: Vec<RequestStats> = Vec::new();
    let is_scheduled = plan.is_scheduled();
    for (request, counts) in plan.requests.iter().zip(window) {
        let times = counts.times.map(|times| *times);
        let (latency, intended, stream) = match times {
            Some(times) => (times.latency, times.intended, times.stream),
            None => Default::default(),
        };
        let new = RequestStats {
            method: request.method.clone(),
            name: request.name.clone(),
            requests: counts.requests,
            failures: counts.failures,
            content_bytes: counts.content_bytes,
            latency,
            intended: is_scheduled.then(|| intended.unwrap_or_default()),
            stream: plan.stream.then(|| stream.unwrap_or_default()),
        };
        match stats.iter_mut().find(|one| (&one.method, &one.name) == (&new.method, &new.name)) {
            Some(one) => one.add(&new),
            None => stats.push(new),
        }
    }
    stats.sort_by(|a, b| (&a.name, &a.method).cmp(&(&b.name, &b.method)));
    stats
}
