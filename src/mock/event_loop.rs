//! One thread of the mock: its connections, its alarms, and the loop that gives each its turn.

use super::{
    config::MockConfig,
    connection::{Connection, Fate},
    lane::{INBOX, Lane, Message, Shared},
};
use crate::wire::PreciseTimer;
use mio::{
    Events, Interest, Poll, Registry, Token,
    net::{TcpListener, TcpStream},
};
use slab::Slab;
use std::{
    cmp::Reverse,
    io::{self, ErrorKind},
    sync::mpsc::Receiver,
    time::{Duration, Instant},
};

/// Longest wait for events, and so how late the stop flag may be seen.
const TICK: Duration = Duration::from_millis(100);
const EVENTS: usize = 1024;

const LISTENER: Token = Token(usize::MAX - 1);
const TIMER: Token = Token(usize::MAX - 2);

pub struct EventLoop<'a> {
    poll: Poll,
    timer: PreciseTimer,
    inbox: Receiver<Message>,
    /// The first thread has it, and accepts connections for all.
    listener: Option<TcpListener>,
    /// Whether connections wait that could not be accepted, for want of files or memory.
    must_accept: bool,
    /// The one that gets the next connection.
    next_thread: usize,
    connections: Slab<Connection>,
    lane: Lane<'a>,
}

impl<'a> EventLoop<'a> {
    /// For the thread of this number, which waits on `poll`; exactly one gets the listener.
    pub fn new(
        poll: Poll,
        inbox: Receiver<Message>,
        mut listener: Option<TcpListener>,
        config: &'a MockConfig,
        shared: &'a Shared<'a>,
        thread: usize,
    ) -> io::Result<Self> {
        if let Some(listener) = &mut listener {
            poll.registry().register(listener, LISTENER, Interest::READABLE)?;
        }
        let lane = Lane::new(config, shared, thread);
        let timer = PreciseTimer::new(poll.registry(), TIMER)?;
        let connections = Slab::new();
        Ok(Self { poll, timer, inbox, listener, must_accept: false, next_thread: 0, connections, lane })
    }

    /// Serves until told to stop, and then until every answer is written or the drain is over.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        let mut drained_by = None;
        loop {
            let next_alarm = self.lane.alarms.peek().map(|Reverse((moment, ..))| *moment);
            let wait = self.timer.wait_for(next_alarm, TICK)?;
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            if self.lane.turn() {
                self.refuse_late();
            }
            for event in &events {
                match event.token() {
                    TIMER => self.timer.rang(Instant::now()),
                    LISTENER => self.must_accept = true,
                    INBOX => self.read_inbox(),
                    Token(key) => self.with_connection(key, |connection, lane| connection.on_event(event, lane)),
                }
            }
            if std::mem::take(&mut self.must_accept) {
                self.accept();
            }
            self.ring_alarms();
            self.grant_slots();
            if self.lane.shared.is_stopping() {
                let end = *drained_by.get_or_insert_with(|| Instant::now() + self.lane.config.drain);
                self.drain();
                if self.connections.is_empty() || Instant::now() >= end {
                    return Ok(());
                }
            }
        }
    }

    /// Gives a connection its turn, if it is still there.
    fn with_connection(&mut self, key: usize, turn: impl FnOnce(&mut Connection, &mut Lane<'a>) -> Fate) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        if turn(connection, &mut self.lane) == Fate::Drop {
            self.connections.remove(key).leave(&mut self.lane);
        }
    }

    /// Refuses the requests that take too long to come. Looked for once a second, so that none costs a timer.
    fn refuse_late(&mut self) {
        let now = Instant::now();
        let patience = self.lane.config.patience;
        let is_late = |connection: &Connection| connection.begun().is_some_and(|begun| now - begun >= patience);
        let late: Vec<usize> =
            self.connections.iter().filter(|(_, connection)| is_late(connection)).map(|(key, _)| key).collect();
        for key in late {
            self.with_connection(key, |connection, lane| connection.on_late(now, lane));
        }
    }

    fn ring_alarms(&mut self) {
        let now = Instant::now();
        while let Some(&Reverse((moment, key, reply))) = self.lane.alarms.peek()
            && moment <= now
        {
            self.lane.alarms.pop();
            self.with_connection(key, |connection, lane| connection.on_alarm(reply, lane));
        }
    }

    /// Goes on until no slot is left to grant: a connection may be done with it at once, and pass it on.
    fn grant_slots(&mut self) {
        while let Some(ticket) = self.lane.granted.pop() {
            let mut is_taken = false;
            self.with_connection(ticket.key, |connection, lane| {
                let fate = connection.on_slot(ticket, lane);
                is_taken = fate.is_some();
                fate.unwrap_or(Fate::Keep)
            });
            if !is_taken {
                self.lane.give_back_slot();
            }
        }
    }

    fn read_inbox(&mut self) {
        while let Ok(message) = self.inbox.try_recv() {
            match message {
                Message::Accepted(stream) => self.add(stream),
                Message::Slot(ticket) => self.lane.granted.push(ticket),
            }
        }
    }

    /// Accepts all connections that wait, and hands them to the threads in turn.
    fn accept(&mut self) {
        while let Some(listener) = &self.listener {
            match listener.accept() {
                Ok((stream, _)) => {
                    let inboxes = &self.lane.shared.inboxes;
                    let thread = self.next_thread;
                    self.next_thread = (thread + 1) % inboxes.len();
                    if thread == self.lane.thread {
                        self.add(stream);
                    } else {
                        inboxes[thread].send(Message::Accepted(stream));
                    }
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return,
                    // Only this connection is gone.
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    // Out of files or memory, which others may free: try again at the next turn.
                    _ => return self.must_accept = true,
                },
            }
        }
    }

    fn add(&mut self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let entry = self.connections.vacant_entry();
        let key = entry.key();
        let connection = entry.insert(Connection::new(key, stream));
        if register(self.poll.registry(), connection, key).is_err() {
            self.connections.remove(key);
        }
    }

    /// Accepts no more connections, and closes those that are idle.
    fn drain(&mut self) {
        self.lane.is_draining = true;
        // Closed and not just left alone, so that later clients are refused instead of left waiting.
        self.listener = None;
        let idle: Vec<usize> =
            self.connections.iter().filter(|(_, connection)| connection.is_idle()).map(|(key, _)| key).collect();
        for key in idle {
            self.connections.remove(key).leave(&mut self.lane);
        }
    }
}

fn register(registry: &Registry, connection: &mut Connection, key: usize) -> io::Result<()> {
    registry.register(connection.source(), Token(key), Interest::READABLE | Interest::WRITABLE)
}
