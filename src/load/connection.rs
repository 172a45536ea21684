//! The hot path: one connection, and the request that is under way on it.
//!
//! A request costs one write and one read. The sockets are registered once, edge-triggered; an answer shorter than
//! the buffer means that the socket is drained, and the next request is written in the turn that read the last
//! answer. In closed loop without think time the clock is read once a request, when its last bytes have been read: that
//! moment ends it and starts the next one. Scheduled requests read it once more, just before they are written. An
//! answer that is byte for byte the last one that passed every check passes without being parsed again, but where a user
//! keeps something of it.

use super::{
    addresses::Tried,
    current::{Current, Readers},
    http::{AnswerReader, Coding, TokenStream, Transport},
    lane::Lane,
    user::User,
};
use crate::model::FailureKind;
use mio::{Token, event::Event};
use std::{
    io::{self, ErrorKind, Read, Write},
    net::SocketAddr,
    time::{Duration, Instant},
};

/// How long a user that could not connect waits before it tries again, so that a server that is down is not hammered.
pub const CONNECT_PAUSE: Duration = Duration::from_millis(100);

/// Full buffers to read in one turn, before the other connections get theirs.
const READS_PER_TURN: usize = 16;

/// A connection to the server: kept from request to request, opened again when it is lost.
pub struct Connection {
    number: u32,
    state: State,
    transport: Option<Transport>,
    /// Whether the connection has served another request before the current one.
    is_reused: bool,
    /// Whether the current request is on its second connection.
    is_retried: bool,
    /// Where it is connected or connecting to, and what else was tried for the current request.
    address: usize,
    tried: Tried,
    /// When to give up connecting to this address, if there is another.
    connect_by: Option<Instant>,
    current: Current,
    /// The request's bytes, if it has places to fill in.
    rendered: Vec<u8>,
    written: usize,
    reader: AnswerReader,
    /// Bytes of the answer kept until it is complete.
    held: usize,
    /// `None` unless answers are streams.
    tokens: Option<Box<TokenStream>>,
    /// Who sends, where requests have to do with each other.
    user: Option<Box<User>>,
    deadline: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Connecting,
    /// The request is being written, or its answer is awaited.
    Waiting,
}

impl Connection {
    /// Its events are to carry `number` as their token.
    pub fn new(number: u32, now: Instant, lane: &Lane) -> Self {
        let has_user = lane.shared.have_users;
        Self {
            number,
            state: State::Idle,
            transport: None,
            is_reused: false,
            is_retried: false,
            address: 0,
            tried: Tried::default(),
            connect_by: None,
            current: Current { request: 0, due: now, sent: now },
            rendered: Vec::new(),
            written: 0,
            reader: if has_user { AnswerReader::keeping_heads() } else { AnswerReader::new() },
            held: 0,
            tokens: lane.shared.is_stream.then(Box::default),
            user: has_user.then(|| Box::new(User::new(&lane.shared.requests))),
            deadline: now,
        }
    }

    pub fn is_in_flight(&self) -> bool {
        self.state != State::Idle
    }

    /// Sends a request that was due at `due`. The connection must be idle.
    pub fn begin(&mut self, due: Instant, now: Instant, lane: &mut Lane) {
        let request = lane.next_request(self.user.as_deref_mut(), &mut self.rendered);
        self.current = Current { request, due, sent: now };
        self.deadline = now + lane.shared.timeout;
        self.is_retried = false;
        lane.recorder.sent(due, now);
        self.send(lane);
    }

    pub fn on_event(&mut self, event: &Event, lane: &mut Lane) {
        if self.state == State::Idle {
            if (event.is_readable() || event.is_read_closed()) && !self.is_silent(lane) {
                self.transport = None;
            }
            return;
        }
        if !self.is_written(lane) && !self.write(lane) {
            return;
        }
        if self.state == State::Waiting {
            // If the server has closed, what it sent before is still there to read.
            self.read(event.is_read_closed(), None, lane);
        }
    }

    /// Fails a request that has taken too long.
    pub fn on_tick(&mut self, now: Instant, lane: &mut Lane) {
        if self.state == State::Connecting && self.connect_by.is_some_and(|by| now >= by) && now < self.deadline {
            let why = self.not_yet(lane.addresses.at(self.address));
            self.not_connected(why, now, lane);
        } else if self.is_in_flight() && now >= self.deadline {
            let what = match self.state {
                State::Connecting => self.not_yet(lane.addresses.at(self.address)),
                _ => "no whole answer".to_owned(),
            };
            let message = format!("{what} within {:?}", lane.shared.timeout);
            self.transport = None;
            lane.recorder.failure(self.current.request, now, FailureKind::Timeout, &message, 0);
            self.end(now, lane);
        }
    }

    /// What a connection that is being made still waits for.
    fn not_yet(&mut self, address: SocketAddr) -> String {
        if self.transport.as_mut().is_some_and(|transport| transport.source().peer_addr().is_ok()) {
            format!("no TLS handshake with {address} (does it speak TLS?)")
        } else {
            format!("no connection to {address}")
        }
    }

    /// Sends the current request, over a fresh connection if there is none.
    fn send(&mut self, lane: &mut Lane) {
        self.reader.reset(lane.shared.requests.get(self.current.request).is_head);
        if let Some(tokens) = &mut self.tokens {
            tokens.reset();
        }
        self.written = 0;
        if self.transport.is_some() {
            self.state = State::Waiting;
            lane.totals.on_kept_connection += 1;
            self.write(lane);
        } else {
            self.tried = Tried::default();
            self.connect(String::new(), lane);
        }
    }

    /// Starts to connect to the next address. When none is left, the request fails with `why`.
    fn connect(&mut self, mut why: String, lane: &mut Lane) {
        let now = Instant::now();
        while let Some(address) = lane.addresses.next(&mut self.tried, now) {
            match lane.connect(address, Token(self.number as usize)) {
                Ok(transport) => {
                    (self.transport, self.is_reused, self.state) = (Some(transport), false, State::Connecting);
                    self.address = address;
                    self.connect_by = lane.addresses.patience(self.tried, lane.shared.timeout).map(|time| now + time);
                    return;
                }
                Err(error) => {
                    why = format!("{}: {error}", lane.addresses.at(address));
                    lane.addresses.failed(address, now);
                }
            }
        }
        let why = lane.shared.unresolved.as_deref().unwrap_or(&why);
        lane.recorder.failure(self.current.request, now, FailureKind::Connect, why, 0);
        self.state = State::Idle;
        lane.pacer.after_refusal(self.number, now, CONNECT_PAUSE);
    }

    /// This address could not be connected to: the next one is tried.
    fn not_connected(&mut self, why: String, now: Instant, lane: &mut Lane) {
        self.transport = None;
        lane.addresses.failed(self.address, now);
        self.connect(why, lane);
    }

    fn is_written(&self, lane: &Lane) -> bool {
        self.written == lane.shared.requests.get(self.current.request).fixed().unwrap_or(&self.rendered).len()
    }

    /// Writes what is left of the request, as far as the socket takes it. False if the connection is lost.
    fn write(&mut self, lane: &mut Lane) -> bool {
        let Some(transport) = &mut self.transport else { return false };
        let bytes = lane.shared.requests.get(self.current.request).fixed().unwrap_or(&self.rendered);
        while self.written < bytes.len() {
            // While the socket connects, this fails with EAGAIN; if it cannot, with the reason.
            match transport.write(&bytes[self.written..]) {
                Ok(count) => {
                    if self.state == State::Connecting {
                        self.state = State::Waiting;
                        lane.totals.connections_opened += 1;
                        lane.addresses.connected(self.address);
                    }
                    self.written += count;
                    lane.totals.bytes_sent += count as u64;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if self.state == State::Connecting => {
                    let why = format!("{}: {error}", lane.addresses.at(self.address));
                    self.not_connected(why, Instant::now(), lane);
                    return false;
                }
                // A server may answer and close without waiting for the whole request (RFC 9112, 9.5).
                Err(error) if self.written > 0 => {
                    self.read(true, Some(&error), lane);
                    return false;
                }
                Err(error) => {
                    self.lost(&error, lane);
                    return false;
                }
            }
        }
        true
    }

    /// Reads until the answer is whole, the socket is drained, or the turn is over. `broken` is why no more can be written.
    fn read(&mut self, peer_closed: bool, broken: Option<&io::Error>, lane: &mut Lane) {
        for _ in 0..READS_PER_TURN {
            let Some(transport) = &mut self.transport else { return };
            match transport.read(&mut lane.buffer) {
                Ok(count @ 1..) => {
                    let is_drained = count < lane.buffer.len() && !peer_closed && transport.short_read_is_last();
                    if !self.take(count, is_drained, lane) || is_drained {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                outcome => match (broken, outcome) {
                    (Some(error), Err(_)) => return self.lost(error, lane),
                    (Some(error), Ok(_)) if self.reader.close().is_none() => return self.lost(error, lane),
                    (_, Ok(_)) => return self.closed(lane),
                    (None, Err(error)) if error.kind() == ErrorKind::WouldBlock => return,
                    (None, Err(error)) => return self.lost(&error, lane),
                },
            }
        }
        // There is more to read, but epoll has told of it already: this makes it tell again.
        if let Some(transport) = &mut self.transport
            && let Err(error) = lane.rearm(transport, Token(self.number as usize))
        {
            self.lost(&error, lane);
        }
    }

    /// Whether the server has neither closed the connection nor sent what nobody asked for.
    fn is_silent(&mut self, lane: &mut Lane) -> bool {
        let Some(transport) = &mut self.transport else { return false };
        matches!(transport.read(&mut lane.buffer), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    /// Takes the first `count` bytes of the buffer. True if the answer goes on.
    fn take(&mut self, count: usize, is_drained: bool, lane: &mut Lane) -> bool {
        let now = Instant::now();
        lane.totals.bytes_received += count as u64;
        let bytes = &lane.buffer[..count];
        let is_from_start = self.reader.is_untouched();
        let proven = &mut lane.proven[self.current.request];
        let mut keep_alive = true;
        if is_from_start && let Some(content_bytes) = proven.get(bytes) {
            lane.recorder.success(self.current.request, self.current.ended(now), content_bytes);
        } else {
            match self.reader.feed(bytes) {
                Ok(None) => {
                    if let (Some(tokens), Some((200..300, body))) = (&mut self.tokens, self.reader.so_far())
                        && self.reader.coding() == Coding::Identity
                        && !lane.shared.requests.get(self.current.request).is_whole()
                    {
                        tokens.feed(body, now);
                        self.reader.forget_body();
                    }
                    let of_stream = self.tokens.as_ref().map_or(0, |tokens| tokens.held_bytes());
                    if lane.may_hold(&mut self.held, self.reader.held_bytes() + of_stream) {
                        return true;
                    }
                    keep_alive = false;
                    let message = "the answers under way hold more than 512 MiB";
                    lane.recorder.failure(self.current.request, now, FailureKind::Protocol, message, 0);
                }
                Ok(Some(answer)) => {
                    keep_alive = answer.keep_alive;
                    let (tokens, user) = (self.tokens.as_deref_mut(), self.user.as_deref_mut());
                    let readers = Readers { tokens, user, sent: &self.rendered };
                    let is_proof = self.current.judge(now, readers, &answer, lane.shared, &mut lane.recorder);
                    if is_proof && is_from_start && keep_alive {
                        proven.set(bytes, answer.body.len());
                    }
                }
                Err(error) => {
                    keep_alive = false;
                    lane.recorder.failure(self.current.request, now, FailureKind::Protocol, &error.to_string(), 0);
                }
            }
        }
        let may_keep = keep_alive && lane.shared.keep_alive && self.is_written(lane);
        self.is_reused = may_keep && (is_drained || self.is_silent(lane));
        if !self.is_reused {
            self.transport = None;
        }
        self.end(now, lane);
        false
    }

    /// The server has closed the connection, which either ends the answer or loses it.
    fn closed(&mut self, lane: &mut Lane) {
        let Some(answer) = self.reader.close() else {
            return self.lost(&io::Error::other("the server closed the connection"), lane);
        };
        let now = Instant::now();
        let (tokens, user) = (self.tokens.as_deref_mut(), self.user.as_deref_mut());
        let readers = Readers { tokens, user, sent: &self.rendered };
        self.current.judge(now, readers, &answer, lane.shared, &mut lane.recorder);
        self.transport = None;
        self.end(now, lane);
    }

    /// The connection is gone before the answer is complete. A server may close a kept connection at any time, so a request
    /// on one is sent once more if not a byte of its answer has come, and no harm can be done: none of it was written, or
    /// its method is one that may be carried out twice (RFC 9110, 9.2.2).
    fn lost(&mut self, error: &io::Error, lane: &mut Lane) {
        self.transport = None;
        let is_untouched = self.reader.is_untouched();
        let may_repeat = self.written == 0 || lane.shared.requests.get(self.current.request).is_idempotent;
        if self.is_reused && is_untouched && may_repeat && !self.is_retried {
            self.is_retried = true;
            lane.totals.retries += 1;
            return self.send(lane);
        }
        let (kind, when) = match &self.tokens {
            _ if is_untouched && self.is_reused => (FailureKind::Reset, "before the answer, on a kept connection"),
            _ if is_untouched => (FailureKind::Reset, "before the answer"),
            Some(tokens) if tokens.bytes > 0 => (FailureKind::Truncated, "within the stream"),
            _ => (FailureKind::Reset, "within the answer"),
        };
        let now = Instant::now();
        lane.recorder.failure(self.current.request, now, kind, &format!("{when}: {error}"), 0);
        self.end(now, lane);
    }

    /// The request has ended. Begins the next one if it is due.
    fn end(&mut self, now: Instant, lane: &mut Lane) {
        self.state = State::Idle;
        lane.may_hold(&mut self.held, 0);
        if lane.is_over(now) {
            self.transport = None;
        } else if let Some(due) = lane.pacer.after_request(self.number, now) {
            self.begin(due, now, lane);
        }
    }
}
