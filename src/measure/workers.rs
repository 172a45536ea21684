//! Which of a target's processes or threads are workers, how many there are, and how busy they are.

use crate::{
    error::{Error, Result},
    model::{CountBy, Plan, ProbeSample, Process, Task, WorkersTold},
};
use regex_lite::Regex;

/// Tells workers from whatever else there is.
#[derive(Clone, Debug)]
pub enum WorkerCounter {
    /// By their command lines.
    Processes(Regex),
    /// By their names.
    Threads(Regex),
    /// The target says how many there are.
    Told,
    /// They cannot be told.
    Unknown,
}

impl WorkerCounter {
    /// # Errors
    /// [`Error::Compose`] for a pattern that is no regular expression.
    pub fn new(count: &CountBy) -> Result<Self> {
        let pattern = |kind: &str, pattern: &str| {
            Regex::new(pattern).map_err(|error| {
                Error::Compose(format!("x-vscale.workers.count.{kind}: not a regular expression: {error}"))
            })
        };
        Ok(match count {
            CountBy::Process(text) => Self::Processes(pattern("process", text)?),
            CountBy::Thread(text) => Self::Threads(pattern("thread", text)?),
            CountBy::Http { .. } => Self::Told,
            CountBy::None => Self::Unknown,
        })
    }

    /// As a plan has it.
    ///
    /// # Errors
    /// Those of [`Self::new`].
    pub fn of(plan: &Plan) -> Result<Self> {
        plan.workers.as_ref().map_or(Ok(Self::Unknown), |workers| Self::new(&workers.count))
    }

    /// Processes that are workers: those whose command line matches and none of whose children match. A matching process
    /// with matching children supervises them.
    pub fn processes<'a>(&self, sample: &'a ProbeSample) -> Vec<&'a Process> {
        let Self::Processes(pattern) = self else { return Vec::new() };
        let matching: Vec<&Process> =
            sample.processes.iter().filter(|process| pattern.is_match(&process.command_line)).collect();
        matching.iter().copied().filter(|process| matching.iter().all(|other| other.ppid != process.pid)).collect()
    }

    /// Threads that are workers.
    pub fn threads<'a>(&self, sample: &'a ProbeSample) -> Vec<&'a Task> {
        let Self::Threads(pattern) = self else { return Vec::new() };
        let tasks = sample.processes.iter().flat_map(|process| &process.tasks);
        tasks.filter(|task| pattern.is_match(&task.name)).collect()
    }

    /// How many there are, of what the sample has; `None` where it does not tell.
    pub fn count(&self, sample: &ProbeSample) -> Option<u32> {
        match self {
            Self::Processes(_) => Some(self.processes(sample).len() as u32),
            Self::Threads(_) => (!sample.lacks_threads()).then(|| self.threads(sample).len() as u32),
            Self::Told => match sample.workers_told {
                Some(WorkersTold::Count(count)) => Some(count),
                Some(WorkersTold::Nothing(_)) | None => None,
            },
            Self::Unknown => None,
        }
    }

    /// The same of a sample that has every process.
    pub fn whole_count(&self, sample: &ProbeSample) -> Option<u32> {
        self.count(sample).filter(|_| sample.is_whole() || matches!(self, Self::Told))
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
        let pids = |sample: &ProbeSample| counter.processes(sample).iter().map(|worker| worker.pid).collect::<Vec<_>>();
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

    #[test]
    fn threads_are_counted_by_name_unless_some_may_be_missing() {
        let counter = WorkerCounter::new(&CountBy::Thread("^tokio-runtime-w$".into())).expect("valid");
        let with = |threads: usize| {
            let mut sample = processes(&[(1, 0, "server")]);
            let task = |tid| Task { tid, name: "tokio-runtime-w".into(), ..Task::default() };
            sample.processes[0].tasks = (0..threads as u32).map(task).collect();
            sample.processes[0].tasks.push(Task { name: "server".into(), ..Task::default() });
            sample
        };
        assert_eq!((counter.count(&with(4)), counter.threads(&with(4)).len()), (Some(4), 4));
        assert_eq!(counter.count(&with(ProbeSample::MOST_TASKS)), None);
        assert!(
            WorkerCounter::new(&CountBy::Thread("[".into()))
                .is_err_and(|error| error.to_string().contains("count.thread"))
        );
    }

    #[test]
    fn a_number_that_the_target_tells_counts_where_it_was_asked() {
        let counter = WorkerCounter::new(&CountBy::Http { path: "/n".into(), pointer: String::new() }).expect("valid");
        let told = |workers_told| ProbeSample { workers_told, ..ProbeSample::default() };
        assert_eq!(counter.count(&told(Some(WorkersTold::Count(3)))), Some(3));
        assert_eq!(counter.count(&told(Some(WorkersTold::Nothing("HTTP 404".into())))), None);
        assert_eq!(counter.count(&told(None)), None);
        let unknown = WorkerCounter::new(&CountBy::None).expect("valid");
        assert_eq!(unknown.count(&processes(&[(1, 0, "a")])), None);
    }
}
