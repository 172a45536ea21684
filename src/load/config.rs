//! What to send, to whom, by how many users and for how long.

use super::BodyCheck;
use crate::error::{Error, Result};
use std::time::Duration;

/// Most users of one run: what the ports of one client address and the memory of a small host allow.
pub const MAX_USERS: u32 = 100_000;

/// One closed-loop load phase, as asked for.
#[derive(Clone, Debug)]
pub struct LoadConfig {
    /// `http://mock:8080`, with a path prefix if the server has one; `https` is not spoken.
    pub host: String,
    /// Closed-loop users: each sends, waits for the answer, and sends again.
    pub users: u32,
    /// Users started each second, in whole numbers, the first of them at once (see [`super::Spawning`]).
    pub spawn_rate_per_s: f64,
    /// Length of the counted window; `None` = until stopped.
    pub run_time: Option<Duration>,
    /// What comes between the last user's start and the counted window.
    pub warm_up: WarmUp,
    /// The request that every user sends.
    pub request: RequestTemplate,
    /// What an answer of status 200 must hold.
    pub expect: BodyCheck,
    /// For each request, connecting included.
    pub timeout: Duration,
    /// Whether a connection serves more than one request.
    pub keep_alive: bool,
    /// Threads that send; `None` = one for each CPU it may use. Never more than users.
    pub threads: Option<u32>,
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

/// A request as the user gives it; it is rendered once, and then only written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestTemplate {
    /// `POST`.
    pub method: String,
    /// `/v1/chat/completions`, with its query if any.
    pub path: String,
    /// What the statistics call it; usually the path.
    pub name: String,
    /// Besides `Host`, `User-Agent`, `Accept`, `Content-Type` and `Content-Length`, or in place of the first four.
    pub headers: Vec<(String, String)>,
    /// As sent.
    pub body: Vec<u8>,
}

impl LoadConfig {
    /// The defaults of the benchmark that this one replaces: one user, its chat completion, for 60 s.
    pub fn new(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            users: 1,
            spawn_rate_per_s: 10.0,
            run_time: Some(Duration::from_secs(60)),
            warm_up: WarmUp::default(),
            request: RequestTemplate::default(),
            expect: BodyCheck::default(),
            timeout: Duration::from_secs(60),
            keep_alive: true,
            threads: None,
        }
    }

    /// [`Error::Usage`] for numbers that make no load.
    pub(super) fn validate(&self) -> Result<()> {
        let wrong = |what: String| Err(Error::Usage(what));
        if !(1..=MAX_USERS).contains(&self.users) {
            return wrong(format!("{} users: use 1 to {MAX_USERS}", self.users));
        }
        if !(0.001..=1e6).contains(&self.spawn_rate_per_s) {
            return wrong(format!("a spawn rate of {} users/s: use 0.001 to 1000000", self.spawn_rate_per_s));
        }
        if self.timeout.is_zero() {
            return wrong("a request timeout of zero: no request could succeed".into());
        }
        if self.run_time.is_some_and(|run_time| run_time.is_zero()) {
            return wrong("a run time of zero: nothing would be counted".into());
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

impl Default for RequestTemplate {
    /// The chat completion of the Llama Stack vertical-scaling benchmark.
    fn default() -> Self {
        let body = r#"{"model": "openai/mock-chat-model", "messages": [{"role": "user", "content": "Hello, how are you?"}], "max_tokens": 50}"#;
        Self {
            method: "POST".into(),
            path: "/v1/chat/completions".into(),
            name: "/v1/chat/completions".into(),
            headers: Vec::new(),
            body: body.into(),
        }
    }
}
