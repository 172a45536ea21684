//! What one thread counts: without locks, handed over slice by slice at the borders of the [`Timeline`].

use super::{failures::FailureTable, timeline::Timeline};
use crate::{
    load::http::TokenStream,
    model::{FailureKind, Histogram, StreamStats},
};
use std::{
    sync::{
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::Sender,
    },
    time::{Duration, Instant},
};

/// The moments of one request.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    pub due: Instant,
    pub sent: Instant,
    /// When the last byte of its answer was read.
    pub ended: Instant,
}

/// The requests of one thread that ended between two borders; times are in microseconds since the first request.
#[derive(Debug)]
pub struct Slice {
    pub start_us: u64,
    /// `None` for what ended after the load's end, during the drain.
    pub end_us: Option<u64>,
    /// By the request's number.
    pub requests: Vec<Counts>,
    /// How late requests were sent; `None` where nothing is scheduled.
    pub send_lag: Option<Histogram>,
    pub failed: FailureTable,
}

#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Failures included.
    pub requests: u64,
    pub failures: u64,
    /// Of the answers' bodies, failures included.
    pub content_bytes: u64,
    /// Of successes.
    pub latency_sum_us: u64,
    /// Of successes; `None` before the first.
    pub times: Option<Box<Histograms>>,
}

/// Of successes.
#[derive(Clone, Debug)]
pub struct Histograms {
    /// From when requests were sent.
    pub latency: Histogram,
    /// From when they were due; `None` where nothing is scheduled.
    pub intended: Option<Histogram>,
    pub stream: Option<StreamStats>,
}

impl Counts {
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failures += other.failures;
        self.content_bytes += other.content_bytes;
        self.latency_sum_us += other.latency_sum_us;
        match (&mut self.times, &other.times) {
            (Some(ours), Some(theirs)) => ours.merge(theirs),
            (ours @ None, Some(_)) => *ours = other.times.clone(),
            (_, None) => {}
        }
    }
}

impl Histograms {
    fn new(is_scheduled: bool, is_stream: bool) -> Self {
        Self {
            latency: Histogram::new(),
            intended: is_scheduled.then(Histogram::new),
            stream: is_stream.then(StreamStats::default),
        }
    }

    fn merge(&mut self, other: &Self) {
        self.latency.merge(&other.latency);
        if let (Some(ours), Some(theirs)) = (&mut self.intended, &other.intended) {
            ours.merge(theirs);
        }
        if let (Some(ours), Some(theirs)) = (&mut self.stream, &other.stream) {
            ours.merge(theirs);
        }
    }
}

pub struct Recorder<'a> {
    timeline: &'a Timeline,
    slices: Sender<Slice>,
    /// Requests that have ended, which the main thread looks at between slices.
    ended: &'a AtomicU64,
    is_scheduled: bool,
    open: Slice,
    /// Where the open slice ends, once that is known.
    next_border: Option<Instant>,
    failed: u64,
    last_ended: Option<Instant>,
}

impl<'a> Recorder<'a> {
    /// No other thread may write to `ended`. There are `requests` different ones, numbered from 0; unless they are
    /// `is_scheduled`, they are sent when they are due.
    pub fn new(
        timeline: &'a Timeline,
        slices: Sender<Slice>,
        ended: &'a AtomicU64,
        requests: usize,
        is_scheduled: bool,
    ) -> Self {
        let open = Slice::new(0, requests, is_scheduled);
        Self { timeline, slices, ended, is_scheduled, open, next_border: None, failed: 0, last_ended: None }
    }

    /// Call once a turn of the event loop: takes note of new borders, and hands over a slice at each one that is past.
    pub fn turn(&mut self, now: Instant) {
        let border = |recorder: &Self| recorder.timeline.border_after(recorder.open.start_us);
        while let Some(end_us) = border(self).filter(|&end_us| self.timeline.at(end_us) <= now) {
            let next = Slice::new(end_us, self.open.requests.len(), self.is_scheduled);
            let done = Slice { end_us: Some(end_us), ..std::mem::replace(&mut self.open, next) };
            // If the receiver is gone, the run has failed, and nobody needs the counts.
            let _ = self.slices.send(done);
        }
        self.next_border = border(self).map(|end_us| self.timeline.at(end_us));
    }

    #[inline]
    pub fn sent(&mut self, due: Instant, sent: Instant) {
        if let Some(lag) = &mut self.open.send_lag {
            lag.record_us(micros(sent.saturating_duration_since(due)));
        }
    }

    #[inline]
    pub fn success(&mut self, request: usize, times: Times, content_bytes: usize) {
        self.record(request, times, content_bytes, false);
    }

    pub fn stream(&mut self, request: usize, times: Times, tokens: &TokenStream) {
        if let Some(stream) = &mut self.record(request, times, tokens.bytes, true).stream {
            stream.tokens += u64::from(tokens.first.is_some()) + tokens.gaps_us.len() as u64;
            stream.without_done += u64::from(!tokens.is_done());
            tokens.first.inspect(|&first| stream.ttft.record_us(micros(first.saturating_duration_since(times.sent))));
            tokens.gaps_us.iter().for_each(|&gap| stream.itl.record_us(gap.into()));
        }
    }

    pub fn failure(&mut self, request: usize, ended: Instant, kind: FailureKind, message: &str, content_bytes: usize) {
        self.count(request, ended, content_bytes).failures += 1;
        self.failed += 1;
        let unix_us = self.timeline.unix_us(self.timeline.us_at(ended));
        self.open.failed.add(request, kind, message, unix_us);
    }

    /// Requests that have failed.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// Requests that have ended, failures included.
    pub fn ended(&self) -> u64 {
        self.ended.load(Relaxed)
    }

    pub fn last_ended(&self) -> Option<Instant> {
        self.last_ended
    }

    /// Hands over the last slice.
    pub fn finish(self) {
        let _ = self.slices.send(self.open);
    }

    #[inline]
    fn record(&mut self, request: usize, times: Times, content_bytes: usize, is_stream: bool) -> &mut Histograms {
        let is_scheduled = self.is_scheduled;
        let counts = self.count(request, times.ended, content_bytes);
        let latency_us = micros(times.ended - times.sent);
        counts.latency_sum_us += latency_us;
        let histograms = counts.times.get_or_insert_with(|| Box::new(Histograms::new(is_scheduled, is_stream)));
        histograms.latency.record_us(latency_us);
        if let Some(intended) = &mut histograms.intended {
            intended.record_us(micros(times.ended.saturating_duration_since(times.due)));
        }
        histograms
    }

    #[inline]
    fn count(&mut self, request: usize, ended: Instant, content_bytes: usize) -> &mut Counts {
        if self.next_border.is_some_and(|border| ended >= border) {
            self.turn(ended);
        }
        self.last_ended = Some(ended);
        // Only this thread writes it, so a load and a store will do.
        self.ended.store(self.ended.load(Relaxed) + 1, Relaxed);
        let counts = &mut self.open.requests[request];
        counts.requests += 1;
        counts.content_bytes += content_bytes as u64;
        counts
    }
}

impl Slice {
    fn new(start_us: u64, requests: usize, is_scheduled: bool) -> Self {
        Self {
            start_us,
            end_us: None,
            requests: vec![Counts::default(); requests],
            send_lag: is_scheduled.then(Histogram::new),
            failed: FailureTable::default(),
        }
    }
}

#[inline]
fn micros(duration: Duration) -> u64 {
    duration.as_micros() as u64
}
