//! Merges the threads' slices into rows of one second and the statistics of the window.

use super::{
    failures::FailureTable,
    recorder::{Counts, Slice},
    timeline::Timeline,
};
use crate::model::{Histogram, LoadProgress, PERCENTILES, Second};
use std::collections::BTreeMap;

pub struct Collector<'a> {
    timeline: &'a Timeline,
    threads: u32,
    /// Rows for which some thread's slice is still missing, by their end.
    open: BTreeMap<u64, OpenRow>,
    /// Complete rows.
    pub series: Vec<Second>,
    /// Of the window, by the request's number.
    pub window: Vec<Counts>,
    /// Of the window.
    pub failed: FailureTable,
    /// Of the window; `None` where nothing is scheduled.
    pub send_lag: Option<Histogram>,
    drained: OpenRow,
}

#[derive(Debug, Default)]
struct OpenRow {
    start_us: u64,
    slices: u32,
    counts: Counts,
}

impl<'a> Collector<'a> {
    /// Expects a slice from each of `threads` at every border, with counts of `requests` requests.
    pub fn new(timeline: &'a Timeline, threads: u32, requests: usize) -> Self {
        Self {
            timeline,
            threads,
            open: BTreeMap::new(),
            series: Vec::new(),
            window: vec![Counts::default(); requests],
            failed: FailureTable::default(),
            send_lag: None,
            drained: OpenRow::default(),
        }
    }

    /// Takes one thread's slice. Returns progress when that completes a row; `users` tells how many users run at its end.
    pub fn add(&mut self, slice: Slice, users: impl Fn(u64) -> u32) -> Option<LoadProgress> {
        let add_to = |row: &mut OpenRow| slice.requests.iter().for_each(|counts| row.counts.add(counts));
        let Some(end_us) = slice.end_us else {
            self.drained.start_us = slice.start_us;
            add_to(&mut self.drained);
            return None;
        };
        let row = self.open.entry(end_us).or_insert_with(|| OpenRow { start_us: slice.start_us, ..Default::default() });
        add_to(row);
        row.slices += 1;
        let is_complete = row.slices == self.threads;
        if self.timeline.is_measured(slice.start_us, end_us) {
            self.window.iter_mut().zip(&slice.requests).for_each(|(all, counts)| all.add(counts));
            self.failed.merge(slice.failed);
            if let Some(lag) = slice.send_lag {
                self.send_lag.get_or_insert_with(Histogram::new).merge(&lag);
            }
        }
        let row = is_complete.then(|| self.open.remove(&end_us)).flatten()?;
        Some(self.push(row, end_us, users(end_us)))
    }

    /// Call after the last slice: adds a row for what was answered after the load's end, if anything was.
    pub fn finish(&mut self, now_us: u64) {
        let row = std::mem::take(&mut self.drained);
        if row.counts.requests > 0 {
            let end_us = now_us.max(row.start_us + 1);
            self.push(row, end_us, 0);
        }
    }

    fn push(&mut self, row: OpenRow, end_us: u64, users: u32) -> LoadProgress {
        let (counts, duration_us) = (row.counts, end_us - row.start_us);
        let measured = self.timeline.is_measured(row.start_us, end_us);
        let (latency, tokens) = counts
            .times
            .map_or_else(Default::default, |times| (times.latency, times.stream.map_or(0, |stream| stream.tokens)));
        self.series.push(Second {
            unix_us: self.timeline.unix_us(end_us),
            duration_us,
            measured,
            users,
            requests: counts.requests,
            failures: counts.failures,
            content_bytes: counts.content_bytes,
            tokens,
            latency_sum_us: counts.latency_sum_us,
            percentiles_us: (latency.count() > 0).then(|| PERCENTILES.map(|percent| latency.percentile_us(percent))),
        });
        let per_second = |count: u64| count as f64 * 1e6 / duration_us as f64;
        LoadProgress {
            elapsed_us: end_us,
            measuring: measured,
            users,
            start_unix_us: self.timeline.unix_us(row.start_us),
            duration_us,
            throughput_rps: per_second(counts.requests),
            failures_rps: per_second(counts.failures),
            latency,
        }
    }
}
