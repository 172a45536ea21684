//! Leads a load phase while its threads send: decides when the window starts and ends, measures over it what this process
//! uses and what the backend sees, and makes the result of it.

use super::{
    backend,
    count::{Collector, Counts, LEAD, Slice, SteadyDetector},
    event_loop::ThreadTotals,
    http::Target,
    lane::Shared,
    pace::UserSchedule,
};
use crate::{
    model::{
        AddressUse, BackendTruth, BackendWindow, CpuSet, GeneratorUsage, LoadPlan, LoadProgress, LoadResult,
        RequestStats, StopCause, Totals, WarmUp, Window,
    },
    probe,
    this_process::OwnUsage,
};
use std::{
    io,
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread::ScopedJoinHandle,
    time::{Duration, Instant},
};

/// Between two looks at the stop flag, and between two throughput readings of the [`SteadyDetector`].
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub struct Conductor<'a> {
    plan: &'a LoadPlan,
    shared: &'a Shared,
    users: &'a UserSchedule,
    /// By thread, the requests that have ended so far.
    ended: &'a [AtomicU64],
    /// From when on all users run.
    all_started_us: u64,
    /// While the window's start is open: the detector, and the latest moment for it.
    warming_up: Option<(SteadyDetector, u64)>,
    /// Requests that had ended at the last look.
    last_ended: u64,
    /// Longest that it woke too late, in the window.
    longest_pause: Duration,
    backend_error: Option<String>,
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
    /// `ended` has a count for each thread; `backend_error` says why the backend did not tell before the load, if it did not.
    pub fn new(
        plan: &'a LoadPlan,
        shared: &'a Shared,
        users: &'a UserSchedule,
        ended: &'a [AtomicU64],
        backend_error: Option<String>,
    ) -> Self {
        let all_started_us = users.complete_after().as_micros() as u64;
        let mut conductor = Self {
            plan,
            shared,
            users,
            ended,
            all_started_us,
            warming_up: None,
            last_ended: 0,
            longest_pause: Duration::ZERO,
            backend_error,
            stopped_by: StopCause::RunTime,
            at_start: None,
            at_end: None,
        };
        if !plan.stages.is_empty() || shared.iterations.is_some() {
            conductor.start_window(0);
        } else {
            match plan.warm_up {
                WarmUp::Fixed { us } => conductor.start_window(all_started_us.saturating_add(us)),
                WarmUp::Steady { at_most_us } => {
                    let latest_us = all_started_us.saturating_add(at_most_us);
                    conductor.warming_up = Some((SteadyDetector::default(), latest_us));
                }
            }
        }
        conductor
    }

    fn start_window(&mut self, at_us: u64) {
        let timeline = &self.shared.timeline;
        timeline.set_window_start(at_us);
        if let Some(window_us) = self.plan.window_us() {
            timeline.set_end(at_us.saturating_add(window_us));
        }
    }

    /// Collects what the threads count, and announces borders, until every thread has ended.
    pub fn lead(
        &mut self,
        slices: &Receiver<Slice>,
        handles: &[ScopedJoinHandle<'_, io::Result<ThreadTotals>>],
        stop: &AtomicBool,
        collector: &mut Collector,
        on_progress: &mut dyn FnMut(&LoadProgress),
    ) {
        let mut next_look = self.shared.timeline.start() + LOOK_EVERY;
        loop {
            let wake = next_look.min(self.next_border().unwrap_or(next_look));
            let slice = slices.recv_timeout(wake.saturating_duration_since(Instant::now()));
            if self.at_start.is_some() && self.at_end.is_none() {
                self.longest_pause = self.longest_pause.max(wake.elapsed());
            }
            match slice {
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

    /// Looks at the clock and the throughput, and reads the borders that have come.
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
        let told = backend::close_window_of(self.plan);
        told.inspect_err(|error| self.backend_error = Some(error.to_string())).ok().flatten().unwrap_or_default()
    }

    /// After the last thread has ended.
    pub fn result(
        mut self,
        target: &Target,
        collector: Collector,
        threads: &[ThreadTotals],
        cpus_allowed: CpuSet,
    ) -> LoadResult {
        let plan = self.plan;
        let at_end = self.at_end.take().unwrap_or_else(|| self.read_border());
        let at_start = self.at_start.take();
        let drained = self.close_backend_window();
        let timeline = &self.shared.timeline;
        let mut end_us = timeline.end_us().unwrap_or_default();
        let warm_up_us = timeline.window_start_us().unwrap_or(end_us);
        if self.stopped_by == StopCause::Iterations {
            // The end was announced some time ahead; the window ends with the last answer.
            let last = threads.iter().filter_map(|thread| thread.last_ended).max();
            end_us = last.map_or(end_us, |last| timeline.us_at(last).clamp(warm_up_us + 1, end_us));
        }
        let (usage_at_start, before) =
            at_start.map_or_else(|| (at_end.usage, BackendWindow::default()), |start| (start.usage, start.backend));
        let total_arrivals = before.arrivals + at_end.backend.arrivals + drained.arrivals;
        let names = |request: usize| (plan.requests[request].method.as_str(), plan.requests[request].name.as_str());
        LoadResult {
            host: target.origin(),
            told_by: None,
            summary: None,
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
            addresses: self
                .shared
                .addresses
                .iter()
                .enumerate()
                .map(|(index, address)| AddressUse {
                    address: address.to_string(),
                    connections: threads.iter().filter_map(|thread| thread.by_address.get(index)).sum(),
                })
                .collect(),
            totals: threads
                .iter()
                .map(|thread| Totals::from(&thread.totals))
                .reduce(|all, one| all.plus(&one))
                .unwrap_or_default(),
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
                longest_pause_us: Some(self.longest_pause.as_micros() as u64),
                send_lag: collector.send_lag,
            }],
        }
    }
}

/// The window's statistics, by name and method: requests that share both count together.
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
            summary: None,
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
