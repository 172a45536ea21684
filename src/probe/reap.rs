//! Ends a target whose controller is gone. The probe is in its PID namespace and runs as its user, as root with the right to
//! end other users' processes, so it may signal the target's, whatever their image is. Once its first process has ended, the kernel ends the container, and the
//! probe with it.

use super::ReadyCheck;
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Gid, Pid, Uid, setgid, setuid},
};
use rustix::process::{Resource, Rlimit, prlimit};
use std::{
    fs, thread,
    time::{Duration, Instant},
};

/// What the probe says on stderr when it begins: the controller may live, and only its connection be cut.
pub const REAPING: &str = "the controller is gone; ending the target";

/// For an end in good order.
const POLITE: Duration = Duration::from_secs(3);
/// For the rest.
const FORCED: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(1);
/// The initial PID namespace's inode (the kernel's `PROC_PID_INIT_INO`): the host's, which is never a target's.
const HOST_NAMESPACE: &str = "pid:[4026531836]";
const FIRST: Pid = Pid::from_raw(1);
const ALL_OTHERS: Pid = Pid::from_raw(-1);

/// Ends every process of this PID namespace, which must be a container's. Returns when that takes too long.
pub(super) fn end_target(ready: Option<&ReadyCheck>) {
    if !fs::read_link("/proc/self/ns/pid").is_ok_and(|namespace| namespace.as_os_str() != HOST_NAMESPACE) {
        return;
    }
    signal(Signal::SIGTERM);
    thread::sleep(POLITE);
    // Some handle this one only.
    signal(Signal::SIGINT);
    let start = Instant::now();
    while start.elapsed() < FORCED {
        signal(Signal::SIGKILL);
        starve(ready);
        thread::sleep(PAUSE);
    }
}

/// The kernel leaves out the first process of a namespace when it sends to all, and lets no process of the namespace send
/// it a signal that it does not handle.
fn signal(signal: Signal) {
    let _ = kill(ALL_OTHERS, signal);
    let _ = kill(FIRST, signal);
}

/// But it does kill it once it has used more CPU time than it may, a second at least: so it is given enough to do, if it is known
/// how. Whose processes are limited must be one's own (prlimit(2)).
fn starve(ready: Option<&ReadyCheck>) {
    const SECONDS: Option<u64> = Some(1);
    let limit = Rlimit { current: SECONDS, maximum: SECONDS };
    let limited = || prlimit(rustix::process::Pid::from_raw(1), Resource::Cpu, limit).is_ok();
    if limited() || become_first() && limited() {
        let _ = ready.map(ReadyCheck::ask);
    }
}

/// Takes the first process's group and user, if that is allowed; there is no way back.
fn become_first() -> bool {
    let status = fs::read_to_string("/proc/1/status").unwrap_or_default();
    let real =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
    let (Some(group), Some(user)) = (real("Gid:"), real("Uid:")) else { return false };
    setgid(Gid::from_raw(group)).is_ok() && setuid(Uid::from_raw(user)).is_ok()
}
