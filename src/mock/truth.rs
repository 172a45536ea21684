//! What the mock really saw, counted in windows that follow each other without a gap.

use crate::{
    model::{BackendWindow, Histogram},
    units::now_unix_us,
};
use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

#[derive(Debug)]
pub struct Truth {
    /// When the current window began: monotonic clock, and microseconds since 1970 UTC.
    start: Mutex<(Instant, u64)>,
    /// One a thread, so that none waits for another.
    tallies: Vec<Mutex<Tally>>,
    in_flight: AtomicU64,
    peak_in_flight: AtomicU64,
    connections_open: AtomicU64,
}

/// Of one thread, since the window began.
#[derive(Debug, Default)]
struct Tally {
    arrivals: u64,
    answered: u64,
    errors: u64,
    abandoned: u64,
    connections_opened: u64,
    service_time: Histogram,
    processing: Duration,
}

impl Truth {
    /// The first window begins now.
    pub fn new(threads: usize) -> Self {
        Self {
            start: Mutex::new((Instant::now(), now_unix_us())),
            tallies: (0..threads).map(|_| Mutex::default()).collect(),
            in_flight: AtomicU64::new(0),
            peak_in_flight: AtomicU64::new(0),
            connections_open: AtomicU64::new(0),
        }
    }

    /// To be called at a connection's first request.
    pub fn connected(&self, thread: usize) {
        self.tally(thread).connections_opened += 1;
        self.connections_open.fetch_add(1, Relaxed);
    }

    /// To be called when a connection that was counted is gone.
    pub fn disconnected(&self) {
        self.connections_open.fetch_sub(1, Relaxed);
    }

    /// A request is complete, or was refused before it was.
    pub fn arrived(&self, thread: usize) {
        self.tally(thread).arrivals += 1;
        let in_flight = self.in_flight.fetch_add(1, Relaxed) + 1;
        if in_flight > self.peak_in_flight.load(Relaxed) {
            self.peak_in_flight.fetch_max(in_flight, Relaxed);
        }
    }

    /// An answer was handed to the kernel, `took` after its request was complete; `processing` is what that took of it from
    /// its turn on.
    pub fn answered(&self, thread: usize, status: u16, took: Duration, processing: Duration) {
        self.in_flight.fetch_sub(1, Relaxed);
        let mut tally = self.tally(thread);
        tally.answered += 1;
        tally.errors += u64::from(status >= 400);
        tally.service_time.record_us(took.as_micros() as u64);
        tally.processing += processing;
    }

    /// A client has left before its answer.
    pub fn abandoned(&self, thread: usize) {
        self.in_flight.fetch_sub(1, Relaxed);
        self.tally(thread).abandoned += 1;
    }

    /// Ends the window, returns what was in it, and begins the next.
    pub fn close_window(&self) -> BackendWindow {
        let mut start = self.start.lock().unwrap_or_else(PoisonError::into_inner);
        // All are locked at once, so that the windows of all threads end at the same moment.
        let mut tallies: Vec<_> = (0..self.tallies.len()).map(|thread| self.tally(thread)).collect();
        let (began, start_unix_us) = std::mem::replace(&mut *start, (Instant::now(), now_unix_us()));
        let mut window = BackendWindow {
            start_unix_us,
            duration_us: (start.0 - began).as_micros() as u64,
            peak_in_flight: self.peak_in_flight.swap(self.in_flight.load(Relaxed), Relaxed),
            connections_open: self.connections_open.load(Relaxed),
            ..BackendWindow::default()
        };
        let mut processing = Duration::ZERO;
        for tally in &mut tallies {
            let tally = std::mem::take(&mut **tally);
            window.arrivals += tally.arrivals;
            window.answered += tally.answered;
            window.errors += tally.errors;
            window.abandoned += tally.abandoned;
            window.connections_opened += tally.connections_opened;
            window.service_time.merge(&tally.service_time);
            processing += tally.processing;
        }
        window.processing_us = processing.as_micros() as u64;
        window
    }

    /// Each count is changed in one step, so a thread that has panicked leaves none half changed.
    fn tally(&self, thread: usize) -> MutexGuard<'_, Tally> {
        self.tallies[thread].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_each_other_without_a_gap() {
        let truth = Truth::new(2);
        let ms = Duration::from_millis(1);
        truth.connected(0);
        for thread in [0, 1, 1] {
            truth.arrived(thread);
        }
        truth.answered(0, 200, 5 * ms, 2 * ms);
        truth.answered(1, 503, ms, ms);
        let first = truth.close_window();
        assert_eq!((first.arrivals, first.answered, first.errors, first.abandoned), (3, 2, 1, 0));
        assert_eq!((first.peak_in_flight, first.connections_opened, first.connections_open), (3, 1, 1));
        assert_eq!(first.processing_us, 3_000);
        assert_eq!((first.service_time.count(), first.service_time.max_us()), (2, 5_003), "three digits are kept");
        truth.abandoned(1);
        truth.disconnected();
        let second = truth.close_window();
        assert_eq!((second.arrivals, second.answered, second.abandoned), (0, 0, 1));
        assert_eq!((second.peak_in_flight, second.connections_opened, second.connections_open), (1, 0, 0));
        assert_eq!(truth.close_window().peak_in_flight, 0);
    }
}
