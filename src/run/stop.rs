//! The signals that end a run.

use crate::error::{Error, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Hears SIGINT, SIGTERM and SIGHUP, one after the other.
pub struct Stop {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Stop {
    /// From now on, in place of the process's end.
    ///
    /// # Errors
    /// `Error::Other` when handlers cannot be set.
    pub fn listen() -> Result<Self> {
        let listen = |kind: SignalKind| signal(kind).map_err(|error| Error::Other(format!("signal handler: {error}")));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one: its number.
    pub async fn signal(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => 2,
            _ = self.terminate.recv() => 15,
            _ = self.hang_up.recv() => 1,
        }
    }

    /// What `work` gives, unless a signal comes first.
    ///
    /// # Errors
    /// `Error::Signal`, and those of `work`.
    pub async fn or<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            outcome = work => outcome,
            signal = self.signal() => Err(Error::Signal(signal)),
        }
    }
}
