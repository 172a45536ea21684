//! `--hlog` by HdrHistogram's readers in Rust and Python, `--hgrm` by its rows.

use crate::programs::{Mock, load, output_of, test_tool};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use hdrhistogram::serialization::{
    Deserializer,
    interval_log::{IntervalLogHistogram, IntervalLogIterator, LogEntry},
};
use serde_json::Value;
use std::{fs, path::Path};
use tempfile::TempDir;
use vscale::model::{Histogram, LoadResult, PERCENTILES};

/// A load of some seconds, every request of which is counted.
struct Run {
    result: LoadResult,
    hlog: String,
    hgrm: String,
    folder: TempDir,
}

impl Run {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name).to_str().unwrap().to_owned();
        let files = ["--hlog", &path("a.hlog"), "--hgrm", &path("a.hgrm")];
        let mock = Mock::start(&[]);
        let result = load(&mock.url, &[&["--rate", "400", "--iterations", "1000"][..], &files].concat());
        let read = |name| fs::read_to_string(folder.path().join(name)).unwrap();
        let (hlog, hgrm) = (read("a.hlog"), read("a.hgrm"));
        let result: LoadResult = serde_json::from_value(result).unwrap();
        assert_eq!((result.request_count(), result.failure_count()), (1000, 0));
        assert!(result.series.len() > 2, "it lasts seconds");
        Self { result, hlog, hgrm, folder }
    }

    /// Intervals as read, each start and length in ms, requests and longest latency, are the result's rows.
    fn assert_intervals(&self, read: &[[f64; 4]]) {
        assert_eq!(read.len(), self.result.series.len());
        for (row, [start_ms, length_ms, requests, max_us]) in self.result.series.iter().zip(read) {
            let start_us = row.unix_us - row.duration_us;
            // The log has whole milliseconds.
            assert!((start_ms - start_us as f64 / 1e3).abs() <= 1.0, "{row:?}, read {start_ms}");
            assert!((length_ms - row.duration_us as f64 / 1e3).abs() <= 1.0, "{row:?}, read {length_ms}");
            assert_eq!(*requests, row.requests as f64);
            assert_eq!(*max_us, row.percentiles_us.map_or(0, |percentiles| percentiles[10]) as f64);
        }
    }
}

#[test]
fn the_log_is_read_by_the_hdrhistogram_crate() {
    let run = Run::new();
    let entries: Vec<_> = IntervalLogIterator::new(run.hlog.as_bytes()).map(|entry| entry.unwrap()).collect();
    let [LogEntry::StartTime(start), intervals @ ..] = &entries[..] else { panic!("{entries:?}") };
    let mut total = hdrhistogram::Histogram::<u64>::new(3).unwrap();
    let mut rows = Vec::new();
    for entry in intervals {
        let LogEntry::Interval(interval) = entry else { panic!("{entry:?}") };
        let histogram = decoded(interval);
        assert_eq!(interval.tag().map(|tag| tag.as_str()), Some("latency"));
        // Maxima are in ms, as in the logs of HdrHistogram's own writer; the histogram is in us.
        assert_eq!(interval.max(), histogram.max() as f64 / 1e3);
        let [start_ms, length_ms] =
            [interval.start_timestamp(), interval.duration()].map(|time| time.as_secs_f64() * 1e3);
        rows.push([start_ms, length_ms, histogram.len() as f64, histogram.max() as f64]);
        total.add(&histogram).unwrap();
    }
    run.assert_intervals(&rows);
    assert!((0.0..60.0).contains(&(rows[0][0] / 1e3 - start.as_secs_f64())), "the log starts at {start:?}: {rows:?}");
    let all = total.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value()));
    assert_eq!(all.collect::<Vec<_>>(), run.result.latency().buckets().collect::<Vec<_>>());
    assert_eq!(total.len(), run.result.request_count());
}

#[test]
fn the_log_is_read_by_hdrhistogram_s_python_reader() {
    let run = Run::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outputs/read_hlog.py");
    let mut python = test_tool("TEST_PYTHON", "python");
    python.arg(script).arg(run.folder.path().join("a.hlog")).args(PERCENTILES.map(|percent| percent.to_string()));
    let read: Value = serde_json::from_str(&output_of(&mut python)).unwrap();
    let intervals = read["intervals"].as_array().unwrap();
    let row =
        |interval: &Value| ["start_ms", "length_ms", "count", "max_us"].map(|key| interval[key].as_f64().unwrap());
    run.assert_intervals(&intervals.iter().map(row).collect::<Vec<_>>());
    assert!(intervals.iter().all(|interval| interval["tag"] == "latency"));
    assert_eq!(read["count"], run.result.request_count());
    let percentiles_us = PERCENTILES.map(|percent| run.result.latency().percentile_us(percent));
    assert_eq!(read["percentiles_us"], serde_json::json!(percentiles_us));
}

#[test]
fn the_percentile_table_tells_what_the_result_does() {
    let run = Run::new();
    let (table, notes) = run.hgrm.split_at(run.hgrm.find('#').unwrap());
    let mut lines = table.lines();
    assert_eq!(
        lines.next().unwrap().split_whitespace().collect::<Vec<_>>(),
        ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
    );
    assert_eq!(lines.next(), Some(""));
    let rows: Vec<Vec<f64>> = lines
        .map(|line| line.split_whitespace().map(|cell| cell.parse().unwrap_or_else(|_| panic!("{line}"))).collect())
        .collect();
    assert!(rows.len() > 10 && rows.is_sorted(), "values, percentiles and counts rise:\n{table}");
    let latency = run.result.latency();
    for row in &rows {
        let (value_us, percentile, count) = (row[0] * 1e3, row[1], row[2]);
        assert_eq!(count, at_most(&latency, value_us.round() as u64) as f64, "{row:?}");
        assert!(count + 0.5 >= percentile * latency.count() as f64, "{row:?}");
    }
    let (last, others) = rows.split_last().unwrap();
    assert_eq!(last[..], [latency.max_us() as f64 / 1e3, 1.0, latency.count() as f64]);
    assert!(others.iter().all(|row| row.len() == 4 && (row[3] * (1.0 - row[1]) - 1.0).abs() < 0.01), "{table}");
    let note = |name: &str| {
        let from = notes.find(&format!("{name} ")).unwrap_or_else(|| panic!("{name}: {notes}"));
        let number = notes[from..].split_once('=').unwrap().1.split([',', ']']).next().unwrap();
        number.trim().parse::<f64>().unwrap()
    };
    assert_eq!((note("Max"), note("Total count")), (latency.max_us() as f64 / 1e3, latency.count() as f64));
    assert!((note("Mean") - latency.mean_us() / 1e3).abs() < 0.001, "{notes}");
}

fn decoded(interval: &IntervalLogHistogram) -> hdrhistogram::Histogram<u64> {
    let bytes = BASE64.decode(interval.encoded_histogram()).unwrap();
    Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap()
}

/// How many latencies were at most that.
fn at_most(latency: &Histogram, us: u64) -> u64 {
    latency.buckets().filter(|(value_us, _)| *value_us <= us).map(|(_, count)| count).sum()
}
