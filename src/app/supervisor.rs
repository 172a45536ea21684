//! The parent: gives the workers their socket, starts one anew that has ended, and ends them all.

use super::{board, config::AppConfig, work};
use crate::error::{Error, Result};
use nix::{
    errno::Errno,
    sys::wait::{WaitPidFlag, waitpid},
    unistd::Pid,
};
use std::{
    ffi::{OsStr, OsString},
    io,
    net::TcpListener,
    os::{fd::OwnedFd, unix::process::CommandExt},
    process::{Child, Command},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread::sleep,
    time::{Duration, Instant},
};

/// Between two looks at the workers.
const TICK: Duration = Duration::from_millis(50);
/// From a worker's start to that of its successor: one that ends at once must not keep the CPUs busy with starts.
const START_EVERY: Duration = Duration::from_millis(200);

/// Runs the app's workers on `listener` until `stop` is set; blocks. They are started as `vscale app --worker`, with the
/// `arguments` of `vscale app` and what was drawn for this start.
///
/// # Errors
/// [`Error::Usage`] for a configuration that makes no server, [`Error::Preflight`] for a backend without an address,
/// [`Error::Other`] where the kernel refuses processes.
pub fn supervise(listener: TcpListener, config: &AppConfig, arguments: &[OsString], stop: &AtomicBool) -> Result<()> {
    config.validate()?;
    if let Some(backend) = &config.backend {
        backend.address()?;
    }
    let failed = |error: io::Error| Error::Other(format!("the app: {error}"));
    listener.set_nonblocking(true).map_err(failed)?;
    let board = board::create(config.seats()).map_err(failed)?;
    let workers = (1..=config.workers).map(|number| Worker { number, started: None, child: None }).collect();
    let mut family = Family { listener: listener.into(), board, config, arguments, workers };
    let outcome = family.raise(stop).map_err(failed);
    family.end();
    outcome
}

struct Family<'a> {
    listener: OwnedFd,
    board: OwnedFd,
    config: &'a AppConfig,
    arguments: &'a [OsString],
    workers: Vec<Worker>,
}

struct Worker {
    /// From 1.
    number: u32,
    /// When it was last.
    started: Option<Instant>,
    child: Option<Child>,
}

impl Worker {
    fn is_due(&self) -> bool {
        self.child.is_none() && self.started.is_none_or(|started| started.elapsed() >= START_EVERY)
    }
}

impl Family<'_> {
    fn raise(&mut self, stop: &AtomicBool) -> io::Result<()> {
        while !stop.load(Relaxed) {
            for place in 0..self.workers.len() {
                if self.workers[place].is_due() {
                    let child = self.start(self.workers[place].number)?;
                    let worker = &mut self.workers[place];
                    (worker.started, worker.child) = (Some(Instant::now()), Some(child));
                }
            }
            sleep(TICK);
            self.bury()?;
        }
        Ok(())
    }

    fn start(&self, number: u32) -> io::Result<Child> {
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("vscale")
            .args(["app", "--worker", &format!("{number}:{}", std::process::id())])
            .args(self.arguments)
            .args(drawn(self.config))
            .stdin(self.listener.try_clone()?)
            .stdout(self.board.try_clone()?);
        command.spawn()
    }

    /// Forgets the workers that have ended; one look for all, however many there are. As the first process of a container it
    /// is asked for other's children too.
    fn bury(&mut self) -> io::Result<()> {
        loop {
            match waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG)).map(|status| status.pid()) {
                Ok(Some(pid)) => {
                    let is_it = |child: &mut Child| child.id() as i32 == pid.as_raw();
                    self.workers.iter_mut().for_each(|worker| drop(worker.child.take_if(is_it)));
                }
                Ok(None) | Err(Errno::ECHILD) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn end(&mut self) {
        let mut children: Vec<&mut Child> =
            self.workers.iter_mut().filter_map(|worker| worker.child.as_mut()).collect();
        children.iter_mut().for_each(|child| drop(child.kill()));
        children.iter_mut().for_each(|child| drop(child.wait()));
    }
}

/// Flags that are the same for each worker of this start, also for one that is started later; of a flag given twice the last
/// counts.
fn drawn(config: &AppConfig) -> [OsString; 4] {
    let mode = format!("{}us", work::mode(config).as_micros());
    [OsStr::new("--seed").into(), config.seed.to_string().into(), OsStr::new("--modes").into(), mode.into()]
}
