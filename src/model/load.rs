//! What the load generator found, as `vscale load --json` prints it.

use super::Histogram;
use serde::{Deserialize, Serialize};

/// One line of the load generator's `--json` output.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum LoadEvent {
    /// About once a second while the load runs.
    Progress(LoadProgress),
    /// The last line.
    Result(Box<LoadResult>),
}

/// Where the load stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadProgress {
    /// Since the first request was sent.
    pub elapsed_us: u64,
    /// False while warming up or spawning users.
    pub measuring: bool,
    /// Users running.
    pub users: u32,
    /// Answers in the last second, failures included.
    pub throughput_rps: f64,
    /// Failures in the last second.
    pub failures_rps: f64,
    /// Median latency of the last second's successes; `None` without any.
    pub p50_us: Option<u64>,
    /// 99th percentile of the same.
    pub p99_us: Option<u64>,
}

/// Everything that one load phase found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadResult {
    /// The URL loaded, without a path: `http://stack:8321`.
    pub host: String,
    /// Users at full load (closed loop).
    pub users: u32,
    /// Users started each second until all run.
    pub spawn_rate_per_s: f64,
    /// The part of the run that is counted.
    pub window: Window,
    /// Why the load ended.
    pub stopped_by: StopCause,
    /// By (method, name), in order of name.
    pub requests: Vec<RequestStats>,
    /// By (method, name, error), most frequent first.
    pub failures: Vec<FailureGroup>,
    /// A row a second from the first request on, the warm-up's included; the last row may be of requests that were
    /// answered after the load's end. Every request that ended is in exactly one row.
    pub series: Vec<Second>,
    /// What the load generator itself used in the window.
    pub generator: GeneratorUsage,
}

/// The counted part of a load phase: it starts when all users run and the warm-up is over.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Window {
    /// Wall clock at the window's start, microseconds since 1970 UTC.
    pub start_unix_us: u64,
    /// From the first request to the window's start, not counted.
    pub warm_up_us: u64,
    /// Length of the window, by the monotonic clock.
    pub duration_us: u64,
}

/// Why a load phase ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopCause {
    /// `--run-time` was over.
    RunTime,
    /// SIGINT or SIGTERM; what was measured until then is reported.
    Signal,
}

/// Counts and latencies of the requests of one name, in the window.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestStats {
    /// `POST`.
    pub method: String,
    /// The path, or the name given to it.
    pub name: String,
    /// Requests that ended in the window, failures included.
    pub requests: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// Body bytes of the answers, failures included.
    pub content_bytes: u64,
    /// Latency of the successes: from when the user starts the request until its answer is read whole. On a kept
    /// connection the start is when the last answer was read, and the request is written at once; on a
    /// fresh one connecting is included.
    pub latency: Histogram,
}

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// No connection could be made (or the name did not resolve).
    Connect,
    /// No whole answer within the request's time limit.
    Timeout,
    /// The connection was reset or closed before the answer was whole.
    Reset,
    /// The answer is not HTTP, or beyond the limits.
    Protocol,
    /// An HTTP status other than 200.
    Status,
    /// Status 200, but the body is not what was asked for.
    Body,
}

/// Failures that are alike, as Locust groups them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureGroup {
    /// `POST`.
    pub method: String,
    /// The path, or the name given to it.
    pub name: String,
    /// What kind.
    pub kind: FailureKind,
    /// The message, bounded in length; server data, so escape it where it is shown.
    pub error: String,
    /// How often, in the window.
    pub occurrences: u64,
    /// Microseconds since 1970 UTC.
    pub first_seen_unix_us: u64,
    /// Microseconds since 1970 UTC.
    pub last_seen_unix_us: u64,
}

/// One second of a load phase, as counters and a row of percentiles.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Second {
    /// Wall clock at the second's end, microseconds since 1970 UTC.
    pub unix_us: u64,
    /// Length of this slice (the last may be shorter than a second).
    pub duration_us: u64,
    /// Whether it lies in the counted window.
    pub measured: bool,
    /// Users running at its end.
    pub users: u32,
    /// Answers in it, failures included.
    pub requests: u64,
    /// Failures in it.
    pub failures: u64,
    /// Body bytes of the answers in it.
    pub content_bytes: u64,
    /// Successes' latencies in it: sum, for means over any span.
    pub latency_sum_us: u64,
    /// Percentiles of the successes' latencies in it, in the order of [`super::PERCENTILES`]; `None` without any.
    pub percentiles_us: Option<[u64; 11]>,
}

/// What the load generator used in the window (getrusage) and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GeneratorUsage {
    /// Threads that sent requests.
    pub threads: u32,
    /// CPUs it may run on, at its start.
    pub cpus_allowed: Vec<u32>,
    /// CPU time in user mode.
    pub cpu_user_us: u64,
    /// CPU time in the kernel.
    pub cpu_system_us: u64,
    /// Largest resident set since its start.
    pub max_rss_bytes: u64,
    /// Connections opened since the first request.
    pub connections_opened: u64,
    /// Requests sent again on a fresh connection because the server had closed the kept one before any answer.
    pub retries: u64,
    /// Requests given up when the load ended: still without an answer 5 s later. They are in no other count.
    pub unanswered: u64,
}

impl LoadResult {
    /// Requests that ended in the window, failures included.
    pub fn request_count(&self) -> u64 {
        self.requests.iter().map(|stats| stats.requests).sum()
    }

    /// Requests that failed in the window.
    pub fn failure_count(&self) -> u64 {
        self.requests.iter().map(|stats| stats.failures).sum()
    }

    /// Failed share of the requests, 0 to 1; 0 without requests.
    pub fn failure_ratio(&self) -> f64 {
        self.failure_count() as f64 / self.request_count().max(1) as f64
    }

    /// Successful answers a second over the window; 0 for an empty window.
    pub fn throughput_rps(&self) -> f64 {
        let successes = self.request_count() - self.failure_count();
        per_second(successes, self.window.duration_us)
    }

    /// Latencies of all names together.
    pub fn latency(&self) -> Histogram {
        let mut all = Histogram::new();
        self.requests.iter().for_each(|stats| all.merge(&stats.latency));
        all
    }

    /// CPU time of the load generator for each request, in microseconds; `None` without requests.
    pub fn generator_cpu_per_request_us(&self) -> Option<f64> {
        let cpu_us = self.generator.cpu_user_us + self.generator.cpu_system_us;
        (self.request_count() > 0).then(|| cpu_us as f64 / self.request_count() as f64)
    }
}

fn per_second(count: u64, duration_us: u64) -> f64 {
    if duration_us == 0 { 0.0 } else { count as f64 * 1e6 / duration_us as f64 }
}
