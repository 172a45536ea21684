//! The hot path: one connection, and the request that is being answered on it.
//!
//! A request costs one read and one write. Sockets are registered once, edge-triggered; a read that does not fill the buffer
//! has drained the socket. A request that is byte for byte the last one understood is not parsed again, and a completion is
//! written from where it was rendered.

use super::{
    answering::{After, Answering},
    answers::{self, Answer},
    lane::Lane,
    reply::{Part, Reply},
    request::{BadRequest, Client, RequestReader},
    routes::{self, Form, Wanted},
    slots::{Admission, Ticket},
};
use crate::model::BackendWindow;
use mio::{event::Event, net::TcpStream};
use std::{
    io::{ErrorKind, Read, Write},
    net::Shutdown,
    time::{Duration, Instant},
};

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Answers to give in one turn, before the other connections get theirs.
const ANSWERS_PER_TURN: usize = 64;

/// How long a refused client may go on sending. Closing sooner would reset the connection, and the client might never read
/// the answer.
const LINGER: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Connection {
    key: usize,
    stream: TcpStream,
    reader: RequestReader,
    state: State,
    /// Number of the current reply. Alarms and slots that were meant for an earlier one are ignored.
    reply: u32,
    /// Whether the socket may have bytes to read.
    may_read: bool,
    /// Whether the client has closed its side.
    is_read_closed: bool,
    /// Since when a request is under way that did not come in one piece.
    begun: Option<Instant>,
    /// Bytes kept of it.
    held: usize,
    /// Whether it is in the mock's counts: it has asked for something other than those.
    is_counted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Keep,
    Drop,
}

#[derive(Debug)]
enum State {
    /// Waiting for a complete request.
    Reading,
    Queued(Asked),
    /// A part of an answer is awaited, or being written.
    Answering(Answering),
    /// The answer is written, and whatever the client still sends is thrown away.
    Lingering,
}

/// A request for a completion.
#[derive(Clone, Copy, Debug)]
struct Asked {
    arrived: Instant,
    form: Form,
    client: Client,
}

enum Next {
    /// There is no complete request yet.
    Wait,
    Gone,
    Request(Wanted, Client),
    Bad(BadRequest),
}

impl Connection {
    pub fn new(key: usize, stream: TcpStream) -> Self {
        Self {
            key,
            stream,
            reader: RequestReader::default(),
            state: State::Reading,
            reply: 0,
            may_read: true,
            is_read_closed: false,
            begun: None,
            held: 0,
            is_counted: false,
        }
    }

    /// What to register for events.
    pub fn source(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Whether every request is answered.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Reading) && self.reader.is_empty()
    }

    /// Since when it waits for the rest of a request.
    pub fn begun(&self) -> Option<Instant> {
        self.begun
    }

    /// The rest of the request has not come in time.
    pub fn on_late(&mut self, now: Instant, lane: &mut Lane) -> Fate {
        self.refuse(BadRequest::Late, now, lane);
        self.advance(lane)
    }

    pub fn on_event(&mut self, event: &Event, lane: &mut Lane) -> Fate {
        self.may_read |= event.is_readable();
        self.is_read_closed |= event.is_read_closed();
        // Reset, or closed both ways: nobody will read an answer.
        if event.is_error() || event.is_write_closed() {
            return Fate::Drop;
        }
        // Who closes while it waits has given up, as other servers take it, too: that it has closed only its own half is told
        // by nothing.
        if event.is_read_closed() && matches!(self.state, State::Queued(_) | State::Answering(_)) {
            return Fate::Drop;
        }
        self.advance(lane)
    }

    pub fn on_alarm(&mut self, reply: u32, lane: &mut Lane) -> Fate {
        match self.state {
            _ if reply != self.reply => Fate::Keep,
            State::Lingering => Fate::Drop,
            _ => self.advance(lane),
        }
    }

    /// A slot is free for it; `None` if it no longer waits for one.
    pub fn on_slot(&mut self, ticket: Ticket, lane: &mut Lane) -> Option<Fate> {
        let State::Queued(asked) = self.state else { return None };
        if ticket.reply != self.reply {
            return None;
        }
        self.work_on(asked, Instant::now(), true, lane);
        Some(self.advance(lane))
    }

    /// Drops the connection, and settles what the counts and the slots have of it.
    pub fn leave(mut self, lane: &mut Lane) {
        self.let_go(lane);
        match &self.state {
            State::Answering(answering) => {
                if answering.is_counted {
                    lane.truth().abandoned(lane.thread);
                }
                if answering.has_slot {
                    lane.give_back_slot();
                }
            }
            State::Queued(_) => {
                lane.truth().abandoned(lane.thread);
                if let Some(slots) = &lane.shared.slots {
                    slots.leave(self.ticket(lane));
                }
            }
            State::Reading | State::Lingering => {}
        }
        if self.is_counted {
            lane.truth().disconnected();
        }
    }

    /// Goes on as far as it can without waiting.
    fn advance(&mut self, lane: &mut Lane) -> Fate {
        let mut now = Instant::now();
        let mut answers = 0;
        loop {
            match &mut self.state {
                State::Queued(_) => return Fate::Keep,
                State::Lingering => return self.linger(lane),
                State::Reading if answers == ANSWERS_PER_TURN => {
                    lane.ring_at(now, self.key, self.reply);
                    return Fate::Keep;
                }
                State::Reading => {
                    let next = self.next_request(lane);
                    now = Instant::now();
                    match next {
                        Next::Wait => return Fate::Keep,
                        Next::Gone => return Fate::Drop,
                        Next::Request(wanted, client) => self.begin(wanted, client, now, lane),
                        Next::Bad(bad) => self.refuse(bad, now, lane),
                    }
                }
                State::Answering(answering) => {
                    if answering.part.due > now {
                        if !std::mem::replace(&mut answering.is_alarm_set, true) {
                            lane.ring_at(answering.part.due, self.key, self.reply);
                        }
                        return Fate::Keep;
                    }
                    match answering.write(&mut self.stream) {
                        Ok(true) => {}
                        Ok(false) => return Fate::Keep,
                        Err(_) => return Fate::Drop,
                    }
                    if let Some(part) = answering.rest.next(lane.config, &mut lane.random) {
                        let due = lane.after_stalls(part.due);
                        answering.part = Part { due, ..part };
                        (answering.written, answering.is_alarm_set) = (0, false);
                        continue;
                    }
                    answers += 1;
                    if self.finish(lane) == Fate::Drop {
                        return Fate::Drop;
                    }
                }
            }
        }
    }

    /// Finds the next complete request in what was read, or reads on until there is one.
    fn next_request(&mut self, lane: &mut Lane) -> Next {
        let mut read = 0;
        loop {
            match self.reader.peek() {
                Err(bad) => return Next::Bad(bad),
                Ok(Some(request)) => {
                    let client = request.head.client;
                    let wanted = routes::wanted(&request, lane.config);
                    self.reader.pop();
                    self.let_go(lane);
                    if let (Wanted::Completion(form), true) = (&wanted, read > 0 && self.reader.is_empty()) {
                        lane.understood.set(&lane.buffer[..read], (*form, client));
                    }
                    return Next::Request(wanted, client);
                }
                Ok(None) => {}
            }
            if !self.reader.is_empty() {
                self.begun.get_or_insert_with(Instant::now);
                if !lane.shared.allowance.hold(&mut self.held, self.reader.held_bytes()) {
                    return Next::Bad(BadRequest::NoRoom);
                }
            }
            // A client that waits for this line has room for it.
            if self.reader.must_continue() && self.stream.write(CONTINUE).is_err() {
                return Next::Gone;
            }
            if !self.may_read {
                return Next::Wait;
            }
            let was_empty = self.reader.is_empty();
            match self.stream.read(&mut lane.buffer) {
                Ok(0) => return Next::Gone,
                Ok(count) => {
                    self.may_read = count == lane.buffer.len() || self.is_read_closed;
                    read = if was_empty { count } else { 0 };
                    if was_empty && let Some((form, client)) = lane.understood.get(&lane.buffer[..count]) {
                        return Next::Request(Wanted::Completion(form), client);
                    }
                    self.reader.push(&lane.buffer[..count]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.may_read = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Next::Gone,
            }
        }
    }

    /// No part of a request is kept any more.
    fn let_go(&mut self, lane: &mut Lane) {
        self.begun = None;
        lane.shared.allowance.hold(&mut self.held, 0);
    }

    /// Begins to answer a request that was complete at `arrived`.
    fn begin(&mut self, wanted: Wanted, client: Client, arrived: Instant, lane: &mut Lane) {
        self.reply = self.reply.wrapping_add(1);
        match wanted {
            Wanted::Window => {
                let window = BackendWindow { slots: lane.config.slots, ..lane.truth().close_window() };
                let window = serde_json::to_string(&window).unwrap_or_default();
                let answering = Answering::at_once(&Answer::ok(window), client, arrived, lane);
                self.state = State::Answering(Answering { is_counted: false, ..answering });
            }
            Wanted::Ready(answer) => {
                self.count_arrival(lane);
                self.answer(&answer, client, arrived, lane);
            }
            Wanted::Completion(form) => {
                self.count_arrival(lane);
                self.admit(Asked { arrived, form, client }, lane);
            }
        }
    }

    /// A completion fails because it is to, gets a slot, waits for one, or is turned away.
    fn admit(&mut self, asked: Asked, lane: &mut Lane) {
        let Asked { arrived, client, .. } = asked;
        lane.completion_arrived(arrived);
        let config = lane.config;
        if config.error_rate > 0.0 && crate::distribution::uniform(&mut lane.random) < config.error_rate {
            let error = answers::error(config.error_status, "this failure was asked for", None, Some("injected"));
            return self.answer(&error, client, arrived, lane);
        }
        let Some(slots) = &lane.shared.slots else { return self.work_on(asked, arrived, false, lane) };
        match slots.take(self.ticket(lane)) {
            Admission::Granted => self.work_on(asked, arrived, true, lane),
            Admission::Queued => self.state = State::Queued(asked),
            Admission::Full => {
                let error = answers::error(503, "all slots are in use", None, Some("overloaded"));
                self.answer(&error, client, arrived, lane);
            }
        }
    }

    /// With which its current reply waits for a slot.
    fn ticket(&self, lane: &Lane) -> Ticket {
        Ticket { thread: lane.thread, key: self.key, reply: self.reply }
    }

    fn count_arrival(&mut self, lane: &Lane) {
        if !std::mem::replace(&mut self.is_counted, true) {
            lane.truth().connected(lane.thread);
        }
        lane.truth().arrived(lane.thread);
    }

    /// The bytes are not a request: says so, and then ends the connection.
    fn refuse(&mut self, bad: BadRequest, now: Instant, lane: &mut Lane) {
        self.reader = RequestReader::default();
        self.let_go(lane);
        self.reply = self.reply.wrapping_add(1);
        self.count_arrival(lane);
        let client = Client { keep_alive: false, is_http11: true, is_head: false };
        let answering = Answering::at_once(&routes::refusal(bad), client, now, lane);
        self.state = State::Answering(Answering { after: After::Linger, ..answering });
    }

    fn answer(&mut self, answer: &Answer, client: Client, arrived: Instant, lane: &Lane) {
        self.state = State::Answering(Answering::at_once(answer, client, arrived, lane));
    }

    /// Answers with a completion whose service time starts at `begin`.
    fn work_on(&mut self, asked: Asked, begin: Instant, has_slot: bool, lane: &mut Lane) {
        let client = lane.as_of_now(asked.client);
        let (part, rest) = Reply::begin(asked.form, client, begin, lane.config, &lane.rendered, &mut lane.random);
        let part = Part { due: lane.after_stalls(part.due), ..part };
        let answering = Answering::new(part, rest, 200, asked.arrived, client);
        self.state = State::Answering(Answering { begun: begin, has_slot, ..answering });
    }

    fn finish(&mut self, lane: &mut Lane) -> Fate {
        let State::Answering(answering) = std::mem::replace(&mut self.state, State::Reading) else { return Fate::Keep };
        if answering.is_counted {
            let now = Instant::now();
            lane.truth().answered(lane.thread, answering.status, now - answering.arrived, now - answering.begun);
        }
        if answering.has_slot {
            lane.give_back_slot();
        }
        match answering.after {
            After::Keep if lane.is_draining => Fate::Drop,
            After::Keep => Fate::Keep,
            After::Close => Fate::Drop,
            After::Linger => {
                self.state = State::Lingering;
                lane.ring_at(Instant::now() + LINGER, self.key, self.reply);
                if self.stream.shutdown(Shutdown::Write).is_ok() { Fate::Keep } else { Fate::Drop }
            }
        }
    }

    fn linger(&mut self, lane: &mut Lane) -> Fate {
        loop {
            match self.stream.read(&mut lane.buffer) {
                Ok(0) => return Fate::Drop,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Fate::Keep,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Fate::Drop,
            }
        }
    }
}
