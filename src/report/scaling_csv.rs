//! How throughput grows with workers: the derived figures, `scaling.csv` (a row a level) and `containers.csv` (a row a
//! sample). Every column's name carries its unit; a cell without a value is empty.

use super::csv_text::csv_text;
use crate::model::{ContainerSample, Histogram, Level, LoadResult, Phase, RunResult};

/// A level beside the one that it is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Scaled<'a> {
    /// The level.
    pub level: &'a Level,
    /// Derived: its throughput over that of the reference; `None` without a reference or its throughput.
    pub speed_up: Option<f64>,
    /// Derived: speed-up over the ratio of the workers; 1 is linear.
    pub efficiency: Option<f64>,
    /// Derived: the throughput that linear growth from the reference would give.
    pub ideal_rps: Option<f64>,
}

/// The level that the others are compared with: the first of the valid ones with the fewest workers.
pub fn reference(run: &RunResult) -> Option<&Level> {
    let valid = run.levels.iter().filter(|level| is_valid(level));
    valid.min_by_key(|level| level.workers)
}

/// Every level, in the run's order, against the [`reference()`].
pub fn scaled(run: &RunResult) -> Vec<Scaled<'_>> {
    let reference = reference(run);
    run.levels.iter().map(|level| scale(level, reference)).collect()
}

fn scale<'a>(level: &'a Level, reference: Option<&Level>) -> Scaled<'a> {
    let reference_rps = reference.map(|reference| reference.stack.load.throughput_rps()).filter(|rps| *rps > 0.0);
    let times_workers = f64::from(level.workers) / f64::from(reference.map_or(1, |reference| reference.workers.max(1)));
    let speed_up = reference_rps.map(|rps| level.stack.load.throughput_rps() / rps);
    Scaled {
        level,
        speed_up,
        efficiency: speed_up.map(|times| times / times_workers),
        ideal_rps: reference_rps.map(|rps| rps * times_workers),
    }
}

/// `scaling.csv`: a row a level. Percentiles without ten samples beyond them are empty.
pub fn scaling_csv(run: &RunResult) -> String {
    let header = [
        "level",
        "workers",
        "cpus_cores",
        "throughput_rps",
        "speed_up",
        "efficiency",
        "p50_us",
        "p95_us",
        "p99_us",
        "requests",
        "failures",
        "baseline_throughput_rps",
        "baseline_p50_us",
        "baseline_p95_us",
        "baseline_p99_us",
        "baseline_requests",
        "baseline_failures",
        "target_cpu_cores",
        "target_throttled_ratio",
        "target_memory_peak_bytes",
        "target_cpu_per_request_us",
        "overhead_p50_us",
        "ready_after_us",
        "workers_before",
        "workers_after",
        "valid",
    ];
    csv_text(header, scaled(run).iter().map(|scaled| scaling_row(run, scaled)))
}

fn scaling_row(run: &RunResult, scaled: &Scaled) -> Vec<String> {
    let level = scaled.level;
    let (stack, baseline) = (&level.stack.load, &level.baseline.load);
    let target = level.stack.usage(&run.settings.target);
    let quota = level.attestation.limits.iter().find(|limits| limits.service == run.settings.target);
    let mut row = vec![
        level.name.clone(),
        level.workers.to_string(),
        cell(quota.and_then(|limits| limits.asked.cpu_quota_cores)),
        stack.throughput_rps().to_string(),
        cell(scaled.speed_up),
        cell(scaled.efficiency),
    ];
    row.extend(percentiles(&stack.latency()));
    row.extend(counts(stack));
    row.push(baseline.throughput_rps().to_string());
    row.extend(percentiles(&baseline.latency()));
    row.extend(counts(baseline));
    row.extend([
        cell(target.and_then(|usage| usage.cpu_cores)),
        cell(target.and_then(|usage| usage.throttled_ratio)),
        cell(target.map(|usage| usage.memory_peak_bytes)),
        cell(level.target_cpu_per_request_us(&run.settings.target)),
        cell(level.overhead_p50_us()),
        level.ready_after_us.to_string(),
        level.attestation.workers_before.to_string(),
        level.attestation.workers_after.to_string(),
        is_valid(level).to_string(),
    ]);
    row
}

/// Whether the level measured what it says it measured.
pub fn is_valid(level: &Level) -> bool {
    level.warnings.iter().all(|warning| !warning.invalidates())
}

/// `containers.csv`: the engine's raw counters, a row a sample, of both phases.
pub fn containers_csv(level: &Level) -> String {
    let header = [
        "phase",
        "service",
        "unix_us",
        "cpu_us",
        "cpu_user_us",
        "cpu_system_us",
        "periods",
        "throttled_periods",
        "throttled_us",
        "memory_bytes",
        "received_bytes",
        "sent_bytes",
        "disk_read_bytes",
        "disk_written_bytes",
        "pids",
    ];
    csv_text(header, [&level.baseline, &level.stack].into_iter().flat_map(sample_rows))
}

fn sample_rows(phase: &Phase) -> impl Iterator<Item = Vec<String>> + '_ {
    phase.containers.iter().flat_map(move |usage| {
        usage.samples.iter().map(move |sample| {
            let mut row = vec![phase.name.to_string(), usage.service.clone()];
            row.extend(counters(sample));
            row
        })
    })
}

fn counters(sample: &ContainerSample) -> [String; 13] {
    [
        sample.unix_us.to_string(),
        sample.cpu_us.to_string(),
        sample.cpu_user_us.to_string(),
        sample.cpu_system_us.to_string(),
        cell(sample.periods),
        cell(sample.throttled_periods),
        cell(sample.throttled_us),
        sample.memory_bytes.to_string(),
        sample.received_bytes.to_string(),
        sample.sent_bytes.to_string(),
        sample.disk_read_bytes.to_string(),
        sample.disk_written_bytes.to_string(),
        sample.pids.to_string(),
    ]
}

fn percentiles(latency: &Histogram) -> [String; 3] {
    [50.0, 95.0, 99.0].map(|percent| cell(latency.supported_percentile_us(percent)))
}

fn counts(load: &LoadResult) -> [String; 2] {
    [load.request_count().to_string(), load.failure_count().to_string()]
}

fn cell<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}
