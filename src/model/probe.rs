//! What the probe sees inside a target's PID and network namespaces.

use super::{CpuSet, Limits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One line of the probe's output.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ProbeEvent {
    /// Not ready yet: the last answer or error.
    Waiting {
        /// `connection refused`, `HTTP 503: ...`.
        last: String,
    },
    /// It is ready.
    Ready {
        /// Since the probe started.
        after_us: u64,
    },
    /// For each time it is asked.
    Sample(ProbeSample),
    /// For each time it is asked for one, where the target's cgroup may be read.
    Tick(Tick),
}

/// The counters of the target's cgroup at one moment: cheap, so they are read ten times a second, for what changes within
/// one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tick {
    /// Wall clock, microseconds since 1970 UTC.
    pub unix_us: u64,
    /// CPU time of all that ever ran in it.
    pub cpu_us: u64,
    /// How long its quota held its processes back, summed over CPUs; `None` where the kernel does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled_us: Option<u64>,
}

/// The target's processes at one moment.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ProbeSample {
    /// Wall clock, microseconds since 1970 UTC.
    pub unix_us: u64,
    /// All processes in the target's PID namespace, the probe's own left out.
    pub processes: Vec<Process>,
    /// Processes that are there besides, and were not looked at: beyond [`Self::MOST_PROCESSES`] nothing is counted, so what
    /// is found among the others is "at least".
    #[serde(default, skip_serializing_if = "is_zero")]
    pub processes_left_out: u32,
    /// TCP connections in state ESTABLISHED in the target's network namespace, both ends counted. They, listeners and peers
    /// are looked at every few seconds only, for that takes the kernel long, and stand until then.
    pub connections: u32,
    /// The limits as the target's own `/sys/fs/cgroup` shows them; none where the probe may not look there.
    pub limits: Limits,
    /// What the target said of its workers; `None` in samples of a load, during which it is not asked, and where it was
    /// not to be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers_told: Option<WorkersTold>,
    /// The probe's own CPU time since it started.
    pub own_cpu_us: u64,
    /// The host's CPUs on which these processes may run, whoever used them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cpus: Vec<CpuTimes>,
    /// How its quota held the target back; `None` where the probe may not look there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttling: Option<Throttling>,
    /// TCP ports on which somebody listens in the target's network namespace, lowest first; no more than
    /// [`Self::MOST_PORTS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<Listener>,
    /// Connections that the target opened itself, by the port that they lead to, lowest first; no more ports than
    /// [`Self::MOST_PORTS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<Peer>,
    /// For how long its cgroup lacked something; `None` where the kernel does not tell, as on cgroup v1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pressure: Option<Pressure>,
}

/// What a target said when it was asked how many workers it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkersTold {
    /// So many.
    Count(u32),
    /// Nothing of the kind: why.
    Nothing(String),
}

/// A TCP port on which somebody listens. Source: the kernel's Documentation/networking/proc_net_tcp.rst, `get_tcp4_sock`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listener {
    /// Its number.
    pub port: u16,
    /// Connections that wait to be accepted, of all sockets that listen on it.
    pub queued: u32,
}

/// Connections in state ESTABLISHED from a port of the target's on which nobody listens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Peer {
    /// Of the other side.
    pub port: u16,
    /// How many.
    pub connections: u32,
}

/// Time for which some task of a cgroup waited for a resource, since the cgroup was made. Source: the kernel's
/// Documentation/accounting/psi.rst, `some ... total`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pressure {
    /// For a CPU.
    pub cpu_some_us: u64,
    /// For memory to be given back or read again.
    pub memory_some_us: u64,
    /// For a disk.
    pub io_some_us: u64,
}

/// Where the time of one of the host's CPUs went since it booted. Source: proc_stat(5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CpuTimes {
    /// Its number.
    pub cpu: u32,
    /// In processes, in the kernel and in interrupts.
    pub busy_us: u64,
    /// Idle, or waiting for a disk.
    pub idle_us: u64,
    /// Wanted, while the hypervisor ran somebody else.
    pub steal_us: u64,
}

/// What a cgroup's quota did since the cgroup was made. Source: the kernel's Documentation/scheduler/sched-bwc.rst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Throttling {
    /// Periods that have passed with somebody there to run.
    pub periods: u64,
    /// Those in which the quota was used up.
    pub throttled_periods: u64,
    /// How long it held the cgroup's processes back, summed over CPUs.
    pub throttled_us: u64,
}

impl ProbeSample {
    /// Most processes in one; those with the lowest PIDs.
    pub const MOST_PROCESSES: usize = 2048;
    /// Most threads that are read one by one, of all processes together.
    pub const MOST_TASKS: usize = 1024;
    /// Most ports in each list of them.
    pub const MOST_PORTS: usize = 256;

    /// Whether there may be threads that were not read.
    pub fn lacks_threads(&self) -> bool {
        self.processes.iter().map(|process| process.tasks.len()).sum::<usize>() >= Self::MOST_TASKS
    }

    /// Whether it has every process of the target.
    pub fn is_whole(&self) -> bool {
        self.processes_left_out == 0
    }
}

fn is_zero<T: Default + PartialEq>(count: &T) -> bool {
    *count == T::default()
}

/// One process of the target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Process {
    /// In the target's PID namespace.
    pub pid: u32,
    /// Parent's.
    pub ppid: u32,
    /// Arguments, joined by spaces.
    pub command_line: String,
    /// Threads.
    pub threads: u32,
    /// CPU time in user mode and in the kernel.
    pub cpu_us: u64,
    /// The same of its children that have ended, and of theirs.
    #[serde(default)]
    pub ended_children_cpu_us: u64,
    /// Its threads that have run, or all of them where their names were asked for; no more than the probe reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
    /// Page faults that had to wait for a disk, of all its threads.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub major_faults: u64,
    /// Resident set.
    pub rss_bytes: u64,
    /// CPUs it may run on.
    pub cpus_allowed: CpuSet,
}

/// One thread of a process. Source: the kernel's Documentation/scheduler/sched-stats.rst, `/proc/<pid>/schedstat`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    /// In the target's PID namespace.
    pub tid: u32,
    /// As it calls itself, at most 15 bytes; read only where workers are counted by it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub name: String,
    /// CPU time.
    pub cpu_us: u64,
    /// Time for which it could have run and waited for a CPU.
    pub wait_us: u64,
    /// Times that it gave its CPU up by itself: to wait for a lock, a socket, a disk.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub voluntary_switches: u64,
    /// Times that its CPU was taken from it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub involuntary_switches: u64,
}
