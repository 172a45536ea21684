//! What a process of the target sees of its cgroup in its own `/sys/fs/cgroup`, read through `/proc/PID/root`: the kernel
//! lets the probe look there when it runs as the same user as the target and neither has capabilities.

use crate::{
    limits,
    model::{Limits, Pressure, Throttling, Tick},
    units::now_unix_us,
};
use std::{
    fs::File,
    io::Read,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

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

/// For how long it lacked something; `None` where the kernel does not tell.
pub fn pressure_seen_by(pid: u32) -> Option<Pressure> {
    let waited = |resource| some_total(&file(pid, &format!("{resource}.pressure"))?);
    Some(Pressure { cpu_some_us: waited("cpu")?, memory_some_us: waited("memory")?, io_some_us: waited("io")? })
}

/// The counters of a cgroup that are read many times a second: their files stay open.
#[derive(Debug)]
pub struct Ticker {
    /// Version 2's `cpu.stat` has both.
    cpu: File,
    /// Version 1 has what its quota did apart.
    quota: Option<File>,
}

impl Ticker {
    /// Of the cgroup that process `pid` sees as its root; `None` where it may not be read.
    pub fn seen_by(pid: u32) -> Option<Self> {
        let root = root(pid);
        let open = |path: &str| File::open(root.join(path)).ok();
        let v1 = || Some(Self { cpu: open("cpuacct/cpuacct.usage")?, quota: open("cpu/cpu.stat") });
        let v2 = || open("cpu.stat").map(|cpu| Self { cpu, quota: None });
        v1().or_else(v2).filter(|ticker| ticker.tick().is_some())
    }

    /// The counters now; `None` when the cgroup is gone.
    pub fn tick(&self) -> Option<Tick> {
        let unix_us = now_unix_us();
        let text = from_start(&self.cpu)?;
        let throttled_us = match &self.quota {
            Some(quota) => from_start(quota).and_then(|text| throttled_us(&text)),
            None => throttled_us(&text),
        };
        Some(Tick { unix_us, cpu_us: cpu_us(&text)?, throttled_us })
    }
}

/// A short file of the kernel's, read anew.
fn from_start(file: &File) -> Option<String> {
    let mut buffer = [0; 1 << 10];
    let read = file.read_at(&mut buffer, 0).ok()?;
    Some(String::from_utf8_lossy(&buffer[..read]).into_owned())
}

fn root(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string()).join("root/sys/fs/cgroup")
}

fn file(pid: u32, path: &str) -> Option<String> {
    let mut text = String::new();
    File::open(root(pid).join(path)).ok()?.take(MOST_BYTES).read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned())
}

/// Version 2's `cpu.stat`, or version 1's `cpuacct.usage`: nanoseconds, and nothing else.
fn cpu_us(text: &str) -> Option<u64> {
    value(text, "usage_usec ").or_else(|| text.trim().parse().ok().map(|ns: u64| ns / 1000))
}

/// `throttled_time` is in nanoseconds, `throttled_usec` is not.
fn throttled_us(text: &str) -> Option<u64> {
    value(text, "throttled_usec ").or_else(|| value(text, "throttled_time ").map(|ns| ns / 1000))
}

/// The line `some avg10=0.00 avg60=0.00 avg300=0.00 total=MICROSECONDS` of a pressure file.
fn some_total(text: &str) -> Option<u64> {
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    some.split_once("total=")?.1.parse().ok()
}

fn value(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// `cpu.stat` of either version.
pub(super) fn throttling(text: &str) -> Option<Throttling> {
    Some(Throttling {
        periods: value(text, "nr_periods ")?,
        throttled_periods: value(text, "nr_throttled ")?,
        throttled_us: throttled_us(text)?,
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

    #[test]
    fn both_versions_tell_the_cpu_time() {
        assert_eq!(
            (cpu_us("7000000\n"), throttled_us("nr_throttled 4\nthrottled_time 7000000\n")),
            (Some(7000), Some(7000))
        );
        assert_eq!((cpu_us("usage_usec 5\nuser_usec 3\n"), throttled_us("usage_usec 5\n")), (Some(5), None));
        assert_eq!(cpu_us("user_usec 3\n"), None);
    }

    #[test]
    fn what_a_cgroup_lacked() {
        let text =
            "some avg10=0.00 avg60=1.50 avg300=0.00 total=123456\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=99\n";
        assert_eq!(some_total(text), Some(123_456));
        assert_eq!(some_total("full avg10=0.00 avg60=0.00 avg300=0.00 total=99"), None);
    }

    #[test]
    fn a_ticker_reads_its_files_again_and_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("cpu.stat");
        let ticker = |text: &str| {
            std::fs::write(&path, text).expect("writable");
            Ticker { cpu: File::open(&path).expect("it is there"), quota: None }.tick()
        };
        let told = |text: &str| ticker(text).map(|tick| (tick.cpu_us, tick.throttled_us));
        assert_eq!(told("usage_usec 5\nthrottled_usec 2\n"), Some((5, Some(2))));
        let kept = Ticker { cpu: File::open(&path).expect("it is there"), quota: None };
        std::fs::write(&path, "usage_usec 9\nthrottled_usec 2\n").expect("writable");
        assert_eq!([kept.tick(), kept.tick()].map(|tick| tick.map(|tick| tick.cpu_us)), [Some(9); 2]);
    }
}
