//! What a tool without scripts of its own sends, and the one row of what it found.

use crate::model::{Histogram, LatencySummary, LoadPlan, LoadResult, LoadTool, RequestStats, RequestTemplate};
use crate::model::{StopCause, Totals, Window};

/// The load's only request, as it stands.
pub(super) fn only(load: &LoadPlan) -> Result<&RequestTemplate, String> {
    let [request] = load.requests.as_slice() else {
        return Err("it sends one request again and again, and no mix".into());
    };
    let headers = request.headers.iter().map(|(_, value)| value);
    if headers.chain([&request.path, &request.body]).any(|text| text.contains("{{")) {
        return Err("it fills in no `{{...}}`".into());
    }
    Ok(request)
}

/// The headers that our own load generator adds to a request with a body, where the request has none of that name.
pub(super) fn headers(request: &RequestTemplate) -> Vec<(String, String)> {
    let mut headers = request.headers.clone();
    let has_type = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if !request.body.is_empty() && !has_type {
        headers.push(("Content-Type".into(), "application/json".into()));
    }
    headers
}

/// What a tool tells of a whole load at its end.
pub(super) struct Told {
    pub(super) tool: LoadTool,
    /// What its one row of requests is called.
    pub(super) method: String,
    pub(super) name: String,
    pub(super) requests: u64,
    pub(super) failures: u64,
    pub(super) content_bytes: u64,
    /// With their heads, where it tells that.
    pub(super) bytes_received: Option<u64>,
    pub(super) start_unix_us: u64,
    pub(super) duration_us: u64,
    pub(super) summary: LatencySummary,
}

impl Told {
    /// The result of which nothing else is known; its warm-up was another load.
    pub(super) fn into_result(self, load: &LoadPlan) -> LoadResult {
        let stats = RequestStats {
            method: self.method,
            name: self.name,
            requests: self.requests,
            failures: self.failures,
            content_bytes: self.content_bytes,
            latency: Histogram::new(),
            summary: Some(self.summary.clone()),
            intended: None,
            stream: None,
        };
        LoadResult {
            host: load.host.clone(),
            told_by: Some(self.tool),
            model: load.model.clone(),
            stages: Vec::new(),
            window: Window { start_unix_us: self.start_unix_us, warm_up_us: 0, duration_us: self.duration_us },
            stopped_by: StopCause::RunTime,
            requests: vec![stats],
            summary: Some(self.summary),
            failures: Vec::new(),
            series: Vec::new(),
            totals: Totals {
                sent: self.requests,
                succeeded: self.requests.saturating_sub(self.failures),
                failed: self.failures,
                bytes_received: self.bytes_received,
                ..Totals::default()
            },
            addresses: Vec::new(),
            generators: Vec::new(),
            backend: None,
            backend_error: None,
        }
    }
}
