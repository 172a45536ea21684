//! Text to quantities and back: durations, byte sizes, CPU counts, worker counts. Each `parse_*` returns a
//! message that says what is wrong with the text; the caller knows where the text stood.

use std::{
    sync::LazyLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Most workers that one level may ask for: far above any host, far below what exhausts one.
pub const MAX_WORKERS: u32 = 1024;

/// Most CPUs that Linux can be built for.
const MAX_CPUS: f64 = 8192.0;

/// No time that is asked for is longer, so that sums of a few never exceed what a clock can add.
pub const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// `60`, `60s`, `1.5s`, `250ms`, `1h30m`; a bare number is seconds. Zero, or 1 us to a year: all is counted in microseconds,
/// and what rounds to none must not turn into the zero that stands for something else.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let (duration, is_zero) = any_duration(text)?;
    match duration {
        Some(duration) if duration <= LONGEST && (is_zero || duration >= Duration::from_micros(1)) => Ok(duration),
        Some(duration) if duration <= LONGEST => Err(format!("`{text}` is shorter than 1us")),
        _ => Err(format!("`{text}` is longer than a year")),
    }
}

/// A duration, `None` for one that is too long to hold; and whether it was written as zero.
fn any_duration(text: &str) -> Result<(Option<Duration>, bool), String> {
    let wrong = || format!("`{text}` is not a duration: use 60, 60s, 250ms or 1h30m");
    let checked = |seconds: f64| match seconds {
        seconds if seconds >= 0.0 => Ok((Duration::try_from_secs_f64(seconds).ok(), seconds == 0.0)),
        _ => Err(wrong()),
    };
    if let Ok(seconds) = text.parse::<f64>() {
        return if seconds.is_finite() { checked(seconds) } else { Err(wrong()) };
    }
    let (mut total, mut is_zero) = (Some(Duration::ZERO), true);
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        let unit_len = rest[digits..].find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len() - digits);
        let seconds = match &rest[digits..digits + unit_len] {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86400.0,
            _ => return Err(wrong()),
        };
        let (part, is_part_zero) = checked(number * seconds)?;
        total = total.zip(part).and_then(|(total, part)| total.checked_add(part));
        is_zero &= is_part_zero;
        rest = &rest[digits + unit_len..];
    }
    Ok((total, is_zero))
}

/// `1073741824`, `512m`, `1.5g`, `64kb`, `1 GiB`: powers of 1024, as Docker reads them.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size: use 512m, 1.5g or a number of bytes");
    let lower = text.to_ascii_lowercase();
    let (digits, unit) = lower.split_at(lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len()));
    if digits.starts_with('.') || digits.ends_with('.') {
        return Err(wrong());
    }
    let number: f64 = digits.parse().map_err(|_| wrong())?;
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    let unit = unit.strip_suffix('b').unwrap_or(unit);
    let power = match unit.strip_suffix('i').unwrap_or(unit) {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return Err(wrong()),
    };
    let bytes = number * 1024f64.powi(power);
    if bytes < i64::MAX as f64 { Ok(bytes as u64) } else { Err(wrong()) }
}

/// A number of CPUs as a quota, above zero: `0.5`, `2`.
pub fn parse_cores(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(cores) if (0.01..=MAX_CPUS).contains(&cores) => Ok(cores),
        Ok(cores) if cores > MAX_CPUS => Err(format!("`{text}`: Linux knows at most {MAX_CPUS} CPUs")),
        Ok(cores) if cores.is_finite() => Err(format!("`{text}`: a CPU quota is at least 0.01 (1 ms in 100 ms)")),
        _ => Err(format!("`{text}` is not a number of CPUs: use 0.5, 1 or 2")),
    }
}

/// A worker count: a whole number from 1 to [`MAX_WORKERS`].
pub fn parse_workers(text: &str) -> Result<u32, String> {
    match text.trim().parse::<f64>() {
        Ok(count) if count.fract() == 0.0 && (1.0..=f64::from(MAX_WORKERS)).contains(&count) => Ok(count as u32),
        Ok(_) => Err(format!("`{text}`: a worker count is a whole number from 1 to {MAX_WORKERS}")),
        Err(_) => Err(format!("`{text}` is not a worker count: use 4, or 1,2,4")),
    }
}

/// A number of users: a whole number from 1 to 100,000.
pub fn parse_users(text: &str) -> Result<u32, String> {
    let users = text.trim().parse::<u32>().ok().filter(|users| (1..=100_000).contains(users));
    users.ok_or_else(|| format!("`{text}` is not a number of users from 1 to 100,000"))
}

/// A share of a whole, `0.02` or `2%`, from 0 to 1.
pub fn parse_share(text: &str) -> Result<f64, String> {
    let number = match text.trim().strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
        None => text.trim().parse::<f64>(),
    };
    match number {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err(format!("`{text}` is not a share: use 0.02 or 2%")),
    }
}

/// A half width that an interval can be asked to have, relative.
pub fn parse_precision(text: &str) -> Result<f64, String> {
    match parse_share(text) {
        Ok(share) if (0.001..=0.5).contains(&share) => Ok(share),
        _ => Err(format!("`{text}`: a precision is from 0.1% to 50%")),
    }
}

/// For a person: `250 us`, `12.3 ms`, `1.25 s`.
pub fn format_us(us: f64) -> String {
    match us.abs() {
        size if size < 1e3 => format!("{us:.0} us"),
        size if size < 1e4 => format!("{:.2} ms", us / 1e3),
        size if size < 1e6 => format!("{:.1} ms", us / 1e3),
        _ => format!("{:.2} s", us / 1e6),
    }
}

/// For a person: `812 B`, `160 MiB`.
pub fn format_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 || size >= 100.0 { format!("{size:.0} {}", UNITS[unit]) } else { format!("{size:.1} {}", UNITS[unit]) }
}

/// UTC, to the second: `2026-11-24T11:44:21Z`.
pub fn format_utc(unix_us: u64) -> String {
    let moment = i64::try_from(unix_us).ok().and_then(|us| jiff::Timestamp::from_microsecond(us).ok());
    moment.unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Now, in microseconds since 1970 UTC, by a clock that this process set when it first asked.
pub fn now_unix_us() -> u64 {
    static CLOCK: LazyLock<Clock> = LazyLock::new(|| Clock { began: Instant::now(), at: SystemTime::now() });
    CLOCK.unix_us(Instant::now())
}

/// The wall clock as it stood once, and the monotonic clock since: who sets the wall clock meanwhile moves nothing that is
/// measured.
struct Clock {
    began: Instant,
    at: SystemTime,
}

impl Clock {
    fn unix_us(&self, now: Instant) -> u64 {
        let since = (self.at + now.duration_since(self.began)).duration_since(UNIX_EPOCH);
        since.map_or(0, |duration| duration.as_micros() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_monotonic_clock_moves_a_moment() {
        let clock = Clock { began: Instant::now(), at: UNIX_EPOCH + Duration::from_secs(5) };
        assert_eq!(clock.unix_us(clock.began), 5_000_000);
        assert_eq!(clock.unix_us(clock.began + Duration::from_millis(2500)), 7_500_000);
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("60"), Ok(Duration::from_secs(60)));
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        for zero in ["0", "0s", "0h0us", "0.0"] {
            assert_eq!(parse_duration(zero), Ok(Duration::ZERO), "{zero}");
        }
        assert_eq!(parse_duration("1us"), Ok(Duration::from_micros(1)));
        assert_eq!(parse_duration("366d"), Ok(LONGEST));
        for wrong in ["", "-1", "abc", "5x", "1h30", "nan", "inf", "-1e-300"] {
            let error = format!("`{wrong}` is not a duration: use 60, 60s, 250ms or 1h30m");
            assert_eq!(parse_duration(wrong), Err(error));
        }
        for long in ["1e300", "9223372036854775807", "18446744073709551616s", "200d200d", "366d1us"] {
            assert_eq!(parse_duration(long), Err(format!("`{long}` is longer than a year")));
        }
        for short in ["1e-300", "0.0000001", "0.5us", "0.0001ms"] {
            assert_eq!(parse_duration(short), Err(format!("`{short}` is shorter than 1us")));
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_bytes("512m"), Ok(512 << 20));
        assert_eq!(parse_bytes("1.5GiB"), Ok(3 << 29));
        assert_eq!(parse_bytes("64kb"), Ok(64 << 10));
        assert_eq!(["1p", "1 PiB", "1024t"].map(parse_bytes), [Ok(1 << 50), Ok(1 << 50), Ok(1 << 50)]);
        for wrong in ["", "m", "-1", "5x", "1e400", "1gibib", "1bb", ".5g", "1.g", "1.5.5g", "1  g", " 1g", "8192p"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn worker_counts() {
        assert_eq!(parse_workers("8"), Ok(8));
        for wrong in ["0", "-1", "abc", "1e9", "1.5", "", "inf"] {
            assert!(parse_workers(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn quantities_for_a_person() {
        assert_eq!(format_us(812.4), "812 us");
        assert_eq!(format_us(12_345.0), "12.3 ms");
        assert_eq!(format_bytes(160 << 20), "160 MiB");
        assert_eq!(format_utc(1_795_520_661_000_000), "2026-11-24T11:44:21Z");
    }
}
