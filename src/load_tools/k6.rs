//! k6: a script says what is sent, flags say how many virtual users; the summary that it exports at its end. Scripts find
//! the server's URL in `__ENV.VSCALE_HOST`.

use super::{Adapter, Outputs, micros, out, path, request::Told, users, window_s};
use crate::model::{
    LatencySummary, LoadModel, LoadPlan, LoadResult, LoadTool, LoadToolPlan, RequestTemplate, ToldPercentile,
};
use serde::Deserialize;
use std::collections::BTreeMap;

const SUMMARY: &str = "summary.json";
/// Percentiles are asked for by name: those of k6 by default end at 95 %.
const TRENDS: &str = "avg,min,max,p(50),p(66),p(75),p(80),p(90),p(95),p(98),p(99),p(99.9),p(99.99)";

pub(super) struct K6;

/// What it exports: each metric's values by name. Times are in milliseconds.
#[derive(Debug, Deserialize)]
struct Exported {
    metrics: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
}

impl Exported {
    fn number(&self, metric: &str, value: &str) -> Option<f64> {
        self.metrics.get(metric)?.get(value)?.as_f64()
    }

    fn needed(&self, metric: &str, value: &str) -> Result<f64, String> {
        self.number(metric, value).ok_or_else(|| format!("{SUMMARY}: no `{value}` of `{metric}`"))
    }
}

impl Adapter for K6 {
    fn refuses(&self, plan: &LoadToolPlan, load: &LoadPlan) -> Option<String> {
        if plan.script.is_none() {
            return Some("`file` must name a script".into());
        }
        if matches!(load.model, LoadModel::Open { .. }) {
            return Some("a rate is for its script to say".into());
        }
        let is_default = load.requests == [RequestTemplate::default()];
        (!is_default).then(|| "its script says what is sent: leave out flags about requests".into())
    }

    fn command(&self, plan: &LoadToolPlan, load: &LoadPlan) -> Vec<String> {
        let mut command =
            ["run", "--quiet", "--no-usage-report", "--summary-trend-stats", TRENDS].map(str::to_owned).to_vec();
        let mut add = |name: &str, value: String| command.extend([name.to_owned(), value]);
        add("--vus", users(load).to_string());
        add("--duration", format!("{}ms", (window_s(load) * 1e3).round()));
        add("--summary-export", out(SUMMARY));
        add("--env", format!("VSCALE_HOST={}", load.host));
        command.extend(plan.args.iter().cloned());
        command.push(path(plan.script.as_deref().unwrap_or_default()));
        command
    }

    fn files(&self, _plan: &LoadToolPlan, _load: &LoadPlan) -> Vec<(String, Vec<u8>)> {
        Vec::new()
    }

    fn is_done(&self, exit_code: i64) -> bool {
        // With 99 it says that a threshold of its script does not hold.
        [0, 99].contains(&exit_code)
    }

    fn writes(&self) -> &'static [&'static str] {
        &[SUMMARY]
    }

    fn read(&self, load: &LoadPlan, outputs: &Outputs) -> Result<LoadResult, String> {
        let text = outputs.files.get(SUMMARY).ok_or_else(|| format!("{SUMMARY} was not written"))?;
        let exported: Exported = serde_json::from_slice(text).map_err(|error| format!("{SUMMARY}: {error}"))?;
        let (requests, rate) = (exported.needed("http_reqs", "count")?, exported.needed("http_reqs", "rate")?);
        // Some versions wrap the share of requests that failed in a name of another kind of metric.
        let failed = exported.number("http_req_failed", "value").or(exported.number("http_req_failed", "rate"));
        let time = |name: &str| exported.needed("http_req_duration", name);
        let named = exported.metrics.get("http_req_duration").into_iter().flatten();
        let mut percentiles: Vec<ToldPercentile> = named
            .filter_map(|(name, value)| {
                let percent = name.strip_prefix("p(")?.strip_suffix(')')?.parse().ok()?;
                Some(ToldPercentile { percent, latency_us: (value.as_f64()? * 1e3).round() as u64 })
            })
            .collect();
        percentiles.sort_by(|a, b| a.percent.total_cmp(&b.percent));
        let received = exported.number("data_received", "count").map(|bytes| bytes as u64);
        let told = Told {
            tool: LoadTool::K6,
            method: String::new(),
            name: "all requests of the script".into(),
            requests: requests as u64,
            failures: (failed.unwrap_or_default() * requests).round() as u64,
            content_bytes: received.unwrap_or_default(),
            bytes_received: received,
            start_unix_us: outputs.started_unix_us,
            duration_us: if rate > 0.0 { micros(requests / rate) } else { 0 },
            summary: LatencySummary {
                count: requests as u64,
                mean_us: time("avg")? * 1e3,
                min_us: (time("min")? * 1e3).round() as u64,
                max_us: (time("max")? * 1e3).round() as u64,
                percentiles,
            },
        };
        Ok(told.into_result(load))
    }
}
