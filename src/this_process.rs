//! What this process itself may use and has used: CPUs, memory, files.

use crate::{
    error::{Error, Result},
    model::CpuSet,
};
use nix::{
    sched::{CpuSet as Affinity, sched_getaffinity, sched_setaffinity},
    sys::{
        prctl::set_dumpable,
        resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit},
        time::{TimeVal, TimeValLike},
    },
    unistd::Pid,
};
use std::num::NonZero;

/// This process's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnUsage {
    /// CPU time in user mode.
    pub cpu_user_us: u64,
    /// CPU time in the kernel.
    pub cpu_system_us: u64,
    /// Largest resident set.
    pub max_rss_bytes: u64,
}

impl OwnUsage {
    /// Now, since the process started.
    pub fn now() -> Result<Self> {
        let usage = getrusage(UsageWho::RUSAGE_SELF).map_err(|error| Error::Other(format!("getrusage: {error}")))?;
        let us = |time: TimeVal| time.num_microseconds().unsigned_abs();
        Ok(Self {
            cpu_user_us: us(usage.user_time()),
            cpu_system_us: us(usage.system_time()),
            max_rss_bytes: peak_memory_bytes().unwrap_or(usage.max_rss().unsigned_abs() * 1024),
        })
    }
}

/// `VmHWM` of proc_pid_status(5). The `ru_maxrss` of getrusage(2) begins with what the process that started this one held.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// The CPUs that the calling thread may run on.
pub fn cpus_allowed() -> Result<CpuSet> {
    let set =
        sched_getaffinity(Pid::from_raw(0)).map_err(|error| Error::Other(format!("sched_getaffinity: {error}")))?;
    Ok((0..Affinity::count()).filter(|&cpu| set.is_set(cpu).unwrap_or(false)).map(|cpu| cpu as u32).collect())
}

/// How many threads can run at once: as many as there are CPUs that may be used, or as a quota of the cgroup allows.
pub fn parallelism() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Keeps the calling thread on one CPU. Where that is refused it runs on, only less evenly.
pub fn pin_to(cpu: u32) {
    let mut set = Affinity::new();
    let _ = set.set(cpu as usize).and_then(|()| sched_setaffinity(Pid::from_raw(0), &set));
}

/// Whether other processes of the same user may look into this one: open its descriptors, its memory, its root. Our own
/// image starts every role closed, as its file may be executed and not be read (ptrace(2), PTRACE_MODE_FSCREDS).
///
/// # Errors
/// When the kernel refuses.
pub fn let_others_look(allowed: bool) -> Result<()> {
    set_dumpable(allowed).map_err(|error| Error::Other(format!("prctl PR_SET_DUMPABLE: {error}")))
}

/// Raises the limit on open files as far as it may: a connection is a file. What is still beyond it shows as requests
/// that fail to connect.
pub fn allow_many_files() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
