//! What the connections of one thread share, what all threads share, and what they send each other.

use super::{
    completions::Rendered,
    config::MockConfig,
    request::Client,
    routes::Form,
    slots::{Slots, Ticket},
    truth::Truth,
};
use crate::{
    distribution::Random,
    units::now_unix_us,
    wire::{Allowance, Memo},
};
use mio::{Poll, Token, Waker, net::TcpStream};
use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io,
    rc::Rc,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::Sender,
    },
    time::Instant,
};

const BUFFER_BYTES: usize = 64 << 10;

/// Of events that say that there is something in the inbox.
pub const INBOX: Token = Token(usize::MAX - 3);

/// What all threads share.
#[derive(Debug)]
pub struct Shared<'a> {
    pub truth: Truth,
    /// `None` for no limit on completions at once.
    pub slots: Option<Slots>,
    /// Of all incomplete requests.
    pub allowance: Allowance,
    /// When the first completion arrived; stalls are relative to it.
    pub first_completion: OnceLock<Instant>,
    /// By thread.
    pub inboxes: Vec<Inbox>,
    pub stop: &'a AtomicBool,
    /// Set when a thread has ended: the others are not to go on without it.
    pub is_crippled: AtomicBool,
}

impl Shared<'_> {
    pub fn is_stopping(&self) -> bool {
        self.stop.load(Relaxed) || self.is_crippled.load(Relaxed)
    }
}

/// Where one thread finds what others have sent it.
#[derive(Debug)]
pub struct Inbox {
    sender: Sender<Message>,
    waker: Waker,
}

#[derive(Debug)]
pub enum Message {
    /// A connection to serve.
    Accepted(TcpStream),
    /// Who waited for a slot and has it now.
    Slot(Ticket),
}

impl Inbox {
    /// For the thread that waits on `poll` and reads the other end of `sender`.
    pub fn new(sender: Sender<Message>, poll: &Poll) -> io::Result<Self> {
        Ok(Self { sender, waker: Waker::new(poll.registry(), INBOX)? })
    }

    pub fn send(&self, message: Message) {
        // If that thread has ended, all are about to.
        if self.sender.send(message).is_ok() {
            let _ = self.waker.wake();
        }
    }
}

/// When to wake which connection, and for which of its replies; the earliest is the greatest.
pub type Alarm = Reverse<(Instant, usize, u32)>;

/// What the connections of one thread share.
pub struct Lane<'a> {
    pub config: &'a MockConfig,
    pub shared: &'a Shared<'a>,
    pub thread: usize,
    pub random: Random,
    pub rendered: Rc<Rendered>,
    pub buffer: Vec<u8>,
    /// The last request for a completion that came in one piece.
    pub understood: Memo<(Form, Client)>,
    /// Whether the mock is about to end: no connection is kept any more.
    pub is_draining: bool,
    pub alarms: BinaryHeap<Alarm>,
    /// Connections of this thread that waited for a slot and have one now.
    pub granted: Vec<Ticket>,
}

impl<'a> Lane<'a> {
    pub fn new(config: &'a MockConfig, shared: &'a Shared<'a>, thread: usize) -> Self {
        Self {
            config,
            shared,
            thread,
            random: crate::distribution::random(config.seed, thread as u64),
            rendered: Rc::new(Rendered::new(now_unix_us() / 1_000_000)),
            buffer: vec![0; BUFFER_BYTES],
            understood: Memo::default(),
            is_draining: false,
            alarms: BinaryHeap::new(),
            granted: Vec::new(),
        }
    }

    pub fn truth(&self) -> &Truth {
        &self.shared.truth
    }

    /// Calls the connection's `on_alarm` at that moment.
    pub fn ring_at(&mut self, moment: Instant, key: usize, reply: u32) {
        self.alarms.push(Reverse((moment, key, reply)));
    }

    /// The client, whose connection is not kept once the mock is about to end.
    pub fn as_of_now(&self, client: Client) -> Client {
        Client { keep_alive: client.keep_alive && !self.is_draining, ..client }
    }

    pub fn completion_arrived(&self, now: Instant) {
        if !self.config.stalls.is_empty() {
            self.shared.first_completion.get_or_init(|| now);
        }
    }

    /// When to do what is due at `due`.
    pub fn after_stalls(&self, due: Instant) -> Instant {
        self.shared.first_completion.get().map_or(due, |&start| self.config.after_stalls(due, start))
    }

    /// Passes the slot of a completion on to the next that waits.
    pub fn give_back_slot(&mut self) {
        match self.shared.slots.as_ref().and_then(Slots::give_back) {
            Some(ticket) if ticket.thread == self.thread => self.granted.push(ticket),
            Some(ticket) => self.shared.inboxes[ticket.thread].send(Message::Slot(ticket)),
            None => {}
        }
    }

    /// Call once a turn of the event loop. True if a new second has begun.
    pub fn turn(&mut self) -> bool {
        let second = now_unix_us() / 1_000_000;
        let is_new = second != self.rendered.second;
        if is_new {
            self.rendered = Rc::new(Rendered::new(second));
        }
        is_new
    }
}
