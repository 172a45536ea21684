//! `containers.csv`: the engine's raw counters, a row a sample, of all phases of a level. What the engine did not say is
//! empty.

use super::csv_text::{cell, csv_text};
use crate::model::{ContainerSample, Phase, Visited};

const HEADER: [&str; 16] = [
    "phase",
    "container",
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
    "major_page_faults",
];

/// Its text.
pub fn render(visited: &Visited) -> String {
    csv_text(HEADER, visited.phases.iter().flat_map(rows))
}

fn rows(phase: &Phase) -> impl Iterator<Item = Vec<String>> + '_ {
    phase.usage.iter().flat_map(move |usage| {
        usage.samples.iter().map(move |sample| {
            let mut row = vec![phase.kind.to_string(), usage.container.clone()];
            row.extend(counters(sample));
            row
        })
    })
}

fn counters(sample: &ContainerSample) -> [String; 14] {
    [
        sample.unix_us.to_string(),
        sample.cpu_us.to_string(),
        cell(sample.cpu_user_us),
        cell(sample.cpu_system_us),
        cell(sample.periods),
        cell(sample.throttled_periods),
        cell(sample.throttled_us),
        cell(sample.memory_bytes),
        cell(sample.received_bytes),
        cell(sample.sent_bytes),
        cell(sample.disk_read_bytes),
        cell(sample.disk_written_bytes),
        cell(sample.pids),
        cell(sample.major_page_faults),
    ]
}
