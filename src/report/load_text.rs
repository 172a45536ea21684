//! What `vscale load` and `vscale capacity` print when they are done.

use super::{
    cells::{self, counted, or_none},
    clocks,
    findings::sentence,
    layout::wrapped,
    table::Table,
    terminal, words,
};
use crate::{
    analyse::load_findings,
    model::{Capacity, CapacityStep, CpuSet, LoadModel, LoadResult},
    text::plain,
    units::{format_bytes, format_us},
};

const MOST_FAILURES: usize = 10;

/// One load phase, no line longer than `width`: tables and failures' messages are cut.
pub fn render(load: &LoadResult, width: usize) -> String {
    let totals = &load.totals;
    let tokens = load.stream().map_or_else(String::new, |stream| {
        format!(", {} tokens, {}/s", cells::grouped(stream.tokens), cells::rps(load.tokens_per_s()))
    });
    let head = [
        format!("{}: {}", plain(&load.host), words::load(&load.model, &load.stages)),
        format!(
            "{} requests in {}, {}/s, {} failed{tokens}",
            cells::grouped(load.request_count()),
            cells::duration(load.window.duration_us),
            cells::rps(load.throughput_rps()),
            cells::grouped(load.failure_count()),
        ),
    ];
    let mut lines: Vec<String> =
        head.into_iter().chain(asked(load)).flat_map(|line| wrapped(&line, "", width)).collect();
    lines.extend(section(&clocks::times(load), width));
    if load.requests.len() > 1 {
        lines.extend(section(&by_name(load), width));
    }
    lines.extend(clocks::backend(load).iter().flat_map(|table| section(table, width)));
    if !load.failures.is_empty() {
        lines.extend(section(&failures(load), width));
    }
    lines.push(String::new());
    let told = |count: Option<u64>| or_none(count, |count| count.to_string());
    let whole = format!(
        "whole run: {} sent = {} succeeded + {} failed + {} unanswered; {} connections opened, {} requests on kept ones, {} \
         sent again; {} out, {} in",
        totals.sent,
        totals.succeeded,
        totals.failed,
        told(totals.unanswered),
        told(totals.connections_opened),
        told(totals.on_kept_connection),
        told(totals.retries),
        or_none(totals.bytes_sent, format_bytes),
        or_none(totals.bytes_received, format_bytes),
    );
    lines.extend(wrapped(&whole, "", width));
    if let [_, _, ..] = load.addresses.as_slice() {
        let used = load.addresses.iter().map(|one| format!("{} to {}", one.connections, one.address));
        lines.extend(wrapped(&format!("connections: {}", used.collect::<Vec<_>>().join(", ")), "", width));
    }
    let generator = format!(
        "load generator: {} CPU a request, {:.2} CPUs of {} (CPU {}), {} memory",
        or_none(load.generator_cpu_per_request_us(), format_us),
        load.generator_cores(),
        load.generator_threads(),
        load.generators.iter().flat_map(|one| one.cpus_allowed.iter()).collect::<CpuSet>(),
        format_bytes(load.generator_memory_bytes()),
    );
    lines.extend(wrapped(&generator, "", width));
    lines.extend(load_findings(load).iter().flat_map(|finding| wrapped(&sentence(finding), "warning: ", width)));
    lines.join("\n") + "\n"
}

/// Of an open loop that was not answered in full: `whole run: 311 requests were due, 57 answered, 254 never (12 never sent)`.
fn asked(load: &LoadResult) -> Option<String> {
    let totals = &load.totals;
    let is_open = matches!(load.model, LoadModel::Open { .. });
    let never = totals.never_answered().filter(|never| is_open && *never > 0)?;
    let [due, answered, failed, never, unsent] =
        [totals.asked()?, totals.succeeded, totals.failed, never, totals.unsent?].map(cells::grouped);
    Some(format!(
        "whole run: {due} requests were due, {answered} answered, {failed} failed, {never} never answered ({unsent} never sent)"
    ))
}

/// A whole search, no table wider than `width`.
pub fn capacity(capacity: &Capacity, width: usize) -> String {
    let mut table = Table::new(
        "Throughput and latency",
        ["load", "#requests/s", "#failed", "#p50", "#p95", "#p99", "#p99.9", "#late p99", "#generator"],
    );
    for step in &capacity.steps {
        let load = &step.result;
        // In open loop latency counts from when requests were due: that is what users wait.
        let latency = load.intended();
        let mut row = vec![step_name(step), cells::rps(load.throughput_rps())];
        row.push(cells::failed(load.failure_count(), load.failure_ratio()));
        row.extend([50.0, 95.0, 99.0, 99.9].map(|percent| cells::percentile(&latency, percent)));
        row.push(or_none(load.send_lag(), |lag| cells::percentile(&lag, 99.0)));
        row.push(format!("{:.2} CPUs", load.generator_cores()));
        table.row(row);
    }
    let users = capacity.users;
    let how = if capacity.is_saturated { "more users gain less than 3 %" } else { "more users were not tried" };
    let mut lines = vec![format!("capacity: {}/s with {users} users; {how}", cells::rps(capacity.capacity_rps))];
    lines.extend(section(&table, width));
    for step in &capacity.steps {
        let findings = load_findings(&step.result);
        let said = findings.iter().map(|finding| format!("{}: {}", step_name(step), sentence(finding)));
        lines.extend(said.flat_map(|said| wrapped(&said, "warning: ", width)));
    }
    lines.join("\n") + "\n"
}

/// `8 users: 1,234 requests/s, p50 6.4 ms`.
pub fn step_in_words(step: &CapacityStep) -> String {
    let load = &step.result;
    let p50 = cells::percentile(&load.intended(), 50.0);
    format!("{}: {} requests/s, p50 {p50}", step_name(step), cells::rps(load.throughput_rps()))
}

fn step_name(step: &CapacityStep) -> String {
    match (&step.result.model, step.share) {
        (LoadModel::Open { rate_rps, .. }, Some(share)) => {
            format!("{:.0} %: {}/s due", share * 100.0, cells::rps(*rate_rps))
        }
        (model, _) => counted(model.users().into(), "user"),
    }
}

fn by_name(load: &LoadResult) -> Table {
    let mut table =
        Table::new("By name", ["method", "name", "#requests", "#requests/s", "#failed", "#p50", "#p95", "#p99"]);
    let seconds = load.window.duration_us.max(1) as f64 / 1e6;
    for stats in &load.requests {
        let successes = stats.successes() as f64;
        let mut row = vec![stats.method.clone(), stats.name.clone(), cells::grouped(stats.requests)];
        row.push(cells::rps(successes / seconds));
        row.push(cells::failed(stats.failures, stats.failures as f64 / stats.requests.max(1) as f64));
        row.extend([50.0, 95.0, 99.0].map(|percent| cells::percentile(&stats.latency, percent)));
        table.row(row);
    }
    table
}

/// The most frequent first.
fn failures(load: &LoadResult) -> Table {
    let mut table = Table::new("Failures", ["#occurrences", "name", "error"]);
    for failure in load.failures.iter().take(MOST_FAILURES) {
        table.row([cells::grouped(failure.occurrences), failure.name.clone(), failure.error.clone()]);
    }
    table
}

fn section(table: &Table, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    lines.extend(terminal::draw_plain(table, width));
    lines
}
