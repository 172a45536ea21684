//! How the engine takes each limit, and how it tells it: the other half of [`crate::limits`].

use crate::{
    limits::DEFAULT_PERIOD_US,
    model::{CpuSet, Limit, LimitValue, Limits},
};
use bollard::models::{ContainerUpdateBody, HostConfig};

/// What the engine takes for "no limit".
const UNLIMITED: i64 = -1;

/// One limit in the request for a container.
struct Row {
    limit: Limit,
    write: fn(&Limits, &LimitValue, &mut HostConfig),
    read: fn(&HostConfig) -> Option<LimitValue>,
}

/// The affinity of processes is not the engine's to set.
const TABLE: [Row; 6] = [
    Row {
        limit: Limit::Cpuset,
        write: |_, value, host| {
            if let LimitValue::Cpus(cpus) = value {
                host.cpuset_cpus = Some(cpus.to_string());
            }
        },
        read: |host| host.cpuset_cpus.as_deref()?.parse::<CpuSet>().ok().map(LimitValue::Cpus),
    },
    Row {
        limit: Limit::CpuQuotaUs,
        write: |_, value, host| host.cpu_quota = Some(number(value)),
        read: |host| match (positive(host.cpu_quota), positive(host.nano_cpus)) {
            (Some(quota), _) => Some(LimitValue::Number(quota)),
            // The engine's other way to say it: billionths of a CPU, in its own period.
            (None, Some(nanos)) => Some(LimitValue::Number(nanos * DEFAULT_PERIOD_US / 1_000_000_000)),
            (None, None) => Some(LimitValue::Unlimited),
        },
    },
    Row {
        limit: Limit::CpuPeriodUs,
        write: |_, value, host| host.cpu_period = Some(number(value)),
        read: |host| Some(LimitValue::Number(positive(host.cpu_period).unwrap_or(DEFAULT_PERIOD_US))),
    },
    Row {
        limit: Limit::MemoryBytes,
        write: |_, value, host| host.memory = Some(number(value)),
        read: |host| Some(positive(host.memory).map_or(LimitValue::Unlimited, LimitValue::Number)),
    },
    Row {
        limit: Limit::SwapBytes,
        // The engine wants memory and swap together.
        write: |limits, value, host| {
            host.memory_swap = limits.number(Limit::MemoryBytes).map(|memory| match value {
                LimitValue::Number(swap) => signed(memory.saturating_add(*swap)),
                _ => UNLIMITED,
            });
        },
        read: |host| {
            let memory = positive(host.memory)?;
            Some(match positive(host.memory_swap) {
                Some(both) => LimitValue::Number(both.saturating_sub(memory)),
                None => LimitValue::Unlimited,
            })
        },
    },
    Row {
        limit: Limit::Pids,
        write: |_, value, host| host.pids_limit = Some(number(value)),
        read: |host| Some(positive(host.pids_limit).map_or(LimitValue::Unlimited, LimitValue::Number)),
    },
];

/// Puts limits into the request for a container.
pub(super) fn write(limits: &Limits, host: &mut HostConfig) {
    for row in &TABLE {
        if let Some(value) = limits.get(row.limit) {
            (row.write)(limits, value, host);
        }
    }
}

/// The limits that the engine says a container has.
pub(super) fn read(host: &HostConfig) -> Limits {
    let mut limits = Limits::default();
    for row in &TABLE {
        limits.set(row.limit, (row.read)(host));
    }
    limits
}

/// The request that sets limits while a container runs: all of them. Where memory is left out of it, an engine on cgroup
/// version 2 gives the container swap again.
pub(super) fn update(limits: &Limits) -> ContainerUpdateBody {
    let mut host = HostConfig::default();
    write(limits, &mut host);
    ContainerUpdateBody {
        cpuset_cpus: host.cpuset_cpus,
        cpu_quota: host.cpu_quota,
        cpu_period: host.cpu_period,
        memory: host.memory,
        memory_swap: host.memory_swap,
        pids_limit: host.pids_limit,
        ..Default::default()
    }
}

fn positive(value: Option<i64>) -> Option<u64> {
    value.and_then(|value| u64::try_from(value).ok()).filter(|&value| value > 0)
}

fn number(value: &LimitValue) -> i64 {
    if let LimitValue::Number(number) = value { signed(*number) } else { UNLIMITED }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits::default()
            .with(Limit::Cpuset, LimitValue::Cpus([1, 2].into_iter().collect()))
            .with(Limit::CpuQuotaUs, LimitValue::Number(50_000))
            .with(Limit::CpuPeriodUs, LimitValue::Number(100_000))
            .with(Limit::MemoryBytes, LimitValue::Number(64 << 20))
            .with(Limit::SwapBytes, LimitValue::Number(0))
            .with(Limit::Pids, LimitValue::Number(100))
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut host = HostConfig::default();
        write(&limits(), &mut host);
        assert_eq!(read(&host), limits());
        assert_eq!((host.memory_swap, host.nano_cpus), (Some(64 << 20), None));
    }

    #[test]
    fn an_update_carries_memory_and_swap_too() {
        let update = update(&limits());
        assert_eq!(
            (update.cpu_quota, update.memory, update.memory_swap),
            (Some(50_000), Some(64 << 20), Some(64 << 20))
        );
    }

    #[test]
    fn nothing_asked_is_nothing_sent_and_reads_as_unlimited() {
        let mut host = HostConfig::default();
        write(&Limits::default(), &mut host);
        assert_eq!(host, HostConfig::default());
        let read = read(&host);
        assert_eq!((read.get(Limit::CpuQuotaUs), read.get(Limit::Cpuset)), (Some(&LimitValue::Unlimited), None));
        let nanos = HostConfig { nano_cpus: Some(1_500_000_000), ..Default::default() };
        assert_eq!(super::read(&nanos).quota_cores(), Some(1.5));
    }
}
