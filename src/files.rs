//! Files that somebody else names: read within bounds, so that none of them costs all memory.

use std::{
    fs::File,
    io::{Error, ErrorKind, Read},
    path::Path,
};

/// A certificate, a secret, a script or a Dockerfile is no longer.
pub const MOST_BYTES: u64 = 16 << 20;

/// What a file holds; devices and pipes are not even opened.
///
/// # Errors
/// For what is no regular file, or is longer than that.
pub fn read(path: &Path, most_bytes: u64) -> Result<Vec<u8>, Error> {
    let kind = path.metadata()?;
    if kind.is_dir() {
        return Err(refused("is a folder, not a file"));
    }
    if !kind.is_file() {
        return Err(refused("is no regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(most_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most_bytes {
        return Err(refused(&format!("is longer than {most_bytes} bytes")));
    }
    Ok(bytes)
}

/// The same as text.
///
/// # Errors
/// Those of [`read`], and for what is not UTF-8.
pub fn read_text(path: &Path, most_bytes: u64) -> Result<String, Error> {
    String::from_utf8(read(path, most_bytes)?).map_err(|_| refused("is not UTF-8"))
}

fn refused(what: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, process::Command};

    #[test]
    fn only_what_is_a_file_is_read_and_only_so_far() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (file, pipe) = (folder.path().join("file"), folder.path().join("pipe"));
        fs::write(&file, "12345").expect("writable");
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("it is installed").success());
        assert_eq!(read(&file, 5).expect("good"), b"12345");
        for (path, most_bytes, says) in [
            (file.as_path(), 4, "is longer than 4 bytes"),
            (&pipe, 5, "is no regular file"),
            (Path::new("/dev/zero"), 5, "is no regular file"),
            (folder.path(), 5, "is a folder, not a file"),
        ] {
            assert_eq!(read(path, most_bytes).expect_err("no file").to_string(), says, "{}", path.display());
        }
        fs::write(&file, [0xff]).expect("writable");
        assert_eq!(read_text(&file, 5).expect_err("no text").to_string(), "is not UTF-8");
    }
}
