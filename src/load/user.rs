//! The hot path: one closed-loop user on its own connection.
//!
//! A request costs one write and one read. The sockets are registered once, edge-triggered; an answer shorter than
//! the buffer means that the socket is drained, and the next request is written in the turn that read the last
//! answer. The clock is read once a request, when its last bytes have been read: that moment ends it and starts the
//! next one. An answer that is byte for byte the last one that passed every check passes without being parsed again.

use super::{
    event_loop::Lane,
    failures::body_text,
    response::{Answer, AnswerReader},
};
use crate::model::FailureKind;
use mio::{Interest, Token, net::TcpStream};
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

/// Wait of a user that could not connect, before it tries again: a server that is down is not hammered.
pub const CONNECT_PAUSE: Duration = Duration::from_millis(100);

/// Full buffers read in one turn before the other users have theirs.
const READS_PER_TURN: usize = 16;

/// Sends, waits for the answer, and sends again until the load ends.
pub struct User {
    token: Token,
    state: State,
    stream: Option<TcpStream>,
    /// Whether the connection has served a request before the current one.
    is_reused: bool,
    /// Whether the current request is on its second connection.
    is_retried: bool,
    addresses_tried: usize,
    written: usize,
    reader: AnswerReader,
    started: Instant,
    deadline: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between two attempts to connect, until the deadline.
    Pausing,
    Connecting,
    /// The request is being written, or its answer awaited.
    Waiting,
    /// The load has ended for this user.
    Done,
}

impl User {
    /// Sends its first request at once. Its events carry `token`.
    pub fn start(token: Token, now: Instant, lane: &mut Lane) -> Self {
        let mut user = Self {
            token,
            state: State::Pausing,
            stream: None,
            is_reused: false,
            is_retried: false,
            addresses_tried: 0,
            written: 0,
            reader: AnswerReader::new(&lane.plan.method),
            started: now,
            deadline: now,
        };
        user.begin(now, lane);
        user
    }

    /// Whether it will send nothing more.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether a request of its is under way.
    pub fn is_in_flight(&self) -> bool {
        matches!(self.state, State::Connecting | State::Waiting)
    }

    /// Its socket has become readable or writable. `peer_closed`: after what there is to read comes the end.
    pub fn on_event(&mut self, peer_closed: bool, lane: &mut Lane) {
        if self.is_in_flight() && self.written < lane.plan.request.len() && !self.write(lane) {
            return;
        }
        if self.state == State::Waiting {
            self.read(peer_closed, lane);
        }
    }

    /// Ends what has lasted too long.
    pub fn on_tick(&mut self, now: Instant, lane: &mut Lane) {
        if self.state == State::Done || now < self.deadline {
            return;
        }
        if self.is_in_flight() {
            let what = if self.state == State::Connecting { "connection" } else { "whole answer" };
            let message = format!("no {what} within {:?}", lane.plan.timeout);
            lane.recorder.failure(now, FailureKind::Timeout, &message, 0);
            self.stream = None;
        }
        self.begin(now, lane);
    }

    /// The next request, unless the load is over.
    fn begin(&mut self, now: Instant, lane: &mut Lane) {
        if lane.is_over(now) {
            self.state = State::Done;
            self.stream = None;
            return;
        }
        self.started = now;
        self.deadline = now + lane.plan.timeout;
        self.is_retried = false;
        self.send(lane);
    }

    /// Sends the current request, over a fresh connection if there is none.
    fn send(&mut self, lane: &mut Lane) {
        self.reader.reset();
        self.written = 0;
        if self.stream.is_some() {
            self.state = State::Waiting;
            self.write(lane);
        } else {
            self.addresses_tried = 0;
            self.connect("the name has no address", lane);
        }
    }

    /// Starts connecting to the next address; `why` the last one failed counts when none is left.
    fn connect(&mut self, why: &str, lane: &mut Lane) {
        let mut why = why.to_owned();
        while self.addresses_tried < lane.plan.addresses.len() {
            self.addresses_tried += 1;
            match lane.connect(self.token) {
                Ok(stream) => {
                    (self.stream, self.is_reused, self.state) = (Some(stream), false, State::Connecting);
                    return;
                }
                Err(error) => why = error.to_string(),
            }
            lane.next_address();
        }
        let why = lane.plan.unresolved.as_deref().unwrap_or(&why);
        let now = Instant::now();
        lane.recorder.failure(now, FailureKind::Connect, why, 0);
        (self.state, self.deadline) = (State::Pausing, now + CONNECT_PAUSE);
    }

    /// Writes what is left of the request; false when the connection turned out to be lost.
    fn write(&mut self, lane: &mut Lane) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        loop {
            // While connecting, this gives EAGAIN; when that failed, the reason.
            match stream.write(&lane.plan.request[self.written..]) {
                Ok(count) => {
                    if self.state == State::Connecting {
                        self.state = State::Waiting;
                        lane.connections_opened += 1;
                    }
                    self.written += count;
                    return true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if self.state == State::Connecting => {
                    self.stream = None;
                    lane.next_address();
                    self.connect(&error.to_string(), lane);
                    return false;
                }
                Err(error) => {
                    self.lost(&error, lane);
                    return false;
                }
            }
        }
    }

    /// Reads until the socket is drained, or for as long as one turn may last.
    fn read(&mut self, peer_closed: bool, lane: &mut Lane) {
        for _ in 0..READS_PER_TURN {
            let Some(stream) = &mut self.stream else { return };
            match stream.read(&mut lane.buffer) {
                Ok(0) => return self.closed(lane),
                Ok(count) => {
                    let is_drained = count < lane.buffer.len() && !peer_closed;
                    if !self.take(count, peer_closed, lane) || is_drained {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return self.lost(&error, lane),
            }
        }
        // There is more, but the edge has passed: this makes epoll tell again.
        if let Some(stream) = &mut self.stream
            && let Err(error) = lane.rearm(stream, self.token)
        {
            self.lost(&error, lane);
        }
    }

    /// Takes what was read; false when the connection is not to be read on.
    fn take(&mut self, count: usize, peer_closed: bool, lane: &mut Lane) -> bool {
        let now = Instant::now();
        let latency = now - self.started;
        let bytes = &lane.buffer[..count];
        let is_from_start = self.reader.is_untouched();
        let mut keep_alive = true;
        if is_from_start && bytes == lane.proven.bytes {
            lane.recorder.success(now, latency, lane.proven.body_bytes);
        } else {
            match self.reader.feed(bytes) {
                Ok(None) => return true,
                Ok(Some(answer)) => {
                    keep_alive = answer.keep_alive;
                    match lane.plan.judge(&answer) {
                        Ok(()) => {
                            lane.recorder.success(now, latency, answer.body.len());
                            if is_from_start && keep_alive {
                                lane.proven.set(bytes, answer.body.len());
                            }
                        }
                        Err((kind, message)) => lane.recorder.failure(now, kind, &message, answer.body.len()),
                    }
                }
                Err(error) => {
                    keep_alive = false;
                    lane.recorder.failure(now, FailureKind::Protocol, &error.to_string(), 0);
                }
            }
        }
        let is_written = self.written == lane.plan.request.len();
        self.is_reused = keep_alive && lane.plan.keep_alive && is_written && !peer_closed;
        if !self.is_reused {
            self.stream = None;
        }
        let is_kept = self.is_reused;
        self.begin(now, lane);
        is_kept
    }

    /// The server closed the connection: the end of the answer, or its loss.
    fn closed(&mut self, lane: &mut Lane) {
        let Some(answer) = self.reader.close() else {
            return self.lost(&io::Error::other("the server closed the connection"), lane);
        };
        let now = Instant::now();
        match lane.plan.judge(&answer) {
            Ok(()) => lane.recorder.success(now, now - self.started, answer.body.len()),
            Err((kind, message)) => lane.recorder.failure(now, kind, &message, answer.body.len()),
        }
        self.stream = None;
        self.begin(now, lane);
    }

    /// The connection is gone before the answer was whole. A server may close a kept connection at any moment, so a
    /// request to which not a byte was answered is sent once more.
    fn lost(&mut self, error: &io::Error, lane: &mut Lane) {
        self.stream = None;
        let is_untouched = self.reader.is_untouched();
        if self.is_reused && is_untouched && !self.is_retried {
            self.is_retried = true;
            lane.retries += 1;
            return self.send(lane);
        }
        let when = if is_untouched { "before the answer" } else { "within the answer" };
        let now = Instant::now();
        lane.recorder.failure(now, FailureKind::Reset, &format!("{when}: {error}"), 0);
        self.begin(now, lane);
    }
}

/// The last answer that passed every check, as it was read.
#[derive(Debug, Default)]
pub struct Proven {
    bytes: Vec<u8>,
    body_bytes: usize,
}

impl Proven {
    fn set(&mut self, bytes: &[u8], body_bytes: usize) {
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        self.body_bytes = body_bytes;
    }
}

/// What is told of each socket, once.
pub const INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE);

impl super::event_loop::Plan {
    /// Whether the answer is a success, and otherwise the failure's kind and message.
    fn judge(&self, answer: &Answer) -> Result<(), (FailureKind, String)> {
        if answer.status != 200 {
            return Err((FailureKind::Status, format!("HTTP {}: {}", answer.status, body_text(answer.body))));
        }
        self.expect.check(answer.body).map_err(|message| (FailureKind::Body, message))
    }
}
