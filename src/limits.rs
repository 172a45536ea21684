//! Every limit of a container, a row each: how it is called, how it reads inside a container on either version of
//! cgroups, when what was read is what was asked for, and how it is shown. How the engine takes and tells each stands in
//! `engine/limits.rs`, the only other place that knows them one by one.
//!
//! Sources: the kernel's Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst.

use crate::{
    model::{CpuSet, Limit, LimitValue, Limits},
    units::format_bytes,
};

/// The period of a quota where nobody asks for one: the engine's and the kernel's own.
pub const DEFAULT_PERIOD_US: u64 = 100_000;

/// The kernel's least quota and least period. Source: kernel/sched/core.c, tg_set_cfs_bandwidth.
pub const LEAST_QUOTA_US: u64 = 1_000;

/// What cgroup v1 shows where memory has no limit: the largest number of whole pages.
const V1_UNLIMITED: u64 = 0x7fff_ffff_ffff_f000;
/// The kernel cuts memory limits to whole pages, of at most this size.
const LARGEST_PAGE_BYTES: u64 = 65_536;

/// Reads a file of a container's cgroup, by its path below `/sys/fs/cgroup`.
type Files<'a> = &'a dyn Fn(&str) -> Option<String>;

/// One limit.
struct Row {
    limit: Limit,
    name: &'static str,
    v1: fn(Files) -> Option<LimitValue>,
    v2: fn(Files) -> Option<LimitValue>,
    shown: fn(&LimitValue) -> String,
}

const TABLE: [Row; 7] = [
    Row {
        limit: Limit::Cpuset,
        name: "cpuset",
        v1: |files| cpus(&files("cpuset/cpuset.cpus")?),
        v2: |files| cpus(&files("cpuset.cpus.effective")?),
        shown: plain,
    },
    // Of processes and not of a cgroup: the probe reads it.
    Row { limit: Limit::Affinity, name: "CPUs of its processes", v1: |_| None, v2: |_| None, shown: plain },
    Row {
        limit: Limit::CpuQuotaUs,
        name: "CPU quota",
        v1: |files| number(&files("cpu/cpu.cfs_quota_us")?),
        v2: |files| number(files("cpu.max")?.split(' ').next()?),
        shown: time,
    },
    Row {
        limit: Limit::CpuPeriodUs,
        name: "period of the quota",
        v1: |files| number(&files("cpu/cpu.cfs_period_us")?),
        v2: |files| number(files("cpu.max")?.split(' ').nth(1)?),
        shown: time,
    },
    Row {
        limit: Limit::MemoryBytes,
        name: "memory",
        v1: |files| number(&files("memory/memory.limit_in_bytes")?),
        v2: |files| number(&files("memory.max")?),
        shown: size,
    },
    Row {
        limit: Limit::SwapBytes,
        name: "swap",
        // Version 1 limits the sum of memory and swap.
        v1: |files| match (
            number(&files("memory/memory.memsw.limit_in_bytes")?)?,
            number(&files("memory/memory.limit_in_bytes")?)?,
        ) {
            (LimitValue::Number(both), LimitValue::Number(memory)) => {
                Some(LimitValue::Number(both.saturating_sub(memory)))
            }
            _ => Some(LimitValue::Unlimited),
        },
        v2: |files| number(&files("memory.swap.max")?),
        shown: size,
    },
    Row {
        limit: Limit::Pids,
        name: "processes and threads",
        v1: |files| number(&files("pids/pids.max")?),
        v2: |files| number(&files("pids.max")?),
        shown: plain,
    },
];

/// The limits of a cgroup by its files; one whose file cannot be read is left out.
pub fn inside(files: Files) -> Limits {
    let is_v2 = files("cgroup.controllers").is_some();
    let mut limits = Limits::default();
    for row in &TABLE {
        limits.set(row.limit, if is_v2 { (row.v2)(files) } else { (row.v1)(files) });
    }
    limits
}

/// Whether a limit reads as it was asked for, after the kernel's rounding.
pub fn agree(limit: Limit, asked: &LimitValue, read: &LimitValue) -> bool {
    match (limit, asked, read) {
        (Limit::MemoryBytes | Limit::SwapBytes, LimitValue::Number(asked), LimitValue::Number(read)) => {
            asked.abs_diff(*read) < LARGEST_PAGE_BYTES
        }
        _ => asked == read,
    }
}

/// What a limit is called.
pub fn name(limit: Limit) -> &'static str {
    row(limit).map_or("limit", |row| row.name)
}

/// What a limit is set to, in words: `0,2-3`, `50000 us`, `64 MiB`, `unlimited`.
pub fn in_words(limit: Limit, value: &LimitValue) -> String {
    row(limit).map_or_else(|| plain(value), |row| (row.shown)(value))
}

fn row(limit: Limit) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.limit == limit)
}

fn cpus(text: &str) -> Option<LimitValue> {
    text.parse::<CpuSet>().ok().map(LimitValue::Cpus)
}

/// A number; `max`, a negative one and version 1's largest are no limit.
fn number(text: &str) -> Option<LimitValue> {
    match text.parse::<i128>() {
        Ok(number) if (0..i128::from(V1_UNLIMITED)).contains(&number) => Some(LimitValue::Number(number as u64)),
        Ok(_) => Some(LimitValue::Unlimited),
        Err(_) => (text == "max").then_some(LimitValue::Unlimited),
    }
}

fn plain(value: &LimitValue) -> String {
    match value {
        LimitValue::Unlimited => "unlimited".into(),
        LimitValue::Number(number) => number.to_string(),
        LimitValue::Cpus(cpus) => cpus.to_string(),
    }
}

fn time(value: &LimitValue) -> String {
    if let LimitValue::Number(us) = value { format!("{us} us") } else { plain(value) }
}

fn size(value: &LimitValue) -> String {
    if let LimitValue::Number(bytes) = value { format_bytes(*bytes) } else { plain(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Limits {
        inside(&|path| files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned()))
    }

    #[test]
    fn both_versions_of_cgroups_say_the_same() {
        let v1 = read(&[
            ("cpuset/cpuset.cpus", "1"),
            ("cpu/cpu.cfs_quota_us", "150000"),
            ("cpu/cpu.cfs_period_us", "100000"),
            ("memory/memory.limit_in_bytes", "1073741824"),
            ("memory/memory.memsw.limit_in_bytes", "1073741824"),
            ("pids/pids.max", "max"),
        ]);
        let v2 = read(&[
            ("cgroup.controllers", "cpu memory"),
            ("cpuset.cpus.effective", "1"),
            ("cpu.max", "150000 100000"),
            ("memory.max", "1073741824"),
            ("memory.swap.max", "0"),
            ("pids.max", "max"),
        ]);
        assert_eq!(v1, v2);
        assert_eq!(v1.quota_cores(), Some(1.5));
        assert_eq!(v1.get(Limit::SwapBytes), Some(&LimitValue::Number(0)));
        assert_eq!(v1.get(Limit::Pids), Some(&LimitValue::Unlimited));
    }

    #[test]
    fn no_limit_is_told_from_not_read() {
        let v2 = read(&[("cgroup.controllers", ""), ("cpu.max", "max 100000"), ("memory.max", "max")]);
        assert_eq!(v2.get(Limit::CpuQuotaUs), Some(&LimitValue::Unlimited));
        assert_eq!(v2.get(Limit::SwapBytes), None);
        let v1 = read(&[("cpu/cpu.cfs_quota_us", "-1"), ("memory/memory.limit_in_bytes", "9223372036854771712")]);
        assert_eq!(v1.get(Limit::CpuQuotaUs), Some(&LimitValue::Unlimited));
        assert_eq!(v1.get(Limit::MemoryBytes), Some(&LimitValue::Unlimited));
        assert_eq!(read(&[]), Limits::default());
    }

    #[test]
    fn memory_may_be_rounded_to_pages_and_nothing_else_may() {
        let number = LimitValue::Number;
        assert!(agree(Limit::MemoryBytes, &number(1_000_000_000), &number(999_997_440)));
        assert!(!agree(Limit::MemoryBytes, &number(1 << 30), &number(1 << 29)));
        assert!(!agree(Limit::MemoryBytes, &number(1 << 30), &LimitValue::Unlimited));
        assert!(!agree(Limit::CpuQuotaUs, &number(50_000), &number(49_999)));
        assert!(!agree(Limit::CpuPeriodUs, &number(10_000), &number(40_000)));
    }

    #[test]
    fn every_limit_has_its_row() {
        use Limit::{Affinity, CpuPeriodUs, CpuQuotaUs, Cpuset, MemoryBytes, Pids, SwapBytes};
        for limit in [Cpuset, Affinity, CpuQuotaUs, CpuPeriodUs, MemoryBytes, SwapBytes, Pids] {
            assert!(row(limit).is_some(), "{limit:?}");
        }
        assert_eq!(in_words(MemoryBytes, &LimitValue::Number(64 << 20)), "64.0 MiB");
    }
}
