//! The calls of one thread to the backend: at most so many connections, and calls that wait for one in order.

use super::http::{self, NoAnswer};
use mio::{Interest, Registry, Token, net::TcpStream};
use slab::Slab;
use std::{
    collections::VecDeque,
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
};

/// For which client, and the bytes to send.
#[derive(Debug)]
struct Call {
    /// `None` when it has gone.
    client: Option<usize>,
    request: Vec<u8>,
}

/// A call that has ended. An error is a 502.
#[derive(Debug)]
pub struct Done {
    /// `None` when it has gone.
    pub client: Option<usize>,
    pub status: u16,
    pub body: Vec<u8>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    /// `None` while it is idle.
    call: Option<Call>,
    /// How much of the call's request is.
    written: usize,
    input: Vec<u8>,
}

/// A whole answer, and whether another call may use its connection.
struct Answered {
    status: u16,
    body: Vec<u8>,
    keep_alive: bool,
}

pub struct Backend {
    address: SocketAddr,
    /// Connections at most.
    most: usize,
    connections: Slab<Connection>,
    idle: Vec<usize>,
    waiting: VecDeque<Call>,
    done: Vec<Done>,
    /// What its connections are registered as, by their keys.
    token: fn(usize) -> Token,
}

impl Backend {
    /// With at most so many connections, each registered as `token` of its key.
    pub fn new(address: SocketAddr, most: usize, token: fn(usize) -> Token) -> Self {
        let (connections, idle, waiting, done) = (Slab::new(), Vec::new(), VecDeque::new(), Vec::new());
        Self { address, most, connections, idle, waiting, done, token }
    }

    /// Calls that have not ended.
    pub fn under_way(&self) -> usize {
        self.connections.len() - self.idle.len() + self.waiting.len()
    }

    /// Sends a chat completion's body, as soon as a connection is free.
    pub fn call(&mut self, client: usize, body: &[u8], registry: &Registry, buffer: &mut [u8]) {
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        self.waiting.push_back(Call { client: Some(client), request: [head.as_bytes(), body].concat() });
        self.start_waiting(registry, buffer);
    }

    pub fn on_event(&mut self, key: usize, registry: &Registry, buffer: &mut [u8]) {
        self.advance(key, buffer);
        self.start_waiting(registry, buffer);
    }

    /// The client has gone. What is at the backend stays there until it is answered.
    pub fn forget(&mut self, client: usize) {
        self.waiting.retain(|call| call.client != Some(client));
        let calls = self.connections.iter_mut().filter_map(|(_, connection)| connection.call.as_mut());
        calls.filter(|call| call.client == Some(client)).for_each(|call| call.client = None);
    }

    /// The calls that have ended since it was last asked.
    pub fn take_done(&mut self) -> Vec<Done> {
        std::mem::take(&mut self.done)
    }

    /// Gives every free connection to a call that waits.
    fn start_waiting(&mut self, registry: &Registry, buffer: &mut [u8]) {
        while !self.waiting.is_empty() && (!self.idle.is_empty() || self.connections.len() < self.most) {
            let Some(call) = self.waiting.pop_front() else { return };
            let free = self.idle.pop().map_or_else(|| self.connect(registry), Ok);
            match free {
                Ok(key) => {
                    self.connections[key].begin(call);
                    self.advance(key, buffer);
                }
                Err(error) => self.done.push(Done::failed(call.client, &error.to_string())),
            }
        }
    }

    fn connect(&mut self, registry: &Registry) -> std::io::Result<usize> {
        let mut stream = TcpStream::connect(self.address)?;
        let entry = self.connections.vacant_entry();
        let key = entry.key();
        registry.register(&mut stream, (self.token)(key), Interest::READABLE | Interest::WRITABLE)?;
        entry.insert(Connection { stream, call: None, written: 0, input: Vec::new() });
        Ok(key)
    }

    /// Goes on with a connection as far as it can without waiting.
    fn advance(&mut self, key: usize, buffer: &mut [u8]) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let outcome = connection.advance(buffer);
        let call = if matches!(outcome, Ok(None)) { return } else { connection.call.take() };
        let is_kept = matches!(&outcome, Ok(Some(answered)) if answered.keep_alive);
        if is_kept {
            self.idle.push(key);
        } else {
            self.connections.remove(key);
            self.idle.retain(|&idle| idle != key);
        }
        let Some(Call { client, .. }) = call else { return };
        self.done.push(match outcome {
            Ok(Some(Answered { status, body, .. })) => Done { client, status, body },
            _ => Done::failed(client, "it closed the connection, or did not answer in HTTP"),
        });
    }
}

impl Done {
    fn failed(client: Option<usize>, why: &str) -> Self {
        Self { client, status: 502, body: http::error_body(&format!("the backend: {why}")) }
    }
}

impl Connection {
    fn begin(&mut self, call: Call) {
        (self.call, self.written) = (Some(call), 0);
    }

    /// `None` while the answer is not complete; an idle connection has none.
    fn advance(&mut self, buffer: &mut [u8]) -> Result<Option<Answered>, NoAnswer> {
        while let Some(call) = &self.call
            && self.written < call.request.len()
        {
            match self.stream.write(&call.request[self.written..]) {
                Ok(count) => self.written += count,
                // Not connected yet.
                Err(error) if [ErrorKind::WouldBlock, ErrorKind::NotConnected].contains(&error.kind()) => {
                    return Ok(None);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(NoAnswer),
            }
        }
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Err(NoAnswer),
                Ok(count) => self.input.extend_from_slice(&buffer[..count]),
                Err(error) if [ErrorKind::WouldBlock, ErrorKind::NotConnected].contains(&error.kind()) => {
                    return Ok(None);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return Err(NoAnswer),
            }
            if self.call.is_none() {
                // Nothing was asked.
                return Err(NoAnswer);
            }
            if let Some(answer) = http::answer(&self.input)? {
                let body = self.input[answer.body.clone()].to_vec();
                let keep_alive = answer.keep_alive && answer.body.end == self.input.len();
                self.input.clear();
                return Ok(Some(Answered { status: answer.status, body, keep_alive }));
            }
        }
    }
}
