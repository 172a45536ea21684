//! One thread of a worker: its share of the connections, and its requests, one at a time in the order in which they came.

use super::{
    backend::Backend,
    board::Board,
    client::{Client, Turn},
    config::AppConfig,
    http,
    work::Work,
};
use crate::wire::Allowance;
use mio::{
    Events, Interest, Poll, Token,
    event::Event,
    net::{TcpListener, TcpStream},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::retry_on_intr,
};
use slab::Slab;
use std::{
    collections::VecDeque,
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

/// Longest wait for events, and so how late it is seen that another thread has ended.
const TICK: Duration = Duration::from_millis(500);
/// How soon to look again whether a connection that waits is for this thread.
const ACCEPT_TICK: Duration = Duration::from_millis(1);
const EVENTS: usize = 256;
const BUFFER_BYTES: usize = 64 << 10;
/// Of requests that are not complete.
const MAX_HELD_BYTES: usize = 64 << 20;

const LISTENER: Token = Token(usize::MAX - 1);

/// What the threads of one worker share.
pub struct Shared<'a> {
    pub config: &'a AppConfig,
    pub board: &'a Board,
    pub listener: &'a std::net::TcpListener,
    pub backend: Option<SocketAddr>,
    /// Set when a thread has ended: the others are not to go on without it.
    pub is_crippled: AtomicBool,
}

pub struct EventLoop<'a> {
    poll: Poll,
    listener: TcpListener,
    /// Whether connections may wait to be accepted.
    may_accept: bool,
    seat: usize,
    shared: &'a Shared<'a>,
    work: Work<'a>,
    backend: Option<Backend>,
    clients: Slab<Client>,
    /// Clients whose requests are to be worked on.
    ready: VecDeque<usize>,
    buffer: Vec<u8>,
    allowance: Allowance,
}

impl<'a> EventLoop<'a> {
    pub fn new(shared: &'a Shared<'a>, seat: usize) -> io::Result<Self> {
        let (config, board, poll) = (shared.config, shared.board, Poll::new()?);
        let mut listener = TcpListener::from_std(shared.listener.try_clone()?);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        // A worker that ended before may have left something there.
        board.publish(seat, 0)?;
        let backend = shared.backend.map(|address| Backend::new(address, config.pool_of(seat), token_of_backend));
        Ok(Self {
            poll,
            listener,
            may_accept: true,
            seat,
            shared,
            work: Work::new(config, board, seat),
            backend,
            clients: Slab::new(),
            ready: VecDeque::new(),
            buffer: vec![0; BUFFER_BYTES],
            allowance: Allowance::new(MAX_HELD_BYTES),
        })
    }

    /// Serves until another thread of this worker has ended.
    ///
    /// # Errors
    /// What the kernel refuses that it cannot serve without.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        while !self.shared.is_crippled.load(Relaxed) {
            match self.poll.poll(&mut events, Some(self.wait())) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            events.iter().for_each(|event| self.on_event(event));
            if self.may_accept {
                self.accept()?;
            }
            self.answer_done();
            if self.has_room()
                && let Some(key) = self.ready.pop_front()
            {
                self.serve(key)?;
            }
        }
        Ok(())
    }

    fn wait(&self) -> Duration {
        if self.has_room() && !self.ready.is_empty() {
            Duration::ZERO
        } else if self.may_accept {
            ACCEPT_TICK
        } else {
            TICK
        }
    }

    /// Whether the next request may be taken on, for all that is at the backend.
    fn has_room(&self) -> bool {
        let under_way = self.backend.as_ref().map_or(0, Backend::under_way);
        self.shared.config.concurrency.is_none_or(|most| under_way < most as usize)
    }

    fn on_event(&mut self, event: &Event) {
        match (event.token(), &mut self.backend) {
            (LISTENER, _) => self.may_accept = true,
            (Token(number), Some(backend)) if number % 2 == 1 => {
                backend.on_event(number / 2, self.poll.registry(), &mut self.buffer);
            }
            (Token(number), _) => {
                self.with_client(number / 2, |client, buffer, held| client.on_event(event, buffer, held));
            }
        }
    }

    /// Gives a connection its turn, if it is still there.
    fn with_client(&mut self, key: usize, turn: impl FnOnce(&mut Client, &mut [u8], &Allowance) -> Turn) {
        let Some(client) = self.clients.get_mut(key) else { return };
        match turn(client, &mut self.buffer, &self.allowance) {
            Turn::Wait => {}
            Turn::Asks => self.ready.push_back(key),
            Turn::Gone => self.drop_client(key),
        }
    }

    fn drop_client(&mut self, key: usize) {
        self.clients.remove(key).leave(&self.allowance);
        self.ready.retain(|&ready| ready != key);
        if let Some(backend) = &mut self.backend {
            backend.forget(key);
        }
        // It fails for no file in memory.
        let _ = self.shared.board.publish(self.seat, self.clients.len());
    }

    /// Works on a client's request.
    fn serve(&mut self, key: usize) -> io::Result<()> {
        if self.clients[key].asks_for_workers() {
            let AppConfig { workers, threads, .. } = self.shared.config;
            self.answer(key, 200, format!(r#"{{"workers":{workers},"threads":{threads}}}"#).as_bytes());
            return Ok(());
        }
        if self.work.fails() {
            self.answer(key, 500, &http::error_body("this failure was asked for"));
            return Ok(());
        }
        self.work.on_request()?;
        match &mut self.backend {
            Some(backend) => {
                backend.call(key, self.clients[key].body(), self.poll.registry(), &mut self.buffer);
                // It may have failed at once, and then no event will say so.
                self.answer_done();
            }
            None => self.answer(key, 200, http::COMPLETION),
        }
        Ok(())
    }

    fn answer(&mut self, key: usize, status: u16, body: &[u8]) {
        self.with_client(key, |client, buffer, allowance| {
            client.answer(status, body);
            client.advance(buffer, allowance)
        });
    }

    /// Passes on what the backend has answered.
    fn answer_done(&mut self) {
        for done in self.backend.as_mut().map(Backend::take_done).unwrap_or_default() {
            if let Some(client) = done.client {
                self.answer(client, done.status, &done.body);
            }
        }
    }

    /// Accepts the connections that are for this thread. While the next one is another's, it looks again a little later: nobody
    /// tells it when that one has taken its own.
    fn accept(&mut self) -> io::Result<()> {
        while self.shared.board.is_turn_of(self.seat)? {
            match self.listener.accept() {
                Ok((stream, _)) => self.add(stream)?,
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => {
                        self.may_accept = false;
                        return Ok(());
                    }
                    // Only this connection is gone.
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    // Out of files or memory, which others may free.
                    _ => return Ok(()),
                },
            }
        }
        self.may_accept = self.has_connections_waiting()?;
        Ok(())
    }

    fn has_connections_waiting(&self) -> io::Result<bool> {
        let mut listener = [PollFd::new(&self.listener, PollFlags::IN)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        Ok(retry_on_intr(|| poll(&mut listener, Some(&at_once)))? > 0)
    }

    fn add(&mut self, stream: TcpStream) -> io::Result<()> {
        let _ = stream.set_nodelay(true);
        let entry = self.clients.vacant_entry();
        let key = entry.key();
        let client = entry.insert(Client::new(stream));
        let interest = Interest::READABLE | Interest::WRITABLE;
        if self.poll.registry().register(client.source(), token_of_client(key), interest).is_err() {
            self.clients.remove(key);
        }
        self.shared.board.publish(self.seat, self.clients.len())
    }
}

fn token_of_client(key: usize) -> Token {
    Token(key * 2)
}

fn token_of_backend(key: usize) -> Token {
    Token(key * 2 + 1)
}
