//! What a load phase's own counts say against believing its result, the load generator's part in it first.

use super::{LoadModel, LoadResult, StopCause};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Share of its CPUs above which the load generator may have been the limit.
const BUSY: f64 = 0.8;

/// Requests are late if one in a hundred was sent this long after it was due ...
const LATE_US: u64 = 1000;
/// ... and that is more than this share of the median latency.
const LATE_SHARE: f64 = 0.05;

/// Share by which the backend's requests may differ from those sent, before the target is said to multiply them (or to
/// answer some by itself).
const AMPLIFIED: f64 = 0.001;

/// A reason not to take a load phase's result at face value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LoadWarning {
    /// The load was stopped before its time.
    CutShort,
    /// A load generator used most of the CPU it was given: the throughput may be its own limit.
    Busy {
        /// CPUs it used.
        cores: f64,
        /// CPUs it was given.
        given: u32,
    },
    /// Requests were sent late, though a connection was free: the load generator could not keep up.
    Late {
        /// How late one in a hundred was, or more.
        p99_us: u64,
    },
    /// Requests had to wait because as many as allowed were under way: the server could not keep up with the rate.
    Delayed {
        /// Requests sent late.
        delayed: u64,
        /// Requests not sent before the end.
        unsent: u64,
        /// Requests allowed at once.
        max_in_flight: u32,
    },
    /// Requests had no answer when the drain was over.
    Unanswered {
        /// Over the whole run.
        requests: u64,
    },
    /// Streams ended after their finish reason, without the `[DONE]` that clients of OpenAI's API wait for.
    StreamsWithoutDone {
        /// In the window.
        streams: u64,
    },
    /// More, or fewer, requests reached the backend than were sent.
    Amplified {
        /// Requests at the backend for each one sent.
        factor: f64,
    },
    /// The backend did not tell what it saw.
    BackendSilent {
        /// Names the URL and what went wrong.
        error: String,
    },
}

impl LoadResult {
    /// All reasons that apply.
    pub fn warnings(&self) -> Vec<LoadWarning> {
        let mut found = Vec::new();
        if self.stopped_by == StopCause::Signal {
            found.push(LoadWarning::CutShort);
        }
        for generator in &self.generators {
            let cores = generator.cpu_us() as f64 / self.window.duration_us.max(1) as f64;
            let given = generator.cpus();
            if cores > BUSY * f64::from(given) {
                found.push(LoadWarning::Busy { cores, given });
            }
        }
        let totals = &self.totals;
        if let LoadModel::Open { max_in_flight, .. } = self.model
            && totals.delayed + totals.unsent > 0
        {
            let (delayed, unsent) = (totals.delayed, totals.unsent);
            found.push(LoadWarning::Delayed { delayed, unsent, max_in_flight });
        } else if let Some(p99_us) = self.send_lag().and_then(|lag| lag.supported_percentile_us(99.0))
            && p99_us > LATE_US
            && p99_us as f64 > LATE_SHARE * self.latency().percentile_us(50.0) as f64
        {
            found.push(LoadWarning::Late { p99_us });
        }
        if totals.unanswered > 0 {
            found.push(LoadWarning::Unanswered { requests: totals.unanswered });
        }
        if let Some(streams) = self.stream().map(|stream| stream.without_done).filter(|&streams| streams > 0) {
            found.push(LoadWarning::StreamsWithoutDone { streams });
        }
        if let Some(factor) = self.backend.as_ref().and_then(|backend| backend.amplification(totals))
            && totals.failed + totals.unanswered == 0
            && (factor - 1.0).abs() > AMPLIFIED
        {
            found.push(LoadWarning::Amplified { factor });
        }
        if let Some(error) = &self.backend_error {
            found.push(LoadWarning::BackendSilent { error: error.clone() });
        }
        found
    }
}

impl fmt::Display for LoadWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutShort => write!(f, "the load was stopped before its time"),
            Self::Busy { cores, given } => {
                let s = if *given == 1 { "" } else { "s" };
                write!(f, "the load generator used {cores:.2} of its {given} CPU{s}; the throughput may be its limit")
            }
            Self::Late { p99_us } => {
                let ms = *p99_us as f64 / 1e3;
                write!(
                    f,
                    "the load generator did not keep up: one request in a hundred was sent {ms:.1} ms late or more"
                )
            }
            Self::Delayed { delayed, unsent, max_in_flight } => write!(
                f,
                "the server did not keep up: with {max_in_flight} requests in flight, {delayed} others had to wait to be \
                 sent, and {unsent} were never sent"
            ),
            Self::Unanswered { requests } => write!(f, "{requests} requests had no answer when the drain was over"),
            Self::StreamsWithoutDone { streams } => {
                write!(f, "{streams} streams ended after their finish reason, but without [DONE]")
            }
            Self::Amplified { factor } => write!(f, "{factor:.3} requests reached the backend for each one sent"),
            Self::BackendSilent { error } => f.write_str(error),
        }
    }
}
