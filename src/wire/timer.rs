//! Wakes an event loop within a few microseconds of a moment; epoll's own timeout counts whole milliseconds.

use mio::{Interest, Registry, Token, unix::SourceFd};
use nix::sys::{
    time::TimeSpec,
    timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
};
use std::{
    io,
    os::fd::{AsFd, AsRawFd},
    time::{Duration, Instant},
};

/// For a shorter wait the timer is not set early. So the loop never spins for most of the time, however close the moments
/// are to each other.
const SLEEP: Duration = Duration::from_micros(200);

/// A timer is never set earlier than this.
const MOST_LEAD: Duration = Duration::from_micros(150);

/// Share of the waits that are to end early.
const EARLY: f64 = 0.97;

/// How far one wait moves the lead.
const STEP_US: f64 = 4.0;

/// A `timerfd` (timerfd_create(2)), registered edge-triggered: it need not be read, setting it again re-arms it.
///
/// A sleeping CPU wakes some 20 to 80 us late. So the timer is set early, by so much that nearly all waits end before the
/// moment; for the short time that is left, the loop spins.
#[derive(Debug)]
pub struct PreciseTimer {
    timer: TimerFd,
    /// The moment it is set for, and when it is to ring.
    set: Option<(Instant, Instant)>,
    /// The moment that it has rung for early, and for which the loop now spins.
    rung: Option<Instant>,
    lead: Lead,
}

impl PreciseTimer {
    /// Its events carry `token`.
    pub fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        registry.register(&mut SourceFd(&timer.as_fd().as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self { timer, set: None, rung: None, lead: Lead::default() })
    }

    /// How long the loop may wait for events if it has something to do at `moment`: as long as it `usual`ly does, as the
    /// timer will end the wait, or not at all. For a moment that is past, the timer rings at once.
    pub fn wait_for(&mut self, moment: Option<Instant>, usual: Duration) -> io::Result<Duration> {
        let Some(moment) = moment else { return Ok(usual) };
        if self.rung == Some(moment) {
            return Ok(Duration::ZERO);
        }
        if self.set.is_none_or(|(set_for, _)| set_for != moment) {
            let now = Instant::now();
            // Zero would disarm it.
            let wait = self.lead.wait(moment.saturating_duration_since(now)).max(Duration::from_nanos(1));
            self.set = Some((moment, now + wait));
            self.timer.set(Expiration::OneShot(TimeSpec::from_duration(wait)), TimerSetTimeFlags::empty())?;
        }
        Ok(usual)
    }

    /// To be called at its event.
    pub fn rang(&mut self, now: Instant) {
        if let Some((moment, set_to)) = self.set.take() {
            self.lead.learn(now.saturating_duration_since(set_to));
            self.rung = (now < moment).then_some(moment);
        }
    }
}

/// How much earlier to set a timer, as learned from the waits so far.
#[derive(Clone, Copy, Debug, Default)]
struct Lead {
    us: f64,
    /// Whether the current wait is long enough to learn from.
    is_sleeping: bool,
}

impl Lead {
    /// How long to set the timer if the moment is `left` away.
    fn wait(&mut self, left: Duration) -> Duration {
        self.is_sleeping = left >= SLEEP;
        if self.is_sleeping { left - Duration::from_secs_f64(self.us / 1e6) } else { left }
    }

    /// Moves towards the quantile [`EARLY`] of how late waits end: up in large steps, which are rare, down in small ones.
    ///
    /// Source: H. Robbins and S. Monro, "A stochastic approximation method", Ann. Math. Statist. 22(3), 1951, with a
    /// constant step, so that it follows what changes.
    fn learn(&mut self, late: Duration) {
        if self.is_sleeping {
            let is_later = late.as_secs_f64() * 1e6 > self.us;
            let step_us = STEP_US * if is_later { EARLY } else { EARLY - 1.0 };
            self.us = (self.us + step_us).clamp(0.0, MOST_LEAD.as_secs_f64() * 1e6);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lead_covers_nearly_all_waits() {
        let us = Duration::from_micros;
        let mut lead = Lead { is_sleeping: true, ..Lead::default() };
        // 20 to 79 us, each as often, in no order.
        let mut covered = 0;
        for number in 0..3000 {
            let late = us(20 + number * 37 % 60);
            covered += u32::from(number >= 1000 && late.as_secs_f64() * 1e6 <= lead.us);
            lead.learn(late);
        }
        assert!((1880..=1990).contains(&covered), "{covered} of 2000");
        let before = lead.us;
        lead.learn(us(5000));
        assert!(lead.us - before <= STEP_US, "one long wait says little");
        (0..100).for_each(|_| lead.learn(us(5000)));
        assert_eq!(lead.wait(us(1000)), us(1000) - MOST_LEAD);
    }

    #[test]
    fn short_waits_are_left_alone_and_teach_nothing() {
        let us = Duration::from_micros;
        let mut lead = Lead { us: 50.0, is_sleeping: false };
        assert_eq!((lead.wait(us(199)), lead.wait(us(0))), (us(199), us(0)));
        lead.learn(us(100));
        assert_eq!((lead.us, lead.wait(us(200))), (50.0, us(150)));
    }
}
