//! Merges the threads' slices into rows of one second and the statistics of the window.

use super::{Spawning, failures::FailureTable, recorder::Slice, timeline::Timeline};
use crate::model::{Histogram, LoadProgress, PERCENTILES, Second};
use std::collections::BTreeMap;
use std::time::Duration;

/// What came of a run so far.
pub struct Collector<'a> {
    timeline: &'a Timeline,
    spawning: Spawning,
    users: u32,
    threads: u32,
    /// Rows of which not every thread has sent its slice, by their end.
    open: BTreeMap<u64, OpenRow>,
    /// Complete rows, in order of time.
    pub series: Vec<Second>,
    /// The window's counts and latencies.
    pub window: Counts,
    /// The window's failures.
    pub failed: FailureTable,
    drained: OpenRow,
}

/// Sums over slices.
#[derive(Debug, Default)]
pub struct Counts {
    pub requests: u64,
    pub failures: u64,
    pub content_bytes: u64,
    pub latency_sum_us: u64,
    pub latency: Histogram,
}

#[derive(Debug, Default)]
struct OpenRow {
    start_us: u64,
    slices: u32,
    counts: Counts,
}

impl<'a> Collector<'a> {
    /// `users` start as `spawning` says; each of `threads` sends a slice at every border.
    pub fn new(timeline: &'a Timeline, spawning: Spawning, users: u32, threads: u32) -> Self {
        Self {
            timeline,
            spawning,
            users,
            threads,
            open: BTreeMap::new(),
            series: Vec::new(),
            window: Counts::default(),
            failed: FailureTable::default(),
            drained: OpenRow::default(),
        }
    }

    /// Takes one thread's slice; a progress report when it completes a row.
    pub fn add(&mut self, slice: Slice) -> Option<LoadProgress> {
        let Some(end_us) = slice.end_us else {
            self.drained.start_us = slice.start_us;
            self.drained.counts.add(&slice);
            return None;
        };
        let row = self.open.entry(end_us).or_insert_with(|| OpenRow { start_us: slice.start_us, ..Default::default() });
        row.counts.add(&slice);
        row.slices += 1;
        let is_complete = row.slices == self.threads;
        if self.timeline.is_measured(slice.start_us, end_us) {
            self.window.add(&slice);
            self.failed.merge(slice.failed);
        }
        if !is_complete {
            return None;
        }
        let row = self.open.remove(&end_us)?;
        Some(self.push(&row, end_us))
    }

    /// After the last slice: the row of what was still answered after the load's end, if anything was.
    pub fn finish(&mut self, now_us: u64) {
        let row = std::mem::take(&mut self.drained);
        if row.counts.requests > 0 {
            self.push(&row, now_us.max(row.start_us + 1));
        }
    }

    fn push(&mut self, row: &OpenRow, end_us: u64) -> LoadProgress {
        let (counts, duration_us) = (&row.counts, end_us - row.start_us);
        let measured = self.timeline.is_measured(row.start_us, end_us);
        let percentiles_us =
            (counts.latency.count() > 0).then(|| PERCENTILES.map(|percent| counts.latency.percentile_us(percent)));
        let second = Second {
            unix_us: self.timeline.unix_us(end_us),
            duration_us,
            measured,
            users: self.spawning.started_by(Duration::from_micros(end_us), self.users),
            requests: counts.requests,
            failures: counts.failures,
            content_bytes: counts.content_bytes,
            latency_sum_us: counts.latency_sum_us,
            percentiles_us,
        };
        let per_second = |count: u64| count as f64 * 1e6 / duration_us as f64;
        let progress = LoadProgress {
            elapsed_us: end_us,
            measuring: measured,
            users: second.users,
            throughput_rps: per_second(second.requests),
            failures_rps: per_second(second.failures),
            p50_us: (counts.latency.count() > 0).then(|| counts.latency.percentile_us(50.0)),
            p99_us: (counts.latency.count() > 0).then(|| counts.latency.percentile_us(99.0)),
        };
        self.series.push(second);
        progress
    }
}

impl Counts {
    fn add(&mut self, slice: &Slice) {
        self.requests += slice.requests;
        self.failures += slice.failures;
        self.content_bytes += slice.content_bytes;
        self.latency_sum_us += slice.latency_sum_us;
        self.latency.merge(&slice.latency);
    }
}
