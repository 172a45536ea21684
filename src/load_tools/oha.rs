//! oha: closed loop, or a rate; its JSON at the end.

use super::{
    Adapter, Outputs, micros,
    request::{self, Told},
    users, window_s,
};
use crate::model::{
    Arrivals, FailureGroup, FailureKind, LatencySummary, LoadModel, LoadPlan, LoadResult, LoadTool, LoadToolPlan,
    ToldPercentile,
};
use serde::Deserialize;
use std::{cmp::Reverse, collections::BTreeMap};

/// What it calls requests that were under way at its end: no failures, as nobody waited for their answers.
const AT_DEADLINE: &str = "aborted due to deadline";

pub(super) struct Oha;

/// The part of its JSON that is read; times are in seconds, and null where there is none.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    summary: Summary,
    latency_percentiles: BTreeMap<String, Option<f64>>,
    #[serde(default)]
    status_code_distribution: BTreeMap<String, u64>,
    #[serde(default)]
    error_distribution: BTreeMap<String, u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    total: f64,
    slowest: Option<f64>,
    fastest: Option<f64>,
    average: Option<f64>,
    total_data: u64,
}

impl Adapter for Oha {
    fn refuses(&self, plan: &LoadToolPlan, load: &LoadPlan) -> Option<String> {
        if plan.script.is_some() {
            return Some("it has no scripts: leave out `file`".into());
        }
        if let LoadModel::Open { arrivals: Arrivals::Poisson, .. } = load.model {
            return Some("its rate is constant: add --arrivals constant".into());
        }
        request::only(load).err()
    }

    fn command(&self, plan: &LoadToolPlan, load: &LoadPlan) -> Vec<String> {
        let request = &load.requests[0];
        let mut command: Vec<String> = ["--no-tui", "--output-format", "json"].map(str::to_owned).into();
        let mut add = |name: &str, value: String| command.extend([name.to_owned(), value]);
        add("-z", format!("{}ms", (window_s(load) * 1e3).round()));
        add("-c", users(load).to_string());
        if let LoadModel::Open { rate_rps, .. } = load.model {
            add("-q", rate_rps.to_string());
        }
        add("-t", format!("{}ms", load.timeout_us / 1000));
        add("-m", request.method.clone());
        for (name, value) in request::headers(request) {
            add("-H", format!("{name}: {value}"));
        }
        if !request.body.is_empty() {
            add("-d", request.body.clone());
        }
        command.extend(plan.args.iter().cloned());
        command.push(format!("{}{}", load.host, request.path));
        command
    }

    fn files(&self, _plan: &LoadToolPlan, _load: &LoadPlan) -> Vec<(String, Vec<u8>)> {
        Vec::new()
    }

    fn read(&self, load: &LoadPlan, outputs: &Outputs) -> Result<LoadResult, String> {
        let text = outputs.lines.join("\n");
        let start = text.find('{').ok_or("it printed no JSON")?;
        let output: Output = serde_json::from_str(&text[start..]).map_err(|error| error.to_string())?;
        let answers: u64 = output.status_code_distribution.values().sum();
        let (request, start_unix_us) = (&load.requests[0], outputs.started_unix_us);
        let expected = request.expect.status.map(|status| status.to_string());
        let wrong = output
            .status_code_distribution
            .iter()
            .filter(|(status, _)| expected.as_ref().is_some_and(|expected| *status != expected));
        let wrong = wrong.map(|(status, count)| (FailureKind::Status, format!("HTTP {status}"), *count));
        let errors = output.error_distribution.iter().filter(|(error, _)| *error != AT_DEADLINE);
        let errors = errors.map(|(error, count)| (FailureKind::Told, error.clone(), *count));
        let mut failures: Vec<FailureGroup> = wrong
            .chain(errors)
            .map(|(kind, error, occurrences)| FailureGroup {
                method: request.method.clone(),
                name: request.name.clone(),
                kind,
                error,
                occurrences,
                first_seen_unix_us: start_unix_us,
                last_seen_unix_us: start_unix_us + micros(output.summary.total),
            })
            .collect();
        failures.sort_by_key(|group| Reverse(group.occurrences));
        let without_answer: u64 =
            failures.iter().filter(|group| group.kind == FailureKind::Told).map(|group| group.occurrences).sum();
        let mut percentiles: Vec<ToldPercentile> = output
            .latency_percentiles
            .iter()
            .filter_map(|(name, seconds)| {
                Some(ToldPercentile { percent: name.strip_prefix('p')?.parse().ok()?, latency_us: micros((*seconds)?) })
            })
            .collect();
        percentiles.sort_by(|a, b| a.percent.total_cmp(&b.percent));
        let told = Told {
            tool: LoadTool::Oha,
            method: request.method.clone(),
            name: request.name.clone(),
            requests: answers + without_answer,
            failures: failures.iter().map(|group| group.occurrences).sum(),
            content_bytes: output.summary.total_data,
            bytes_received: None,
            start_unix_us,
            duration_us: micros(output.summary.total),
            summary: LatencySummary {
                count: answers,
                mean_us: output.summary.average.unwrap_or_default() * 1e6,
                min_us: micros(output.summary.fastest.unwrap_or_default()),
                max_us: micros(output.summary.slowest.unwrap_or_default()),
                percentiles,
            },
        };
        // What was under way when its time was over.
        let unanswered = output.error_distribution.get(AT_DEADLINE).copied().unwrap_or_default();
        let mut result = LoadResult { failures, ..told.into_result(load) };
        result.totals.sent += unanswered;
        result.totals.unanswered = Some(unanswered);
        Ok(result)
    }
}
