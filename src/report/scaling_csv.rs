//! `scaling.csv`: a row a level. Every column's name carries its unit; a cell without a value is empty, and so is a
//! percentile without ten samples beyond it.

use super::csv_text::{cell, csv_text};
use crate::{
    analyse::{self, Analysis, Scaled},
    measure::Rates,
    model::{LoadResult, PhaseKind, Run, Visited},
};

const HEADER: [&str; 26] = [
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

/// Its text.
pub fn render(run: &Run, analysis: &Analysis) -> String {
    let rows = run.visited.iter().zip(&analysis.scaling.rows);
    csv_text(HEADER, rows.map(|(visited, scaled)| row(run, analysis, visited, scaled)))
}

fn row(run: &Run, analysis: &Analysis, visited: &Visited, scaled: &Scaled) -> Vec<String> {
    let service = &run.plan.roles.target;
    let [target, baseline] = [PhaseKind::Target, PhaseKind::Baseline].map(|kind| visited.phase(kind));
    let used = target.map_or_else(Rates::default, |phase| Rates::of(phase, service));
    let mut row = vec![
        visited.id.clone(),
        cell(run.plan.workers.as_ref().map(|_| visited.workers)),
        cell(run.point(visited).limits.quota_cores()),
        cell(scaled.throughput_rps),
        cell(scaled.speed_up),
        cell(scaled.efficiency),
    ];
    row.extend(answers(target.map(|phase| &phase.load)));
    row.push(cell(baseline.map(|phase| phase.load.throughput_rps())));
    row.extend(answers(baseline.map(|phase| &phase.load)));
    row.extend([
        cell(used.cpu_cores),
        cell(used.throttled_ratio),
        cell(used.memory_peak_bytes),
        cell(analyse::target_cpu_per_request_us(visited, service)),
        cell(analyse::overhead_p50_us(visited)),
        visited.ready_after_us.to_string(),
        cell(visited.attestation.workers_before),
        cell(visited.attestation.workers_after),
        analysis.is_valid(visited).to_string(),
    ]);
    row
}

/// p50, p95, p99, requests and failures.
fn answers(load: Option<&LoadResult>) -> Vec<String> {
    let percentile = |percent| cell(load.and_then(|load| load.percentile_us(percent)));
    let counts = [load.map(LoadResult::request_count), load.map(LoadResult::failure_count)];
    [50.0, 95.0, 99.0].map(percentile).into_iter().chain(counts.map(cell)).collect()
}
