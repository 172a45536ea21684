//! A worker process: its threads, and what it has from its parent.

use super::{
    board::Board,
    config::AppConfig,
    event_loop::{EventLoop, Shared},
    work,
};
use crate::{
    error::{Error, Result},
    this_process,
};
use nix::{
    sys::{prctl::set_pdeathsig, signal::Signal},
    unistd::getppid,
};
use std::{
    io::{self, stdin, stdout},
    net::TcpListener,
    os::fd::AsFd,
    str::FromStr,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

/// Which worker it is, and whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub worker: u32,
    /// The process that started it, with which it ends.
    pub parent_pid: i32,
}

/// `2:4711`: worker 2 of process 4711.
impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let place = text.split_once(':').and_then(|(worker, parent)| {
            let worker = worker.parse().ok().filter(|&worker| worker > 0)?;
            Some(Self { worker, parent_pid: parent.parse().ok()? })
        });
        place.ok_or_else(|| format!("`{text}` is not a worker and its parent: the app starts its workers itself"))
    }
}

/// Serves as one of the app's workers until its parent ends it, or ends. Its stdin is the listening socket, its stdout the board:
/// the descriptors that a child is given without unsafe code.
///
/// # Errors
/// When the kernel refuses what it cannot serve without; whatever clients or the backend do is no error.
pub fn serve(config: &AppConfig, place: Place) -> Result<()> {
    let failed = |error: io::Error| Error::Other(format!("worker {}: {error}", place.worker));
    if place.worker > config.workers {
        return Err(Error::Usage(format!("worker {} of {}", place.worker, config.workers)));
    }
    set_pdeathsig(Signal::SIGKILL).map_err(|errno| failed(errno.into()))?;
    // It may have ended before that was set.
    if getppid().as_raw() != place.parent_pid {
        return Ok(());
    }
    this_process::allow_many_files();
    let listener = TcpListener::from(stdin().as_fd().try_clone_to_owned().map_err(failed)?);
    let board = Board::open(stdout().as_fd().try_clone_to_owned().map_err(failed)?, config.weights());
    let backend = config.backend.as_ref().map(super::BackendUrl::address).transpose()?;
    let shared = Shared { config, board: &board, listener: &listener, backend, is_crippled: AtomicBool::new(false) };
    run(&shared, place.worker - 1).map_err(failed)
}

/// The first thread is the process's own. However one ends, so do the others.
fn run(shared: &Shared, worker: u32) -> io::Result<()> {
    let config = shared.config;
    let serve = |thread| {
        let _guard = OnEnd(&shared.is_crippled);
        EventLoop::new(shared, config.seat(worker, thread))?.run()
    };
    if config.hog_cores > 0.0 {
        let cores = config.hog_cores;
        thread::Builder::new().name("app-hog".into()).spawn(move || work::hog(cores))?;
    }
    thread::scope(|scope| {
        for number in 1..config.threads {
            let thread = thread::Builder::new().name(format!("app-{number}"));
            let started = thread.spawn_scoped(scope, move || serve(number));
            started.inspect_err(|_| shared.is_crippled.store(true, Relaxed))?;
        }
        serve(0)
    })
}

/// Sets a flag when it is dropped, also by a panic.
struct OnEnd<'a>(&'a AtomicBool);

impl Drop for OnEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        assert_eq!("2:47".parse(), Ok(Place { worker: 2, parent_pid: 47 }));
        for wrong in ["", "2", "0:47", "x:47", "2:"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }
}
