//! What the connections of one thread share, and what the threads share and have for each other.

use super::{
    answers::Rendered,
    config::MockConfig,
    request::Client,
    routes::Form,
    slots::{Slots, Ticket},
    truth::Truth,
};
use crate::{distribution::Random, units::now_unix_us, wire::Memo};
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

/// Of the events that say that an inbox has something.
pub const INBOX: Token = Token(usize::MAX - 3);

/// What all threads share.
#[derive(Debug)]
pub struct Shared<'a> {
    /// What was seen.
    pub truth: Truth,
    /// The limit on completions at once, if there is one.
    pub slots: Option<Slots>,
    /// When the first completion arrived: stalls count from then.
    pub first_completion: OnceLock<Instant>,
    /// By thread.
    pub inboxes: Vec<Inbox>,
    /// Set when all are to end.
    pub stop: &'a AtomicBool,
    /// Set when one has ended.
    pub is_crippled: AtomicBool,
}

impl Shared<'_> {
    /// Whether all are to end.
    pub fn is_stopping(&self) -> bool {
        self.stop.load(Relaxed) || self.is_crippled.load(Relaxed)
    }
}

/// Brings one thread what others have for it.
#[derive(Debug)]
pub struct Inbox {
    sender: Sender<Message>,
    waker: Waker,
}

/// What threads have for each other.
#[derive(Debug)]
pub enum Message {
    /// A connection to be served.
    Accepted(TcpStream),
    /// A slot that was waited for.
    Slot(Ticket),
}

impl Inbox {
    /// Of the thread that waits on `poll` and reads the other end of `sender`.
    pub fn new(sender: Sender<Message>, poll: &Poll) -> io::Result<Self> {
        Ok(Self { sender, waker: Waker::new(poll.registry(), INBOX)? })
    }

    /// Has it read there.
    pub fn send(&self, message: Message) {
        // A thread that is gone has no use for it: then all are about to end.
        if self.sender.send(message).is_ok() {
            let _ = self.waker.wake();
        }
    }
}

/// When a connection is to be given its turn, and for which of its replies.
pub type Alarm = Reverse<(Instant, usize, u32)>;

/// What the connections of one thread share.
pub struct Lane<'a> {
    pub config: &'a MockConfig,
    pub shared: &'a Shared<'a>,
    pub thread: usize,
    pub random: Random,
    /// What is written often, as of this second.
    pub rendered: Rc<Rendered>,
    pub buffer: Vec<u8>,
    /// The last completion's request that came in one piece.
    pub understood: Memo<(Form, Client)>,
    /// Whether no connection is kept any more.
    pub is_draining: bool,
    /// The next one first.
    pub alarms: BinaryHeap<Alarm>,
    /// Slots that came free for connections of this thread.
    pub granted: Vec<Ticket>,
}

impl<'a> Lane<'a> {
    /// Of the thread of that number.
    pub fn new(config: &'a MockConfig, shared: &'a Shared<'a>, thread: usize) -> Self {
        Self {
            config,
            shared,
            thread,
            random: crate::distribution::random(config.seed, thread as u64),
            rendered: Rc::new(Rendered::new(config, now_unix_us() / 1_000_000)),
            buffer: vec![0; BUFFER_BYTES],
            understood: Memo::default(),
            is_draining: false,
            alarms: BinaryHeap::new(),
            granted: Vec::new(),
        }
    }

    /// What was seen.
    pub fn truth(&self) -> &Truth {
        &self.shared.truth
    }

    /// Has a connection's `on_alarm` called at that moment.
    pub fn ring_at(&mut self, moment: Instant, key: usize, reply: u32) {
        self.alarms.push(Reverse((moment, key, reply)));
    }

    /// A client, whose connection is not kept any more once the mock is about to end.
    pub fn as_of_now(&self, client: Client) -> Client {
        Client { keep_alive: client.keep_alive && !self.is_draining, ..client }
    }

    /// A completion's request is here.
    pub fn completion_arrived(&self, now: Instant) {
        if !self.config.stalls.is_empty() {
            self.shared.first_completion.get_or_init(|| now);
        }
    }

    /// When something that is due at a moment may be done.
    pub fn after_stalls(&self, due: Instant) -> Instant {
        self.shared.first_completion.get().map_or(due, |&start| self.config.after_stalls(due, start))
    }

    /// A completion is done with: its slot goes to the next.
    pub fn give_back_slot(&mut self) {
        match self.shared.slots.as_ref().and_then(Slots::give_back) {
            Some(ticket) if ticket.thread == self.thread => self.granted.push(ticket),
            Some(ticket) => self.shared.inboxes[ticket.thread].send(Message::Slot(ticket)),
            None => {}
        }
    }

    /// Takes notice of the time, once a turn.
    pub fn turn(&mut self) {
        let second = now_unix_us() / 1_000_000;
        if second != self.rendered.second {
            self.rendered = Rc::new(Rendered::new(self.config, second));
        }
    }
}
