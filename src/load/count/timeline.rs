//! The clock that all threads of a run share, and the borders between which each of them counts.
//!
//! There is a border at each second since the first request, at the window's start, at each second since that, and at the
//! load's end. All threads cut at the same borders, so a request is in exactly one slice: the one in which it ended. A
//! border that is not known from the beginning is announced [`LEAD`] ahead.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// How far ahead a border is announced: several turns of every event loop.
pub const LEAD: Duration = Duration::from_millis(50);

const SECOND_US: u64 = 1_000_000;
/// Stands for a border that is not known yet.
const UNKNOWN: u64 = u64::MAX;

/// Times are microseconds since [`Timeline::start`].
#[derive(Debug)]
pub struct Timeline {
    start: Instant,
    start_unix_us: u64,
    window_start_us: AtomicU64,
    end_us: AtomicU64,
}

impl Timeline {
    pub fn start_now() -> Self {
        let unknown = || AtomicU64::new(UNKNOWN);
        let start_unix_us = crate::units::now_unix_us();
        Self { start: Instant::now(), start_unix_us, window_start_us: unknown(), end_us: unknown() }
    }

    /// When the first request may be sent.
    pub fn start(&self) -> Instant {
        self.start
    }

    pub fn at(&self, us: u64) -> Instant {
        self.start + Duration::from_micros(us)
    }

    pub fn us_at(&self, moment: Instant) -> u64 {
        moment.saturating_duration_since(self.start).as_micros() as u64
    }

    /// Wall clock `us` after the start, in microseconds since 1970 UTC. Steps of the wall clock since then do not show.
    pub fn unix_us(&self, us: u64) -> u64 {
        self.start_unix_us.saturating_add(us)
    }

    pub fn set_window_start(&self, us: u64) {
        self.window_start_us.store(us, Relaxed);
    }

    pub fn set_end(&self, us: u64) {
        self.end_us.store(us, Relaxed);
    }

    /// `None` until it is announced.
    pub fn window_start_us(&self) -> Option<u64> {
        known(self.window_start_us.load(Relaxed))
    }

    /// No request is begun after it; `None` until it is announced.
    pub fn end_us(&self) -> Option<u64> {
        known(self.end_us.load(Relaxed))
    }

    /// The border that follows the one at `border_us`; `None` after the end.
    pub fn border_after(&self, border_us: u64) -> Option<u64> {
        let announced = [self.window_start_us(), self.end_us()].into_iter().flatten().filter(|&us| us > border_us);
        let next_second = border_us + SECOND_US;
        self.end_us().is_none_or(|end_us| border_us < end_us).then(|| announced.fold(next_second, u64::min))
    }

    /// Whether what lies between two neighbouring borders is in the window.
    pub fn is_measured(&self, from_us: u64, to_us: u64) -> bool {
        self.window_start_us().is_some_and(|start_us| start_us <= from_us)
            && self.end_us().is_none_or(|end_us| to_us <= end_us)
    }
}

fn known(us: u64) -> Option<u64> {
    (us != UNKNOWN).then_some(us)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn borders(timeline: &Timeline, count: usize) -> Vec<u64> {
        std::iter::successors(timeline.border_after(0), |&us| timeline.border_after(us)).take(count).collect()
    }

    #[test]
    fn seconds_then_seconds_of_the_window_then_the_end() {
        let timeline = Timeline::start_now();
        assert_eq!(borders(&timeline, 3), [1_000_000, 2_000_000, 3_000_000]);
        timeline.set_window_start(1_300_000);
        assert_eq!(borders(&timeline, 4), [1_000_000, 1_300_000, 2_300_000, 3_300_000]);
        timeline.set_end(2_800_000);
        assert_eq!(borders(&timeline, 9), [1_000_000, 1_300_000, 2_300_000, 2_800_000]);
        let measured = |from, to| timeline.is_measured(from, to);
        assert!(!measured(1_000_000, 1_300_000) && measured(1_300_000, 2_300_000) && measured(2_300_000, 2_800_000));
        assert!(!measured(2_800_000, 3_000_000));
    }
}
