//! What the load generator found, as `vscale load --json` prints it.

use super::{
    BackendWindow, FailureGroup, GeneratorUsage, Histogram, Latencies, LatencySummary, LoadModel, LoadTool,
    RequestStats, Stage, StreamStats,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One line of `vscale load --json` and of `vscale generator`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum LoadEvent {
    /// About once a second while the load runs.
    Progress(LoadProgress),
    /// When it is over.
    Result(Box<LoadResult>),
}

/// Where the load stands, after one more row of its series.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LoadProgress {
    /// Since the first request was sent.
    pub elapsed_us: u64,
    /// False while warming up or spawning users.
    pub measuring: bool,
    /// Users running; 0 in open loop.
    pub users: u32,
    /// Wall clock at the row's start, microseconds since 1970 UTC.
    pub start_unix_us: u64,
    /// A second, or less where the window starts and at the end.
    pub duration_us: u64,
    /// Answers a second in the row, failures included.
    pub throughput_rps: f64,
    /// Failures a second in the row.
    pub failures_rps: f64,
    /// Latency of the row's successes, from when they were sent.
    pub latency: Histogram,
}

impl LoadProgress {
    /// The row as a line of an interval log, its tag `latency` within the counted window and `warm-up` before it.
    pub fn to_hlog_line(&self) -> String {
        let tag = if self.measuring { "latency" } else { "warm-up" };
        self.latency.to_hlog_line(tag, self.start_unix_us, self.duration_us)
    }
}

/// Everything that one load phase found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LoadResult {
    /// The URL loaded, without a path: `http://stack:8321`.
    pub host: String,
    /// Who found it, if not our own load generator: what that does not tell is not here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_by: Option<LoadTool>,
    /// Who sent, and when.
    pub model: LoadModel,
    /// Changes of the users or the rate; empty for full load in the whole window.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Stage>,
    /// The part of the run that is counted.
    pub window: Window,
    /// Why the load ended.
    pub stopped_by: StopCause,
    /// By (method, name), in order of name.
    pub requests: Vec<RequestStats>,
    /// Latencies of all names together, where another load generator sums them up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<LatencySummary>,
    /// By (method, name, error), most frequent first.
    pub failures: Vec<FailureGroup>,
    /// A row a second from the first request on, the warm-up's included; the last row may be of requests that were
    /// answered after the load's end. Every request that ended is in exactly one row.
    pub series: Vec<Second>,
    /// Counts over the whole run, warm-up and drain included.
    pub totals: Totals,
    /// The host's addresses, in the resolver's order; none where its name has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressUse>,
    /// What each load generator itself used in the window; one, until a load is divided. None of another than ours: what its
    /// container used stands with the others'.
    pub generators: Vec<GeneratorUsage>,
    /// What the backend saw meanwhile, if it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<BackendTruth>,
    /// Why the backend did not tell, if it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_error: Option<String>,
}

/// An address of the host, and how much it was used over the whole run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AddressUse {
    /// `127.0.0.1:8080`, `[::1]:8080`.
    pub address: String,
    /// Connections established to it.
    pub connections: u64,
}

/// Counts over the whole run, from the first request on, warm-up and drain included. What another load generator does not
/// tell is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Totals {
    /// Requests begun; each ends as one of the next three.
    pub sent: u64,
    /// Requests answered as expected.
    pub succeeded: u64,
    /// Requests that failed, timeouts and refused connections included.
    pub failed: u64,
    /// Requests without an answer when the drain was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unanswered: Option<u64>,
    /// Open loop: due before the end, but never sent, since `max_in_flight` others were waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsent: Option<u64>,
    /// Open loop: sent late, since `max_in_flight` others were waiting when they were due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delayed: Option<u64>,
    /// Sent once more on a fresh connection because the server had closed the kept one before any answer: only what was
    /// not written yet, or may be carried out twice (RFC 9110, 9.2.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u64>,
    /// Connections established.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections_opened: Option<u64>,
    /// Requests written to a connection that had served one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_kept_connection: Option<u64>,
    /// Bytes of requests handed to the kernel (TLS not included).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_sent: Option<u64>,
    /// Bytes of answers, their heads included (TLS not included).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_received: Option<u64>,
}

/// What the backend behind the target saw of the load (the mock tells it at a control path).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BackendTruth {
    /// The backend asked.
    pub url: String,
    /// Its counts over our window; its borders differ from ours by the time that one request takes.
    pub window: BackendWindow,
    /// Requests that arrived from before our first to after our last: exact.
    pub total_arrivals: u64,
}

/// The counted part of a load phase: it starts when all users run and the warm-up is over.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// Wall clock at the window's start, microseconds since 1970 UTC.
    pub start_unix_us: u64,
    /// From the first request to the window's start, not counted.
    pub warm_up_us: u64,
    /// Length of the window, by the monotonic clock.
    pub duration_us: u64,
}

/// Why a load phase ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopCause {
    /// `--run-time` was over.
    RunTime,
    /// SIGINT or SIGTERM; what was measured until then is reported.
    Signal,
    /// `--iterations` requests have ended.
    Iterations,
}

/// One second of a load phase, as counters and a row of percentiles.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Second {
    /// Wall clock at the second's end, microseconds since 1970 UTC.
    pub unix_us: u64,
    /// A second, or less where the window starts and at the end.
    pub duration_us: u64,
    /// Whether it lies in the counted window.
    pub measured: bool,
    /// Users running at its end; 0 in open loop.
    pub users: u32,
    /// Answers in it, failures included.
    pub requests: u64,
    /// Failures in it.
    pub failures: u64,
    /// Body bytes of the answers in it.
    pub content_bytes: u64,
    /// Tokens of the streams that ended well in it.
    #[serde(default)]
    pub tokens: u64,
    /// Sum of its successes' latencies, for means over any span.
    pub latency_sum_us: u64,
    /// Percentiles of its successes' latencies: 50, 66, 75, 80, 90, 95, 98, 99, 99.9, 99.99 and 100 %; `None` without
    /// successes.
    pub percentiles_us: Option<[u64; 11]>,
}

impl Second {
    /// Answers in it that were as expected.
    pub fn successes(&self) -> u64 {
        self.requests.saturating_sub(self.failures)
    }

    /// Successful answers a second.
    pub fn throughput_rps(&self) -> f64 {
        per_second(self.successes(), self.duration_us)
    }
}

impl BackendTruth {
    /// Requests that reached the backend for each one sent over the whole run: 1 unless the target retries, hedges
    /// or answers by itself. `None` when none was sent.
    pub fn amplification(&self, totals: &Totals) -> Option<f64> {
        (totals.sent > 0).then(|| self.total_arrivals as f64 / totals.sent as f64)
    }
}

impl LoadResult {
    /// Requests that ended in the window, failures included.
    pub fn request_count(&self) -> u64 {
        self.requests.iter().map(|stats| stats.requests).sum()
    }

    /// Requests that were answered as expected in the window.
    pub fn success_count(&self) -> u64 {
        self.requests.iter().map(RequestStats::successes).sum()
    }

    /// Requests that failed in the window.
    pub fn failure_count(&self) -> u64 {
        self.requests.iter().map(|stats| stats.failures).sum()
    }

    /// Failed share of the requests, 0 to 1; 0 without requests.
    pub fn failure_ratio(&self) -> f64 {
        self.failure_count() as f64 / self.request_count().max(1) as f64
    }

    /// Share of the requests that users did not get an answer to: failed ones and, in open loop, those too that had no
    /// answer when the drain was over, or could not even be sent.
    pub fn unserved_ratio(&self) -> f64 {
        let totals = &self.totals;
        let [unsent, never] = [totals.unsent, totals.never_answered()].map(Option::unwrap_or_default);
        let asked = totals.sent + unsent;
        match self.model {
            LoadModel::Open { .. } if asked > 0 => {
                let unserved = totals.failed + never;
                self.failure_ratio().max(unserved as f64 / asked as f64)
            }
            _ => self.failure_ratio(),
        }
    }

    /// Successful answers a second over the window; 0 for an empty window.
    pub fn throughput_rps(&self) -> f64 {
        let successes = self.success_count();
        per_second(successes, self.window.duration_us)
    }

    /// What is known of the latencies of all names together.
    pub fn latencies(&self) -> Latencies {
        self.summary.clone().map_or_else(|| Latencies::Whole(self.latency()), Latencies::Told)
    }

    /// A percentile of all names' latencies together, where it was told and ten samples lie beyond it.
    pub fn percentile_us(&self, percent: f64) -> Option<u64> {
        self.latencies().supported_percentile_us(percent)
    }

    /// The median of however many answers there were, where it was told.
    pub fn p50_us(&self) -> Option<u64> {
        self.latencies().percentile_us(50.0)
    }

    /// Latencies of all names together; empty where another load generator only sums them up.
    pub fn latency(&self) -> Histogram {
        let mut all = Histogram::new();
        self.requests.iter().for_each(|stats| all.merge(&stats.latency));
        all
    }

    /// Latencies of all names together from when they were due; the same as [`Self::latency`] where nothing is scheduled.
    pub fn intended(&self) -> Histogram {
        let mut all = Histogram::new();
        self.requests.iter().for_each(|stats| all.merge(stats.intended.as_ref().unwrap_or(&stats.latency)));
        all
    }

    /// Streams of all names together; `None` when none was asked for.
    pub fn stream(&self) -> Option<StreamStats> {
        self.requests.iter().filter_map(|stats| stats.stream.clone()).reduce(|mut all, stream| {
            all.merge(&stream);
            all
        })
    }

    /// Tokens of the successful streams a second over the window.
    pub fn tokens_per_s(&self) -> f64 {
        let tokens = self.requests.iter().filter_map(|stats| stats.stream.as_ref()).map(|stream| stream.tokens).sum();
        per_second(tokens, self.window.duration_us)
    }
}

impl Totals {
    /// Requests that were due, whether they were sent or not, where that is told.
    pub fn asked(&self) -> Option<u64> {
        Some(self.sent + self.unsent?)
    }

    /// Those of them that no answer came to, whether they were sent or not.
    pub fn never_answered(&self) -> Option<u64> {
        Some(self.unanswered? + self.unsent?)
    }

    /// Adds count by count: what one of them does not tell, both together do not.
    pub fn plus(&self, other: &Self) -> Self {
        let both = |of: fn(&Self) -> Option<u64>| Some(of(self)? + of(other)?);
        Self {
            sent: self.sent + other.sent,
            succeeded: self.succeeded + other.succeeded,
            failed: self.failed + other.failed,
            unanswered: both(|it| it.unanswered),
            unsent: both(|it| it.unsent),
            delayed: both(|it| it.delayed),
            retries: both(|it| it.retries),
            connections_opened: both(|it| it.connections_opened),
            on_kept_connection: both(|it| it.on_kept_connection),
            bytes_sent: both(|it| it.bytes_sent),
            bytes_received: both(|it| it.bytes_received),
        }
    }
}

fn per_second(count: u64, duration_us: u64) -> f64 {
    if duration_us == 0 { 0.0 } else { count as f64 * 1e6 / duration_us as f64 }
}
