//! Who carries out a run in its folder: one process at a time. Two would number their visits alike, and each would write over
//! what the other has measured.

use crate::error::{Error, Result};
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use std::{fs::File, path::Path};

/// A lock on the folder; the kernel takes it back when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Claim {
    _folder: File,
}

impl Claim {
    pub(super) fn of(dir: &Path) -> Result<Self> {
        let folder = File::open(dir).map_err(Error::file(dir))?;
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => {
                Err(Error::Usage(format!("{}: another vscale is at work in it: wait for its end", dir.display())))
            }
            // A file system without locks keeps nobody out.
            Ok(()) | Err(_) => Ok(Self { _folder: folder }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let first = Claim::of(folder.path()).expect("nobody else");
        let why = Claim::of(folder.path()).expect_err("there is one").to_string();
        assert!(why.ends_with("another vscale is at work in it: wait for its end"), "{why}");
        drop(first);
        Claim::of(folder.path()).expect("it is gone");
    }
}
