//! What the connections of one thread share, and what all threads do alike.

use super::{
    count::{Recorder, Timeline},
    http::{Requests, TlsSettings, Transport, Values},
    pace::Pacer,
};
use crate::{distribution::Random, model::Totals, wire::Memo};
use mio::{Interest, Registry, Token};
use rand_pcg::rand_core::Rng;
use std::{
    io,
    net::SocketAddr,
    sync::atomic::AtomicU32,
    time::{Duration, Instant},
};

const BUFFER_BYTES: usize = 64 << 10;

/// Most bytes of answers under way, so that many large ones end as failures and not this process.
const MAX_HELD_BYTES: usize = 512 << 20;

/// What is told of each socket, once.
const INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// What every thread does; shared and not changed.
#[derive(Debug)]
pub struct Shared {
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
    pub shared: &'a Shared,
    pub recorder: Recorder<'a>,
    pub pacer: Pacer,
    pub buffer: Vec<u8>,
    /// By the request's number: the last answer that passed every check, and its body's size.
    pub proven: Vec<Memo<usize>>,
    pub totals: Totals,
    random: Random,
    registry: Registry,
    /// Of the next request: threads take turns.
    counter: u64,
    /// Requests that this thread may still begin.
    pub left: u64,
    /// Which address is connected to: the last one that could be.
    address: usize,
    /// Where the load ends, once that is known.
    pub end: Option<Instant>,
    /// Bytes of answers that are not whole.
    held: usize,
}

impl<'a> Lane<'a> {
    /// Of the thread numbered `thread`, from 0, whose sockets `registry` watches.
    pub fn new(
        shared: &'a Shared,
        thread: u32,
        pacer: Pacer,
        recorder: Recorder<'a>,
        random: Random,
        registry: Registry,
    ) -> Self {
        let (thread, threads) = (u64::from(thread), u64::from(shared.threads));
        let share = |all: u64| all / threads + u64::from(thread < all % threads);
        Self {
            shared,
            recorder,
            pacer,
            buffer: vec![0; BUFFER_BYTES],
            proven: shared.requests.iter().map(|_| Memo::default()).collect(),
            totals: Totals::default(),
            random,
            registry,
            counter: thread,
            left: shared.iterations.map_or(u64::MAX, share),
            address: 0,
            end: None,
            held: 0,
        }
    }

    /// Whether no more requests are begun.
    pub fn is_over(&self, now: Instant) -> bool {
        self.left == 0 || self.end.is_some_and(|end| now >= end)
    }

    /// The number of the request to send next; rendered, if it has places to be filled in.
    #[inline]
    pub fn next_request(&mut self, rendered: &mut Vec<u8>) -> usize {
        let number = self.shared.requests.choose(&mut self.random);
        let request = self.shared.requests.get(number);
        if request.fixed().is_none() {
            let line = self.shared.requests.line(self.counter);
            request.render(&Values { counter: self.counter, random: self.random.next_u64(), line }, rendered);
        }
        self.counter += u64::from(self.shared.threads);
        self.left -= 1;
        self.totals.sent += 1;
        number
    }

    /// A socket that is connecting, registered once and for all.
    pub fn connect(&self, token: Token) -> io::Result<Transport> {
        let mut transport = Transport::connect(self.shared.addresses[self.address], self.shared.tls.as_ref())?;
        self.registry.register(transport.source(), token, INTEREST)?;
        Ok(transport)
    }

    /// Notes that a connection that held `held` bytes now holds `now`; false when all together hold too much.
    #[inline]
    pub fn may_hold(&mut self, held: &mut usize, now: usize) -> bool {
        self.held = self.held - *held + now;
        *held = now;
        self.held <= MAX_HELD_BYTES / self.shared.threads as usize
    }

    /// After an address that could not be connected to.
    pub fn next_address(&mut self) {
        self.address = (self.address + 1) % self.shared.addresses.len();
    }

    /// Makes epoll tell again what the socket is ready for.
    pub fn rearm(&self, transport: &mut Transport, token: Token) -> io::Result<()> {
        self.registry.reregister(transport.source(), token, INTEREST)
    }

    /// Takes notice of the time, once a turn.
    pub fn turn(&mut self, now: Instant) {
        self.recorder.turn(now);
        self.pacer.turn(now);
        self.end = self.shared.timeline.end_us().map(|end_us| self.shared.timeline.at(end_us));
    }
}
