//! Says what a connection does next: in closed loop it is a user, in open loop it serves the schedule.

use super::{DueTimes, UserSchedule};
use crate::{distribution::Random, model::Distribution};
use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    time::{Duration, Instant},
};

/// A request that is due, and the number of the connection to send it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub connection: u32,
    pub at: Instant,
}

/// Of one thread. Connections are numbered from 0, in the order in which they are first used.
#[derive(Debug)]
pub enum Pacer {
    Closed(ClosedPacer),
    Open(OpenPacer),
}

/// Every connection is a user.
#[derive(Debug)]
pub struct ClosedPacer {
    schedule: UserSchedule,
    think_time: Distribution,
    random: Random,
    start: Instant,
    thread: u32,
    threads: u32,
    /// Users of this thread that run now: those with numbers below it.
    running: u32,
    /// How many of those have been started.
    started: u32,
    /// By user: whether it neither sends nor thinks.
    resting: Vec<bool>,
    waits: BinaryHeap<Reverse<(Instant, u32)>>,
}

/// Connections are a pool; the one used last is used first.
#[derive(Debug)]
pub struct OpenPacer {
    /// The next due time, and those after it.
    next: Option<Duration>,
    due: DueTimes,
    start: Instant,
    max_in_flight: u32,
    connections: u32,
    free: Vec<u32>,
    /// Requests sent late because every connection was in use when they were due.
    pub delayed: u64,
}

impl Pacer {
    /// Call once a turn of the event loop.
    pub fn turn(&mut self, now: Instant) {
        if let Self::Closed(closed) = self {
            closed.turn(now);
        }
    }

    /// The next request that is due and for which a connection is free.
    pub fn next_due(&mut self, now: Instant) -> Option<Due> {
        match self {
            Self::Closed(closed) => closed.next_due(now),
            Self::Open(open) => open.next_due(now),
        }
    }

    /// A request has ended. `Some` if another is due on its connection now: when it was due.
    #[inline]
    pub fn after_request(&mut self, connection: u32, now: Instant) -> Option<Instant> {
        match self {
            Self::Closed(closed) => closed.after_request(connection, now),
            Self::Open(open) => open.after_request(connection, now),
        }
    }

    /// A connection could not be made. Its user waits before it tries again; in open loop the schedule goes on.
    pub fn after_refusal(&mut self, connection: u32, now: Instant, pause: Duration) {
        match self {
            Self::Closed(closed) => closed.waits.push(Reverse((now + pause, connection))),
            Self::Open(open) => open.free.push(connection),
        }
    }

    /// When [`Self::next_due`] will have something, as far as is known; `None` if only an answer or a turn can tell.
    pub fn next_moment(&self) -> Option<Instant> {
        match self {
            Self::Closed(closed) => closed.waits.peek().map(|Reverse((at, _))| *at),
            Self::Open(open) if open.is_full() => None,
            Self::Open(open) => open.next.map(|due| open.start + due),
        }
    }

    /// Requests that were delayed, and those due by `end` that were never sent; both 0 in closed loop.
    pub fn finish(self, end: Instant) -> (u64, u64) {
        match self {
            Self::Closed(_) => (0, 0),
            Self::Open(open) => {
                let end = end.saturating_duration_since(open.start);
                let is_due = open.next.is_some_and(|due| due <= end);
                (open.delayed, if is_due { 1 + open.due.count_until(end) } else { 0 })
            }
        }
    }
}

impl ClosedPacer {
    /// For the thread of this number, from 0; `start` is when the load starts.
    pub fn new(
        schedule: UserSchedule,
        think_time: Distribution,
        random: Random,
        start: Instant,
        thread: u32,
        threads: u32,
    ) -> Self {
        let (running, started, resting, waits) = (0, 0, Vec::new(), BinaryHeap::new());
        Self { schedule, think_time, random, start, thread, threads, running, started, resting, waits }
    }

    fn turn(&mut self, now: Instant) {
        let users = self.schedule.users_at(now.saturating_duration_since(self.start));
        self.running = (users + self.threads - 1 - self.thread) / self.threads;
        self.started = self.started.min(self.running);
    }

    fn next_due(&mut self, now: Instant) -> Option<Due> {
        while self.started < self.running {
            let connection = self.started;
            self.started += 1;
            if connection as usize == self.resting.len() {
                self.resting.push(true);
            }
            if std::mem::take(&mut self.resting[connection as usize]) {
                return Some(Due { connection, at: now });
            }
        }
        while let Some(&Reverse((at, connection))) = self.waits.peek()
            && at <= now
        {
            self.waits.pop();
            if connection < self.running {
                return Some(Due { connection, at });
            }
            self.resting[connection as usize] = true;
        }
        None
    }

    #[inline]
    fn after_request(&mut self, connection: u32, now: Instant) -> Option<Instant> {
        if connection >= self.running {
            self.resting[connection as usize] = true;
            return None;
        }
        if self.think_time.is_zero() {
            return Some(now);
        }
        let until = now + self.think_time.sample(&mut self.random);
        self.waits.push(Reverse((until, connection)));
        None
    }
}

impl OpenPacer {
    /// Uses at most `max_in_flight` connections; `start` is when the load starts.
    pub fn new(mut due: DueTimes, start: Instant, max_in_flight: u32) -> Self {
        Self { next: due.next(), due, start, max_in_flight, connections: 0, free: Vec::new(), delayed: 0 }
    }

    fn is_full(&self) -> bool {
        self.free.is_empty() && self.connections == self.max_in_flight
    }

    fn take_due(&mut self, now: Instant) -> Option<Instant> {
        let at = self.start + self.next?;
        (at <= now).then(|| {
            self.next = self.due.next();
            at
        })
    }

    fn next_due(&mut self, now: Instant) -> Option<Due> {
        if self.is_full() {
            return None;
        }
        let at = self.take_due(now)?;
        let connection = self.free.pop().unwrap_or_else(|| {
            self.connections += 1;
            self.connections - 1
        });
        Some(Due { connection, at })
    }

    fn after_request(&mut self, connection: u32, now: Instant) -> Option<Instant> {
        let was_full = self.is_full();
        let due = self.take_due(now);
        match due {
            Some(_) => self.delayed += u64::from(was_full),
            None => self.free.push(connection),
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::super::Ramp;
    use super::*;
    use crate::{
        distribution::random,
        model::{Arrivals, Stage},
    };

    const MS: Duration = Duration::from_millis(1);

    fn closed(schedule: UserSchedule, think_time: &str, start: Instant) -> Pacer {
        Pacer::Closed(ClosedPacer::new(schedule, think_time.parse().unwrap(), random(0, 0), start, 0, 1))
    }

    fn dues(pacer: &mut Pacer, now: Instant) -> Vec<u32> {
        pacer.turn(now);
        std::iter::from_fn(|| pacer.next_due(now)).map(|due| due.connection).collect()
    }

    #[test]
    fn users_start_think_and_rest() {
        let start = Instant::now();
        let down = [Stage { duration_us: 1_000_000, target: 1.0 }, Stage { duration_us: 1_000_000, target: 3.0 }];
        let mut pacer = closed(UserSchedule::Stages(Ramp::new(3.0, &down)), "10ms", start);
        assert_eq!(dues(&mut pacer, start), [0, 1, 2]);
        assert_eq!(pacer.after_request(1, start + 5 * MS), None);
        assert_eq!(pacer.next_moment(), Some(start + 15 * MS));
        assert_eq!(dues(&mut pacer, start + 14 * MS), Vec::<u32>::new());
        assert_eq!(dues(&mut pacer, start + 15 * MS), [1]);
        // At one second only user 0 runs: the others rest, the thinking and the answered one alike.
        assert_eq!(pacer.after_request(1, start + 990 * MS), None);
        assert_eq!(dues(&mut pacer, start + 1000 * MS), Vec::<u32>::new());
        assert_eq!(pacer.after_request(2, start + 1001 * MS), None);
        assert_eq!(dues(&mut pacer, start + 1100 * MS), Vec::<u32>::new());
        assert_eq!(dues(&mut pacer, start + 2000 * MS), [1, 2]);
    }

    #[test]
    fn without_think_time_the_next_is_due_at_once() {
        let start = Instant::now();
        let mut pacer = closed(UserSchedule::spawn(1, 1.0), "0s", start);
        assert_eq!(dues(&mut pacer, start), [0]);
        assert_eq!(pacer.after_request(0, start + MS), Some(start + MS));
        pacer.after_refusal(0, start + MS, 100 * MS);
        assert_eq!(dues(&mut pacer, start + 100 * MS), Vec::<u32>::new());
        assert_eq!(dues(&mut pacer, start + 101 * MS), [0]);
    }

    #[test]
    fn the_schedule_goes_on_while_all_connections_wait() {
        let start = Instant::now();
        let due = DueTimes::new(Ramp::new(1000.0, &[]), Arrivals::Constant, 0, 0, 1);
        let mut pacer = Pacer::Open(OpenPacer::new(due, start, 2));
        assert_eq!(dues(&mut pacer, start + 5 * MS), [0, 1], "due at 0 and 1 ms; six are due, but two may fly");
        assert_eq!(pacer.next_moment(), None);
        assert_eq!(pacer.after_request(1, start + 5 * MS), Some(start + 2 * MS), "late, but with its due time");
        assert_eq!(pacer.after_request(0, start + 5 * MS), Some(start + 3 * MS));
        assert_eq!(pacer.finish(start + 9 * MS), (2, 6), "two were delayed; due at 4 to 9 ms");
    }

    #[test]
    fn the_connection_used_last_is_used_first() {
        let start = Instant::now();
        let due = DueTimes::new(Ramp::new(1000.0, &[]), Arrivals::Constant, 0, 0, 1);
        let mut pacer = Pacer::Open(OpenPacer::new(due, start, 10));
        assert_eq!(dues(&mut pacer, start + MS), [0, 1]);
        assert_eq!(pacer.after_request(0, start + MS), None);
        assert_eq!(pacer.after_request(1, start + MS), None);
        assert_eq!(pacer.next_moment(), Some(start + 2 * MS));
        assert_eq!(dues(&mut pacer, start + 2 * MS), [1]);
    }
}
