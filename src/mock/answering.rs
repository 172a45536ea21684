//! An answer on its way: a part of it is awaited or being written, the rest follows.

use super::{
    answers::Answer,
    lane::Lane,
    reply::{Part, Reply},
    request::Client,
};
use mio::net::TcpStream;
use std::{
    io::{self, ErrorKind, Write},
    time::Instant,
};

#[derive(Debug)]
pub struct Answering {
    pub part: Part,
    pub written: usize,
    pub rest: Reply,
    pub status: u16,
    pub arrived: Instant,
    /// When its turn came: later than it arrived, if it waited for a slot.
    pub begun: Instant,
    pub after: After,
    pub has_slot: bool,
    pub is_counted: bool,
    /// Whether an alarm is set for when the part is due.
    pub is_alarm_set: bool,
}

/// What to do once the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    Keep,
    Close,
    Linger,
}

impl Answering {
    /// One that is in the mock's counts and has no slot.
    pub fn new(part: Part, rest: Reply, status: u16, arrived: Instant, client: Client) -> Self {
        Self {
            part,
            written: 0,
            rest,
            status,
            arrived,
            begun: arrived,
            after: if client.keep_alive { After::Keep } else { After::Close },
            has_slot: false,
            is_counted: true,
            is_alarm_set: false,
        }
    }

    pub fn at_once(answer: &Answer, client: Client, arrived: Instant, lane: &Lane) -> Self {
        let client = lane.as_of_now(client);
        let bytes = answer.render(&lane.rendered.date, client.keep_alive, client.is_head);
        Self::new(Part { due: arrived, bytes }, Reply::Whole, answer.status, arrived, client)
    }

    /// Writes what is left of the part. False if the socket takes no more for now.
    pub fn write(&mut self, stream: &mut TcpStream) -> io::Result<bool> {
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
