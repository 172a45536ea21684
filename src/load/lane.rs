//! What the connections of one thread share, and what all threads do alike.

use super::{
    addresses::Addresses,
    count::{Recorder, Tally, Timeline},
    http::{Requests, TlsSettings, Transport, Values},
    pace::Pacer,
    user::User,
};
use crate::{
    distribution::Random,
    model::Share,
    units::now_unix_us,
    wire::{Allowance, Memo},
};
use mio::{Interest, Registry, Token};
use rand_pcg::rand_core::Rng;
use std::{
    io,
    net::SocketAddr,
    sync::atomic::AtomicU32,
    time::{Duration, Instant},
};

const BUFFER_BYTES: usize = 64 << 10;

/// Most bytes of incomplete answers. Beyond it requests fail, so that this process does not run out of memory.
pub const MAX_HELD_BYTES: usize = 512 << 20;

const INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// What all threads of a load share: fixed from its start on, but for counters and the clock's borders.
#[derive(Debug)]
pub struct Shared {
    pub requests: Requests,
    /// Of the server, in the order to try them in.
    pub addresses: Vec<SocketAddr>,
    /// Why there are no addresses.
    pub unresolved: Option<String>,
    pub tls: Option<TlsSettings>,
    pub is_stream: bool,
    /// Whether requests have to do with each other.
    pub have_users: bool,
    /// Whether requests have due times of their own.
    pub is_scheduled: bool,
    /// Of each request.
    pub timeout: Duration,
    /// Longest wait for answers after the load's end.
    pub drain: Duration,
    pub keep_alive: bool,
    pub threads: u32,
    /// `{{counter}}` of the first request.
    pub first_counter: u64,
    /// Requests that all threads are to send together; `None` for as many as there is time for.
    pub iterations: Option<u64>,
    /// Threads that are done with their share of the iterations.
    pub finished: AtomicU32,
    /// Of all incomplete answers.
    pub allowance: Allowance,
    pub timeline: Timeline,
}

/// What the connections of one thread share.
pub struct Lane<'a> {
    pub shared: &'a Shared,
    pub recorder: Recorder<'a>,
    pub pacer: Pacer,
    pub buffer: Vec<u8>,
    /// By the request's number: the last answer that passed every check, and the size of its body.
    pub proven: Vec<Memo<usize>>,
    pub totals: Tally,
    random: Random,
    registry: Registry,
    /// `{{counter}}` of the next request; the threads take turns.
    counter: u64,
    /// Requests that this thread may still begin.
    pub left: u64,
    pub addresses: Addresses,
    /// When the load ends, once that is known.
    pub end: Option<Instant>,
}

impl<'a> Lane<'a> {
    /// For the thread of this number, from 0; `registry` is to watch its sockets.
    pub fn new(
        shared: &'a Shared,
        thread: u32,
        pacer: Pacer,
        recorder: Recorder<'a>,
        random: Random,
        registry: Registry,
    ) -> Self {
        let share = Share { part: thread, of: shared.threads };
        Self {
            shared,
            recorder,
            pacer,
            buffer: vec![0; BUFFER_BYTES],
            proven: shared.requests.iter().map(|_| Memo::default()).collect(),
            totals: Tally::default(),
            random,
            registry,
            counter: shared.first_counter + u64::from(thread),
            left: shared.iterations.map_or(u64::MAX, |all| share.of_count(all)),
            addresses: Addresses::new(&shared.addresses, thread as usize),
            end: None,
        }
    }

    /// Whether it is too late to begin a request.
    pub fn is_over(&self, now: Instant) -> bool {
        self.left == 0 || self.end.is_some_and(|end| now >= end)
    }

    /// The number of the request to send next: drawn by weight, or the user's next step. If it has places to fill in, its bytes
    /// are put into `rendered`.
    #[inline]
    pub fn next_request(&mut self, user: Option<&mut User>, rendered: &mut Vec<u8>) -> usize {
        let requests = &self.shared.requests;
        let (number, user) = match user {
            None => (requests.choose(&mut self.random), None),
            Some(user) => (user.next(requests, &mut self.random), Some(&*user)),
        };
        let request = requests.get(number);
        if request.fixed().is_none() {
            let line = requests.line(self.counter);
            let captured = user.map_or(&[][..], |user| &user.captured);
            let jar = user.map(|user| (&user.jar, now_unix_us() as i64));
            let values = Values { counter: self.counter, random: self.random.next_u64(), line, captured };
            request.render(&values, jar, rendered);
        }
        self.counter += u64::from(self.shared.threads);
        self.left -= 1;
        self.totals.sent += 1;
        number
    }

    /// Starts to connect, with a socket that is registered for as long as it lives.
    pub fn connect(&self, address: usize, token: Token) -> io::Result<Transport> {
        let mut transport = Transport::connect(self.addresses.at(address), self.shared.tls.as_ref())?;
        self.registry.register(transport.source(), token, INTEREST)?;
        Ok(transport)
    }

    /// Changes what a connection holds from `held` to `now` bytes. False if all connections together now hold too much.
    #[inline]
    pub fn may_hold(&self, held: &mut usize, now: usize) -> bool {
        self.shared.allowance.hold(held, now)
    }

    /// Makes epoll tell once more what the socket is ready for.
    pub fn rearm(&self, transport: &mut Transport, token: Token) -> io::Result<()> {
        self.registry.reregister(transport.source(), token, INTEREST)
    }

    /// Call once a turn of the event loop.
    pub fn turn(&mut self, now: Instant) {
        self.recorder.turn(now);
        self.pacer.turn(now);
        self.end = self.shared.timeline.end_us().map(|end_us| self.shared.timeline.at(end_us));
    }
}
