//! One client's connection: its bytes, the request that is being worked on, and the answer that is being written.

use super::http::{self, Request, Wanted};
use crate::wire::Allowance;
use mio::{event::Event, net::TcpStream};
use std::io::{self, ErrorKind, Read, Write};

/// A buffer that has grown beyond this is freed between two requests.
const KEPT_CAPACITY: usize = 64 << 10;

#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    /// What came and is not answered.
    input: Vec<u8>,
    /// What the allowance has of it.
    held: usize,
    /// The request at the start of the input, while it is being worked on.
    request: Option<Request>,
    output: Vec<u8>,
    /// How much of the output is written.
    written: usize,
    /// Whether the socket may have bytes to read.
    may_read: bool,
    is_read_closed: bool,
    /// Whether the connection ends with the answer that is being written.
    is_last: bool,
}

/// What a connection has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It goes on with the next event, or with an answer.
    Wait,
    Gone,
    /// There is a request to work on.
    Asks,
}

impl Client {
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            input: Vec::new(),
            held: 0,
            request: None,
            output: Vec::new(),
            written: 0,
            may_read: true,
            is_read_closed: false,
            is_last: false,
        }
    }

    /// What to register for events.
    pub fn source(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    pub fn on_event(&mut self, event: &Event, buffer: &mut [u8], allowance: &Allowance) -> Turn {
        self.may_read |= event.is_readable();
        self.is_read_closed |= event.is_read_closed();
        // Reset, or closed both ways: nobody will read an answer.
        if event.is_error() || event.is_write_closed() { Turn::Gone } else { self.advance(buffer, allowance) }
    }

    /// Whether the request is about the workers, and nothing to work on.
    pub fn asks_for_workers(&self) -> bool {
        self.request.as_ref().is_some_and(|request| request.wanted == Wanted::Workers)
    }

    /// Of the request that is being worked on.
    pub fn body(&self) -> &[u8] {
        self.request.as_ref().map_or(&[], |request| &self.input[request.body.clone()])
    }

    /// Answers the request that is being worked on; [`Self::advance`] writes it.
    pub fn answer(&mut self, status: u16, body: &[u8]) {
        let Some(request) = self.request.take() else { return };
        self.is_last = !request.keep_alive;
        self.input.drain(..request.body.end);
        self.input.shrink_to(KEPT_CAPACITY);
        http::write_answer(&mut self.output, status, body, request.keep_alive);
    }

    /// Writes what there is of an answer, and then reads on until there is a request to work on.
    pub fn advance(&mut self, buffer: &mut [u8], allowance: &Allowance) -> Turn {
        loop {
            match self.write() {
                Ok(true) if self.is_last => return Turn::Gone,
                Ok(true) => {}
                Ok(false) => return Turn::Wait,
                Err(_) => return Turn::Gone,
            }
            if self.request.is_some() {
                return Turn::Wait;
            }
            match http::request(&self.input) {
                Ok(Some(request)) => {
                    let wanted = request.wanted;
                    self.request = Some(request);
                    match wanted {
                        Wanted::Work | Wanted::Workers => return Turn::Asks,
                        Wanted::Health => self.answer(200, b"{}"),
                        Wanted::Other(status) => self.answer(status, &http::error_body("there is nothing here")),
                    }
                    continue;
                }
                Ok(None) if allowance.hold(&mut self.held, self.input.len()) => {}
                Ok(None) => {
                    self.refuse(503);
                    continue;
                }
                Err(status) => {
                    self.refuse(status);
                    continue;
                }
            }
            if !self.may_read {
                return Turn::Wait;
            }
            match self.stream.read(buffer) {
                Ok(0) => return Turn::Gone,
                Ok(count) => {
                    self.may_read = count == buffer.len() || self.is_read_closed;
                    self.input.extend_from_slice(&buffer[..count]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.may_read = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Turn::Gone,
            }
        }
    }

    /// Gives back what the allowance has of it.
    pub fn leave(mut self, allowance: &Allowance) {
        allowance.hold(&mut self.held, 0);
    }

    /// The bytes are no request: says so, and ends the connection.
    fn refuse(&mut self, status: u16) {
        http::write_answer(&mut self.output, status, &http::error_body("this is not a request that is served"), false);
        self.is_last = true;
    }

    /// True when all of the answer is written.
    fn write(&mut self) -> io::Result<bool> {
        while self.written < self.output.len() {
            match self.stream.write(&self.output[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        self.written = 0;
        Ok(true)
    }
}
