//! What each subcommand does, in terms of the library: results go to stdout, progress and errors to stderr.

mod bench;
mod calibrate;
mod compare;
mod config;
mod generator;
mod init;
mod load;
mod measure;
mod output;
mod progress;
mod report;
mod roles;
mod signals;
mod study;

pub use bench::bench;
pub use calibrate::calibrate;
pub use compare::{compare, history};
pub use config::config;
pub use generator::generator;
pub use init::init;
pub use load::{capacity, load};
pub use output::{print, say, to_stdout};
pub use report::{gc, report, schema};
pub use roles::{app, host, mock, probe, speed, witness};
pub use study::{rerun, study};

use std::{
    io::{IsTerminal, stdout},
    os::fd::AsFd,
};
use terminal_size::{Width, terminal_size_of};
use vscale::{
    error::{Error, Result},
    report::terminal,
};

fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Error::Other(format!("no event loop: {error}")))?.block_on(future)
}

/// Colour on a terminal only, as <https://no-color.org> and `CLICOLOR_FORCE` have it.
pub fn colour() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    !set("NO_COLOR") && (set("CLICOLOR_FORCE") || stdout().is_terminal())
}

/// Columns of the terminal that stdout is; elsewhere as many as a page has.
fn width() -> usize {
    if stdout().is_terminal() { columns_of(stdout()) } else { terminal::WIDTH }
}

/// Columns of a terminal; 80 where it does not say.
fn columns_of(terminal: impl AsFd) -> usize {
    terminal_size_of(terminal).map_or(80, |(Width(columns), _)| columns.into())
}
