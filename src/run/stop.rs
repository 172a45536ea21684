//! The signals that end a run.

use crate::error::{Error, Result};
use std::future::Future;
use tokio::signal::unix::{SignalKind, signal};

/// The number of the first of SIGINT, SIGTERM and SIGHUP to come.
///
/// # Errors
/// `Error::Other` when handlers cannot be set.
pub fn stop_signal() -> Result<impl Future<Output = i32>> {
    let listen = |kind: SignalKind| signal(kind).map_err(|error| Error::Other(format!("signal handler: {error}")));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => 2,
            _ = terminate.recv() => 15,
            _ = hang_up.recv() => 1,
        }
    })
}
