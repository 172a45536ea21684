//! One thread's counts: kept without locks, and handed over slice by slice at the borders of the [`Timeline`].

use super::{failures::FailureTable, timeline::Timeline};
use crate::model::{FailureKind, Histogram};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// What one thread saw end between two borders.
#[derive(Debug)]
pub struct Slice {
    /// In microseconds since the first request.
    pub start_us: u64,
    /// The same; `None` for what ended after the load's end, while draining.
    pub end_us: Option<u64>,
    /// Failures included.
    pub requests: u64,
    /// Of the requests.
    pub failures: u64,
    /// Body bytes.
    pub content_bytes: u64,
    /// Of the successes.
    pub latency_sum_us: u64,
    /// Of the successes.
    pub latency: Histogram,
    /// What failed.
    pub failed: FailureTable,
}

impl Slice {
    fn new(start_us: u64) -> Self {
        Self {
            start_us,
            end_us: None,
            requests: 0,
            failures: 0,
            content_bytes: 0,
            latency_sum_us: 0,
            latency: Histogram::new(),
            failed: FailureTable::default(),
        }
    }
}

/// Counts what ends in its thread.
pub struct Recorder<'a> {
    timeline: &'a Timeline,
    slices: Sender<Slice>,
    /// Requests that ended so far, for the main thread to look at between slices.
    ended: &'a AtomicU64,
    open: Slice,
    /// Where the open slice ends, as far as known.
    next_border: Option<Instant>,
}

impl<'a> Recorder<'a> {
    /// `ended` belongs to this recorder's thread alone.
    pub fn new(timeline: &'a Timeline, slices: Sender<Slice>, ended: &'a AtomicU64) -> Self {
        Self { timeline, slices, ended, open: Slice::new(0), next_border: None }
    }

    /// Once a turn of the event loop: notes borders that were announced and cuts at those that are past.
    pub fn turn(&mut self, now: Instant) {
        let border = |recorder: &Self| recorder.timeline.border_after(recorder.open.start_us);
        while let Some(end_us) = border(self).filter(|&end_us| self.timeline.at(end_us) <= now) {
            let next = Slice::new(end_us);
            let done = Slice { end_us: Some(end_us), ..std::mem::replace(&mut self.open, next) };
            // The receiver is gone only when the run has failed; then nobody reads the counts.
            let _ = self.slices.send(done);
        }
        self.next_border = border(self).map(|end_us| self.timeline.at(end_us));
    }

    /// One request ended well at `ended`.
    #[inline]
    pub fn success(&mut self, ended: Instant, latency: Duration, content_bytes: usize) {
        self.count(ended, content_bytes);
        let latency_us = latency.as_micros() as u64;
        self.open.latency_sum_us += latency_us;
        self.open.latency.record_us(latency_us);
    }

    /// One request failed at `ended`.
    pub fn failure(&mut self, ended: Instant, kind: FailureKind, message: &str, content_bytes: usize) {
        self.count(ended, content_bytes);
        self.open.failures += 1;
        self.open.failed.add(kind, message, self.timeline.unix_us(self.timeline.us_at(ended)));
    }

    /// Hands over what ended after the last border.
    pub fn finish(self) {
        let _ = self.slices.send(self.open);
    }

    #[inline]
    fn count(&mut self, ended: Instant, content_bytes: usize) {
        if self.next_border.is_some_and(|border| ended >= border) {
            self.turn(ended);
        }
        self.open.requests += 1;
        self.open.content_bytes += content_bytes as u64;
        // Only this thread writes it: no read-modify-write is needed.
        self.ended.store(self.ended.load(Relaxed) + 1, Relaxed);
    }
}
