//! Conditions that make a run fail: `p99 > 250ms`, `failed > 1%`, `rps < 500`.

use crate::{
    model::{Latencies, LoadResult},
    units::{format_us, parse_duration},
};
use std::{fmt, str::FromStr};

/// A condition on a load's result that must not hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    metric: Metric,
    is_above: bool,
    limit: f64,
    text: String,
}

/// What is compared. Latencies are in microseconds, `failed` is a share from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Metric {
    Failed,
    Throughput,
    Tokens,
    Latency(Clock, Statistic),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Clock {
    Sent,
    Intended,
    SendLag,
    FirstToken,
    InterToken,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Statistic {
    Percentile(f64),
    Mean,
    Max,
}

/// What a threshold makes of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The condition, as it was given.
    pub threshold: String,
    /// The measured value, in words.
    pub found: String,
    /// Whether the run fails: the condition holds, or there are too few samples to say.
    pub failed: bool,
}

impl Threshold {
    /// Compares with a result. Fails if there are too few samples for a percentile, as nobody can say that it was kept.
    pub fn judge(&self, result: &LoadResult) -> Judged {
        let value = self.metric.of(result);
        let holds = |value: f64| if self.is_above { value > self.limit } else { value < self.limit };
        let why = if result.told_by.is_some() { "not told, or of too few samples" } else { "too few samples" };
        let found = value.map_or_else(|| format!("not known: {why}"), |value| self.metric.in_words(value));
        Judged { threshold: self.text.clone(), found, failed: value.is_none_or(holds) }
    }
}

impl Threshold {
    /// Whether the condition holds; `None` where there are too few samples to say.
    pub fn holds(&self, result: &LoadResult) -> Option<bool> {
        let value = self.metric.of(result)?;
        Some(if self.is_above { value > self.limit } else { value < self.limit })
    }
}

impl Metric {
    fn of(self, result: &LoadResult) -> Option<f64> {
        match self {
            Self::Failed => (result.request_count() > 0).then(|| result.failure_ratio()),
            Self::Throughput => Some(result.throughput_rps()),
            Self::Tokens => Some(result.tokens_per_s()),
            Self::Latency(clock, statistic) => statistic.of(&match clock {
                Clock::Sent => result.latencies(),
                Clock::Intended => Latencies::Whole(result.intended()),
                Clock::SendLag => Latencies::Whole(result.send_lag()?),
                Clock::FirstToken => Latencies::Whole(result.stream()?.ttft),
                Clock::InterToken => Latencies::Whole(result.stream()?.itl),
            }),
        }
    }

    fn in_words(self, value: f64) -> String {
        match self {
            Self::Failed => format!("{:.2} %", value * 100.0),
            Self::Throughput | Self::Tokens => format!("{value:.1}"),
            Self::Latency(..) => format_us(value),
        }
    }
}

impl Statistic {
    fn of(self, latencies: &Latencies) -> Option<f64> {
        match self {
            Self::Percentile(percent) => latencies.supported_percentile_us(percent).map(|us| us as f64),
            Self::Mean => (latencies.count() > 0).then(|| latencies.mean_us()),
            Self::Max => (latencies.count() > 0).then(|| latencies.max_us() as f64),
        }
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (sign, is_above) = if text.contains('>') { ('>', true) } else { ('<', false) };
        let (metric, limit) = text.split_once(sign).ok_or_else(|| {
            format!("`{text}` compares nothing: use a condition like 'p99 > 250ms', 'failed > 1%' or 'rps < 500'")
        })?;
        let metric: Metric = metric.trim().parse()?;
        let limit = limit.trim();
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
        let limit = match metric {
            Metric::Failed => match limit.strip_suffix('%') {
                Some(percent) => number(percent).map(|percent| percent / 100.0),
                None => number(limit),
            },
            Metric::Throughput | Metric::Tokens => number(limit),
            // Without a unit it would be seconds here, but milliseconds in other tools.
            Metric::Latency(..) if number(limit).is_some() => None,
            Metric::Latency(..) => parse_duration(limit).ok().map(|limit| limit.as_secs_f64() * 1e6),
        };
        let limit = limit.ok_or_else(|| format!("`{text}` has no limit of its kind: use 250ms, 1% or 500"))?;
        Ok(Self { metric, is_above, limit, text: text.to_owned() })
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not a metric: use failed, rps, tokens, or p50 to p99.99, mean or max, \
                 alone or after intended., send_lag., ttft. or itl."
            )
        };
        match text {
            "failed" => return Ok(Self::Failed),
            "rps" => return Ok(Self::Throughput),
            "tokens" => return Ok(Self::Tokens),
            _ => {}
        }
        // The first point separates clock and statistic, unless it is that of `p99.9`.
        let (clock, statistic) = match text.split_once('.') {
            Some((clock, statistic)) if !clock.starts_with('p') => (clock, statistic),
            _ => ("", text),
        };
        let clock = match clock {
            "" => Clock::Sent,
            "intended" => Clock::Intended,
            "send_lag" => Clock::SendLag,
            "ttft" => Clock::FirstToken,
            "itl" => Clock::InterToken,
            _ => return Err(wrong()),
        };
        let percent =
            |text: &str| text.strip_prefix('p')?.parse().ok().filter(|percent| (0.0..100.0).contains(percent));
        let statistic = match statistic {
            "mean" => Statistic::Mean,
            "max" => Statistic::Max,
            text => Statistic::Percentile(percent(text).ok_or_else(wrong)?),
        };
        Ok(Self::Latency(clock, statistic))
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.failed { "failed" } else { "passed" };
        write!(f, "{verdict}: fail if {}: {}", self.threshold, self.found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Threshold, String> {
        text.parse()
    }

    #[test]
    fn conditions() {
        let parsed = |text: &str| parse(text).map(|it| (it.metric, it.is_above, it.limit)).unwrap();
        let p = |clock, percent| Metric::Latency(clock, Statistic::Percentile(percent));
        assert_eq!(parsed("p99 > 250ms"), (p(Clock::Sent, 99.0), true, 250e3));
        assert_eq!(parsed("p99.9>1s"), (p(Clock::Sent, 99.9), true, 1e6));
        assert_eq!(parsed("intended.p99.9 > 1s"), (p(Clock::Intended, 99.9), true, 1e6));
        assert_eq!(parsed("ttft.mean > 1ms"), (Metric::Latency(Clock::FirstToken, Statistic::Mean), true, 1e3));
        assert_eq!(parsed("failed > 1%"), (Metric::Failed, true, 0.01));
        assert_eq!(parsed("rps < 500"), (Metric::Throughput, false, 500.0));
    }

    #[test]
    fn what_compares_nothing_is_refused() {
        for (text, message) in [
            ("p99", "compares nothing"),
            ("p99 > 250", "has no limit of its kind"),
            ("p100 > 1s", "`p100` is not a metric"),
            ("failed > x", "has no limit of its kind"),
            ("latency.p99 > 1s", "is not a metric"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }
}
