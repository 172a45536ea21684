//! What each subcommand does, in terms of the library: results go to stdout, progress and errors to stderr.

mod bench;
mod generator;
mod load;
mod progress;
mod roles;
mod signals;

pub use bench::{bench, gc, report};
pub use generator::generator;
pub use load::{capacity, load};
pub use roles::{host, mock, probe};

use std::{
    fmt::Display,
    fs,
    io::{BufWriter, IsTerminal, Write, stderr, stdout},
    path::Path,
};
use vscale::{
    error::{Error, Result},
    model::LoadEvent,
};

/// On stdout.
///
/// # Errors
/// Who reads it may have left, or the disk be full.
fn print(text: impl Display) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(Error::file("stdout"))
}

/// On stderr. Where nobody reads that, there is nobody left to tell.
pub fn complain(text: impl Display) {
    let _ = writeln!(stderr(), "{text}");
}

fn write(path: &Path, content: &str) -> Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(Error::file(folder))?;
    }
    fs::write(path, content).map_err(Error::file(path))
}

/// Straight to stdout: a long run's result is not to be held as text too.
fn print_event(event: &LoadEvent) {
    let mut out = BufWriter::new(stdout().lock());
    // Who reads it may have left.
    let _ = serde_json::to_writer(&mut out, event)
        .map_err(Into::into)
        .and_then(|()| writeln!(out))
        .and_then(|()| out.flush());
}

fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Error::Other(format!("no event loop: {error}")))?.block_on(future)
}

/// Colour on a terminal only, as <https://no-color.org> and `CLICOLOR_FORCE` have it.
fn colour() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    !set("NO_COLOR") && (set("CLICOLOR_FORCE") || stdout().is_terminal())
}
