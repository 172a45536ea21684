//! From counters to rates, over the counted window. Pure over samples.

use crate::model::{ContainerSample, ContainerUsage, ProbeSample, Process, Window};
use regex_lite::Regex;

/// The samples of one container with the rates over those that lie in the window.
pub fn container_usage(service: &str, samples: Vec<ContainerSample>, window: &Window) -> ContainerUsage {
    let end_unix_us = window.start_unix_us + window.duration_us;
    let inside: Vec<&ContainerSample> =
        samples.iter().filter(|sample| (window.start_unix_us..=end_unix_us).contains(&sample.unix_us)).collect();
    let ends = inside.first().copied().zip(inside.last().copied()).filter(|(first, last)| last.unix_us > first.unix_us);
    let rate = |counter: fn(&ContainerSample) -> u64| {
        ends.map(|(first, last)| {
            counter(last).saturating_sub(counter(first)) as f64 / (last.unix_us - first.unix_us) as f64
        })
    };
    let growth = |counter: fn(&ContainerSample) -> Option<u64>| {
        ends.and_then(|(first, last)| Some(counter(last)?.saturating_sub(counter(first)?)))
    };
    let throttled_ratio = growth(|sample| sample.throttled_periods)
        .zip(growth(|sample| sample.periods).filter(|&periods| periods > 0))
        .map(|(throttled, periods)| throttled as f64 / periods as f64);
    ContainerUsage {
        service: service.to_owned(),
        cpu_cores: rate(|sample| sample.cpu_us),
        throttled_ratio,
        memory_peak_bytes: inside.iter().map(|sample| sample.memory_bytes).max().unwrap_or(0),
        received_bytes_per_s: rate(|sample| sample.received_bytes).map(|per_us| per_us * 1e6),
        sent_bytes_per_s: rate(|sample| sample.sent_bytes).map(|per_us| per_us * 1e6),
        samples,
    }
}

/// The workers among a target's processes: those whose command line matches and none of whose children match. A
/// matching process with matching children is a supervisor.
pub fn workers<'a>(sample: &'a ProbeSample, pattern: &Regex) -> Vec<&'a Process> {
    let matching: Vec<&Process> =
        sample.processes.iter().filter(|process| pattern.is_match(&process.command_line)).collect();
    matching.iter().copied().filter(|process| matching.iter().all(|other| other.ppid != process.pid)).collect()
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

    fn sample(unix_us: u64, cpu_us: u64, periods: Option<u64>) -> ContainerSample {
        ContainerSample {
            unix_us,
            cpu_us,
            cpu_user_us: 0,
            cpu_system_us: 0,
            periods,
            throttled_periods: periods.map(|periods| periods / 4),
            throttled_us: None,
            memory_bytes: unix_us,
            received_bytes: unix_us,
            sent_bytes: 0,
            disk_read_bytes: 0,
            disk_written_bytes: 0,
            pids: 1,
        }
    }

    const WINDOW: Window = Window { start_unix_us: 1_000_000, warm_up_us: 0, duration_us: 2_000_000 };

    #[test]
    fn rates_are_over_the_window_only() {
        let samples = vec![
            sample(0, 0, Some(0)),
            sample(1_000_000, 900_000, Some(100)),
            sample(3_000_000, 1_900_000, Some(300)),
            sample(4_000_000, 9_000_000, Some(400)),
        ];
        let usage = container_usage("stack", samples, &WINDOW);
        assert_eq!(usage.cpu_cores, Some(0.5));
        assert_eq!(usage.throttled_ratio, Some(0.25));
        assert_eq!(usage.memory_peak_bytes, 3_000_000);
        assert_eq!(usage.received_bytes_per_s, Some(1e6));
    }

    #[test]
    fn one_sample_gives_no_rate_and_unknown_throttling_stays_unknown() {
        let usage = container_usage("stack", vec![sample(1_500_000, 1, None)], &WINDOW);
        assert_eq!((usage.cpu_cores, usage.throttled_ratio), (None, None));
        let usage = container_usage("stack", vec![sample(1_500_000, 1, None), sample(2_500_000, 2, None)], &WINDOW);
        assert_eq!(usage.throttled_ratio, None);
    }

    fn processes(list: &[(u32, u32, &str)]) -> ProbeSample {
        let process = |&(pid, ppid, command_line): &(u32, u32, &str)| Process {
            pid,
            ppid,
            command_line: command_line.into(),
            threads: 1,
            cpu_us: 0,
            rss_bytes: 1,
            cpus_allowed: "0".into(),
        };
        let processes = list.iter().map(process).collect();
        ProbeSample { unix_us: 0, processes, connections: 0, limits: None, own_cpu_us: 0 }
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
        let pattern = Regex::new("uvicorn|spawn_main").expect("valid");
        let init = "/sbin/docker-init -- uvicorn ogx.core.server.server:create_app --factory";
        let one = processes(&[(1, 0, init), (7, 1, "python3 /opt/venv/bin/uvicorn --workers 1")]);
        assert_eq!(workers(&one, &pattern).iter().map(|worker| worker.pid).collect::<Vec<_>>(), [7]);
        let two = processes(&[
            (1, 0, init),
            (7, 1, "python3 /opt/venv/bin/uvicorn --workers 2"),
            (8, 7, "python3 -c from multiprocessing.resource_tracker import main;main(5)"),
            (9, 7, "python3 -c from multiprocessing.spawn import spawn_main; spawn_main(...)"),
            (10, 7, "python3 -c from multiprocessing.spawn import spawn_main; spawn_main(...)"),
        ]);
        assert_eq!(workers(&two, &pattern).iter().map(|worker| worker.pid).collect::<Vec<_>>(), [9, 10]);
    }
}
