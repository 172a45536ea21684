//! The engine's statistics of a container as our own sample, on cgroup v1 and v2.

use crate::{model::ContainerSample, units};
use bollard::models::{ContainerBlkioStats, ContainerMemoryStats, ContainerStatsResponse};

/// One answer of the engine's stats call as a sample, stamped with our own clock; `None` once the container has ended.
pub(super) fn sample(stats: ContainerStatsResponse) -> Option<ContainerSample> {
    const NS_PER_US: u64 = 1000;
    let cpu = stats.cpu_stats?;
    let usage = cpu.cpu_usage?;
    let cpu_ns = usage.total_usage.filter(|&total| total > 0)?;
    let throttling = cpu.throttling_data.unwrap_or_default();
    let networks = stats.networks.unwrap_or_default();
    let blkio = stats.blkio_stats.unwrap_or_default();
    Some(ContainerSample {
        unix_us: units::now_unix_us(),
        cpu_us: cpu_ns / NS_PER_US,
        cpu_user_us: usage.usage_in_usermode.unwrap_or(0) / NS_PER_US,
        cpu_system_us: usage.usage_in_kernelmode.unwrap_or(0) / NS_PER_US,
        periods: throttling.periods,
        throttled_periods: throttling.throttled_periods,
        throttled_us: throttling.throttled_time.map(|ns| ns / NS_PER_US),
        memory_bytes: memory_in_use(&stats.memory_stats.unwrap_or_default()),
        received_bytes: networks.values().filter_map(|network| network.rx_bytes).sum(),
        sent_bytes: networks.values().filter_map(|network| network.tx_bytes).sum(),
        disk_read_bytes: disk_bytes(&blkio, "read"),
        disk_written_bytes: disk_bytes(&blkio, "write"),
        pids: stats.pids_stats.and_then(|pids| pids.current).unwrap_or(0),
    })
}

/// Usage without the page cache that the kernel would give back first.
fn memory_in_use(memory: &ContainerMemoryStats) -> u64 {
    let detail = |name: &str| memory.stats.as_ref().and_then(|stats| stats.get(name).copied());
    let inactive = detail("total_inactive_file").or_else(|| detail("inactive_file")).unwrap_or(0);
    memory.usage.unwrap_or(0).saturating_sub(inactive)
}

fn disk_bytes(blkio: &ContainerBlkioStats, operation: &str) -> u64 {
    let entries = blkio.io_service_bytes_recursive.as_deref().unwrap_or_default();
    entries
        .iter()
        .filter(|entry| entry.op.as_deref().is_some_and(|op| op.eq_ignore_ascii_case(operation)))
        .filter_map(|entry| entry.value)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Docker 20.10 answers on cgroup v1, shortened.
    const V1: &str = r#"{"read":"2026-11-24T12:00:00Z","pids_stats":{"current":3},
        "cpu_stats":{"cpu_usage":{"total_usage":5000000,"usage_in_usermode":3000000,"usage_in_kernelmode":2000000},
          "throttling_data":{"periods":10,"throttled_periods":4,"throttled_time":7000000}},
        "memory_stats":{"usage":1000,"stats":{"total_inactive_file":300,"inactive_file":1}},
        "blkio_stats":{"io_service_bytes_recursive":[{"major":8,"minor":0,"op":"Read","value":4096}]},
        "networks":{"eth0":{"rx_bytes":11,"tx_bytes":22}}}"#;

    #[test]
    fn a_v1_answer() {
        let sample = sample(serde_json::from_str(V1).expect("valid")).expect("running");
        assert_eq!((sample.cpu_us, sample.cpu_user_us, sample.cpu_system_us), (5000, 3000, 2000));
        assert_eq!((sample.periods, sample.throttled_periods, sample.throttled_us), (Some(10), Some(4), Some(7000)));
        assert_eq!((sample.memory_bytes, sample.disk_read_bytes, sample.disk_written_bytes), (700, 4096, 0));
        assert_eq!((sample.received_bytes, sample.sent_bytes, sample.pids), (11, 22, 3));
    }

    #[test]
    fn without_a_throttling_block_it_is_unknown_and_not_zero() {
        let stats = r#"{"cpu_stats":{"cpu_usage":{"total_usage":5000000}},"memory_stats":{}}"#;
        let sample = sample(serde_json::from_str(stats).expect("valid")).expect("running");
        assert_eq!((sample.periods, sample.throttled_periods), (None, None));
    }

    #[test]
    fn an_ended_container_gives_no_sample() {
        let stats = r#"{"cpu_stats":{"cpu_usage":{"total_usage":0}},"memory_stats":{}}"#;
        assert!(sample(serde_json::from_str(stats).expect("valid")).is_none());
    }
}
