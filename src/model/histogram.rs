//! Latencies as a histogram of a size that depends on the largest alone, written and read as HdrHistogram's V2
//! compressed form in base64.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The percentiles of Locust's CSV files, in their order, in percent.
pub const PERCENTILES: [f64; 11] = [50.0, 66.0, 75.0, 80.0, 90.0, 95.0, 98.0, 99.0, 99.9, 99.99, 100.0];

const LOWEST_US: u64 = 1;
const HIGHEST_US: u64 = 3_600_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

/// Latencies in microseconds, 1 us to 1 h at three significant digits.
///
/// Grows with the largest one recorded, by 8 kB a doubling: 16 kB up to 2 ms, 190 kB for an hour.
///
/// Source: Gil Tene, HdrHistogram (<https://hdrhistogram.github.io/HdrHistogram/>).
#[derive(Clone, Debug)]
pub struct Histogram(hdrhistogram::Histogram<u64>);

impl Histogram {
    /// An empty histogram.
    pub fn new() -> Self {
        Self(hdrhistogram::Histogram::new(SIGNIFICANT_DIGITS).expect("a number of digits that HdrHistogram accepts"))
    }

    /// Adds one latency; beyond an hour it counts as an hour, below a microsecond as one.
    #[inline]
    pub fn record_us(&mut self, latency_us: u64) {
        self.0.record(latency_us.clamp(LOWEST_US, HIGHEST_US)).expect("it grows as far as it must");
    }

    /// Adds all of `other`'s latencies.
    pub fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("it grows as far as it must");
    }

    /// How many latencies were recorded.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency in microseconds below or at which `percent` of the recorded ones lie; 0 when empty.
    pub fn percentile_us(&self, percent: f64) -> u64 {
        // 99.9 / 100 is a little above 0.999: of 1,000 samples it would give the last and not the 999th.
        let quantile = (percent / 100.0).next_down().max(0.0);
        self.0.value_at_quantile(quantile).min(self.0.max())
    }

    /// [`Self::percentile_us`], but `None` where fewer than ten samples lie beyond it, so that no percentile is made
    /// of thin air: p99 takes 1,000 samples and p99.9 takes 10,000.
    pub fn supported_percentile_us(&self, percent: f64) -> Option<u64> {
        let beyond = self.count() as f64 * (100.0 - percent) / 100.0;
        (beyond >= 10.0 - 1e-6).then(|| self.percentile_us(percent))
    }

    /// Arithmetic mean in microseconds; 0 when empty.
    pub fn mean_us(&self) -> f64 {
        self.0.mean()
    }

    /// Smallest recorded latency in microseconds; 0 when empty.
    pub fn min_us(&self) -> u64 {
        self.0.min()
    }

    /// Largest recorded latency in microseconds; 0 when empty.
    pub fn max_us(&self) -> u64 {
        self.0.max()
    }

    /// The recorded values with their counts, in rising order: (highest equivalent value in us, count).
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value()))
    }

    /// The same with room for all that can be recorded: the files tell of the room, and equal ones must be equal files.
    fn with_all_room(&self) -> hdrhistogram::Histogram<u64> {
        let all = hdrhistogram::Histogram::new_with_bounds(LOWEST_US, HIGHEST_US, SIGNIFICANT_DIGITS);
        let mut all = all.expect("the bounds are constants that HdrHistogram accepts");
        all.add(&self.0).expect("nothing beyond the bounds was recorded");
        all
    }

    fn to_base64(&self) -> String {
        let mut bytes = Vec::new();
        let serialized = V2DeflateSerializer::new().serialize(&self.with_all_room(), &mut bytes);
        serialized.expect("a Vec takes all, and every count fits");
        BASE64.encode(bytes)
    }

    /// One line of HdrHistogram's interval log: tag, start and length in seconds, maximum in milliseconds, and all of it
    /// as [`Serialize`] writes it. The start counts from 1970.
    pub fn to_hlog_line(&self, tag: &str, start_unix_us: u64, duration_us: u64) -> String {
        let seconds = |us: u64| us as f64 / 1e6;
        let (start, length, max) = (seconds(start_unix_us), seconds(duration_us), self.0.max() as f64 / 1e3);
        format!("Tag={tag},{start:.3},{length:.3},{max:.3},{}\n", self.to_base64())
    }

    /// HdrHistogram's own percentile table (`.hgrm`), in milliseconds.
    pub fn to_hgrm(&self) -> String {
        use std::fmt::Write;
        let mut text = String::from("       Value     Percentile TotalCount 1/(1-Percentile)\n\n");
        let mut seen = 0;
        for step in self.0.iter_quantiles(5) {
            let (value, quantile) = (step.value_iterated_to() as f64 / 1e3, step.quantile_iterated_to());
            let total = {
                seen += step.count_since_last_iteration();
                seen
            };
            let _ = if quantile < 1.0 {
                writeln!(text, "{value:12.3} {quantile:2.12} {total:10} {:14.2}", 1.0 / (1.0 - quantile))
            } else {
                writeln!(text, "{value:12.3} {quantile:2.12} {total:10}")
            };
        }
        let _ = writeln!(
            text,
            "#[Mean    = {:12.3}, StdDeviation   = {:12.3}]\n#[Max     = {:12.3}, Total count    = {:12}]\n\
             #[Buckets = {:12}, SubBuckets     = {:12}]",
            self.0.mean() / 1e3,
            self.0.stdev() / 1e3,
            self.0.max() as f64 / 1e3,
            self.0.len(),
            self.with_all_room().buckets(),
            2048
        );
        text
    }
}

/// What stands before the lines of [`Histogram::to_hlog_line`].
///
/// Source: HdrHistogram's `HistogramLogWriter`, format 1.3.
pub fn hlog_head(start_unix_us: u64) -> String {
    format!(
        "#[Logged by vscale, values in microseconds, maxima in milliseconds]\n\
         #[Tag=latency: the counted window; Tag=warm-up: before it]\n#[Histogram log format version 1.3]\n\
         #[StartTime: {:.3} (seconds since epoch)]\n\
         \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
        start_unix_us as f64 / 1e6
    )
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

/// Equal when they hold the same, whatever room each has.
impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        self.buckets().eq(other.buckets())
    }
}

impl Serialize for Histogram {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_base64())
    }
}

impl JsonSchema for Histogram {
    fn schema_name() -> Cow<'static, str> {
        "Histogram".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "contentEncoding": "base64",
            "description": "Times in microseconds: HdrHistogram's V2 compressed form, in base64.",
        })
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64.decode(text).map_err(D::Error::custom)?;
        let inner: hdrhistogram::Histogram<u64> =
            Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(D::Error::custom)?;
        let mut histogram = Self::new();
        histogram.0.add(inner).map_err(D::Error::custom)?;
        Ok(histogram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_that_of_the_nearest_rank() {
        // In hundredths, so that the rank can be computed in whole numbers.
        let hundredths = PERCENTILES.map(|percent| (percent * 100.0).round() as u64);
        let mut histogram = Histogram::new();
        for count in 1..=2000 {
            // Up to 2,047 us every value has a bucket of its own.
            histogram.record_us(count);
            let ranks = hundredths.map(|hundredths| (hundredths * count).div_ceil(10_000));
            assert_eq!(PERCENTILES.map(|percent| histogram.percentile_us(percent)), ranks, "of {count}");
        }
        assert_eq!((histogram.percentile_us(0.0), Histogram::new().percentile_us(50.0)), (1, 0));
    }
}
