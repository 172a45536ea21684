//! What each subcommand does, in terms of the library: results go to stdout, progress and errors to stderr.

mod bench;
mod generator;
mod load;
mod progress;
mod roles;

pub use bench::{bench, gc, report, schema};
pub use generator::generator;
pub use load::{capacity, load};
pub use roles::{host, mock, probe, speed};

use std::{
    fs,
    io::{BufWriter, IsTerminal, Write, stdout},
    os::fd::AsFd,
    path::Path,
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};
use terminal_size::{Width, terminal_size_of};
use vscale::{
    error::{Error, Result},
    model::LoadEvent,
    report::terminal,
    run::Stop,
};

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

/// A flag that is set at the first SIGINT, SIGTERM or SIGHUP; a second one ends the process at once.
fn stop_on_signal() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    let (ready, is_ready) = mpsc::channel();
    thread::spawn(move || {
        let ended = block_on(async {
            let mut stop = Stop::listen()?;
            let _ = ready.send(());
            stop.signal().await;
            set.store(true, Ordering::Relaxed);
            Ok(stop.signal().await)
        });
        if let Ok(number) = ended {
            process::exit(i32::from(Error::Signal(number).exit_code()));
        }
    });
    is_ready.recv().map_err(|_| Error::Other("cannot set signal handlers".into()))?;
    Ok(flag)
}

/// Colour on a terminal only, as <https://no-color.org> and `CLICOLOR_FORCE` have it.
fn colour() -> bool {
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
