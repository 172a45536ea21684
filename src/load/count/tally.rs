//! What one thread counts over the whole run.

use crate::model::Totals;

/// Its [`Totals`], none of which is unknown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub sent: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub unanswered: u64,
    pub unsent: u64,
    pub delayed: u64,
    pub retries: u64,
    pub connections_opened: u64,
    pub on_kept_connection: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
}

impl From<&Tally> for Totals {
    fn from(tally: &Tally) -> Self {
        Self {
            sent: tally.sent,
            succeeded: tally.succeeded,
            failed: tally.failed,
            unanswered: Some(tally.unanswered),
            unsent: Some(tally.unsent),
            delayed: Some(tally.delayed),
            retries: Some(tally.retries),
            connections_opened: Some(tally.connections_opened),
            on_kept_connection: Some(tally.on_kept_connection),
            bytes_sent: Some(tally.bytes_sent),
            bytes_received: Some(tally.bytes_received),
        }
    }
}
