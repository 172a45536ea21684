//! What to send, to whom, when, and for how long.

use super::RequestTemplate;
use crate::distribution::Distribution;
use crate::error::{Error, Result};
use crate::model::{LoadModel, Stage};
use std::time::Duration;

/// Most users, or requests in flight, of one run: what the ports of one client address and the memory of a small host
/// allow.
pub const MAX_USERS: u32 = 100_000;

/// One load phase, as asked for.
#[derive(Clone, Debug)]
pub struct LoadConfig {
    /// `http://mock:8080` or `https://mock`, with a path prefix if the server has one.
    pub host: String,
    /// Who sends, and when.
    pub model: LoadModel,
    /// How the users, or the rate, change; then the load ends with the last stage and all of it is counted.
    pub stages: Vec<Stage>,
    /// Between an answer and the user's next request (closed loop).
    pub think_time: Distribution,
    /// What ends the load, unless there are stages.
    pub until: Until,
    /// What comes between the last user's start and the counted window.
    pub warm_up: WarmUp,
    /// How long answers are waited for after the load's end.
    pub drain: Duration,
    /// What is sent, at random by weight.
    pub requests: Vec<RequestTemplate>,
    /// For `{{line}}`.
    pub lines: Vec<String>,
    /// Of arrivals, think times, the mix and `{{random}}`.
    pub seed: u64,
    /// Whether answers are streams of completion chunks, timed token by token.
    pub stream: bool,
    /// For each request, connecting included.
    pub timeout: Duration,
    /// Whether a connection serves more than one request.
    pub keep_alive: bool,
    /// Whether any certificate will do.
    pub insecure: bool,
    /// Threads that send; `None` = one for each CPU it may use. Never more than users.
    pub threads: Option<u32>,
    /// A mock to be asked what it saw: `http://mock:8080`.
    pub backend: Option<String>,
}

/// What ends a load phase, besides a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The counted window has lasted this long.
    RunTime(Duration),
    /// This many requests have ended; all are counted, without a warm-up.
    Iterations(u64),
    /// Nothing does.
    Stopped,
}

/// When the counted window starts, once all users run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarmUp {
    /// After this long.
    Fixed(Duration),
    /// When the throughput is steady (see [`super::SteadyDetector`]), or after `at_most` if it never is.
    Steady {
        /// Longest wait.
        at_most: Duration,
    },
}

impl LoadConfig {
    /// The defaults of the benchmark that this one replaces: one user, its chat completion, for 60 s.
    pub fn new(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            model: LoadModel::Closed { users: 1, spawn_rate_per_s: 10.0, think_time: None },
            stages: Vec::new(),
            think_time: Distribution::zero(),
            until: Until::RunTime(Duration::from_secs(60)),
            warm_up: WarmUp::default(),
            drain: Duration::from_secs(5),
            requests: vec![RequestTemplate::default()],
            lines: Vec::new(),
            seed: 0,
            stream: false,
            timeout: Duration::from_secs(60),
            keep_alive: true,
            insecure: false,
            threads: None,
            backend: None,
        }
    }

    /// [`Self::new`] with this many closed-loop users.
    pub fn with_users(self, users: u32, spawn_rate_per_s: f64) -> Self {
        Self { model: LoadModel::Closed { users, spawn_rate_per_s, think_time: None }, ..self }
    }

    /// Whether the clocks of due and sent requests differ.
    pub(super) fn is_scheduled(&self) -> bool {
        matches!(self.model, LoadModel::Open { .. }) || !self.think_time.is_zero()
    }

    /// Most requests at once.
    pub(super) fn max_in_flight(&self) -> u32 {
        match self.model {
            LoadModel::Open { max_in_flight, .. } => max_in_flight,
            LoadModel::Closed { users, .. } => {
                self.stages.iter().map(|stage| stage.target as u32).fold(users, u32::max)
            }
        }
    }

    /// [`Error::Usage`] for numbers that make no load.
    pub(super) fn validate(&self) -> Result<()> {
        let wrong = |what: String| Err(Error::Usage(what));
        let peak = self.max_in_flight();
        if !(1..=MAX_USERS).contains(&peak) {
            return wrong(format!("{peak} users or requests in flight: use 1 to {MAX_USERS}"));
        }
        match self.model {
            LoadModel::Closed { spawn_rate_per_s: rate, .. } if !(0.001..=1e6).contains(&rate) => {
                return wrong(format!("a spawn rate of {rate} users/s: use 0.001 to 1000000"));
            }
            LoadModel::Open { rate_rps: rate, .. } if !(0.0..=1e7).contains(&rate) => {
                return wrong(format!("a rate of {rate} requests/s: use up to 10000000"));
            }
            LoadModel::Open { rate_rps: 0.0, .. } if self.stages.is_empty() => {
                return wrong("a rate of 0 requests/s: nothing would be sent".into());
            }
            _ => {}
        }
        if self.timeout.is_zero() {
            return wrong("a request timeout of zero: no request could succeed".into());
        }
        if matches!(self.until, Until::RunTime(Duration::ZERO) | Until::Iterations(0)) {
            return wrong("a run of no length: nothing would be counted".into());
        }
        if !self.stages.is_empty() && self.stages.iter().all(|stage| stage.duration_us == 0) {
            return wrong("stages of no length: nothing would be counted".into());
        }
        if self.threads == Some(0) {
            return wrong("0 threads: nothing would be sent".into());
        }
        Ok(())
    }
}

impl Default for WarmUp {
    /// Until steady, at most 5 s: enough for connections and caches of a warm server, short beside a 60 s run.
    fn default() -> Self {
        Self::Steady { at_most: Duration::from_secs(5) }
    }
}
