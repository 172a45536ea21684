//! The limits that a process of the target sees in its own `/sys/fs/cgroup`, read through `/proc/PID/root`. The kernel lets
//! the probe look there if it runs as the same user as the target and neither has capabilities.

use crate::model::CgroupLimits;
use std::{fs, path::PathBuf};

/// What cgroup v1 shows for no limit: `i64::MAX`, rounded down to a page.
const V1_UNLIMITED: u64 = 0x7fff_ffff_ffff_f000;

/// The limits of the cgroup that process `pid` sees as its root; `None` where they may not be read.
pub fn limits_seen_by(pid: u32) -> Option<CgroupLimits> {
    let root = PathBuf::from(format!("/proc/{pid}/root/sys/fs/cgroup"));
    let read = |name: &str| fs::read_to_string(root.join(name)).ok().map(|text| text.trim().to_owned());
    match read("cpu.max") {
        Some(cpu_max) => Some(v2(&cpu_max, read("cpuset.cpus.effective"), read("memory.max"))),
        None => Some(v1(
            &read("cpu/cpu.cfs_quota_us")?,
            &read("cpu/cpu.cfs_period_us")?,
            read("cpuset/cpuset.cpus"),
            read("memory/memory.limit_in_bytes"),
        )),
    }
}

fn v2(cpu_max: &str, cpuset: Option<String>, memory: Option<String>) -> CgroupLimits {
    let (quota, period) = cpu_max.split_once(' ').unwrap_or((cpu_max, "100000"));
    let period_us: Option<u64> = period.parse().ok();
    CgroupLimits {
        cpu_quota_cores: quota.parse::<f64>().ok().zip(period_us).map(|(quota, period)| quota / period as f64),
        cpu_period_us: period_us,
        cpuset,
        memory_bytes: memory.and_then(|bytes| bytes.parse().ok()),
    }
}

fn v1(quota: &str, period: &str, cpuset: Option<String>, memory: Option<String>) -> CgroupLimits {
    let period_us: Option<u64> = period.parse().ok();
    let quota_us = quota.parse::<f64>().ok().filter(|&quota| quota > 0.0);
    CgroupLimits {
        cpu_quota_cores: quota_us.zip(period_us).map(|(quota, period)| quota / period as f64),
        cpu_period_us: period_us,
        cpuset,
        memory_bytes: memory.and_then(|bytes| bytes.parse().ok()).filter(|&bytes: &u64| bytes < V1_UNLIMITED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_say_the_same() {
        let expected = CgroupLimits {
            cpu_quota_cores: Some(1.5),
            cpu_period_us: Some(10_000),
            cpuset: Some("1".into()),
            memory_bytes: Some(1 << 30),
        };
        assert_eq!(v2("15000 10000", Some("1".into()), Some("1073741824".into())), expected);
        assert_eq!(v1("15000", "10000", Some("1".into()), Some("1073741824".into())), expected);
    }

    #[test]
    fn no_limit_is_none() {
        assert_eq!(v2("max 100000", None, Some("max".into())).cpu_quota_cores, None);
        let limits = v1("-1", "100000", None, Some("9223372036854771712".into()));
        assert_eq!((limits.cpu_quota_cores, limits.memory_bytes), (None, None));
    }
}
