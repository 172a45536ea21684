//! What is known of latencies, wherever it comes from: a histogram of ours, or the few numbers in which another load
//! generator sums them up.

use super::{Histogram, LatencySummary};

/// Latencies of one name, or of all.
#[derive(Clone, Debug)]
pub enum Latencies {
    /// All of them.
    Whole(Histogram),
    /// What was told of them.
    Told(LatencySummary),
}

impl Latencies {
    /// How many there are.
    pub fn count(&self) -> u64 {
        match self {
            Self::Whole(latency) => latency.count(),
            Self::Told(summary) => summary.count,
        }
    }

    /// A percentile; `None` where it was not told, or of nothing.
    pub fn percentile_us(&self, percent: f64) -> Option<u64> {
        match self {
            Self::Whole(latency) => (latency.count() > 0).then(|| latency.percentile_us(percent)),
            Self::Told(summary) => summary.percentile_us(percent),
        }
    }

    /// The same, where ten samples lie beyond it.
    pub fn supported_percentile_us(&self, percent: f64) -> Option<u64> {
        match self {
            Self::Whole(latency) => latency.supported_percentile_us(percent),
            Self::Told(summary) => summary.supported_percentile_us(percent),
        }
    }

    /// Arithmetic mean; 0 of nothing.
    pub fn mean_us(&self) -> f64 {
        match self {
            Self::Whole(latency) => latency.mean_us(),
            Self::Told(summary) => summary.mean_us,
        }
    }

    /// The smallest; 0 of nothing.
    pub fn min_us(&self) -> u64 {
        match self {
            Self::Whole(latency) => latency.min_us(),
            Self::Told(summary) => summary.min_us,
        }
    }

    /// The largest; 0 of nothing.
    pub fn max_us(&self) -> u64 {
        match self {
            Self::Whole(latency) => latency.max_us(),
            Self::Told(summary) => summary.max_us,
        }
    }
}
