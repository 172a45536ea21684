//! Wakes an event loop at a moment, to some ten microseconds: epoll's own timeout counts whole milliseconds.

use mio::{Interest, Registry, Token, unix::SourceFd};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

/// A wait shorter than this does not let the CPU sleep, and says nothing of how long it takes to wake.
const SLEEP: Duration = Duration::from_micros(200);

/// Most that a timer is set early.
const MOST_LEAD: Duration = Duration::from_micros(200);

/// A `timerfd` (timerfd_create(2)), registered edge-triggered: it needs no read, setting it again re-arms it.
///
/// A sleeping CPU wakes some 60 us late. That is much the same each time, so the timer is set earlier by what it is late
/// at least; when it rings before the moment after all, the loop finds nothing due, and sets it for the rest.
#[derive(Debug)]
pub struct PreciseTimer {
    timer: TimerFd,
    /// The moment that it is to ring for, and when it was set to ring.
    set: Option<(Instant, Instant)>,
    lead: Lead,
}

impl PreciseTimer {
    /// Its events carry `token`, and say nothing but that it is time to look.
    pub fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        registry.register(&mut SourceFd(&timer.as_fd().as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self { timer, set: None, lead: Lead::default() })
    }

    /// Rings at `moment`, if it is not already to ring then. A moment that is past rings at once.
    pub fn ring_at(&mut self, moment: Instant, now: Instant) -> io::Result<()> {
        if self.set.is_some_and(|(set_for, _)| set_for == moment) {
            return Ok(());
        }
        // Zero would disarm it.
        let wait = self.lead.wait(moment.saturating_duration_since(now)).max(Duration::from_nanos(1));
        self.set = Some((moment, now + wait));
        self.lead.is_sleeping = wait >= SLEEP;
        self.timer
            .set(Expiration::OneShot(TimeSpec::from_duration(wait)), TimerSetTimeFlags::empty())
            .map_err(io::Error::from)
    }

    /// Its event has come.
    pub fn rang(&mut self, now: Instant) {
        if let Some((_, set_to)) = self.set.take() {
            self.lead.learn(now.saturating_duration_since(set_to));
        }
    }
}

/// How late the timer is at least.
#[derive(Clone, Copy, Debug, Default)]
struct Lead {
    us: f64,
    /// Whether the wait is long enough to learn from.
    is_sleeping: bool,
}

impl Lead {
    fn wait(self, left: Duration) -> Duration {
        left.saturating_sub(Duration::from_secs_f64(self.us / 1e6))
    }

    /// Follows the least lateness at once, and forgets it slowly.
    fn learn(&mut self, late: Duration) {
        if self.is_sleeping {
            let late_us = late.min(MOST_LEAD).as_secs_f64() * 1e6;
            self.us = if late_us < self.us { late_us } else { self.us + (late_us - self.us) / 32.0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lead_is_what_it_is_late_at_least() {
        let us = Duration::from_micros;
        let mut lead = Lead { is_sleeping: true, ..Lead::default() };
        (0..200).for_each(|_| lead.learn(us(60)));
        assert!((59.0..=60.0).contains(&lead.us), "{}", lead.us);
        lead.learn(us(5000));
        assert!(lead.us < 66.0, "one long wait says little: {}", lead.us);
        lead.learn(us(40));
        assert_eq!((lead.us, lead.wait(us(100)), lead.wait(us(10))), (40.0, us(60), us(0)));
        lead.is_sleeping = false;
        lead.learn(us(1));
        assert_eq!(lead.us, 40.0);
    }
}
