//! The limits as a process of the target sees them in its own `/sys/fs/cgroup`, read through `/proc/PID/root`: the
//! kernel lets the probe look there when it runs as the same user as the target and neither has capabilities.

use crate::{limits, model::Limits};
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// Of such a file, at most: what lies there, the target may have made.
const MOST_BYTES: u64 = 64 << 10;

/// The limits of the cgroup that process `pid` sees as its root; those that may not be read are left out.
pub fn limits_seen_by(pid: u32) -> Limits {
    let root = PathBuf::from(format!("/proc/{pid}/root/sys/fs/cgroup"));
    limits::inside(&|path| read(&root.join(path)))
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(MOST_BYTES).read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned())
}
