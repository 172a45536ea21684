//! A load phase's times, clock by clock: from when requests were sent, from when they were due, how late they were sent,
//! and of streams their tokens; and what the backend saw meanwhile.

use super::{
    cells::{self, NONE, or_none},
    csv_text::csv_text,
    table::Table,
};
use crate::{
    model::{Histogram, LoadResult, StreamStats},
    units::format_us,
};

const PERCENTS: [f64; 5] = [50.0, 90.0, 95.0, 99.0, 99.9];

/// A row a clock; those that the load does not have are left out.
pub fn times(load: &LoadResult) -> Table {
    let columns = ["time", "#count", "#mean", "#p50", "#p90", "#p95", "#p99", "#p99.9", "#max"];
    let mut table = Table::new("Times of successful requests, by clock", columns);
    let stream = load.stream();
    let is_scheduled = load.requests.iter().any(|stats| stats.intended.is_some());
    let rows = [
        // What another load generator tells stands with the names.
        ("latency from sent", load.told_by.is_none().then(|| load.latency())),
        ("latency from due", is_scheduled.then(|| load.intended())),
        ("sent after due", load.send_lag()),
        ("time to first token", stream.as_ref().map(|stream| stream.ttft.clone())),
        ("inter-token latency", stream.map(|stream| stream.itl)),
    ];
    for (name, histogram) in rows.into_iter().filter_map(|(name, histogram)| Some((name, histogram?))) {
        let when_any = |us: f64| if histogram.count() > 0 { format_us(us) } else { NONE.to_owned() };
        let mut row = vec![name.to_owned(), cells::grouped(histogram.count()), when_any(histogram.mean_us())];
        row.extend(PERCENTS.map(|percent| cells::percentile(&histogram, percent)));
        row.push(when_any(histogram.max_us() as f64));
        table.row(row);
    }
    table
}

/// What the backend saw in the window; `None` if it was not asked.
pub fn backend(load: &LoadResult) -> Option<Table> {
    let truth = load.backend.as_ref()?;
    let window = &truth.window;
    let columns = ["at the backend", "value"];
    let mut table = Table::new("What the backend saw", columns);
    let seconds = window.duration_us.max(1) as f64 / 1e6;
    let percentile = |percent| cells::percentile(&window.service_time, percent);
    for (what, value) in [
        (
            "arrivals",
            format!("{} ({}/s)", cells::grouped(window.arrivals), cells::rps(window.arrivals as f64 / seconds)),
        ),
        ("answered", cells::grouped(window.answered)),
        ("errors answered", cells::grouped(window.errors)),
        ("service time", format!("p50 {}, p99 {}", percentile(50.0), percentile(99.0))),
        ("most in flight", cells::grouped(window.peak_in_flight)),
        ("connections open at the end", cells::grouped(window.connections_open)),
        (
            "arrivals for each request sent",
            or_none(truth.amplification(&load.totals), |factor| format!("{factor:.4} (whole run)")),
        ),
    ] {
        table.row([what.to_owned(), value]);
    }
    Some(table)
}

/// `_streams.csv`: a row a name and one of all, times in milliseconds; `None` when nothing was streamed.
pub fn streams_csv(load: &LoadResult) -> Option<String> {
    let all = load.stream()?;
    let seconds = load.window.duration_us.max(1) as f64 / 1e6;
    let mut header = ["Type", "Name", "Streams", "Tokens", "Tokens/s"].map(str::to_owned).to_vec();
    for clock in ["TTFT", "ITL"] {
        header.push(format!("{clock} Average"));
        header.extend(PERCENTS.map(|percent| format!("{clock} {percent}%")));
        header.push(format!("{clock} Max"));
    }
    let ms = |us: f64| format!("{:.3}", us / 1e3);
    let times = |histogram: &Histogram| {
        let is_empty = histogram.count() == 0;
        let mut cells = vec![histogram.mean_us()];
        cells.extend(PERCENTS.map(|percent| histogram.percentile_us(percent) as f64));
        cells.push(histogram.max_us() as f64);
        cells.into_iter().map(move |us| if is_empty { "N/A".to_owned() } else { ms(us) })
    };
    let row = |kind: &str, name: &str, streams: u64, stats: &StreamStats| {
        let counts = [streams.to_string(), stats.tokens.to_string(), format!("{:.3}", stats.tokens as f64 / seconds)];
        let mut row = vec![kind.to_owned(), name.to_owned()];
        row.extend(counts.into_iter().chain(times(&stats.ttft)).chain(times(&stats.itl)));
        row
    };
    let named = load
        .requests
        .iter()
        .filter_map(|stats| Some(row(&stats.method, &stats.name, stats.successes(), stats.stream.as_ref()?)));
    let aggregated = row("", "Aggregated", load.success_count(), &all);
    Some(csv_text(header, named.chain([aggregated])))
}
