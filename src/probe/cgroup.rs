//! The limits as a process of the target sees them in its own `/sys/fs/cgroup`, read through `/proc/PID/root`: the
//! kernel lets the probe look there when it runs as the same user as the target and neither has capabilities.

use crate::{limits, model::Limits};
use std::{fs, path::PathBuf};

/// The limits of the cgroup that process `pid` sees as its root; those that may not be read are left out.
pub fn limits_seen_by(pid: u32) -> Limits {
    let root = PathBuf::from(format!("/proc/{pid}/root/sys/fs/cgroup"));
    limits::inside(&|path| fs::read_to_string(root.join(path)).ok().map(|text| text.trim().to_owned()))
}
