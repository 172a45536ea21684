//! How a run is told to end before its time.

use crate::error::{Error, Result};
use tokio::sync::watch;

/// Tells of the signal that asks for an end, once there is one. Who sends it knows by its drop that nobody listens.
#[derive(Clone)]
pub struct Stop(watch::Receiver<Option<i32>>);

impl From<watch::Receiver<Option<i32>>> for Stop {
    fn from(signal: watch::Receiver<Option<i32>>) -> Self {
        Self(signal)
    }
}

impl Stop {
    /// What `work` gives, unless a signal comes first.
    ///
    /// # Errors
    /// [`Error::Signal`], and those of `work`.
    pub async fn or<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            outcome = work => outcome,
            signal = self.signal() => Err(Error::Signal(signal)),
        }
    }

    async fn signal(&mut self) -> i32 {
        match self.0.wait_for(Option::is_some).await.map(|signal| *signal) {
            Ok(Some(number)) => number,
            _ => std::future::pending().await,
        }
    }
}
