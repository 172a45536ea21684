//! Which of a target's processes are workers, and how busy they are.

use crate::{
    error::{Error, Result},
    model::{CountBy, ProbeSample, Process},
};
use regex_lite::Regex;

/// Tells workers from other processes.
#[derive(Clone, Debug)]
pub struct WorkerCounter(Regex);

impl WorkerCounter {
    /// # Errors
    /// [`Error::Compose`] for a pattern that is no regular expression.
    pub fn new(count: &CountBy) -> Result<Self> {
        let CountBy::Process(pattern) = count;
        Regex::new(pattern).map(Self).map_err(|error| {
            Error::Compose(format!("x-vscale.workers.count.process: not a regular expression: {error}"))
        })
    }

    /// Those whose command line matches and none of whose children match: a matching process with matching children
    /// supervises them.
    pub fn workers<'a>(&self, sample: &'a ProbeSample) -> Vec<&'a Process> {
        let matching: Vec<&Process> =
            sample.processes.iter().filter(|process| self.0.is_match(&process.command_line)).collect();
        matching.iter().copied().filter(|process| matching.iter().all(|other| other.ppid != process.pid)).collect()
    }

    /// How many there are.
    pub fn count(&self, sample: &ProbeSample) -> u32 {
        self.workers(sample).len() as u32
    }
}

/// CPUs that a target's processes used between two samples; a process that is new counts from its start,
/// one that has ended not at all. 0 without time between.
pub fn busy_cores(before: &ProbeSample, after: &ProbeSample) -> f64 {
    let cpu_before =
        |pid| before.processes.iter().find(|process| process.pid == pid).map_or(0, |process| process.cpu_us);
    let used_us: u64 =
        after.processes.iter().map(|process| process.cpu_us.saturating_sub(cpu_before(process.pid))).sum();
    let elapsed_us = after.unix_us.saturating_sub(before.unix_us);
    if elapsed_us == 0 { 0.0 } else { used_us as f64 / elapsed_us as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn processes(list: &[(u32, u32, &str)]) -> ProbeSample {
        let process = |&(pid, ppid, command_line): &(u32, u32, &str)| Process {
            pid,
            ppid,
            command_line: command_line.into(),
            ..Process::default()
        };
        ProbeSample { processes: list.iter().map(process).collect(), ..ProbeSample::default() }
    }

    #[test]
    fn busy_cores_count_new_processes_from_their_start() {
        let mut before = processes(&[(7, 1, "a")]);
        let mut after = processes(&[(7, 1, "a"), (8, 7, "a")]);
        after.unix_us = 1_000_000;
        before.processes[0].cpu_us = 400_000;
        after.processes[0].cpu_us = 500_000;
        after.processes[1].cpu_us = 150_000;
        assert_eq!(busy_cores(&before, &after), 0.25);
        assert_eq!(busy_cores(&after, &after), 0.0);
    }

    #[test]
    fn uvicorns_processes_are_told_apart() {
        let counter = WorkerCounter::new(&CountBy::Process("uvicorn|spawn_main".into())).expect("valid");
        let pids = |sample: &ProbeSample| counter.workers(sample).iter().map(|worker| worker.pid).collect::<Vec<_>>();
        let init = "/sbin/docker-init -- uvicorn ogx.core.server.server:create_app --factory";
        let one = processes(&[(1, 0, init), (7, 1, "python3 /opt/venv/bin/uvicorn --workers 1")]);
        assert_eq!(pids(&one), [7]);
        let two = processes(&[
            (1, 0, init),
            (7, 1, "python3 /opt/venv/bin/uvicorn --workers 2"),
            (8, 7, "python3 -c from multiprocessing.resource_tracker import main;main(5)"),
            (9, 7, "python3 -c from multiprocessing.spawn import spawn_main; spawn_main(...)"),
            (10, 7, "python3 -c from multiprocessing.spawn import spawn_main; spawn_main(...)"),
        ]);
        assert_eq!(pids(&two), [9, 10]);
        assert!(WorkerCounter::new(&CountBy::Process("(".into())).is_err());
    }
}
