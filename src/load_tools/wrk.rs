//! wrk: connections that send without a pause. Its text has three digits; a Lua script of ours, which has the user's own
//! script in it where there is one, prints what wrk counted as it is.

use super::{
    Adapter, Outputs, path,
    request::{self, Told},
    users, window_s,
};
use crate::model::{LatencySummary, LoadModel, LoadPlan, LoadResult, LoadTool, LoadToolPlan, ToldPercentile};
use serde::Deserialize;

const SCRIPT: &str = "vscale.lua";
/// Prints the summary that wrk hands to a script at its end.
const DONE: &str = r#"
local users_done = done
function done(summary, latency, requests)
  local errors = summary.errors
  local percentiles = {}
  for _, percent in ipairs({50, 66, 75, 80, 90, 95, 98, 99, 99.9, 99.99}) do
    percentiles[#percentiles + 1] = string.format('{"percent": %s, "latency_us": %.0f}', percent, latency:percentile(percent))
  end
  print(string.format(
    'vscale {"duration_us": %.0f, "requests": %.0f, "bytes": %.0f, "connect": %.0f, "read": %.0f, "write": %.0f, ' ..
    '"status": %.0f, "timeout": %.0f, "mean_us": %f, "min_us": %.0f, "max_us": %.0f, "percentiles": [%s]}',
    summary.duration, summary.requests, summary.bytes, errors.connect, errors.read, errors.write,
    errors.status, errors.timeout, latency.mean, latency.min, latency.max, table.concat(percentiles, ", ")))
  if users_done then users_done(summary, latency, requests) end
end
"#;

pub(super) struct Wrk;

/// What the script prints.
#[derive(Debug, Deserialize)]
struct Summary {
    duration_us: u64,
    /// Answers, those with an error status included.
    requests: u64,
    bytes: u64,
    connect: u64,
    read: u64,
    write: u64,
    status: u64,
    timeout: u64,
    mean_us: f64,
    min_us: u64,
    max_us: u64,
    percentiles: Vec<ToldPercentile>,
}

impl Adapter for Wrk {
    fn refuses(&self, plan: &LoadToolPlan, load: &LoadPlan) -> Option<String> {
        if matches!(load.model, LoadModel::Open { .. }) {
            return Some("it sends in closed loop, and takes no rate".into());
        }
        if plan.script.is_some() { None } else { request::only(load).err() }
    }

    fn command(&self, plan: &LoadToolPlan, load: &LoadPlan) -> Vec<String> {
        let threads = load.threads.unwrap_or(1).min(users(load)).max(1);
        let seconds = |us: u64| format!("{}s", us.div_ceil(1_000_000));
        let page = if plan.script.is_some() { "/" } else { load.requests[0].path.as_str() };
        let mut command =
            ["--threads".to_owned(), threads.to_string(), "--connections".into(), users(load).to_string()].to_vec();
        command.extend(["--duration".into(), format!("{}s", window_s(load).ceil()), "--latency".into()]);
        command.extend(["--timeout".into(), seconds(load.timeout_us), "--script".into(), path(SCRIPT)]);
        command.extend(plan.args.iter().cloned());
        command.push(format!("{}{page}", load.host));
        command
    }

    fn files(&self, plan: &LoadToolPlan, load: &LoadPlan) -> Vec<(String, Vec<u8>)> {
        let sends = match &plan.script {
            Some(script) => format!("dofile({})\n", lua(&path(script))),
            None => {
                let request = &load.requests[0];
                let mut lines = format!("wrk.method = {}\n", lua(&request.method));
                if !request.body.is_empty() {
                    lines += &format!("wrk.body = {}\n", lua(&request.body));
                }
                for (name, value) in request::headers(request) {
                    lines += &format!("wrk.headers[{}] = {}\n", lua(&name), lua(&value));
                }
                lines
            }
        };
        vec![(SCRIPT.to_owned(), (sends + DONE).into_bytes())]
    }

    fn read(&self, load: &LoadPlan, outputs: &Outputs) -> Result<LoadResult, String> {
        let line = outputs.lines.iter().find_map(|line| line.strip_prefix("vscale "));
        let summary: Summary = serde_json::from_str(line.ok_or("it printed no summary")?)
            .map_err(|error| format!("its summary: {error}"))?;
        // What had no answer is not among the answers.
        let unanswered = summary.connect + summary.read + summary.write + summary.timeout;
        let request = load.requests.first();
        let told = Told {
            tool: LoadTool::Wrk,
            method: request.map(|request| request.method.clone()).unwrap_or_default(),
            name: request.map(|request| request.name.clone()).unwrap_or_default(),
            requests: summary.requests + unanswered,
            failures: summary.status + unanswered,
            content_bytes: summary.bytes,
            bytes_received: Some(summary.bytes),
            start_unix_us: outputs.started_unix_us,
            duration_us: summary.duration_us,
            summary: LatencySummary {
                count: summary.requests,
                mean_us: summary.mean_us,
                min_us: summary.min_us,
                max_us: summary.max_us,
                percentiles: summary.percentiles,
            },
        };
        Ok(told.into_result(load))
    }
}

/// As a string of Lua's: every byte that is not plain as a decimal escape.
fn lua(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b' '..=b'~' if byte != b'"' && byte != b'\\' => char::from(byte).to_string(),
        other => format!("\\{other:03}"),
    };
    format!("\"{}\"", text.bytes().map(byte).collect::<String>())
}
