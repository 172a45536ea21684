//! Files that appear whole or not at all: written under a temporary name in the same folder, synced, renamed.

use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes `contents` to `path`, over what may be there. After a failure the old file is as it was.
pub fn write(path: &Path, contents: impl AsRef<[u8]>) -> Result<()> {
    let temporary = temporary_name(path);
    let written = write_synced(&temporary, contents.as_ref()).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // What is left of it would only be in the way; that it cannot be removed is less than what went wrong.
        let _ = fs::remove_file(&temporary);
    }
    written.and_then(|()| sync_folder_of(path)).map_err(Error::file(path))
}

/// Copies `from` to `to`, which changes whole or not at all.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    let contents = fs::read(from).map_err(Error::file(from))?;
    write(to, contents)
}

/// Whether a file can be made in `folder`.
pub fn try_out(folder: &Path) -> io::Result<()> {
    let probe = temporary_name(&folder.join("vscale"));
    File::create(&probe)?;
    fs::remove_file(&probe)
}

fn write_synced(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

/// Makes the rename itself last.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Hidden, and of this process alone.
fn temporary_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_whole_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        write(&path, "old").unwrap();
        write(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failure_names_the_file_and_leaves_no_temporary_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        let message = write(&path, "text").unwrap_err().to_string();
        assert!(message.starts_with(&path.display().to_string()), "{message}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
