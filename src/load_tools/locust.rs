//! Locust: a locustfile says what is sent, flags say how many users. Its CSV files tell the window's counts and latencies;
//! a listener of ours beside the locustfile ([`WINDOW`]) keeps the window and tells each second.

use super::{Adapter, Outputs, out, path, users, window_s};
use crate::model::{
    FailureGroup, FailureKind, Histogram, LatencySummary, LoadModel, LoadPlan, LoadProgress, LoadResult, LoadTool,
    LoadToolPlan, RequestStats, RequestTemplate, Second, StopCause, ToldPercentile, Totals, Window,
};
use serde::Deserialize;
use std::collections::HashMap;

/// What the image is built of where the compose file names none.
pub const IMAGE: [(&str, &str); 3] = [
    ("Dockerfile", include_str!("../../docker/locust/Dockerfile")),
    ("locust.lock", include_str!("../../docker/locust/locust.lock")),
    ("uv.lock", include_str!("../../docker/stack/uv.lock")),
];

const WINDOW: &str = "vscale_window.py";
const ASKED: &str = "window.json";
const STATS: &str = "locust_stats.csv";
const FAILURES: &str = "locust_failures.csv";
/// Locust waits a second after each batch of users that it spawns, the last one too.
const SLACK_S: f64 = 30.0;
const AGGREGATED: &str = "Aggregated";

pub(super) struct Locust;

impl Adapter for Locust {
    fn refuses(&self, plan: &LoadToolPlan, load: &LoadPlan) -> Option<String> {
        if plan.script.is_none() {
            return Some("`file` must name a locustfile".into());
        }
        if matches!(load.model, LoadModel::Open { .. }) {
            return Some("it sends in closed loop, and takes no rate".into());
        }
        if load.requests != [RequestTemplate::default()] {
            return Some("its locustfile says what is sent: leave out flags about requests".into());
        }
        let own =
            ["--master", "--worker", "--processes", "-u", "--users", "-r", "-t", "--run-time", "--csv", "--headless"];
        let taken = plan.args.iter().find(|argument| own.contains(&argument.split('=').next().unwrap_or_default()));
        taken.map(|argument| format!("`{argument}` in `args`: it runs as one process, and this is set by vscale"))
    }

    fn command(&self, plan: &LoadToolPlan, load: &LoadPlan) -> Vec<String> {
        let script = plan.script.as_deref().unwrap_or_default();
        let LoadModel::Closed { spawn_rate_per_s, .. } = load.model else { return Vec::new() };
        let spawning_s = f64::from(users(load)) / spawn_rate_per_s;
        let longest_s = spawning_s + load.warm_up.longest_us() as f64 / 1e6 + window_s(load) + SLACK_S;
        let text = |text: &str| text.to_owned();
        let mut command = vec![
            text("--locustfile"),
            format!("{},{}", path(WINDOW), path(script)),
            text("--headless"),
            text("--only-summary"),
            text("--host"),
            load.host.clone(),
            text("--users"),
            users(load).to_string(),
            text("--spawn-rate"),
            spawn_rate_per_s.to_string(),
            // The window's end comes before.
            text("--run-time"),
            format!("{}s", longest_s.ceil()),
            text("--stop-timeout"),
            (load.drain_us as f64 / 1e6).ceil().to_string(),
            text("--csv"),
            out("locust"),
            text("--exit-code-on-error"),
            text("0"),
        ];
        command.extend(plan.args.iter().cloned());
        command
    }

    fn files(&self, _plan: &LoadToolPlan, load: &LoadPlan) -> Vec<(String, Vec<u8>)> {
        let warm_up_s = load.warm_up.longest_us() as f64 / 1e6;
        let asked = serde_json::json!({"warm_up_s": warm_up_s, "window_s": window_s(load)});
        vec![
            (WINDOW.to_owned(), include_bytes!("vscale_window.py").to_vec()),
            (ASKED.to_owned(), asked.to_string().into_bytes()),
        ]
    }

    fn writes(&self) -> &'static [&'static str] {
        &[STATS, FAILURES]
    }

    fn has_warm_up(&self) -> bool {
        true
    }

    fn progress(&self, line: &str) -> Option<LoadProgress> {
        let Said::Row(row) = said(line)? else { return None };
        let per_second = |count: u64| count as f64 * 1e6 / row.duration_us.max(1) as f64;
        Some(LoadProgress {
            elapsed_us: row.elapsed_us,
            measuring: row.measuring,
            users: row.users,
            start_unix_us: row.unix_us.saturating_sub(row.duration_us),
            duration_us: row.duration_us,
            throughput_rps: per_second(row.requests),
            failures_rps: per_second(row.failures),
            latency: Histogram::new(),
        })
    }

    fn is_border(&self, line: &str) -> bool {
        matches!(said(line), Some(Said::Starts {} | Said::Window(_)))
    }

    fn read(&self, load: &LoadPlan, outputs: &Outputs) -> Result<LoadResult, String> {
        let (mut rows, mut window, mut all) = (Vec::new(), None, None);
        for line in &outputs.lines {
            match said(line) {
                Some(Said::Row(row)) => rows.push(row),
                Some(Said::Window(found)) => window = Some(found),
                Some(Said::Starts {}) | None => {}
                Some(Said::All { ended, failed }) => all = Some((ended, failed)),
            }
        }
        let window = window.ok_or("it ended before its window did")?;
        let (ended, failed) = all.ok_or("it did not say how many requests there were")?;
        let file = |name| outputs.files.get(name).ok_or_else(|| format!("{name} was not written"));
        let (requests, summary) = stats(file(STATS)?).map_err(|why| format!("{STATS}: {why}"))?;
        let failures = failures(file(FAILURES)?, &window).map_err(|why| format!("{FAILURES}: {why}"))?;
        Ok(LoadResult {
            host: load.host.clone(),
            told_by: Some(LoadTool::Locust),
            model: load.model.clone(),
            stages: Vec::new(),
            window,
            stopped_by: StopCause::RunTime,
            requests,
            summary: Some(summary),
            failures,
            series: rows.into_iter().filter(|row| row.duration_us > 0).map(Row::into_second).collect(),
            totals: Totals { sent: ended, succeeded: ended - failed.min(ended), failed, ..Totals::default() },
            addresses: Vec::new(),
            generators: Vec::new(),
            backend: None,
            backend_error: None,
        })
    }
}

/// What our listener says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Row(Row),
    Starts {},
    Window(Window),
    All { ended: u64, failed: u64 },
}

/// What happened since the last row.
#[derive(Debug, Deserialize)]
struct Row {
    unix_us: u64,
    elapsed_us: u64,
    duration_us: u64,
    measuring: bool,
    users: u32,
    requests: u64,
    failures: u64,
    content_bytes: u64,
    latency_sum_us: u64,
}

impl Row {
    fn into_second(self) -> Second {
        Second {
            unix_us: self.unix_us,
            duration_us: self.duration_us,
            measured: self.measuring,
            users: self.users,
            requests: self.requests,
            failures: self.failures,
            content_bytes: self.content_bytes,
            tokens: 0,
            latency_sum_us: self.latency_sum_us,
            percentiles_us: None,
        }
    }
}

/// `None` for what the user's own locustfile prints.
fn said(line: &str) -> Option<Said> {
    serde_json::from_str(line.strip_prefix("vscale ")?).ok()
}

/// A row of a CSV file, by its header's titles.
struct Cells<'a> {
    titles: &'a csv::StringRecord,
    row: csv::StringRecord,
}

impl Cells<'_> {
    fn text(&self, title: &str) -> Result<&str, String> {
        let place = self.titles.iter().position(|other| other == title);
        place.and_then(|place| self.row.get(place)).ok_or_else(|| format!("no column `{title}`"))
    }

    fn number(&self, title: &str) -> Result<f64, String> {
        let text = self.text(title)?;
        text.parse().map_err(|_| format!("`{text}` under `{title}` is no number"))
    }

    fn count(&self, title: &str) -> Result<u64, String> {
        let text = self.text(title)?;
        text.parse().map_err(|_| format!("`{text}` under `{title}` is no count"))
    }

    /// Times are in milliseconds.
    fn us(&self, title: &str) -> Result<f64, String> {
        Ok(self.number(title)? * 1e3)
    }

    /// The columns that are called `50%` and the like, where they have a number.
    fn percentiles(&self) -> Vec<ToldPercentile> {
        let told = self.titles.iter().zip(self.row.iter()).filter_map(|(title, cell)| {
            let percent = title.strip_suffix('%')?.parse().ok()?;
            let latency_us = (cell.parse::<f64>().ok()? * 1e3).round() as u64;
            Some(ToldPercentile { percent, latency_us })
        });
        told.collect()
    }
}

fn rows<T>(text: &[u8], read: impl Fn(&Cells<'_>) -> Result<T, String>) -> Result<Vec<T>, String> {
    let mut reader = csv::Reader::from_reader(text);
    let titles = reader.headers().map_err(|error| error.to_string())?.clone();
    let row = |row: csv::Result<csv::StringRecord>| {
        read(&Cells { titles: &titles, row: row.map_err(|error| error.to_string())? })
    };
    reader.records().map(row).collect()
}

/// Each name's, and the aggregate's latencies.
fn stats(text: &[u8]) -> Result<(Vec<RequestStats>, LatencySummary), String> {
    let mut all = rows(text, |cells| {
        let requests = cells.count("Request Count")?;
        Ok(RequestStats {
            method: cells.text("Type")?.to_owned(),
            name: cells.text("Name")?.to_owned(),
            requests,
            failures: cells.count("Failure Count")?,
            content_bytes: (cells.number("Average Content Size")? * requests as f64).round() as u64,
            latency: Histogram::new(),
            summary: Some(LatencySummary {
                count: requests,
                mean_us: cells.us("Average Response Time")?,
                min_us: cells.us("Min Response Time")?.round() as u64,
                max_us: cells.us("Max Response Time")?.round() as u64,
                percentiles: cells.percentiles(),
            }),
            intended: None,
            stream: None,
        })
    })?;
    let aggregated = all.iter().position(|row| row.method.is_empty() && row.name == AGGREGATED);
    let summary = aggregated.and_then(|place| all.remove(place).summary).ok_or("it has no aggregate")?;
    Ok((all, summary))
}

/// Most frequent first, as ours.
fn failures(text: &[u8], window: &Window) -> Result<Vec<FailureGroup>, String> {
    let mut groups = rows(text, |cells| {
        // Earlier versions have no such columns.
        let moment = |title: &str| cells.text(title).ok()?.parse::<jiff::Timestamp>().ok();
        let unix_us = |title, otherwise: u64| moment(title).map_or(otherwise, |at| at.as_microsecond() as u64);
        Ok(FailureGroup {
            method: cells.text("Method")?.to_owned(),
            name: cells.text("Name")?.to_owned(),
            kind: FailureKind::Told,
            error: cells.text("Error")?.to_owned(),
            occurrences: cells.count("Occurrences")?,
            first_seen_unix_us: unix_us("First Seen", window.start_unix_us),
            last_seen_unix_us: unix_us("Last Seen", window.start_unix_us + window.duration_us),
        })
    })?;
    groups.sort_by_key(|group| std::cmp::Reverse(group.occurrences));
    // One (method, name, error) is one group: Locust keeps them so.
    let mut seen = HashMap::new();
    groups.retain(|group| seen.insert((group.method.clone(), group.name.clone(), group.error.clone()), ()).is_none());
    Ok(groups)
}
