//! Wakes an event loop at a moment, to some ten microseconds: epoll's own timeout counts whole milliseconds.

use mio::{Interest, Registry, Token, unix::SourceFd};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

/// A `timerfd` (timerfd_create(2)), registered edge-triggered: it needs no read, setting it again re-arms it.
#[derive(Debug)]
pub struct PreciseTimer {
    timer: TimerFd,
    /// When it will ring.
    set_for: Option<Instant>,
}

impl PreciseTimer {
    /// Its events carry `token`, and say nothing but that it is time to look.
    pub fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        registry.register(&mut SourceFd(&timer.as_fd().as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self { timer, set_for: None })
    }

    /// Rings at `moment`, if it is not already to ring then. A moment that is past rings at once.
    pub fn ring_at(&mut self, moment: Instant, now: Instant) -> io::Result<()> {
        if self.set_for != Some(moment) {
            self.set_for = Some(moment);
            // Zero would disarm it.
            let wait = moment.saturating_duration_since(now).max(Duration::from_nanos(1));
            let expiration = Expiration::OneShot(TimeSpec::from_duration(wait));
            self.timer.set(expiration, TimerSetTimeFlags::empty())?;
        }
        Ok(())
    }
}
