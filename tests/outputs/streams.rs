//! `PREFIX_streams.csv`, the file that Locust does not have.

use crate::programs::{Mock, load};
use insta::assert_snapshot;
use std::{collections::BTreeMap, fs};
use vscale::model::{Histogram, LoadResult, StreamStats};

type Row = BTreeMap<String, String>;

#[test]
fn streams_are_told_as_in_the_result() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("a").to_str().unwrap().to_owned();
    let mock = Mock::start(&["--ttft", "20ms", "--itl", "5ms", "--tokens", "8"]);
    let result = load(&mock.url, &["--users", "3", "--iterations", "60", "--stream", "--csv", &prefix]);
    let result: LoadResult = serde_json::from_value(result).unwrap();
    assert_eq!((result.request_count(), result.failures.len()), (60, 0));

    let text = fs::read_to_string(prefix + "_streams.csv").unwrap();
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    assert_snapshot!(text.lines().next().unwrap(), @"Type,Name,Streams,Tokens,Tokens/s,TTFT Average,TTFT 50%,TTFT 90%,TTFT 95%,TTFT 99%,TTFT 99.9%,TTFT Max,ITL Average,ITL 50%,ITL 90%,ITL 95%,ITL 99%,ITL 99.9%,ITL Max");
    let rows: Vec<Row> = csv::Reader::from_reader(text.as_bytes()).deserialize().map(|row| row.unwrap()).collect();
    let named: Vec<_> = rows.iter().map(|row| (row["Type"].as_str(), row["Name"].as_str())).collect();
    assert_eq!(named, [("POST", "/v1/chat/completions"), ("", "Aggregated")]);
    for row in &rows {
        assert_tells(row, &result.stream().unwrap(), result.window.duration_us as f64 / 1e6);
    }
}

fn assert_tells(row: &Row, stream: &StreamStats, seconds: f64) {
    let cell = |title: &str| row[title].parse::<f64>().unwrap_or_else(|error| panic!("{title}: {error}: {row:?}"));
    assert_eq!((row["Streams"].as_str(), row["Tokens"].as_str()), ("60", "480"));
    assert_eq!((stream.tokens, stream.ttft.count()), (480, 60));
    assert!((cell("Tokens/s") - 480.0 / seconds).abs() < 0.001, "{row:?}");
    for (clock, times) in [("TTFT", &stream.ttft), ("ITL", &stream.itl)] {
        assert!((cell(&format!("{clock} Average")) - times.mean_us() / 1e3).abs() < 0.001, "{row:?}");
        for percent in [50.0, 90.0, 95.0, 99.0, 99.9] {
            assert_eq!(cell(&format!("{clock} {percent}%")), in_ms(times, percent), "{row:?}");
        }
        assert_eq!(cell(&format!("{clock} Max")), in_ms(times, 100.0), "{row:?}");
    }
}

fn in_ms(times: &Histogram, percent: f64) -> f64 {
    times.percentile_us(percent) as f64 / 1e3
}
