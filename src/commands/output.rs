//! The one place that writes to stdout, and the files that a load leaves: whether they can be written is found out before the
//! load, and what could not be written is never silent.

use crate::{
    error::{Error, Result},
    model::LoadEvent,
};
use std::{
    fmt::Display,
    fs::{self, OpenOptions},
    io::{self, BufWriter, ErrorKind, Write, stderr, stdout},
    path::Path,
};

/// Prints a text and a line break.
pub fn print(text: impl Display) -> Result<()> {
    to_stdout(|out| writeln!(out, "{text}"))
}

/// Straight to stdout, a line of JSON: a long run's result is not to be held as text too.
pub fn print_event(event: &LoadEvent) -> Result<()> {
    to_stdout(|mut out| {
        serde_json::to_writer(&mut out, event)?;
        writeln!(out)
    })
}

/// Whatever `write` writes, to its last byte.
///
/// # Errors
/// [`Error::ClosedPipe`] where the reader has left, [`Error::File`] for anything else.
pub fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut out = BufWriter::new(stdout().lock());
    let written = write(&mut out).and_then(|()| out.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => {
            // What is left in the buffer is for nobody: it must not be tried again when the buffer is dropped.
            let _ = out.into_parts();
            Error::ClosedPipe
        }
        _ => Error::file("stdout")(error),
    })
}

/// A line on stderr, if anyone reads it.
pub fn say(text: impl Display) {
    let _ = writeln!(stderr(), "{text}");
}

/// Makes the file's folder, and sees that the file can be written, without changing what is in it.
pub fn check_writable(path: &Path) -> Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(Error::file(folder))?;
    }
    OpenOptions::new().append(true).create(true).open(path).map(drop).map_err(Error::file(path))
}

pub fn write(path: &Path, content: &str) -> Result<()> {
    fs::write(path, content).map_err(Error::file(path))
}
