//! Quantities as the cells of a table for a person: few digits, their unit in the text or in the column's title.

use crate::{model::Histogram, units::format_us};

/// In place of a number that was not measured or has too few samples behind it.
pub const NONE: &str = "n/a";

/// `f` of the value, or [`NONE`].
pub fn or_none<T>(value: Option<T>, f: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| NONE.to_owned(), f)
}

/// Requests a second: `15,204`, `812`, `78.1`, `0.25`.
pub fn rps(rps: f64) -> String {
    match rps {
        large if large >= 999.5 => grouped(large.round() as u64),
        medium if medium >= 99.95 => format!("{medium:.0}"),
        small if small >= 9.995 => format!("{small:.1}"),
        0.0 => "0".to_owned(),
        tiny if tiny < 0.005 => "< 0.01".to_owned(),
        tiny => format!("{tiny:.2}"),
    }
}

/// A count with a comma at each thousand.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 worker`, `2 workers`.
pub fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A span of time in whole units, as one asks for it: `20 s`, `2 min 11 s`, `1 h`; under a second as a latency.
pub fn duration(us: u64) -> String {
    if us < 1_000_000 {
        return format_us(us as f64);
    }
    let seconds = (us + 500_000) / 1_000_000;
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count} {unit}"));
    parts.collect::<Vec<_>>().join(" ")
}

/// CPUs in use or allowed: `0.41`.
pub fn cores(cores: f64) -> String {
    format!("{cores:.2}")
}

/// A ratio as `12.5 %`; what is not zero is not shown as zero.
pub fn percent(ratio: f64) -> String {
    match ratio * 100.0 {
        0.0 => "0 %".to_owned(),
        tiny if tiny < 0.01 => "< 0.01 %".to_owned(),
        small if small < 0.995 => format!("{small:.2} %"),
        rest => format!("{rest:.1} %"),
    }
}

/// A percentile where ten samples lie beyond it, else [`NONE`].
pub fn percentile(latency: &Histogram, percent: f64) -> String {
    or_none(latency.supported_percentile_us(percent), |us| format_us(us as f64))
}

/// Failures as a count and a share: `0`, `3 (0.06 %)`.
pub fn failed(failures: u64, ratio: f64) -> String {
    if failures == 0 { "0".to_owned() } else { format!("{} ({})", grouped(failures), percent(ratio)) }
}

/// What was asked for and what was found, told apart only where they differ: `2`, `2, found 1`.
pub fn asked_and_found(asked: &str, found: &[impl AsRef<str>]) -> String {
    match found.iter().map(AsRef::as_ref).find(|found| *found != asked) {
        None => asked.to_owned(),
        Some(other) => format!("{asked}, found {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_digits() {
        let rates = [0.0, 0.25, 9.994, 9.999, 78.12, 812.4, 999.7, 15_204.4, 1_234_567.0].map(rps);
        assert_eq!(rates, ["0", "0.25", "9.99", "10.0", "78.1", "812", "1,000", "15,204", "1,234,567"]);
        assert_eq!(grouped(100), "100");
        assert_eq!([0.0, 0.00001, 0.0006, 0.5, 1.0].map(percent), ["0 %", "< 0.01 %", "0.06 %", "50.0 %", "100.0 %"]);
        assert_eq!(failed(3, 0.0006), "3 (0.06 %)");
    }

    #[test]
    fn spans_of_time() {
        let texts = [250_000, 20_000_000, 131_400_000, 3_600_000_000, 5_405_000_000].map(duration);
        assert_eq!(texts, ["250.0 ms", "20 s", "2 min 11 s", "1 h", "1 h 30 min 5 s"]);
    }

    #[test]
    fn a_difference_shows() {
        assert_eq!(asked_and_found("2", &["2", "2"]), "2");
        assert_eq!(asked_and_found("2", &["2", "1"]), "2, found 1");
    }
}
