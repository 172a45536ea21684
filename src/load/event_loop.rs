//! One thread of the load generator: its connections, its pacer, and the loop that gives each its turn.

use super::{
    connection::{Connection, INTEREST, Proven},
    count::{Recorder, Timeline},
    http::{Requests, TlsSettings, Transport, Values},
    pace::Pacer,
};
use crate::distribution::Random;
use crate::model::Totals;
use crate::wire::PreciseTimer;
use mio::{Events, Poll, Registry, Token};
use rand_pcg::rand_core::Rng;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Longest wait for events, and so the precision of users' starts.
const TICK: Duration = Duration::from_millis(10);
/// The least difference between two moments.
const INSTANT: Duration = Duration::from_nanos(1);
const EVENTS: usize = 1024;
const BUFFER_BYTES: usize = 64 << 10;
/// Most bytes of answers under way, so that many large ones end as failures and not this process.
const MAX_HELD_BYTES: usize = 512 << 20;
const TIMER: Token = Token(usize::MAX - 1);

/// What every thread does; shared and not changed.
#[derive(Debug)]
pub struct Plan {
    /// All that are sent.
    pub requests: Requests,
    /// Of the server, to be tried in this order.
    pub addresses: Vec<SocketAddr>,
    /// Why there are none.
    pub unresolved: Option<String>,
    /// How to encrypt, if at all.
    pub tls: Option<TlsSettings>,
    /// Whether answers are timed token by token.
    pub is_stream: bool,
    /// Whether requests have due times of their own.
    pub is_scheduled: bool,
    /// For each request.
    pub timeout: Duration,
    /// How long answers are waited for after the end.
    pub drain: Duration,
    /// Whether connections are used again.
    pub keep_alive: bool,
    /// How many there are.
    pub threads: u32,
    /// Requests of all threads; `None` = until the end.
    pub iterations: Option<u64>,
    /// Threads whose share of the iterations has ended.
    pub finished: AtomicU32,
    /// The shared clock.
    pub timeline: Timeline,
}

/// What the connections of one thread share.
pub struct Lane<'a> {
    pub plan: &'a Plan,
    pub recorder: Recorder<'a>,
    pub pacer: Pacer,
    pub buffer: Vec<u8>,
    /// By the request's number.
    pub proven: Vec<Proven>,
    pub totals: Totals,
    random: Random,
    registry: Registry,
    /// Of the next request: threads take turns.
    counter: u64,
    /// Requests that this thread may still begin.
    left: u64,
    /// Which address is connected to: the last one that could be.
    address: usize,
    end: Option<Instant>,
    /// Bytes of answers that are not whole.
    held: usize,
}

/// What one thread did.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThreadTotals {
    /// All but what the recorder counts.
    pub totals: Totals,
    /// When its last request ended.
    pub last_ended: Option<Instant>,
}

/// One thread's loop, before it runs.
pub struct EventLoop<'a> {
    poll: Poll,
    timer: PreciseTimer,
    lane: Lane<'a>,
}

impl<'a> EventLoop<'a> {
    /// Of the thread numbered `thread`, from 0.
    pub fn new(plan: &'a Plan, thread: u32, pacer: Pacer, recorder: Recorder<'a>, random: Random) -> io::Result<Self> {
        let poll = Poll::new()?;
        let timer = PreciseTimer::new(poll.registry(), TIMER)?;
        let (thread, threads) = (u64::from(thread), u64::from(plan.threads));
        let share = |all: u64| all / threads + u64::from(thread < all % threads);
        let lane = Lane {
            plan,
            recorder,
            pacer,
            buffer: vec![0; BUFFER_BYTES],
            proven: plan.requests.iter().map(|_| Proven::default()).collect(),
            totals: Totals::default(),
            random,
            registry: poll.registry().try_clone()?,
            counter: thread,
            left: plan.iterations.map_or(u64::MAX, share),
            address: 0,
            end: None,
            held: 0,
        };
        Ok(Self { poll, timer, lane })
    }

    /// Runs until the load has ended and every request is answered, or the drain is over.
    pub fn run(mut self) -> io::Result<ThreadTotals> {
        let lane = &mut self.lane;
        let plan = lane.plan;
        let mut connections: Vec<Connection> = Vec::new();
        let mut events = Events::with_capacity(EVENTS);
        // Every connection is looked at on each: not too often.
        let timeout_check = (plan.timeout / 20).clamp(TICK, 10 * TICK);
        let mut next_check = Instant::now();
        let mut is_finished = false;
        loop {
            let mut now = Instant::now();
            lane.turn(now);
            // What is due before the end is sent, though the clock may have passed it since.
            while lane.left > 0
                && let Some(due) = lane.pacer.next_due(lane.end.map_or(now, |end| now.min(end - INSTANT)))
            {
                if due.connection as usize == connections.len() {
                    connections.push(Connection::new(due.connection, now, lane));
                }
                connections[due.connection as usize].begin(due.at, now, lane);
                if plan.is_scheduled {
                    now = Instant::now();
                }
            }
            if now >= next_check || lane.is_over(now) {
                connections.iter_mut().for_each(|connection| connection.on_tick(now, lane));
                next_check = now + timeout_check;
                let is_drained = !connections.iter().any(Connection::is_in_flight);
                if lane.left == 0 && is_drained && !is_finished {
                    is_finished = true;
                    plan.finished.fetch_add(1, Relaxed);
                }
                if lane.end.is_some_and(|end| now >= end && (is_drained || now >= end + plan.drain)) {
                    break;
                }
            }
            if let Some(moment) = lane.pacer.next_moment()
                && moment < now + TICK
            {
                self.timer.ring_at(moment, now)?;
            }
            match self.poll.poll(&mut events, Some(TICK)) {
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
        let mut totals = lane.totals;
        totals.unanswered = connections.iter().filter(|connection| connection.is_in_flight()).count() as u64;
        totals.failed = lane.recorder.failed();
        totals.succeeded = lane.recorder.ended() - totals.failed;
        if let (Some(end), None) = (lane.end, plan.iterations) {
            (totals.delayed, totals.unsent) = lane.pacer.finish(end - INSTANT);
        }
        let last_ended = lane.recorder.last_ended();
        self.lane.recorder.finish();
        Ok(ThreadTotals { totals, last_ended })
    }
}

impl Lane<'_> {
    /// Whether no more requests are begun.
    pub fn is_over(&self, now: Instant) -> bool {
        self.left == 0 || self.end.is_some_and(|end| now >= end)
    }

    /// The number of the request to send next; rendered, if it has places to be filled in.
    #[inline]
    pub fn next_request(&mut self, rendered: &mut Vec<u8>) -> usize {
        let number = self.plan.requests.choose(&mut self.random);
        let request = self.plan.requests.get(number);
        if request.fixed().is_none() {
            let line = self.plan.requests.line(self.counter);
            request.render(&Values { counter: self.counter, random: self.random.next_u64(), line }, rendered);
        }
        self.counter += u64::from(self.plan.threads);
        self.left -= 1;
        self.totals.sent += 1;
        number
    }

    /// A socket that is connecting, registered once and for all.
    pub fn connect(&self, token: Token) -> io::Result<Transport> {
        let mut transport = Transport::connect(self.plan.addresses[self.address], self.plan.tls.as_ref())?;
        self.registry.register(transport.source(), token, INTEREST)?;
        Ok(transport)
    }

    /// Notes that a connection that held `held` bytes now holds `now`; false when all together hold too much.
    #[inline]
    pub fn may_hold(&mut self, held: &mut usize, now: usize) -> bool {
        self.held = self.held - *held + now;
        *held = now;
        self.held <= MAX_HELD_BYTES / self.plan.threads as usize
    }

    /// After an address that could not be connected to.
    pub fn next_address(&mut self) {
        self.address = (self.address + 1) % self.plan.addresses.len();
    }

    /// Makes epoll tell again what the socket is ready for.
    pub fn rearm(&self, transport: &mut Transport, token: Token) -> io::Result<()> {
        self.registry.reregister(transport.source(), token, INTEREST)
    }

    fn turn(&mut self, now: Instant) {
        self.recorder.turn(now);
        self.pacer.turn(now);
        self.end = self.plan.timeline.end_us().map(|end_us| self.plan.timeline.at(end_us));
    }
}
