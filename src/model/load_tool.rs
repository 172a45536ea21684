//! Load generators that are not ours: which there are, how one is run, and how it sums up latencies.

use super::ContainerPlan;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A load generator that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoadTool {
    /// Locust, with the user's locustfile.
    Locust,
    /// k6, with the user's script.
    K6,
    /// wrk, perhaps with the user's Lua script.
    Wrk,
    /// oha.
    Oha,
}

/// How a run uses one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoadToolPlan {
    /// Which.
    pub tool: LoadTool,
    /// Name of the script that says what it sends; `None` where the load's requests do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Arguments besides ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
}

/// One phase's work of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadToolRun {
    /// How it is used.
    pub plan: LoadToolPlan,
    /// It lives for this work; its command has all that is asked for.
    pub container: ContainerPlan,
    /// Its command for a load that comes before and is not counted, where it has no warm-up of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<Vec<String>>,
}

/// Latencies as another load generator sums them up, in the place of a histogram: a few percentiles cannot become one, nor
/// be merged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LatencySummary {
    /// How many it sums up.
    pub count: u64,
    /// Arithmetic mean.
    pub mean_us: f64,
    /// The smallest.
    pub min_us: u64,
    /// The largest.
    pub max_us: u64,
    /// In rising order, as many as it tells and as exact as it rounds them.
    pub percentiles: Vec<ToldPercentile>,
}

/// A percentile as it was told.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ToldPercentile {
    /// In percent.
    pub percent: f64,
    /// The latency below or at which so many lie.
    pub latency_us: u64,
}

impl LoadTool {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Locust, Self::K6, Self::Wrk, Self::Oha];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Locust => "locust",
            Self::K6 => "k6",
            Self::Wrk => "wrk",
            Self::Oha => "oha",
        }
    }

    /// CPUs that it can use at once, whatever it is given; `None` for any number.
    pub fn most_cpus(self) -> Option<u32> {
        // One process, whose interpreter has one lock.
        (self == Self::Locust).then_some(1)
    }

    /// What it does not tell, of what ours does.
    pub fn not_told(self) -> &'static [&'static str] {
        match self {
            Self::Locust => &[
                "latency histograms",
                "latencies of successes alone",
                "when requests were due and how late they were sent",
                "its pauses",
                "bytes sent",
            ],
            Self::K6 => &[
                "latency histograms",
                "latencies of successes alone",
                "the rows of each second",
                "when requests were due and how late they were sent",
                "its pauses",
            ],
            Self::Wrk => &[
                "latency histograms",
                "latencies of successes alone",
                "the rows of each second",
                "when requests were due and how late they were sent",
                "which requests had no answer at its end",
                "its pauses",
            ],
            Self::Oha => &[
                "latency histograms",
                "latencies of successes alone",
                "the rows of each second",
                "how late requests were sent",
                "which requests had no answer at its end",
                "its pauses",
            ],
        }
    }
}

impl fmt::Display for LoadTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl LatencySummary {
    /// A percentile, if it was told.
    pub fn percentile_us(&self, percent: f64) -> Option<u64> {
        let told = self.percentiles.iter().find(|told| (told.percent - percent).abs() < 1e-9);
        told.map(|told| told.latency_us)
    }

    /// The same, where ten samples lie beyond it, as [`super::Histogram::supported_percentile_us`] has it.
    pub fn supported_percentile_us(&self, percent: f64) -> Option<u64> {
        let beyond = self.count as f64 * (100.0 - percent) / 100.0;
        self.percentile_us(percent).filter(|_| beyond >= 10.0 - 1e-6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_told_or_not_and_needs_ten_samples_beyond_it() {
        let told = |percent, latency_us| ToldPercentile { percent, latency_us };
        let percentiles = vec![told(50.0, 90_000), told(99.0, 110_000), told(99.9, 120_000)];
        let summary = LatencySummary { count: 1000, mean_us: 9e4, min_us: 1, max_us: 2, percentiles };
        assert_eq!(summary.supported_percentile_us(50.0), Some(90_000));
        assert_eq!(summary.supported_percentile_us(99.0), Some(110_000));
        assert_eq!(summary.supported_percentile_us(99.9), None, "one sample lies beyond it");
        assert_eq!(summary.percentile_us(99.9), Some(120_000));
        assert_eq!(summary.percentile_us(95.0), None, "between two is no percentile");
    }
}
