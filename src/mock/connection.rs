//! The hot path: one connection, and the request that is being answered on it.
//!
//! A request costs one read and one write. Sockets are registered once, edge-triggered; a read shorter than the buffer
//! means that the socket is drained. A request that is byte for byte the last one that was understood is not parsed
//! again, and a whole completion is written from where it was rendered.

use super::{
    answers::{self, Answer},
    lane::Lane,
    reply::{Part, Reply},
    request::{BadRequest, Client, RequestReader},
    routes::{self, Form, Wanted},
    slots::{Admission, Ticket},
};
use mio::{event::Event, net::TcpStream};
use std::{
    io::{self, ErrorKind, Read, Write},
    net::Shutdown,
    time::{Duration, Instant},
};

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Answers in one turn before the other connections have theirs.
const ANSWERS_PER_TURN: usize = 64;

/// How long a refused client may go on sending: closing sooner would reset the connection and lose it the answer.
const LINGER: Duration = Duration::from_secs(1);

/// A client's connection.
#[derive(Debug)]
pub struct Connection {
    key: usize,
    stream: TcpStream,
    reader: RequestReader,
    state: State,
    /// Counts the replies: what was meant for an earlier one is stale.
    reply: u32,
    /// Whether the socket may hold bytes that were not read.
    may_read: bool,
    /// Whether the client has closed its side.
    is_read_closed: bool,
    /// Whether it has asked for anything but the mock's counts.
    is_counted: bool,
}

/// Whether a connection is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Keep,
    Drop,
}

#[derive(Debug)]
enum State {
    /// No whole request has come.
    Reading,
    /// A completion waits for a slot.
    Queued(Asked),
    /// A part of an answer is due, or being written.
    Answering(Answering),
    /// All is said, and what the client still sends is thrown away.
    Lingering,
}

/// A completion's request.
#[derive(Clone, Copy, Debug)]
struct Asked {
    arrived: Instant,
    form: Form,
    client: Client,
}

#[derive(Debug)]
struct Answering {
    part: Part,
    written: usize,
    rest: Reply,
    status: u16,
    arrived: Instant,
    after: After,
    has_slot: bool,
    is_counted: bool,
    /// Whether an alarm will ring when the part is due.
    is_alarm_set: bool,
}

/// What becomes of the connection when the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Keep,
    Close,
    Linger,
}

/// What reading has come to.
enum Next {
    /// There is no whole request yet.
    Wait,
    Gone,
    Request(Wanted, Client),
    Bad(BadRequest),
}

impl Connection {
    /// One that was just accepted.
    pub fn new(key: usize, stream: TcpStream) -> Self {
        Self {
            key,
            stream,
            reader: RequestReader::default(),
            state: State::Reading,
            reply: 0,
            may_read: true,
            is_read_closed: false,
            is_counted: false,
        }
    }

    /// What is to be registered for events.
    pub fn source(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Whether nothing has been asked for that is not answered.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Reading) && self.reader.is_empty()
    }

    /// The socket is ready for something.
    pub fn on_event(&mut self, event: &Event, lane: &mut Lane) -> Fate {
        self.may_read |= event.is_readable();
        self.is_read_closed |= event.is_read_closed();
        // Closed both ways, or reset: nobody is there to read an answer.
        if event.is_error() || event.is_write_closed() {
            return Fate::Drop;
        }
        self.advance(lane)
    }

    /// The alarm of a reply has rung.
    pub fn on_alarm(&mut self, reply: u32, lane: &mut Lane) -> Fate {
        match self.state {
            _ if reply != self.reply => Fate::Keep,
            State::Lingering => Fate::Drop,
            _ => self.advance(lane),
        }
    }

    /// The slot that was waited for is there; `None` when it is not any more.
    pub fn on_slot(&mut self, ticket: Ticket, lane: &mut Lane) -> Option<Fate> {
        let State::Queued(asked) = self.state else { return None };
        if ticket.reply != self.reply {
            return None;
        }
        self.work_on(asked, Instant::now(), true, lane);
        Some(self.advance(lane))
    }

    /// Settles the accounts of a connection that is dropped.
    pub fn leave(self, lane: &mut Lane) {
        match &self.state {
            State::Answering(answering) => {
                if answering.is_counted {
                    lane.truth().abandoned(lane.thread);
                }
                if answering.has_slot {
                    lane.give_back_slot();
                }
            }
            State::Queued(_) => lane.truth().abandoned(lane.thread),
            State::Reading | State::Lingering => {}
        }
        if self.is_counted {
            lane.truth().disconnected();
        }
    }

    /// Goes as far as can be gone now.
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

    /// Finds the next whole request in what was read, and reads on until there is one.
    fn next_request(&mut self, lane: &mut Lane) -> Next {
        let mut read = 0;
        loop {
            match self.reader.peek() {
                Err(bad) => return Next::Bad(bad),
                Ok(Some(request)) => {
                    let client = request.head.client;
                    let wanted = routes::wanted(&request);
                    self.reader.pop();
                    if let (Wanted::Completion(form), true) = (&wanted, read > 0 && self.reader.is_empty()) {
                        lane.understood.set(&lane.buffer[..read], (*form, client));
                    }
                    return Next::Request(wanted, client);
                }
                Ok(None) => {}
            }
            // A client whose socket has no room for this line is no client that waits for it.
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

    /// A whole request has `arrived`.
    fn begin(&mut self, wanted: Wanted, client: Client, arrived: Instant, lane: &mut Lane) {
        self.reply = self.reply.wrapping_add(1);
        match wanted {
            Wanted::Window => {
                let window = serde_json::to_string(&lane.truth().close_window()).unwrap_or_default();
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

    /// A completion fails as asked for, is worked on, waits for that, or is turned away.
    fn admit(&mut self, asked: Asked, lane: &mut Lane) {
        let Asked { arrived, client, .. } = asked;
        lane.completion_arrived(arrived);
        let config = lane.config;
        if config.error_rate > 0.0 && crate::distribution::uniform(&mut lane.random) < config.error_rate {
            let error = answers::error(config.error_status, "this failure was asked for", None, Some("injected"));
            return self.answer(&error, client, arrived, lane);
        }
        let Some(slots) = &lane.shared.slots else { return self.work_on(asked, arrived, false, lane) };
        match slots.take(Ticket { thread: lane.thread, key: self.key, reply: self.reply }) {
            Admission::Granted => self.work_on(asked, arrived, true, lane),
            Admission::Queued => self.state = State::Queued(asked),
            Admission::Full => {
                let error = answers::error(503, "all slots are in use", None, Some("overloaded"));
                self.answer(&error, client, arrived, lane);
            }
        }
    }

    fn count_arrival(&mut self, lane: &Lane) {
        if !std::mem::replace(&mut self.is_counted, true) {
            lane.truth().connected(lane.thread);
        }
        lane.truth().arrived(lane.thread);
    }

    /// The bytes are no request: says so, and then ends the connection.
    fn refuse(&mut self, bad: BadRequest, now: Instant, lane: &mut Lane) {
        self.reply = self.reply.wrapping_add(1);
        self.count_arrival(lane);
        let client = Client { keep_alive: false, is_http11: true, is_head: false };
        let answering = Answering::at_once(&routes::refusal(bad), client, now, lane);
        self.state = State::Answering(Answering { after: After::Linger, ..answering });
    }

    /// Answers at once.
    fn answer(&mut self, answer: &Answer, client: Client, arrived: Instant, lane: &Lane) {
        self.state = State::Answering(Answering::at_once(answer, client, arrived, lane));
    }

    /// Answers with a completion that is worked on from `begin`.
    fn work_on(&mut self, asked: Asked, begin: Instant, has_slot: bool, lane: &mut Lane) {
        let client = lane.as_of_now(asked.client);
        let (part, rest) = Reply::begin(asked.form, client, begin, lane.config, &lane.rendered, &mut lane.random);
        let part = Part { due: lane.after_stalls(part.due), ..part };
        let answering = Answering::new(part, rest, 200, asked.arrived, client);
        self.state = State::Answering(Answering { has_slot, ..answering });
    }

    /// The answer is written.
    fn finish(&mut self, lane: &mut Lane) -> Fate {
        let State::Answering(answering) = std::mem::replace(&mut self.state, State::Reading) else { return Fate::Keep };
        if answering.is_counted {
            lane.truth().answered(lane.thread, answering.status, answering.arrived.elapsed());
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

impl Answering {
    /// Counted, without a slot.
    fn new(part: Part, rest: Reply, status: u16, arrived: Instant, client: Client) -> Self {
        Self {
            part,
            written: 0,
            rest,
            status,
            arrived,
            after: if client.keep_alive { After::Keep } else { After::Close },
            has_slot: false,
            is_counted: true,
            is_alarm_set: false,
        }
    }

    /// With all of it at once.
    fn at_once(answer: &Answer, client: Client, arrived: Instant, lane: &Lane) -> Self {
        let client = lane.as_of_now(client);
        let bytes = answer.render(&lane.rendered.date, client.keep_alive, client.is_head);
        Self::new(Part { due: arrived, bytes }, Reply::Whole, answer.status, arrived, client)
    }

    /// Writes what is left of the part; false when the socket takes no more for now.
    fn write(&mut self, stream: &mut TcpStream) -> io::Result<bool> {
        while self.written < self.part.bytes.len() {
            match stream.write(&self.part.bytes[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
