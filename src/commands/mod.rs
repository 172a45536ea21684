//! What each subcommand does, in terms of the library: results go to stdout, progress and errors to stderr.

mod bench;
mod generator;
mod load;
mod output;
mod progress;
mod roles;

pub use bench::{bench, gc, report, schema};
pub use generator::generator;
pub use load::{capacity, load};
pub use output::{print, say, to_stdout};
pub use roles::{host, mock, probe, speed};

use std::{
    io::{IsTerminal, stdout},
    os::fd::AsFd,
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, Ordering::SeqCst},
        mpsc,
    },
    thread,
};
use terminal_size::{Width, terminal_size_of};
use vscale::{
    error::{Error, Result},
    report::terminal,
    run::Stop,
};

fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Error::Other(format!("no event loop: {error}")))?.block_on(future)
}

/// Set at the first SIGINT, SIGTERM or SIGHUP; a second one ends the process at once.
#[derive(Clone, Default)]
struct Stopper {
    flag: Arc<AtomicBool>,
    signal: Arc<AtomicI32>,
}

impl Stopper {
    fn listen() -> Result<Self> {
        let (stopper, (ready, is_ready)) = (Self::default(), mpsc::channel());
        let ours = stopper.clone();
        thread::spawn(move || {
            let ended = block_on(async {
                let mut stop = Stop::listen()?;
                let _ = ready.send(());
                ours.signal.store(stop.signal().await, SeqCst);
                ours.stop();
                Ok(stop.signal().await)
            });
            if let Ok(number) = ended {
                process::exit(i32::from(Error::Signal(number).exit_code()));
            }
        });
        is_ready.recv().map_err(|_| Error::Other("cannot set signal handlers".into()))?;
        Ok(stopper)
    }

    /// As if a signal had come.
    fn stop(&self) {
        self.flag.store(true, SeqCst);
    }

    /// The status that the signal asks for, if one has come.
    fn status(&self) -> Option<u8> {
        let number = self.signal.load(SeqCst);
        (number != 0).then(|| Error::Signal(number).exit_code())
    }
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
