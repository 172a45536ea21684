//! Where the time of the host's CPUs goes, whoever uses them: a container sees the host's own `/proc/stat`.

use crate::model::{CpuSet, CpuTimes};
use std::fs;

/// `USER_HZ`, as in [`super::processes`].
const TICK_US: u64 = 10_000;

/// The times of these CPUs.
pub fn times(cpus: &CpuSet) -> Vec<CpuTimes> {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    text.lines().filter_map(parse).filter(|times| cpus.contains(times.cpu)).collect()
}

/// A line `cpu3 USER NICE SYSTEM IDLE IOWAIT IRQ SOFTIRQ STEAL ...`; guests' time is in that of users.
fn parse(line: &str) -> Option<CpuTimes> {
    let (name, rest) = line.split_once(' ')?;
    let cpu = name.strip_prefix("cpu")?.parse().ok()?;
    let ticks: Vec<u64> = rest.split_ascii_whitespace().map_while(|field| field.parse().ok()).collect();
    let [user, nice, system, idle, iowait, irq, softirq, steal, ..] = ticks[..] else { return None };
    Some(CpuTimes {
        cpu,
        busy_us: (user + nice + system + irq + softirq) * TICK_US,
        idle_us: (idle + iowait) * TICK_US,
        steal_us: steal * TICK_US,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernel() {
        let times = parse("cpu1 108369 201 36135 260388 2058 0 3352 89 0 0").expect("a CPU's");
        assert_eq!((times.cpu, times.busy_us), (1, (108_369 + 201 + 36_135 + 3_352) * 10_000));
        assert_eq!((times.idle_us, times.steal_us), ((260_388 + 2_058) * 10_000, 890_000));
        for other in ["cpu  1 2 3 4 5 6 7 8", "intr 1 2", "cpu0 1 2 3"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
