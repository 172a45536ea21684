//! What the target's CPUs did in a window besides running the target: others' work, the hypervisor's, and idling while the
//! target waited.

use crate::model::{ProbeSample, Task, Window};
use std::collections::HashMap;

/// Of a thread, in a span: less is none.
pub(super) const ACTIVE_US: u64 = 1_000;

/// The target's CPUs in a window; `None` where it was not read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HostUse {
    /// CPUs that the target used.
    pub target_cores: f64,
    /// CPUs in use by anything but the target's processes.
    pub others_cores: f64,
    /// Share of the time that the hypervisor gave to somebody else.
    pub steal_ratio: f64,
    /// Share of the time that the target must have waited for a CPU while its CPUs idled, beyond its own quota: at
    /// least so much. `None` where the kernel does not tell what threads wait.
    pub idle_wait_ratio: Option<f64>,
}

impl HostUse {
    /// Over the samples that lie nearest to the window's borders; `None` with fewer than two, or without the CPUs' times.
    pub fn over(samples: &[ProbeSample], window: &Window) -> Option<Self> {
        let samples = about(samples, window);
        let (first, last) = (samples.first()?, samples.last()?);
        let elapsed_us = last.unix_us.checked_sub(first.unix_us).filter(|&us| us > 0)? as f64;
        let cpus = growth(first, last)?;
        let target_us = cpu_us(last).saturating_sub(cpu_us(first));
        // The probe's own work is ours, if it runs there.
        let ours_us = last.own_cpu_us.saturating_sub(first.own_cpu_us);
        let waits: Option<Vec<f64>> = samples.windows(2).map(|pair| idle_wait_us(&pair[0], &pair[1])).collect();
        Some(Self {
            target_cores: target_us as f64 / elapsed_us,
            others_cores: cpus.busy_us.saturating_sub(target_us + ours_us) as f64 / elapsed_us,
            steal_ratio: cpus.steal_us as f64 / (cpus.busy_us + cpus.idle_us + cpus.steal_us).max(1) as f64,
            idle_wait_ratio: waits.map(|waits| waits.iter().sum::<f64>() / elapsed_us),
        })
    }
}

/// The samples from the one nearest to the window's start to the one nearest to its end; of two as near, the outer one.
pub(super) fn about<'a>(samples: &'a [ProbeSample], window: &Window) -> &'a [ProbeSample] {
    let nearest = |places: &mut dyn Iterator<Item = usize>, unix_us: u64| {
        places.min_by_key(|&place| samples[place].unix_us.abs_diff(unix_us)).unwrap_or(0)
    };
    let from = nearest(&mut (0..samples.len()), window.start_unix_us);
    let to = nearest(&mut (from..samples.len()).rev(), window.start_unix_us + window.duration_us);
    &samples[from..(to + 1).min(samples.len())]
}

/// CPU time of all processes, those included that have ended meanwhile and that a parent has waited for.
fn cpu_us(sample: &ProbeSample) -> u64 {
    sample.processes.iter().map(|process| process.cpu_us + process.ended_children_cpu_us).sum()
}

struct Growth {
    busy_us: u64,
    idle_us: u64,
    steal_us: u64,
}

/// Of the CPUs that both samples tell of.
fn growth(before: &ProbeSample, after: &ProbeSample) -> Option<Growth> {
    let mut all = Growth { busy_us: 0, idle_us: 0, steal_us: 0 };
    let mut is_any = false;
    for now in &after.cpus {
        let Some(then) = before.cpus.iter().find(|then| then.cpu == now.cpu) else { continue };
        is_any = true;
        all.busy_us += now.busy_us.saturating_sub(then.busy_us);
        all.idle_us += now.idle_us.saturating_sub(then.idle_us);
        all.steal_us += now.steal_us.saturating_sub(then.steal_us);
    }
    is_any.then_some(all)
}

/// All threads, by their numbers.
pub(super) fn tasks_of(sample: &ProbeSample) -> HashMap<u32, &Task> {
    sample.processes.iter().flat_map(|process| &process.tasks).map(|task| (task.tid, task)).collect()
}

/// How long threads must have waited between two samples while a CPU was there for them, at least; `None` where the kernel
/// does not tell.
///
/// While a CPU is busy with one of `n` threads, the `n - 1` others may wait for it; while it is busy with somebody else's,
/// or the quota of the target itself is used up, all `n` may. What they waited beyond that, they waited for a CPU that
/// idled.
fn idle_wait_us(before: &ProbeSample, after: &ProbeSample) -> Option<f64> {
    let (then, now) = (tasks_of(before), tasks_of(after));
    if now.is_empty() {
        return None;
    }
    let (mut wait_us, mut run_us, mut active) = (0, 0, 0_u64);
    for (tid, task) in &now {
        let Some(earlier) = then.get(tid) else { continue };
        let (ran, waited) = (task.cpu_us.saturating_sub(earlier.cpu_us), task.wait_us.saturating_sub(earlier.wait_us));
        active += u64::from(ran > ACTIVE_US || waited > ACTIVE_US);
        (run_us, wait_us) = (run_us + ran, wait_us + waited);
    }
    let throttled_us = match (before.throttling, after.throttling) {
        (Some(then), Some(now)) => now.throttled_us.saturating_sub(then.throttled_us),
        _ => 0,
    };
    let cpus = growth(before, after)?;
    let others_us = cpus.busy_us.saturating_sub(run_us);
    let explained_us = run_us * active.saturating_sub(1) + (throttled_us + others_us + cpus.steal_us) * active;
    Some(wait_us.saturating_sub(explained_us).min(cpus.idle_us) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CpuTimes, Process, Throttling};

    const SECOND: u64 = 1_000_000;
    const WINDOW: Window = Window { start_unix_us: 10 * SECOND, warm_up_us: 0, duration_us: 2 * SECOND };

    /// A target of one process with so many threads, each of which has run and waited so long, on one CPU.
    fn sample(unix_us: u64, threads: u32, run_us: u64, wait_us: u64, busy_us: u64) -> ProbeSample {
        let process = Process {
            pid: 7,
            ppid: 1,
            command_line: "server".into(),
            threads,
            cpu_us: run_us * u64::from(threads),
            tasks: (0..threads).map(|tid| Task { tid, cpu_us: run_us + 1, wait_us, ..Task::default() }).collect(),
            ..Process::default()
        };
        let idle_us = (unix_us - 9 * SECOND).saturating_sub(busy_us);
        ProbeSample {
            unix_us,
            processes: vec![process],
            cpus: vec![CpuTimes { cpu: 1, busy_us, idle_us, steal_us: 0 }],
            ..ProbeSample::default()
        }
    }

    fn used(samples: &[ProbeSample]) -> HostUse {
        HostUse::over(samples, &WINDOW).expect("two samples")
    }

    #[test]
    fn what_others_use_is_told_from_what_the_target_uses() {
        let samples = [sample(10 * SECOND, 1, 0, 0, 0), sample(12 * SECOND, 1, SECOND, 0, SECOND * 3 / 2)];
        let found = used(&samples);
        assert_eq!((found.target_cores, found.others_cores, found.steal_ratio), (0.5, 0.25, 0.0));
    }

    #[test]
    fn what_ended_children_used_is_the_target_s() {
        let mut samples = [sample(10 * SECOND, 1, 0, 0, 0), sample(12 * SECOND, 1, 0, 0, 2 * SECOND)];
        samples[1].processes[0].ended_children_cpu_us = 2 * SECOND;
        assert_eq!(used(&samples).others_cores, 0.0);
    }

    #[test]
    fn waiting_for_one_another_is_no_wait_for_an_idle_cpu() {
        // Two busy threads on one CPU: each waits while the other runs.
        let busy = [sample(10 * SECOND, 2, 0, 0, 0), sample(12 * SECOND, 2, SECOND, SECOND, 2 * SECOND)];
        assert_eq!(used(&busy).idle_wait_ratio, Some(0.0));
        // A CPU that is busy for six tenths of the time, and four threads that meet on it.
        let met = [sample(10 * SECOND, 4, 0, 0, 0), sample(12 * SECOND, 4, 300_000, 450_000, 1_200_000)];
        assert_eq!(used(&met).idle_wait_ratio, Some(0.0));
    }

    #[test]
    fn waiting_for_others_is_no_wait_for_an_idle_cpu() {
        let busy = [sample(10 * SECOND, 1, 0, 0, 0), sample(12 * SECOND, 1, 600_000, 600_000, 1_300_000)];
        assert_eq!(used(&busy).idle_wait_ratio, Some(0.0));
    }

    #[test]
    fn a_quota_above_the_container_shows_as_waiting_while_the_cpu_idles() {
        // One thread may run for a fifth of the time, and waits for the rest of it.
        let held = [sample(10 * SECOND, 1, 0, 0, 0), sample(12 * SECOND, 1, 400_000, 1_600_000, 400_000)];
        assert!((used(&held).idle_wait_ratio.expect("threads") - 0.8).abs() < 0.01);
        let mut own = held.clone();
        let throttled = |throttled_us| Some(Throttling { periods: 0, throttled_periods: 0, throttled_us });
        (own[0].throttling, own[1].throttling) = (throttled(0), throttled(1_600_000));
        assert_eq!(used(&own).idle_wait_ratio, Some(0.0), "its own quota explains it");
    }

    #[test]
    fn the_samples_nearest_to_the_window_count() {
        let at = |second: u64| sample(second * SECOND, 1, 0, 0, 0);
        let seconds = |list: &[u64]| -> Vec<u64> {
            let samples: Vec<ProbeSample> = list.iter().map(|second| at(*second)).collect();
            about(&samples, &WINDOW).iter().map(|sample| sample.unix_us / SECOND).collect()
        };
        assert_eq!(seconds(&[9, 10, 11, 12, 13]), [10, 11, 12]);
        assert_eq!(seconds(&[9, 11, 13, 14]), [9, 11, 13]);
        assert_eq!(seconds(&[11]), [11]);
        let soon = [9_500, 10_100, 11_100, 12_100, 13_100].map(|ms| ProbeSample { unix_us: ms * 1000, ..at(10) });
        let soon: Vec<u64> = about(&soon, &WINDOW).iter().map(|sample| sample.unix_us / 1000).collect();
        assert_eq!(soon, [10_100, 11_100, 12_100]);
        assert_eq!(seconds(&[]), Vec::<u64>::new());
        assert_eq!(HostUse::over(&[at(11)], &WINDOW), None);
    }
}
