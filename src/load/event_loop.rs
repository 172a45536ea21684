//! One thread of the load generator: its connections, its pacer, and the loop that gives each its turn.

use super::{
    connection::Connection,
    count::{Recorder, Tally},
    lane::{Lane, Shared},
    pace::Pacer,
};
use crate::{distribution::Random, wire::PreciseTimer};
use mio::{Events, Poll, Token};
use std::{
    io::{self, ErrorKind},
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

/// Longest wait for events, and so how late a user may start.
const TICK: Duration = Duration::from_millis(10);
const INSTANT: Duration = Duration::from_nanos(1);
const EVENTS: usize = 1024;
/// Most requests begun in one turn: whatever is due, answers, signals and the clock get their turn.
const BEGUN_PER_TURN: usize = 1024;
/// What was due before the end is still sent this long after it, if the clock has passed the end meanwhile.
const LATEST: Duration = Duration::from_millis(250);
const TIMER: Token = Token(usize::MAX - 1);

/// What one thread did.
#[derive(Clone, Debug, Default)]
pub struct ThreadTotals {
    pub totals: Tally,
    /// Connections established, by address in the resolver's order.
    pub by_address: Vec<u64>,
    pub last_ended: Option<Instant>,
}

pub struct EventLoop<'a> {
    poll: Poll,
    timer: PreciseTimer,
    lane: Lane<'a>,
}

impl<'a> EventLoop<'a> {
    /// For the thread of this number, from 0.
    pub fn new(
        shared: &'a Shared,
        thread: u32,
        pacer: Pacer,
        recorder: Recorder<'a>,
        random: Random,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let timer = PreciseTimer::new(poll.registry(), TIMER)?;
        let lane = Lane::new(shared, thread, pacer, recorder, random, poll.registry().try_clone()?);
        Ok(Self { poll, timer, lane })
    }

    /// Runs until the load has ended, and every request is answered or the drain is over.
    pub fn run(mut self) -> io::Result<ThreadTotals> {
        let lane = &mut self.lane;
        let shared = lane.shared;
        let mut connections: Vec<Connection> = Vec::new();
        let mut events = Events::with_capacity(EVENTS);
        // Each check looks at every connection, so not too often.
        let timeout_check = (shared.timeout / 20).clamp(TICK, 10 * TICK);
        let mut next_check = Instant::now();
        let mut is_finished = false;
        loop {
            let mut now = Instant::now();
            lane.turn(now);
            for _ in 0..BEGUN_PER_TURN {
                if lane.left == 0 || lane.end.is_some_and(|end| now >= end + LATEST) {
                    break;
                }
                let until = lane.end.map_or(now, |end| now.min(end - INSTANT));
                let Some(due) = lane.pacer.next_due(until) else { break };
                if due.connection as usize == connections.len() {
                    connections.push(Connection::new(due.connection, now, lane));
                }
                connections[due.connection as usize].begin(due.at, now, lane);
                if shared.is_scheduled {
                    now = Instant::now();
                }
            }
            if now >= next_check || lane.is_over(now) {
                connections.iter_mut().for_each(|connection| connection.on_tick(now, lane));
                next_check = now + timeout_check;
                let is_drained = !connections.iter().any(Connection::is_in_flight);
                if lane.left == 0 && is_drained && !is_finished {
                    is_finished = true;
                    shared.finished.fetch_add(1, Relaxed);
                }
                if lane.end.is_some_and(|end| now >= end && (is_drained || now >= end + shared.drain)) {
                    break;
                }
            }
            let next_moment = lane.pacer.next_moment().filter(|&moment| moment < now + TICK);
            let wait = self.timer.wait_for(next_moment, TICK)?;
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                match event.token() {
                    TIMER => self.timer.rang(Instant::now()),
                    Token(number) => connections[number].on_event(event, lane),
                }
            }
        }
        // The last turn may have begun before the end.
        lane.turn(Instant::now());
        let mut totals = lane.totals;
        totals.unanswered = connections.iter().filter(|connection| connection.is_in_flight()).count() as u64;
        totals.failed = lane.recorder.failed();
        totals.succeeded = lane.recorder.ended() - totals.failed;
        let Lane { pacer, recorder, addresses, end, .. } = self.lane;
        if let (Some(end), None) = (end, shared.iterations) {
            (totals.delayed, totals.unsent) = pacer.finish(end - INSTANT);
        }
        let last_ended = recorder.last_ended();
        recorder.finish();
        Ok(ThreadTotals { totals, by_address: addresses.opened().collect(), last_ended })
    }
}
