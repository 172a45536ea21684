//! The mock backend: answers chat completions, at once or as slowly as it is told, so that what is measured is the server in
//! front of it; and tells what it really saw.
//!
//! A request goes from file to file: `request` finds it in a connection's bytes, `routes` says what it asks for, `slots`
//! whether it must wait, `reply` which parts of the answer are due when, and `completions` and `answers` have the texts. `connection` is the hot
//! path, `event_loop` gives the connections their turns, and `truth` counts. No tokio here: its timers tick in
//! milliseconds, and a service time of one is to hold to some ten microseconds.

mod answering;
mod answers;
mod completions;
mod config;
mod connection;
mod endpoint;
mod event_loop;
mod lane;
mod reply;
mod request;
mod routes;
mod slots;
mod truth;

pub use completions::TEXT;
pub use config::{MAX_TOKENS, MockConfig, Stall};

use crate::{
    error::{Error, Result},
    this_process,
    wire::Allowance,
};
use event_loop::EventLoop;
use lane::{Inbox, Shared};
use mio::{Poll, net::TcpListener};
use request::MAX_HELD_BYTES;
use slots::Slots;
use std::{
    io,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::channel,
    },
};
use truth::Truth;

/// Serves on `listener` until `stop` is set. Then it accepts no more connections, and waits for the answers under way, no
/// longer than the drain. Blocks; answers from its own threads.
///
/// # Errors
/// [`Error::Usage`] for a configuration that makes no server; [`Error::Other`] when the operating system refuses threads
/// or polling. Whatever clients do is no error.
pub fn serve(listener: std::net::TcpListener, config: &MockConfig, stop: &AtomicBool) -> Result<()> {
    config.validate()?;
    this_process::allow_many_files();
    let threads = config.threads.map_or_else(this_process::parallelism, |threads| threads as usize);
    serve_with(listener, config, threads, stop).map_err(|error| Error::Other(format!("the mock: {error}")))
}

fn serve_with(
    listener: std::net::TcpListener,
    config: &MockConfig,
    threads: usize,
    stop: &AtomicBool,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut listener = Some(TcpListener::from_std(listener));
    let (mut inboxes, mut ends) = (Vec::new(), Vec::new());
    for _ in 0..threads {
        let (sender, receiver) = channel();
        let poll = Poll::new()?;
        inboxes.push(Inbox::new(sender, &poll)?);
        ends.push((poll, receiver));
    }
    let shared = Shared {
        truth: Truth::new(threads),
        slots: config.slots.map(|slots| Slots::new(slots, config.queue)),
        allowance: Allowance::new(MAX_HELD_BYTES),
        first_completion: OnceLock::new(),
        inboxes,
        stop,
        is_crippled: AtomicBool::new(false),
    };
    std::thread::scope(|scope| {
        let mut handles = Vec::new();
        for (thread, (poll, inbox)) in ends.into_iter().enumerate() {
            let (listener, shared) = (listener.take(), &shared);
            let body = move || {
                // However this thread ends, the others are not to go on without it.
                let _guard = OnEnd(&shared.is_crippled);
                EventLoop::new(poll, inbox, listener, config, shared, thread)?.run()
            };
            let started = std::thread::Builder::new().name(format!("mock-{thread}")).spawn_scoped(scope, body);
            handles.push(started.inspect_err(|_| shared.is_crippled.store(true, Relaxed))?);
        }
        let ended = handles
            .into_iter()
            .map(|handle| handle.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked"))));
        ended.collect()
    })
}

/// Sets a flag when it is dropped, also by a panic.
struct OnEnd<'a>(&'a AtomicBool);

impl Drop for OnEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
