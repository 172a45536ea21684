//! What a process of the target sees of its cgroup in its own `/sys/fs/cgroup`, read through `/proc/PID/root`: the kernel
//! lets the probe look there when it runs as the same user as the target and neither has capabilities.

use crate::{
    limits,
    model::{Limits, Throttling},
};
use std::{fs::File, io::Read, path::Path};

/// Of such a file, at most: what lies there, the target may have made.
const MOST_BYTES: u64 = 64 << 10;

/// The limits of the cgroup that process `pid` sees as its root; those that may not be read are left out.
pub fn limits_seen_by(pid: u32) -> Limits {
    limits::inside(&|path| file(pid, path))
}

/// What its quota did; `None` where it may not be read.
pub fn throttling_seen_by(pid: u32) -> Option<Throttling> {
    throttling(&file(pid, "cpu.stat").or_else(|| file(pid, "cpu/cpu.stat"))?)
}

fn file(pid: u32, path: &str) -> Option<String> {
    let root = Path::new("/proc").join(pid.to_string()).join("root/sys/fs/cgroup");
    let mut text = String::new();
    File::open(root.join(path)).ok()?.take(MOST_BYTES).read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned())
}

/// `cpu.stat` of either version: `throttled_time` is in nanoseconds, `throttled_usec` is not.
pub(super) fn throttling(text: &str) -> Option<Throttling> {
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
    Some(Throttling {
        periods: value("nr_periods ")?,
        throttled_periods: value("nr_throttled ")?,
        throttled_us: value("throttled_usec ").or_else(|| value("throttled_time ").map(|ns| ns / 1000))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_cgroups_say_the_same() {
        let v1 = "nr_periods 10\nnr_throttled 4\nthrottled_time 7000000\n";
        let v2 = "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 10\nnr_throttled 4\nthrottled_usec 7000\n";
        let expected = Throttling { periods: 10, throttled_periods: 4, throttled_us: 7000 };
        assert_eq!((throttling(v1), throttling(v2)), (Some(expected), Some(expected)));
        assert_eq!(throttling("usage_usec 5\n"), None, "a cgroup without the controller");
    }
}
