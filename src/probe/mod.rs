//! The probe: runs from our own image inside a target's PID and network namespaces. It writes to stdout, one
//! [`ProbeEvent`] a line, when the target is ready, and once a second from then on what its processes do.
//!
//! It needs nothing from the target's image and no capability. What it may not read it leaves out.

mod cgroup;
mod host;
mod processes;
mod ready;

pub use host::host_facts;

use crate::{
    error::{Error, Result},
    model::{CgroupLimits, ProbeEvent, ProbeSample},
    units,
};
use std::{
    io::Write,
    thread,
    time::{Duration, Instant},
};

const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

/// Waits until `ready_url` answers with a 2xx. Then it takes a sample, and unless `once` one more each second until stdout
/// is closed.
///
/// # Errors
/// `Error::Usage` for a URL that cannot be polled; `Error::Start` when the target is not ready in time, with its last
/// answer.
pub fn run(ready_url: &str, timeout: Duration, once: bool) -> Result<()> {
    let start = Instant::now();
    ready::wait_for(ready_url, timeout, |last| emit(&ProbeEvent::Waiting { last }))?;
    emit(&ProbeEvent::Ready { after_us: start.elapsed().as_micros() as u64 })?;
    let mut due = Instant::now();
    loop {
        emit(&ProbeEvent::Sample(sample()?))?;
        if once {
            return Ok(());
        }
        due += SAMPLE_INTERVAL;
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

/// The limits of the container that this process is in; `None` where it sees none.
pub fn own_limits() -> Option<CgroupLimits> {
    cgroup::limits_seen_by(std::process::id())
}

fn sample() -> Result<ProbeSample> {
    let unix_us = units::now_unix_us();
    let processes = processes::list()?;
    let limits = processes.iter().find_map(|process| cgroup::limits_seen_by(process.pid));
    Ok(ProbeSample {
        unix_us,
        limits,
        processes,
        connections: processes::established_connections(),
        own_cpu_us: processes::own_cpu_us(),
    })
}

fn emit(event: &ProbeEvent) -> Result<()> {
    let mut line = serde_json::to_string(event).map_err(|error| Error::Other(error.to_string()))?;
    line.push('\n');
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush()).map_err(Error::file("stdout"))
}
