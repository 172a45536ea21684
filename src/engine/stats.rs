//! The engine's statistics of a container as our own sample, on cgroup v1 and v2.

use super::Sampled;
use crate::model::ContainerSample;
use bollard::models::{ContainerBlkioStats, ContainerMemoryStats, ContainerNetworkStats, ContainerStatsResponse};
use std::ops::RangeInclusive;

/// One answer of the engine's stats call as a sample; `asked` is from the question to the answer, by our own clock. What the
/// engine does not say is absent. A container that runs has used some CPU time.
pub(super) fn sample(stats: ContainerStatsResponse, asked: RangeInclusive<u64>) -> Sampled {
    const NS_PER_US: u64 = 1000;
    let cpu = stats.cpu_stats.unwrap_or_default();
    let usage = cpu.cpu_usage.unwrap_or_default();
    let Some(cpu_ns) = usage.total_usage.filter(|&total| total > 0) else { return Sampled::Ended };
    let throttling = cpu.throttling_data.unwrap_or_default();
    let networks = stats.networks.unwrap_or_default();
    let network = |of: fn(&ContainerNetworkStats) -> Option<u64>| networks.values().map(of).sum::<Option<u64>>();
    let network = |of| if networks.is_empty() { None } else { network(of) };
    let memory = stats.memory_stats.unwrap_or_default();
    let blkio = stats.blkio_stats.unwrap_or_default();
    Sampled::Now(Box::new(ContainerSample {
        unix_us: read_at(stats.read.as_deref(), &asked).unwrap_or(*asked.end()),
        cpu_us: cpu_ns / NS_PER_US,
        cpu_user_us: usage.usage_in_usermode.map(|ns| ns / NS_PER_US),
        cpu_system_us: usage.usage_in_kernelmode.map(|ns| ns / NS_PER_US),
        periods: throttling.periods,
        throttled_periods: throttling.throttled_periods,
        throttled_us: throttling.throttled_time.map(|ns| ns / NS_PER_US),
        memory_bytes: memory_in_use(&memory),
        major_page_faults: memory_detail(&memory, &["total_pgmajfault", "pgmajfault"]),
        received_bytes: network(|network| network.rx_bytes),
        sent_bytes: network(|network| network.tx_bytes),
        disk_read_bytes: disk_bytes(&blkio, "read"),
        disk_written_bytes: disk_bytes(&blkio, "write"),
        pids: stats.pids_stats.and_then(|pids| pids.current),
    }))
}

/// When the engine has read, where it says so: by its own clock, which is believed as far as ours does not contradict it.
fn read_at(read: Option<&str>, asked: &RangeInclusive<u64>) -> Option<u64> {
    let moment: jiff::Timestamp = read?.parse().ok()?;
    u64::try_from(moment.as_microsecond()).ok().filter(|unix_us| asked.contains(unix_us))
}

/// Usage without the page cache that the kernel would give back first.
fn memory_in_use(memory: &ContainerMemoryStats) -> Option<u64> {
    let inactive = memory_detail(memory, &["total_inactive_file", "inactive_file"]).unwrap_or(0);
    memory.usage.map(|usage| usage.saturating_sub(inactive))
}

/// The first of these names that the engine tells of. Version 1 has some twice: with `total_`, cgroups below it are counted too.
fn memory_detail(memory: &ContainerMemoryStats, names: &[&str]) -> Option<u64> {
    let stats = memory.stats.as_ref()?;
    names.iter().find_map(|name| stats.get(*name).copied())
}

/// `None` where the engine lists no device at all: a container that has read nothing looks the same.
fn disk_bytes(blkio: &ContainerBlkioStats, operation: &str) -> Option<u64> {
    let entries = blkio.io_service_bytes_recursive.as_deref()?;
    let of_operation =
        entries.iter().filter(|entry| entry.op.as_deref().is_some_and(|op| op.eq_ignore_ascii_case(operation)));
    Some(of_operation.filter_map(|entry| entry.value).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Docker 20.10 answers on cgroup v1, shortened.
    const V1: &str = r#"{"read":"2026-11-24T12:00:00Z","pids_stats":{"current":3},
        "cpu_stats":{"cpu_usage":{"total_usage":5000000,"usage_in_usermode":3000000,"usage_in_kernelmode":2000000},
          "throttling_data":{"periods":10,"throttled_periods":4,"throttled_time":7000000}},
        "memory_stats":{"usage":1000,"stats":{"total_inactive_file":300,"inactive_file":1,"total_pgmajfault":9,"pgmajfault":1}},
        "blkio_stats":{"io_service_bytes_recursive":[{"major":8,"minor":0,"op":"Read","value":4096}]},
        "networks":{"eth0":{"rx_bytes":11,"tx_bytes":22}}}"#;

    fn now(json: &str) -> ContainerSample {
        match sample(serde_json::from_str(json).expect("valid"), 100..=200) {
            Sampled::Now(sample) => *sample,
            Sampled::Ended => panic!("it runs: {json}"),
        }
    }

    #[test]
    fn a_v1_answer() {
        let sample = now(V1);
        assert_eq!((sample.cpu_us, sample.cpu_user_us, sample.cpu_system_us), (5000, Some(3000), Some(2000)));
        assert_eq!((sample.periods, sample.throttled_periods, sample.throttled_us), (Some(10), Some(4), Some(7000)));
        assert_eq!(
            (sample.memory_bytes, sample.disk_read_bytes, sample.disk_written_bytes),
            (Some(700), Some(4096), Some(0))
        );
        assert_eq!((sample.received_bytes, sample.sent_bytes, sample.pids), (Some(11), Some(22), Some(3)));
        assert_eq!(sample.major_page_faults, Some(9));
    }

    #[test]
    fn what_the_engine_does_not_say_is_absent_and_not_zero() {
        let sample = now(r#"{"cpu_stats":{"cpu_usage":{"total_usage":5000000}},"memory_stats":{}}"#);
        assert_eq!((sample.periods, sample.throttled_periods, sample.throttled_us), (None, None, None));
        assert_eq!((sample.cpu_user_us, sample.cpu_system_us, sample.memory_bytes), (None, None, None));
        assert_eq!((sample.received_bytes, sample.sent_bytes, sample.pids), (None, None, None));
        assert_eq!((sample.disk_read_bytes, sample.disk_written_bytes, sample.major_page_faults), (None, None, None));
    }

    #[test]
    fn a_sample_is_of_when_the_engine_read_it_unless_our_clock_contradicts() {
        let at =
            |read: &str| now(&format!(r#"{{"read":"{read}","cpu_stats":{{"cpu_usage":{{"total_usage":5000}}}}}}"#));
        for (read, unix_us) in [
            ("1970-01-01T00:00:00.00015Z", 150),
            ("1970-01-01T02:00:00.000150999+02:00", 150),
            ("1970-01-01T00:00:00.000099Z", 200),
            ("2026-11-24T12:00:00Z", 200),
            ("0001-01-01T00:00:00Z", 200),
            ("half past", 200),
        ] {
            assert_eq!(at(read).unix_us, unix_us, "{read}");
        }
        assert_eq!(now(V1).unix_us, 200);
    }

    #[test]
    fn an_ended_container_is_said_to_be() {
        let stats = r#"{"cpu_stats":{"cpu_usage":{"total_usage":0}},"memory_stats":{}}"#;
        assert!(matches!(sample(serde_json::from_str(stats).expect("valid"), 0..=1), Sampled::Ended));
    }
}
