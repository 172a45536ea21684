//! What a run says while it goes on. The enum is all that lies between who carries a run out and who reports it:
//! terminal, plain lines and JSON lines are its reporters ([`crate::report::progress`]).

use crate::model::{LoadProgress, PhaseKind};
use serde::Serialize;

/// Something has happened, or is waited for. As a JSON line, `event` names which.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// What a killed run had left is removed.
    Collected {
        /// That run.
        run: String,
        /// What could not be removed.
        left: Vec<String>,
    },
    /// A service's image is looked for, pulled or built.
    Image {
        /// The service.
        service: String,
        /// What registry or builder says; empty at the beginning.
        line: String,
    },
    /// The plan is made, and nothing is started yet.
    Planned {
        /// The run's id.
        run: String,
        /// Where it is kept.
        folder: String,
        /// How many visits it has.
        visits: usize,
    },
    /// A container is started.
    Starting {
        /// The visit's id.
        visit: String,
        /// The container's name.
        container: String,
        /// Workers that it is to have, if it is the target.
        workers: Option<u32>,
    },
    /// Something is waited for.
    Waiting {
        /// The visit's id.
        visit: String,
        /// What, and how it stands.
        what: String,
    },
    /// The target is ready.
    Ready {
        /// The visit's id.
        visit: String,
        /// The target's name.
        container: String,
        /// From its start to its first 2xx answer.
        after_us: u64,
    },
    /// A load begins.
    Phase {
        /// The visit's id.
        visit: String,
        /// What for.
        phase: PhaseKind,
        /// Who is loaded.
        host: String,
    },
    /// How the load stands, once a second.
    Progress {
        /// The visit's id.
        visit: String,
        /// What for.
        phase: PhaseKind,
        /// Throughput, latency, failures in that second.
        #[serde(flatten)]
        now: LoadNow,
    },
    /// A visit is finished and can be read.
    Saved {
        /// The visit's id.
        visit: String,
        /// How long it took.
        took_us: u64,
    },
    /// Containers and networks are removed.
    Removing,
    /// They are gone, but for what is left.
    Removed {
        /// What could not be removed, and why.
        left: Vec<String>,
    },
}

/// One second of a load.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoadNow {
    /// Since the first request was sent.
    pub elapsed_us: u64,
    /// False while warming up or starting users.
    pub measuring: bool,
    /// Users running; 0 in open loop.
    pub users: u32,
    /// Answers a second, failures included.
    pub throughput_rps: f64,
    /// Failures a second.
    pub failures_rps: f64,
    /// Of the second's successes; `None` without any.
    pub p50_us: Option<u64>,
    /// Of the second's successes; `None` without any.
    pub p99_us: Option<u64>,
}

impl From<&LoadProgress> for LoadNow {
    fn from(now: &LoadProgress) -> Self {
        let percentile = |percent| (now.latency.count() > 0).then(|| now.latency.percentile_us(percent));
        Self {
            elapsed_us: now.elapsed_us,
            measuring: now.measuring,
            users: now.users,
            throughput_rps: now.throughput_rps,
            failures_rps: now.failures_rps,
            p50_us: percentile(50.0),
            p99_us: percentile(99.0),
        }
    }
}
