//! What the target did in a window, by its processes and threads: who of them was busy, what they waited for, whom they called.

use super::{
    WorkerCounter,
    host::{ACTIVE_US, about, tasks_of},
};
use crate::model::{ProbeSample, Process, Task, Tick, Window};
use std::collections::HashMap;

/// Of a window; rates are over the samples nearest to its borders.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetUse {
    /// CPUs in use by all its processes.
    pub cores: f64,
    /// CPUs of each worker, and of its busiest thread; none where workers or threads were not told.
    pub workers: Vec<WorkerUse>,
    /// Threads that could run and waited for a CPU, on average, what its own quota explains left out; `None` where the kernel
    /// does not tell.
    pub run_queue_wait_cores: Option<f64>,
    /// Times a second that threads gave up their CPU; `None` where that was not read.
    pub voluntary_switches_per_s: Option<f64>,
    /// Pages read from a disk, a second.
    pub major_faults_per_s: f64,
    /// The most connections that waited to be accepted.
    pub accept_queue_peak: Option<u32>,
    /// Share of the time in which somebody waited for memory, and for a disk; `None` where the kernel does not tell.
    pub pressure: Option<PressureUse>,
    /// How its quota held it back; `None` where that was not read.
    pub throttled: Option<ThrottledUse>,
}

/// One worker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorkerUse {
    /// CPUs in use.
    pub cores: f64,
    /// CPUs that its busiest thread used; all of it where threads were not told.
    pub busiest_thread_cores: f64,
}

/// What a quota did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ThrottledUse {
    /// Share of its periods in which it was used up; 0 without periods.
    pub periods_ratio: f64,
    /// How long it held threads back, in seconds a second, summed over CPUs.
    pub cores: f64,
}

/// Shares of the time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PressureUse {
    /// Waited for memory.
    pub memory_ratio: f64,
    /// Waited for a disk.
    pub io_ratio: f64,
}

impl TargetUse {
    /// `None` with fewer than two samples about the window.
    pub fn over(samples: &[ProbeSample], window: &Window, counter: &WorkerCounter) -> Option<Self> {
        let samples = about(samples, window);
        let (first, last) = (samples.first()?, samples.last()?);
        let elapsed_us = last.unix_us.checked_sub(first.unix_us).filter(|&us| us > 0)? as f64;
        let before: HashMap<u32, &Process> = first.processes.iter().map(|process| (process.pid, process)).collect();
        let sum = |of: &dyn Fn(&Process) -> u64| -> u64 {
            let grown = |now: &Process| of(now).saturating_sub(before.get(&now.pid).map_or(0, |then| of(then)));
            last.processes.iter().map(grown).sum()
        };
        let tasks = TaskGrowth::between(first, last);
        let throttled = first.throttling.zip(last.throttling).map(|(then, now)| ThrottledUse {
            periods_ratio: now.throttled_periods.saturating_sub(then.throttled_periods) as f64
                / now.periods.saturating_sub(then.periods).max(1) as f64,
            cores: now.throttled_us.saturating_sub(then.throttled_us) as f64 / elapsed_us,
        });
        let throttled_cores = throttled.map_or(0.0, |throttled| throttled.cores);
        let peaks = samples.iter().flat_map(|sample| sample.listeners.iter().map(|listener| listener.queued));
        Some(Self {
            cores: sum(&|process| process.cpu_us + process.ended_children_cpu_us) as f64 / elapsed_us,
            workers: worker_processes(counter, &before, last, elapsed_us)
                .chain(worker_threads(counter, first, last, elapsed_us))
                .collect(),
            // While it is held back, every thread that is active waits for the next period.
            run_queue_wait_cores: tasks
                .map(|tasks| (tasks.wait_us as f64 / elapsed_us - throttled_cores * tasks.active as f64).max(0.0)),
            voluntary_switches_per_s: tasks.map(|tasks| tasks.voluntary_switches as f64 * 1e6 / elapsed_us),
            major_faults_per_s: sum(&|process| process.major_faults) as f64 * 1e6 / elapsed_us,
            accept_queue_peak: peaks.max(),
            pressure: first.pressure.zip(last.pressure).map(|(then, now)| PressureUse {
                memory_ratio: now.memory_some_us.saturating_sub(then.memory_some_us) as f64 / elapsed_us,
                io_ratio: now.io_some_us.saturating_sub(then.io_some_us) as f64 / elapsed_us,
            }),
            throttled,
        })
    }
}

/// CPUs of each process that is a worker and was there at both ends.
fn worker_processes<'a>(
    counter: &WorkerCounter,
    before: &'a HashMap<u32, &Process>,
    last: &'a ProbeSample,
    elapsed_us: f64,
) -> impl Iterator<Item = WorkerUse> + use<'a> {
    let of = move |now: &Process| {
        let then = before.get(&now.pid)?;
        let cores = now.cpu_us.saturating_sub(then.cpu_us) as f64 / elapsed_us;
        let earlier = |tid| then.tasks.iter().find(|task| task.tid == tid).map_or(0, |task| task.cpu_us);
        let busiest = now.tasks.iter().map(|task| task.cpu_us.saturating_sub(earlier(task.tid))).max();
        let busiest_thread_cores = busiest.map_or(cores, |us| us as f64 / elapsed_us);
        // Ticks of 10 ms say less than what the scheduler counted.
        Some(WorkerUse { cores: cores.max(busiest_thread_cores), busiest_thread_cores })
    };
    counter.processes(last).into_iter().filter_map(of)
}

/// CPUs of each thread that is a worker and was there at both ends.
fn worker_threads(
    counter: &WorkerCounter,
    first: &ProbeSample,
    last: &ProbeSample,
    elapsed_us: f64,
) -> impl Iterator<Item = WorkerUse> {
    let before = tasks_of(first);
    let cores = counter.threads(last).into_iter().filter_map(move |now| {
        let then = before.get(&now.tid)?;
        Some(now.cpu_us.saturating_sub(then.cpu_us) as f64 / elapsed_us)
    });
    cores.map(|cores| WorkerUse { cores, busiest_thread_cores: cores })
}

/// Of the threads that were there at both ends.
#[derive(Clone, Copy, Debug)]
struct TaskGrowth {
    wait_us: u64,
    /// How many have run or waited.
    active: usize,
    voluntary_switches: u64,
}

impl TaskGrowth {
    fn between(first: &ProbeSample, last: &ProbeSample) -> Option<Self> {
        let (then, now) = (tasks_of(first), tasks_of(last));
        if now.is_empty() {
            return None;
        }
        let both: Vec<(&Task, &Task)> = now.iter().filter_map(|(tid, task)| Some((*then.get(tid)?, *task))).collect();
        let grown = |of: fn(&Task) -> u64| both.iter().map(|(then, now)| of(now).saturating_sub(of(then))).sum();
        let is_active = |(then, now): &&(&Task, &Task)| {
            now.cpu_us.saturating_sub(then.cpu_us) > ACTIVE_US || now.wait_us.saturating_sub(then.wait_us) > ACTIVE_US
        };
        Some(Self {
            wait_us: grown(|task| task.wait_us),
            active: both.iter().filter(is_active).count(),
            voluntary_switches: grown(|task| task.voluntary_switches),
        })
    }
}

/// Connections from the target to a port, over the samples of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConnectionsTo {
    /// The fewest.
    pub least: u32,
    /// On average.
    pub mean: f64,
    /// The most.
    pub most: u32,
}

impl ConnectionsTo {
    /// `None` without a sample in the window.
    pub fn over(samples: &[ProbeSample], window: &Window, port: u16) -> Option<Self> {
        let count = |sample: &ProbeSample| {
            sample.peers.iter().find(|peer| peer.port == port).map_or(0, |peer| peer.connections)
        };
        let counts: Vec<u32> = about(samples, window).iter().map(count).collect();
        let (least, most) = (counts.iter().copied().min()?, counts.iter().copied().max()?);
        Some(Self { least, mean: counts.iter().copied().map(f64::from).sum::<f64>() / counts.len() as f64, most })
    }
}

/// CPUs in use in each span between two ticks in the window.
pub fn tick_cores(ticks: &[Tick], window: &Window) -> Vec<f64> {
    let (from, to) = (window.start_unix_us, window.start_unix_us + window.duration_us);
    let inside: Vec<&Tick> = ticks.iter().filter(|tick| (from..=to).contains(&tick.unix_us)).collect();
    let rate = |pair: &[&Tick]| {
        let elapsed_us = pair[1].unix_us.checked_sub(pair[0].unix_us).filter(|&us| us > 0)?;
        Some(pair[1].cpu_us.saturating_sub(pair[0].cpu_us) as f64 / elapsed_us as f64)
    };
    inside.windows(2).filter_map(rate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CountBy, Listener, Peer, Throttling};

    const SECOND: u64 = 1_000_000;
    const WINDOW: Window = Window { start_unix_us: 10 * SECOND, warm_up_us: 0, duration_us: 2 * SECOND };

    fn task(tid: u32, cpu_us: u64, wait_us: u64, voluntary_switches: u64) -> Task {
        Task { tid, cpu_us, wait_us, voluntary_switches, ..Task::default() }
    }

    fn process(pid: u32, cpu_us: u64, tasks: Vec<Task>) -> Process {
        Process { pid, ppid: 1, command_line: "app --worker 1".into(), cpu_us, tasks, ..Process::default() }
    }

    fn sample(second: u64, processes: Vec<Process>) -> ProbeSample {
        ProbeSample { unix_us: second * SECOND, processes, ..ProbeSample::default() }
    }

    fn over(samples: &[ProbeSample]) -> TargetUse {
        by(CountBy::Process("--worker".into()), samples)
    }

    fn by(count: CountBy, samples: &[ProbeSample]) -> TargetUse {
        let counter = WorkerCounter::new(&count).expect("valid");
        TargetUse::over(samples, &WINDOW, &counter).expect("two samples")
    }

    #[test]
    fn a_thread_that_is_a_worker_has_its_own_use() {
        let named = |tid, cpu_us, name: &str| Task { name: name.into(), ..task(tid, cpu_us, 0, 0) };
        let at = |second, used: u64| {
            let tasks =
                vec![named(7, used / 8, "main"), named(8, used, "tokio-runtime-w"), named(9, 0, "tokio-runtime-w")];
            sample(second, vec![process(7, used, tasks)])
        };
        let found = by(CountBy::Thread("^tokio-".into()), &[at(10, 0), at(12, SECOND)]);
        let of = |cores| WorkerUse { cores, busiest_thread_cores: cores };
        assert_eq!(found.workers, [of(0.5), of(0.0)]);
        assert_eq!(by(CountBy::None, &[at(10, 0), at(12, SECOND)]).workers, []);
    }

    #[test]
    fn the_busiest_thread_of_each_worker_is_found() {
        let at = |second: u64, used: u64| {
            let tasks = vec![task(7, used, 0, 0), task(70, used / 4, used, 30 * (second - 10))];
            sample(second, vec![process(7, used + used / 4, tasks), process(8, used / 2, vec![])])
        };
        let found = over(&[at(10, 0), at(12, SECOND)]);
        let one = WorkerUse { cores: 0.625, busiest_thread_cores: 0.5 };
        let two = WorkerUse { cores: 0.25, busiest_thread_cores: 0.25 };
        assert_eq!((found.workers, found.cores), (vec![one, two], 0.875));
        assert_eq!((found.run_queue_wait_cores, found.voluntary_switches_per_s), (Some(0.5), Some(30.0)));
        assert_eq!((found.pressure, found.throttled, found.accept_queue_peak), (None, None, None));
    }

    #[test]
    fn waiting_for_the_next_period_is_no_waiting_for_a_cpu() {
        let throttling =
            |throttled_us, throttled_periods, periods| Some(Throttling { periods, throttled_periods, throttled_us });
        let at = |second, waited, throttling| ProbeSample {
            throttling,
            ..sample(second, vec![process(7, waited, vec![task(7, waited, waited, 0)])])
        };
        let found = over(&[at(10, 0, throttling(0, 0, 0)), at(12, SECOND, throttling(SECOND / 2, 15, 20))]);
        assert_eq!(found.throttled, Some(ThrottledUse { periods_ratio: 0.75, cores: 0.25 }));
        assert_eq!(found.run_queue_wait_cores, Some(0.25), "half a second of one is the quota's");
    }

    #[test]
    fn a_worker_that_is_new_is_none_of_those_that_were_watched() {
        let found = over(&[sample(10, vec![process(7, 0, vec![])]), sample(12, vec![process(9, SECOND, vec![])])]);
        assert_eq!(found.workers, []);
        assert_eq!(found.run_queue_wait_cores, None, "no thread was told");
    }

    #[test]
    fn connections_are_counted_by_port() {
        let at = |second: u64, connections: u32| ProbeSample {
            peers: vec![Peer { port: 8080, connections }],
            listeners: vec![Listener { port: 80, queued: connections * 2 }],
            ..sample(second, vec![])
        };
        let samples = [at(10, 4), at(11, 2), at(12, 6)];
        let found = ConnectionsTo::over(&samples, &WINDOW, 8080);
        assert_eq!(found, Some(ConnectionsTo { least: 2, mean: 4.0, most: 6 }));
        assert_eq!(ConnectionsTo::over(&samples, &WINDOW, 9).map(|it| it.most), Some(0));
        assert_eq!(ConnectionsTo::over(&[], &WINDOW, 9), None);
        assert_eq!(over(&samples).accept_queue_peak, Some(12));
    }

    #[test]
    fn ticks_in_the_window_are_rates() {
        let tick = |unix_us, cpu_us| Tick { unix_us, cpu_us, throttled_us: None };
        let ticks = [tick(9 * SECOND, 0), tick(10 * SECOND, 0), tick(11 * SECOND, SECOND), tick(12 * SECOND, SECOND)];
        assert_eq!(tick_cores(&ticks, &WINDOW), [1.0, 0.0]);
    }
}
