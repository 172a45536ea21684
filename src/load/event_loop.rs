//! One thread of the load generator: its users, their sockets, and the loop that gives each its turn.

use super::{
    BodyCheck, Spawning,
    recorder::Recorder,
    timeline::Timeline,
    user::{INTEREST, Proven, User},
};
use mio::{Events, Poll, Registry, Token, net::TcpStream};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long requests may still be answered after the load's end; what comes then is not counted in the window.
pub const DRAIN: Duration = Duration::from_secs(5);

/// Longest wait for events, and so the precision of starts, timeouts and pauses.
const TICK: Duration = Duration::from_millis(10);
const EVENTS: usize = 1024;
const BUFFER_BYTES: usize = 64 << 10;

/// What every thread does; shared and not changed.
#[derive(Debug)]
pub struct Plan {
    /// As it is written.
    pub request: Vec<u8>,
    /// Of the request.
    pub method: String,
    /// Of the server, to be tried in this order.
    pub addresses: Vec<SocketAddr>,
    /// Why there are none.
    pub unresolved: Option<String>,
    /// Of an answer of status 200.
    pub expect: BodyCheck,
    /// For each request.
    pub timeout: Duration,
    /// Whether connections are used again.
    pub keep_alive: bool,
    /// When each user starts.
    pub spawning: Spawning,
    /// Of all threads.
    pub users: u32,
    /// How many there are.
    pub threads: u32,
    /// The shared clock.
    pub timeline: Timeline,
}

/// What the users of one thread share.
pub struct Lane<'a> {
    pub plan: &'a Plan,
    pub recorder: Recorder<'a>,
    pub buffer: Vec<u8>,
    pub proven: Proven,
    pub connections_opened: u64,
    pub retries: u64,
    registry: Registry,
    /// Which address is connected to: the last one that could be.
    address: usize,
    end: Option<Instant>,
}

/// What one thread did in all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Connections established.
    pub connections_opened: u64,
    /// Requests sent a second time.
    pub retries: u64,
    /// Requests given up after the drain.
    pub unanswered: u64,
}

/// One thread's loop, before it runs.
pub struct EventLoop<'a> {
    poll: Poll,
    lane: Lane<'a>,
    /// Numbers of the users that are yet to start, in order of their starts.
    to_start: std::iter::StepBy<std::ops::Range<u32>>,
}

impl<'a> EventLoop<'a> {
    /// `thread` counts from 0; every `plan.threads`-th user is its own.
    pub fn new(plan: &'a Plan, thread: u32, recorder: Recorder<'a>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let lane = Lane {
            plan,
            recorder,
            buffer: vec![0; BUFFER_BYTES],
            proven: Proven::default(),
            connections_opened: 0,
            retries: 0,
            registry: poll.registry().try_clone()?,
            address: 0,
            end: None,
        };
        Ok(Self { poll, lane, to_start: (thread..plan.users).step_by(plan.threads as usize) })
    }

    /// Runs until the load has ended and every request is answered, or [`DRAIN`] is over.
    pub fn run(mut self) -> io::Result<Totals> {
        let (plan, lane) = (self.lane.plan, &mut self.lane);
        let start_of = |user| plan.timeline.start() + plan.spawning.start_of(user);
        let mut next_start = self.to_start.next().map(start_of);
        let mut users: Vec<User> = Vec::new();
        let mut events = Events::with_capacity(EVENTS);
        let mut next_tick = Instant::now();
        loop {
            let now = Instant::now();
            lane.turn(now);
            while next_start.is_some_and(|start| start <= now) && !lane.is_over(now) {
                users.push(User::start(Token(users.len()), now, lane));
                next_start = self.to_start.next().map(start_of);
            }
            if now >= next_tick {
                users.iter_mut().for_each(|user| user.on_tick(now, lane));
                next_tick = now + TICK;
                let drained = users.iter().all(User::is_done);
                if lane.end.is_some_and(|end| now >= end && (drained || now >= end + DRAIN)) {
                    break;
                }
            }
            match self.poll.poll(&mut events, Some(TICK)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                users[event.token().0].on_event(event.is_read_closed(), lane);
            }
        }
        let unanswered = users.iter().filter(|user| user.is_in_flight()).count() as u64;
        let totals = Totals { connections_opened: lane.connections_opened, retries: lane.retries, unanswered };
        self.lane.recorder.finish();
        Ok(totals)
    }
}

impl Lane<'_> {
    /// Whether no more requests are started.
    pub fn is_over(&self, now: Instant) -> bool {
        self.end.is_some_and(|end| now >= end)
    }

    /// A socket that is connecting, registered once and for all.
    pub fn connect(&self, token: Token) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.plan.addresses[self.address])?;
        stream.set_nodelay(true)?;
        self.registry.register(&mut stream, token, INTEREST)?;
        Ok(stream)
    }

    /// After an address that could not be connected to.
    pub fn next_address(&mut self) {
        self.address = (self.address + 1) % self.plan.addresses.len();
    }

    /// Makes epoll tell again what the socket is ready for.
    pub fn rearm(&self, stream: &mut TcpStream, token: Token) -> io::Result<()> {
        self.registry.reregister(stream, token, INTEREST)
    }

    fn turn(&mut self, now: Instant) {
        self.recorder.turn(now);
        self.end = self.plan.timeline.end_us().map(|end_us| self.plan.timeline.at(end_us));
    }
}
