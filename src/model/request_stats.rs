//! What became of the requests of one name: counts, latencies, streams, failures.

use super::{Histogram, Latencies, LatencySummary};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Counts and latencies of the requests of one name, in the window.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
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
    /// Latency of the successes, from when they were sent until the answer is read whole. On a kept connection that is
    /// when the request is written (in closed loop without think time: when the last answer was read, as it is written
    /// at once); on a fresh one connecting is included.
    pub latency: Histogram,
    /// The same as another load generator sums it up; `latency` is empty then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<LatencySummary>,
    /// The same, from when they were due; `None` in closed loop without think time, where both are one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intended: Option<Histogram>,
    /// Of the successes, if they were streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamStats>,
}

impl RequestStats {
    /// Requests that were answered as expected.
    pub fn successes(&self) -> u64 {
        self.requests.saturating_sub(self.failures)
    }

    /// What is known of its latencies.
    pub fn latencies(&self) -> Latencies {
        self.summary.clone().map_or_else(|| Latencies::Whole(self.latency.clone()), Latencies::Told)
    }

    /// Adds all of `other`'s counts and latencies.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failures += other.failures;
        self.content_bytes += other.content_bytes;
        self.latency.merge(&other.latency);
        if let (Some(ours), Some(theirs)) = (&mut self.intended, &other.intended) {
            ours.merge(theirs);
        }
        if let (Some(ours), Some(theirs)) = (&mut self.stream, &other.stream) {
            ours.merge(theirs);
        }
    }
}

/// Streamed answers, token by token. A token is an event with content; its time is that of the read that brought it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct StreamStats {
    /// Events with content.
    pub tokens: u64,
    /// Streams that gave a finish reason but never said `[DONE]`.
    #[serde(default)]
    pub without_done: u64,
    /// Time to first token: from when the request was sent to its first event with content.
    pub ttft: Histogram,
    /// Inter-token latency: every gap between two events with content of one stream.
    pub itl: Histogram,
}

impl StreamStats {
    /// Adds all of `other`'s counts and times.
    pub fn merge(&mut self, other: &Self) {
        self.tokens += other.tokens;
        self.without_done += other.without_done;
        self.ttft.merge(&other.ttft);
        self.itl.merge(&other.itl);
    }
}

/// What went wrong, as far as it can be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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
    /// Another HTTP status than the expected one.
    Status,
    /// The expected status, but not the expected body.
    Body,
    /// A stream that ended before its `[DONE]` or its finish reason.
    Truncated,
    /// What another load generator calls a failure, in its own words.
    Told,
}

/// Failures that are alike, as Locust groups them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailureGroup {
    /// `POST`.
    pub method: String,
    /// The path, or the name given to it.
    pub name: String,
    /// Failures with the same message may be of different kinds.
    pub kind: FailureKind,
    /// The message, bounded in length; server data, so escape it where it is shown.
    pub error: String,
    /// Failures in the window.
    pub occurrences: u64,
    /// Wall clock, microseconds since 1970 UTC.
    pub first_seen_unix_us: u64,
    /// Wall clock, microseconds since 1970 UTC.
    pub last_seen_unix_us: u64,
}
