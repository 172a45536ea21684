//! Locust's four CSV files from a [`LoadResult`], so that what reads Locust's reads ours: headers, order, CRLF, whole
//! and decimal numbers as Locust 2.47 writes them. Times are in milliseconds, percentiles in whole ones.
//!
//! Where the numbers differ from Locust's, by intent:
//! - response times are those of successes (Locust mixes failures in), and percentiles are rounded once, to 1 ms
//!   (Locust also to two digits); `.hgrm` files and `scaling.csv` have the microseconds;
//! - in the history, a row's percentiles are those of its own second (Locust's: of the whole run so far, or of about
//!   the last ten seconds with `--csv-full-history`), and so are its rates (Locust's: a mean of about ten seconds);
//! - in the history, totals count the measured window only, as after Locust's `--reset-stats`; the running median and
//!   minimum are not kept, so they are N/A in every row but the last;
//! - Locust's own files end at its last tick, up to a second before the run does; ours have the whole window;
//! - what another load generator told is written as it was told: N/A where it was not;
//! - the text of a failure has its line breaks and control characters taken out.

use super::csv_text::csv_text;
use crate::{
    model::{Latencies, LoadResult, PERCENTILES, Second},
    text::plain,
    units::format_utc,
};

const AGGREGATED: &str = "Aggregated";
const NOT_AVAILABLE: &str = "N/A";

/// `_stats.csv`: a row a (method, name), and the aggregate.
pub fn stats_csv(load: &LoadResult) -> String {
    let header = [
        "Type",
        "Name",
        "Request Count",
        "Failure Count",
        "Median Response Time",
        "Average Response Time",
        "Min Response Time",
        "Max Response Time",
        "Average Content Size",
        "Requests/s",
        "Failures/s",
    ];
    let seconds = load.window.duration_us as f64 / 1e6;
    let named = load.requests.iter().map(|stats| {
        let totals = Totals::new(stats.requests, stats.failures, stats.content_bytes);
        stats_row([stats.method.as_str(), stats.name.as_str()], totals, &stats.latencies(), seconds)
    });
    let aggregated = stats_row(["", AGGREGATED], window_totals(load), &load.latencies(), seconds);
    csv_text(header.map(String::from).into_iter().chain(percentile_titles()), named.chain([aggregated]))
}

fn stats_row(who: [&str; 2], totals: Totals, latency: &Latencies, seconds: f64) -> Vec<String> {
    let mut row: Vec<String> = who.map(plain).into();
    row.extend([totals.requests.to_string(), totals.failures.to_string()]);
    row.extend(response_times(latency));
    row.push(totals.average_content());
    row.extend([totals.requests, totals.failures].map(|count| decimal(ratio(count as f64, seconds))));
    row.extend(PERCENTILES.map(|percent| match totals.requests {
        0 => NOT_AVAILABLE.to_owned(),
        _ if latency.count() == 0 => whole_ms(0),
        _ => latency.percentile_us(percent).map_or_else(|| NOT_AVAILABLE.to_owned(), whole_ms),
    }));
    row
}

/// `_stats_history.csv`: a row a second, aggregated over all names.
pub fn stats_history_csv(load: &LoadResult) -> String {
    let before = ["Timestamp", "User Count", "Type", "Name", "Requests/s", "Failures/s"].map(String::from);
    let after = [
        "Total Request Count",
        "Total Failure Count",
        "Total Median Response Time",
        "Total Average Response Time",
        "Total Min Response Time",
        "Total Max Response Time",
        "Total Average Content Size",
    ];
    let mut running = Running::default();
    // Answers after the window's end are no second of the load.
    let end = load.series.iter().rposition(|second| second.measured).map_or(load.series.len(), |last| last + 1);
    let last = end.saturating_sub(1);
    let rows = load.series[..end].iter().enumerate().map(|(index, second)| {
        running.add(second);
        let mut row = history_row(second);
        row.extend(if index == last { final_totals(load) } else { running.cells() });
        row
    });
    csv_text(before.into_iter().chain(percentile_titles()).chain(after.map(String::from)), rows)
}

fn history_row(second: &Second) -> Vec<String> {
    let seconds = second.duration_us as f64 / 1e6;
    let mut row = vec![
        (second.unix_us / 1_000_000).to_string(),
        second.users.to_string(),
        String::new(),
        AGGREGATED.to_owned(),
        format!("{:.6}", ratio(second.requests as f64, seconds)),
        format!("{:.6}", ratio(second.failures as f64, seconds)),
    ];
    match second.percentiles_us {
        Some(percentiles) => row.extend(percentiles.map(whole_ms)),
        None => row.extend(PERCENTILES.map(|_| NOT_AVAILABLE.to_owned())),
    }
    row
}

fn final_totals(load: &LoadResult) -> Vec<String> {
    let totals = window_totals(load);
    let mut cells = vec![totals.requests.to_string(), totals.failures.to_string()];
    cells.extend(response_times(&load.latencies()));
    cells.push(totals.average_content());
    cells
}

/// `_failures.csv`: a row a (method, name, error), most frequent first.
pub fn failures_csv(load: &LoadResult) -> String {
    let header = ["Method", "Name", "Error", "Occurrences", "First Seen", "Last Seen"];
    let rows = load.failures.iter().map(|group| {
        [
            plain(&group.method),
            plain(&group.name),
            plain(&group.error),
            group.occurrences.to_string(),
            format_utc(group.first_seen_unix_us),
            format_utc(group.last_seen_unix_us),
        ]
    });
    csv_text(header, rows)
}

/// `_exceptions.csv`: only the header. Locust lists its user script's own exceptions there, and here is no script.
pub fn exceptions_csv() -> String {
    csv_text(["Count", "Message", "Traceback", "Nodes"], std::iter::empty::<[String; 4]>())
}

/// Counts over a span, and the body bytes that came with them.
#[derive(Clone, Copy, Default)]
struct Totals {
    requests: u64,
    failures: u64,
    content_bytes: u64,
}

impl Totals {
    fn new(requests: u64, failures: u64, content_bytes: u64) -> Self {
        Self { requests, failures, content_bytes }
    }

    /// Locust writes a whole 0 without requests, and a decimal number otherwise.
    fn average_content(self) -> String {
        match self.requests {
            0 => "0".to_owned(),
            count => decimal(self.content_bytes as f64 / count as f64),
        }
    }
}

fn window_totals(load: &LoadResult) -> Totals {
    let content_bytes = load.requests.iter().map(|stats| stats.content_bytes).sum();
    Totals::new(load.request_count(), load.failure_count(), content_bytes)
}

/// What the seconds of the window add up to so far.
#[derive(Default)]
struct Running {
    totals: Totals,
    latency_sum_us: u64,
    max_us: u64,
}

impl Running {
    fn add(&mut self, second: &Second) {
        if second.measured {
            self.totals.requests += second.requests;
            self.totals.failures += second.failures;
            self.totals.content_bytes += second.content_bytes;
            self.latency_sum_us += second.latency_sum_us;
            self.max_us = self.max_us.max(second.percentiles_us.map_or(0, |percentiles| percentiles[10]));
        }
    }

    fn cells(&self) -> Vec<String> {
        let Totals { requests, failures, .. } = self.totals;
        let successes = requests.saturating_sub(failures) as f64;
        vec![
            requests.to_string(),
            failures.to_string(),
            NOT_AVAILABLE.to_owned(),
            decimal(ratio(self.latency_sum_us as f64 / 1e3, successes)),
            NOT_AVAILABLE.to_owned(),
            exact_ms(self.max_us),
            self.totals.average_content(),
        ]
    }
}

/// Median, average, smallest and largest, in ms. The median is whole unless that would put it outside of the other
/// two: Locust's rule.
fn response_times(latency: &Latencies) -> [String; 4] {
    let (min_us, max_us) = (latency.min_us(), latency.max_us());
    let median_us = (latency.percentile_us(50.0).unwrap_or_default() + 500) / 1000 * 1000;
    let median = match median_us {
        above if above > max_us => exact_ms(max_us),
        below if below < min_us => exact_ms(min_us),
        within => whole_ms(within),
    };
    [median, decimal(latency.mean_us() / 1e3), exact_ms(min_us), exact_ms(max_us)]
}

/// `50%` to `100%`.
fn percentile_titles() -> impl Iterator<Item = String> {
    PERCENTILES.iter().map(|percent| format!("{percent}%"))
}

/// Microseconds as the nearest whole number of milliseconds.
fn whole_ms(us: u64) -> String {
    ((us + 500) / 1000).to_string()
}

/// Microseconds as milliseconds with their decimals; a whole 0 for none, as Locust's.
fn exact_ms(us: u64) -> String {
    if us == 0 { "0".to_owned() } else { decimal(us as f64 / 1e3) }
}

/// As Python prints a float: the shortest text that reads back the same, never without a point.
fn decimal(number: f64) -> String {
    format!("{number:?}")
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
