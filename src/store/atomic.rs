//! Files that appear whole or not at all: written under a temporary name in the same folder, synced, renamed.

use crate::error::{Error, Result};
use std::{
    fs::{self, File},
    hash::{BuildHasher, RandomState},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// About as much as a visit's file takes.
const TRY_BYTES: usize = 64 << 10;

/// Writes `contents` to `path`, over what may be there. After a failure the old file is as it was.
pub fn write(path: &Path, contents: impl AsRef<[u8]>) -> Result<()> {
    let temporary = temporary_name(path);
    let written = write_new(&temporary, contents.as_ref()).and_then(|()| {
        let renamed = fs::rename(&temporary, path);
        if renamed.is_err() {
            remove(&temporary);
        }
        renamed
    });
    written.and_then(|()| sync_folder_of(path)).map_err(Error::file(path))
}

/// Copies `from` to `to`, which changes whole or not at all.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    let contents = fs::read(from).map_err(Error::file(from))?;
    write(to, contents)
}

/// Makes a folder that is not there yet, to last like the files that will be in it.
pub fn create_folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    sync_folder_of(path)
}

/// Whether a file can be made in `folder`, and has room.
pub fn try_out(folder: &Path) -> io::Result<()> {
    let path = temporary_name(&folder.join("vscale"));
    write_new(&path, &[0; TRY_BYTES])?;
    fs::remove_file(&path)
}

/// Whoever may write to the folder too could have put a link where we write: what is already there is not opened.
fn write_new(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    let written = file.write_all(contents).and_then(|()| file.sync_all());
    if written.is_err() {
        remove(path);
    }
    written
}

/// That it cannot be removed is less than what went wrong before.
fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}

/// Makes the new name itself last.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Hidden, and not to be guessed: the hasher's keys come from the system's random numbers.
fn temporary_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{:016x}.tmp", RandomState::new().hash_one(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

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

    #[test]
    fn a_planted_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let [victim, path, planted] = ["victim", "a.csv", ".a.csv.tmp"].map(|name| folder.path().join(name));
        fs::write(&victim, "mine").unwrap();
        symlink(&victim, &path).unwrap();
        symlink(&victim, &planted).unwrap();
        assert_eq!(write_new(&planted, b"theirs").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        write(&path, "theirs").unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
        assert!(fs::symlink_metadata(&planted).unwrap().is_symlink());
    }

    #[test]
    fn temporary_names_differ_each_time() {
        let path = Path::new("a.csv");
        assert_ne!(temporary_name(path), temporary_name(path));
    }
}
