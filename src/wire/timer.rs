//! Wakes an event loop at a moment, to a few microseconds: epoll's own timeout counts whole milliseconds.

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

/// A shorter wait is left to the timer alone. What is spent on not waiting is so never most of the time, however dense
/// the moments are.
const SLEEP: Duration = Duration::from_micros(200);

/// Most that a timer is set early.
const MOST_LEAD: Duration = Duration::from_micros(150);

/// How often it shall ring early: of all waits.
const EARLY: f64 = 0.97;

/// What one wait teaches: the size of a step.
const STEP_US: f64 = 4.0;

/// A `timerfd` (timerfd_create(2)), registered edge-triggered: it needs no read, setting it again re-arms it.
///
/// A sleeping CPU wakes some 20 to 80 us late. So the timer is set early, by as much as makes nearly all waits end before the
/// moment; for the rest, which is short, the loop does not wait but looks again and again.
#[derive(Debug)]
pub struct PreciseTimer {
    timer: TimerFd,
    /// The moment that it is to ring for, and when it was set to ring.
    set: Option<(Instant, Instant)>,
    /// The moment that it has rung for, too early.
    rung: Option<Instant>,
    lead: Lead,
}

impl PreciseTimer {
    /// Its events carry `token`, and say nothing but that it is time to look.
    pub fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        registry.register(&mut SourceFd(&timer.as_fd().as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self { timer, set: None, rung: None, lead: Lead::default() })
    }

    /// How long the loop may wait for events, if it is to do something at `moment`: as long as it `usual`ly does, for the
    /// timer ends that; or not at all. A moment that is past rings at once.
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

    /// Its event has come.
    pub fn rang(&mut self, now: Instant) {
        if let Some((moment, set_to)) = self.set.take() {
            self.lead.learn(now.saturating_duration_since(set_to));
            self.rung = (now < moment).then_some(moment);
        }
    }
}

/// How much a timer is set early.
#[derive(Clone, Copy, Debug, Default)]
struct Lead {
    us: f64,
    /// Whether the wait is long enough to learn from.
    is_sleeping: bool,
}

impl Lead {
    /// The wait, of all that is left.
    fn wait(&mut self, left: Duration) -> Duration {
        self.is_sleeping = left >= SLEEP;
        if self.is_sleeping { left - Duration::from_secs_f64(self.us / 1e6) } else { left }
    }

    /// Steps towards the quantile [`EARLY`] of what it is told: down as much less than up as up is rarer.
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
