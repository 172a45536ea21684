//! What a container used on average over the counted window.

use super::Counter;
use crate::model::{ContainerSample, ContainerUsage, Phase, Window};

/// Means from the window's start to its end, by [`Counter::over`]; `None` where there are too few samples about it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// CPUs in use.
    pub cpu_cores: Option<f64>,
    /// Share of the quota's periods in which it was throttled; `None` without periods too.
    pub throttled_ratio: Option<f64>,
    /// The largest memory in use that was seen.
    pub memory_peak_bytes: Option<u64>,
    /// On all its networks.
    pub received_bytes_per_s: Option<f64>,
    /// On all its networks.
    pub sent_bytes_per_s: Option<f64>,
}

impl Rates {
    /// Of a container in a phase's window; nothing is known of one that was not watched.
    pub fn of(phase: &Phase, container: &str) -> Self {
        phase.usage(container).map_or_else(Self::default, |usage| Self::over(usage, &phase.load.window))
    }

    /// Of a container's samples.
    pub fn over(usage: &ContainerUsage, window: &Window) -> Self {
        let (from, to) = (window.start_unix_us, window.start_unix_us + window.duration_us);
        let counter = |read: fn(&ContainerSample) -> Option<u64>| {
            Counter::of(&usage.samples, |sample| Some((sample.unix_us, read(sample)?))).over(window)
        };
        let per_second = |read| counter(read).map(|growth| growth.rate() * 1e6);
        let periods = counter(|sample| sample.periods).map(|growth| growth.by).filter(|&periods| periods > 0.0);
        let throttled = counter(|sample| sample.throttled_periods).map(|growth| growth.by);
        let inside = usage.samples.iter().filter(|sample| (from..=to).contains(&sample.unix_us));
        Self {
            cpu_cores: counter(|sample| Some(sample.cpu_us)).map(|growth| growth.rate()),
            throttled_ratio: throttled.zip(periods).map(|(throttled, periods)| throttled / periods),
            memory_peak_bytes: inside.filter_map(|sample| sample.memory_bytes).max(),
            received_bytes_per_s: per_second(|sample| sample.received_bytes),
            sent_bytes_per_s: per_second(|sample| sample.sent_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(unix_us: u64, cpu_us: u64, periods: Option<u64>) -> ContainerSample {
        ContainerSample {
            unix_us,
            cpu_us,
            cpu_user_us: None,
            cpu_system_us: None,
            periods,
            throttled_periods: periods.map(|periods| periods / 4),
            throttled_us: None,
            memory_bytes: Some(unix_us),
            received_bytes: Some(unix_us),
            sent_bytes: None,
            disk_read_bytes: None,
            disk_written_bytes: None,
            pids: Some(1),
            major_page_faults: None,
        }
    }

    fn rates(samples: Vec<ContainerSample>) -> Rates {
        let window = Window { start_unix_us: 1_000_000, warm_up_us: 0, duration_us: 2_000_000 };
        Rates::over(&ContainerUsage { container: "stack".into(), samples }, &window)
    }

    #[test]
    fn rates_are_over_the_window_only() {
        let rates = rates(vec![
            sample(0, 0, Some(0)),
            sample(1_000_000, 900_000, Some(100)),
            sample(3_000_000, 1_900_000, Some(300)),
            sample(4_000_000, 9_000_000, Some(400)),
        ]);
        assert_eq!(rates.cpu_cores, Some(0.5));
        assert_eq!(rates.throttled_ratio, Some(0.25));
        assert_eq!(rates.memory_peak_bytes, Some(3_000_000));
        assert_eq!((rates.received_bytes_per_s, rates.sent_bytes_per_s), (Some(1e6), None));
    }

    #[test]
    fn samples_beside_the_window_s_ends_are_interpolated() {
        // Idle until the window starts at 1 s, then 0.8 CPUs in each of its two seconds; read 100 ms after its borders.
        let at = |unix_us: u64, cpu_us: u64| sample(unix_us, cpu_us, Some(unix_us / 2_500));
        let rates =
            rates(vec![at(600_000, 0), at(1_100_000, 80_000), at(2_100_000, 880_000), at(3_100_000, 1_680_000)]);
        // Of the 80 ms until 1.1 s, four fifths are taken to have been before the window: 64 of 1,600 ms.
        assert!((rates.cpu_cores.expect("read") - (1.6 - 0.064) / 2.0).abs() < 1e-9, "{rates:?}");
        assert_eq!(rates.throttled_ratio, Some(0.25));
    }

    #[test]
    fn one_sample_gives_no_rate_and_unknown_throttling_stays_unknown() {
        let one = rates(vec![sample(1_500_000, 1, None)]);
        assert_eq!((one.cpu_cores, one.throttled_ratio), (None, None));
        let two = rates(vec![sample(1_500_000, 1, None), sample(2_500_000, 2, None)]);
        assert_eq!((two.throttled_ratio, two.memory_peak_bytes), (None, Some(2_500_000)));
        assert_eq!(rates(vec![]), Rates::default());
    }
}
