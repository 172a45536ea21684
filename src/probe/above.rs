//! Quotas on the cgroups above a container's, read from outside of it: by the controller, where it runs on the engine's host.

use super::cgroup::throttling;
use crate::{
    limits,
    model::{Limit, LimitValue, QuotaAbove},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

const MOUNT: &str = "/sys/fs/cgroup";

/// The quotas above the container `id`, whose first process is `pid` on the engine's host; `None` where that is not this
/// host, or where one cannot be read. What they did is counted since they were made.
pub fn quotas_above(pid: u32, id: &str) -> Option<Vec<QuotaAbove>> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let (mount, path) = cpu_cgroup(&text)?;
    // A process of the same number on this host, where the engine is on another, is in no cgroup of that container.
    if !path.contains(id) {
        return None;
    }
    let folders = Path::new(path).ancestors().skip(1);
    let quotas: io::Result<Vec<Option<QuotaAbove>>> = folders.map(|folder| quota_of(&mount, folder)).collect();
    Some(quotas.ok()?.into_iter().flatten().collect())
}

/// Where the cgroup of the `cpu` controller lies: its mount, and its path there. Lines are `ID:CONTROLLERS:PATH`
/// (cgroups(7)); version 2 has no controllers in its only one.
fn cpu_cgroup(text: &str) -> Option<(PathBuf, &str)> {
    let lines: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once(':')?.1.split_once(':')).collect();
    let v1 = lines.iter().find(|(controllers, _)| controllers.split(',').any(|name| name == "cpu"));
    match v1 {
        Some((_, path)) => Some((Path::new(MOUNT).join("cpu"), path)),
        None => lines.iter().find(|(controllers, _)| controllers.is_empty()).map(|(_, path)| (MOUNT.into(), *path)),
    }
}

/// The quota of one cgroup; `None` without one.
fn quota_of(mount: &Path, cgroup: &Path) -> io::Result<Option<QuotaAbove>> {
    let folder = mount.join(cgroup.strip_prefix("/").unwrap_or(cgroup));
    let is_v1 = mount.ends_with("cpu");
    // In version 1 each controller has a folder of its own, and the table of limits names it.
    let name = |path: &str| path.strip_prefix("cpu/").filter(|_| is_v1).unwrap_or(path).to_owned();
    let read = |path: &str| match path {
        "cgroup.controllers" if is_v1 => None,
        path => fs::read_to_string(folder.join(name(path))).ok().map(|text| text.trim().to_owned()),
    };
    let limits = limits::inside(&read);
    let Some(LimitValue::Number(quota_us)) = limits.get(Limit::CpuQuotaUs) else { return Ok(None) };
    let throttled = read("cpu.stat").and_then(|text| throttling(&text));
    let (Some(period_us), Some(throttled)) = (limits.number(Limit::CpuPeriodUs), throttled) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    Ok(Some(QuotaAbove {
        cgroup: cgroup.display().to_string(),
        quota_us: *quota_us,
        period_us,
        throttled_periods: throttled.throttled_periods,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cgroup_of_either_version() {
        let v1 = "9:name=systemd:/docker/3f9a\n4:cpu,cpuacct:/docker/3f9a\n0::/\n";
        assert_eq!(cpu_cgroup(v1), Some((PathBuf::from("/sys/fs/cgroup/cpu"), "/docker/3f9a")));
        let v2 = "0::/system.slice/docker-3f9a.scope\n";
        assert_eq!(cpu_cgroup(v2), Some((PathBuf::from("/sys/fs/cgroup"), "/system.slice/docker-3f9a.scope")));
        assert_eq!(cpu_cgroup("rubbish"), None);
    }

    #[test]
    fn a_quota_is_read_and_none_is_none() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let slice = folder.path().join("a.slice");
        fs::create_dir(&slice).expect("writable");
        let write = |name: &str, text: &str| fs::write(slice.join(name), text).expect("writable");
        write("cgroup.controllers", "cpu\n");
        write("cpu.max", "50000 100000\n");
        write("cpu.stat", "nr_periods 9\nnr_throttled 7\nthrottled_usec 5\n");
        let quota = || quota_of(folder.path(), Path::new("/a.slice"));
        let found = quota().expect("readable").expect("it has one");
        assert_eq!((found.quota_us, found.period_us, found.throttled_periods), (50_000, 100_000, 7));
        fs::remove_file(slice.join("cpu.stat")).expect("writable");
        assert!(quota().is_err(), "what it held back is not known");
        write("cpu.max", "max 100000\n");
        assert_eq!(quota().expect("readable"), None);
    }

    #[test]
    fn a_process_that_is_not_the_container_s_tells_nothing() {
        assert_eq!(quotas_above(std::process::id(), "no such container"), None);
    }
}
