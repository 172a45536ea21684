//! The probe: runs inside a target's PID and network namespaces, from our own image, and tells on stdout (one
//! [`ProbeEvent`] a line) when the target is ready and, each time it is asked, what its processes do.
//!
//! It needs nothing of the target's image and no capability to read; what it may not read, it leaves out.

mod above;
mod cgroup;
mod cpus;
mod host;
mod processes;
mod ready;
mod reap;
mod sockets;
mod speed;
mod told;

pub use above::quotas_above;
pub use host::host_facts;
pub use ready::ReadyCheck;
pub use reap::REAPING;
pub use speed::SpeedReference;
pub use told::WorkersQuestion;

use cgroup::Ticker;
use sockets::SocketWatch;

use crate::{
    error::{Error, Result},
    model::{CpuSet, Limits, ProbeEvent, ProbeSample},
    units,
};
use std::{
    cell::RefCell,
    io::Write,
    sync::mpsc::{Receiver, TryRecvError},
    time::{Duration, Instant},
};

/// What asks for a [`ProbeEvent::Tick`].
pub const TICK: &str = "tick";

/// What asks for a sample with what the target says of its workers; any other line asks for one without.
pub const LOOK: &str = "look";

/// What a probe looks at.
#[derive(Debug)]
pub struct Watch {
    /// How the target is asked whether it is ready, if it is.
    pub ready: Option<ReadyCheck>,
    /// Longest wait for that.
    pub timeout: Duration,
    /// How it is asked for its number of workers, if it is.
    pub workers: Option<WorkersQuestion>,
    /// Whether the names of its threads are read.
    pub thread_names: bool,
}

/// Waits until the target is ready; then answers each line that is asked, until nobody asks any more. Where the target's
/// cgroup may not be read, there are no ticks.
///
/// # Errors
/// `Error::Start` when the target is not ready in time, with its last answer.
pub fn run(watch: &Watch, asked: &Receiver<String>) -> Result<()> {
    let start = Instant::now();
    // What is asked before is answered then.
    let early = RefCell::new(Vec::new());
    let is_over = || loop {
        match asked.try_recv() {
            Ok(line) => early.borrow_mut().push(line),
            Err(nothing) => break nothing == TryRecvError::Disconnected,
        }
    };
    if let Some(ready) = &watch.ready {
        if !ready.wait(watch.timeout, &is_over, |last| emit(&ProbeEvent::Waiting { last }))? {
            return Ok(());
        }
        emit(&ProbeEvent::Ready { after_us: start.elapsed().as_micros() as u64 })?;
    }
    let (mut ticker, mut sockets) = (None, SocketWatch::default());
    for line in early.into_inner().into_iter().chain(asked) {
        if line == TICK {
            if let Some(tick) = ticker.as_ref().and_then(Ticker::tick) {
                emit(&ProbeEvent::Tick(tick))?;
            }
            continue;
        }
        let mut sample = sample(&mut sockets, watch.thread_names)?;
        sample.workers_told = watch.workers.as_ref().filter(|_| line == LOOK).map(WorkersQuestion::ask);
        ticker = ticker.or_else(|| sample.processes.iter().find_map(|process| Ticker::seen_by(process.pid)));
        emit(&ProbeEvent::Sample(sample))?;
    }
    Ok(())
}

/// The limits of the container that this process is in; none where it sees none.
pub fn own_limits() -> Limits {
    cgroup::limits_seen_by(std::process::id())
}

/// The target's processes, limits and connections now, and its CPUs.
fn sample(sockets: &mut SocketWatch, thread_names: bool) -> Result<ProbeSample> {
    let unix_us = units::now_unix_us();
    let (processes, processes_left_out) = processes::list(ProbeSample::MOST_PROCESSES, thread_names)?;
    let mut looked_into = processes.iter().map(|process| (process.pid, cgroup::limits_seen_by(process.pid)));
    let open = looked_into.find(|(_, limits)| !limits.is_empty());
    let (open, limits) = open.map_or_else(Default::default, |(pid, limits)| (Some(pid), limits));
    let mut cpus = CpuSet::default();
    processes.iter().for_each(|process| cpus.extend(process.cpus_allowed.iter()));
    let sockets = sockets.look();
    Ok(ProbeSample {
        unix_us,
        cpus: cpus::times(&cpus),
        throttling: open.and_then(cgroup::throttling_seen_by),
        pressure: open.and_then(cgroup::pressure_seen_by),
        listeners: sockets.listeners(),
        peers: sockets.peers(),
        connections: sockets.established,
        limits,
        workers_told: None,
        processes,
        processes_left_out,
        own_cpu_us: processes::own_cpu_us(),
    })
}

/// Ends the target, as nobody is there any more who would. Returns if it cannot.
pub fn end_target(ready: Option<&ReadyCheck>) {
    reap::end_target(ready);
}

fn emit(event: &ProbeEvent) -> Result<()> {
    let mut line = serde_json::to_string(event).map_err(|error| Error::Other(error.to_string()))?;
    line.push('\n');
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush()).map_err(Error::file("stdout"))
}
