//! A counter over time, and how fast it rose.

use crate::model::{ProbeSample, Window};
use std::cmp::Reverse;

/// Readings of a counter in order of time: microseconds since 1970, and the value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counter(Vec<(u64, u64)>);

impl Counter {
    /// What `read` finds in each sample; samples in which it finds nothing are left out.
    pub fn of<S>(samples: &[S], read: impl Fn(&S) -> Option<(u64, u64)>) -> Self {
        Self(samples.iter().filter_map(read).collect())
    }

    /// Its growth from the first reading to the last; `None` with fewer than two. A counter that started again has not
    /// grown.
    pub fn growth(&self) -> Option<u64> {
        let (first, last) = (self.0.first()?, self.0.last()?);
        (last.0 > first.0).then(|| last.1.saturating_sub(first.1))
    }

    /// Its growth a microsecond, from the first reading to the last.
    pub fn rate(&self) -> Option<f64> {
        let (first, last) = (self.0.first()?, self.0.last()?);
        self.growth().map(|growth| growth as f64 / (last.0 - first.0) as f64)
    }

    /// How fast it rose, a microsecond, from one moment to a later one, each interpolated between the readings about it;
    /// `None` where there are none on both sides.
    pub fn rate_from_to(&self, from_unix_us: u64, to_unix_us: u64) -> Option<f64> {
        let (first, last) = (self.value_at(from_unix_us)?, self.value_at(to_unix_us)?);
        (to_unix_us > from_unix_us).then(|| (last - first).max(0.0) / (to_unix_us - from_unix_us) as f64)
    }

    /// Its growth over a window, and over which time that is, in microseconds: from the window's start to its end, each
    /// interpolated between the readings about it. Beyond an end without readings on both sides, the readings in the window
    /// count alone. `None` where there are too few.
    ///
    /// With readings `d` apart of a counter that grows by at most `C` a microsecond, each end is off by at most `C d / 4`: what
    /// can be hidden between two readings, of which one is `x` before the end, is `C x (d - x) / d`.
    pub fn over(&self, window: &Window) -> Option<Growth> {
        let (from, to) = (window.start_unix_us, window.start_unix_us + window.duration_us);
        let mut inside =
            self.0.iter().filter(|(at, _)| (from..=to).contains(at)).map(|&(at, value)| (at, value as f64));
        let (earliest, latest) = (inside.clone().next(), inside.next_back());
        let first = self.value_at(from).map(|value| (from, value)).or(earliest)?;
        let last = self.value_at(to).map(|value| (to, value)).or(latest)?;
        (last.0 > first.0).then(|| Growth { by: (last.1 - first.1).max(0.0), over_us: (last.0 - first.0) as f64 })
    }

    fn value_at(&self, unix_us: u64) -> Option<f64> {
        let after = self.0.partition_point(|(at, _)| *at < unix_us);
        let (next_us, next) = *self.0.get(after)?;
        if next_us == unix_us {
            return Some(next as f64);
        }
        let (last_us, last) = self.0[after.checked_sub(1)?];
        let share = (unix_us - last_us) as f64 / (next_us - last_us) as f64;
        Some(last as f64 + share * (next as f64 - last as f64))
    }

    /// How fast it rose, a microsecond, in each span that ends at one of the moments `at`; the first has no beginning.
    pub fn rates(&self, at: &[u64]) -> Vec<Option<f64>> {
        let reading = |moment: u64| self.0.iter().take_while(|(unix_us, _)| *unix_us <= moment).last();
        let rate = |from: u64, to: u64| {
            let (first, last) = (reading(from)?, reading(to)?);
            (last.0 > first.0).then(|| last.1.saturating_sub(first.1) as f64 / (last.0 - first.0) as f64)
        };
        let spans = at.iter().zip(at.iter().skip(1)).map(|(&from, &to)| rate(from, to));
        at.first().map(|_| None).into_iter().chain(spans).collect()
    }
}

/// What a counter grew by in a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// In the counter's unit.
    pub by: f64,
    /// The window, or the part of it that there are readings of.
    pub over_us: f64,
}

impl Growth {
    /// A microsecond.
    pub fn rate(&self) -> f64 {
        self.by / self.over_us
    }
}

/// CPU time of one process, in microseconds.
pub fn process_counter(samples: &[ProbeSample], pid: u32) -> Counter {
    Counter::of(samples, |sample| {
        let process = sample.processes.iter().find(|process| process.pid == pid)?;
        Some((sample.unix_us, process.cpu_us))
    })
}

/// CPUs that a process used on average while it was watched; `None` with a single sample of it.
pub fn process_cores(samples: &[ProbeSample], pid: u32) -> Option<f64> {
    process_counter(samples, pid).rate()
}

/// Process ids by the CPU time they used while they were watched, most first; those that used none are left out.
pub fn busiest(samples: &[ProbeSample]) -> Vec<u32> {
    let mut pids: Vec<u32> = samples.iter().flat_map(|sample| sample.processes.iter().map(|it| it.pid)).collect();
    pids.sort_unstable();
    pids.dedup();
    let used = |pid: u32| process_counter(samples, pid).growth().filter(|&used| used > 0).map(|used| (used, pid));
    let mut used: Vec<(u64, u32)> = pids.into_iter().filter_map(used).collect();
    used.sort_by_key(|&(used, pid)| (Reverse(used), pid));
    used.into_iter().map(|(_, pid)| pid).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_counter_becomes_a_rate_over_each_span() {
        let counter = Counter(vec![(0, 0), (1_000_000, 500_000), (2_000_000, 1_500_000)]);
        assert_eq!(counter.rates(&[0, 1_000_000, 2_000_000]), [None, Some(0.5), Some(1.0)]);
        assert_eq!(counter.rates(&[0, 2_000_000]), [None, Some(0.75)]);
        assert_eq!(Counter::default().rates(&[0, 1]), [None, None]);
        assert_eq!((counter.rate(), Counter(vec![(5, 7)]).rate()), (Some(0.75), None));
    }

    #[test]
    fn between_two_readings_a_counter_rises_evenly() {
        let counter = Counter(vec![(0, 0), (1_000_000, 500_000), (2_000_000, 1_500_000)]);
        assert_eq!(counter.rate_from_to(0, 1_000_000), Some(0.5));
        assert_eq!(counter.rate_from_to(500_000, 1_500_000), Some(0.75));
        assert_eq!((counter.rate_from_to(500_000, 2_000_001), counter.rate_from_to(7, 7)), (None, None));
        assert_eq!(Counter(vec![(5, 0), (9, 4)]).rate_from_to(4, 9), None);
    }

    fn window(start_unix_us: u64, duration_us: u64) -> Window {
        Window { start_unix_us, warm_up_us: 0, duration_us }
    }

    #[test]
    fn a_window_is_from_its_start_to_its_end_wherever_the_readings_lie() {
        let counter = Counter(vec![(0, 0), (1_000_000, 500_000), (2_000_000, 1_500_000)]);
        let over = |start, length| counter.over(&window(start, length)).map(|growth| (growth.by, growth.over_us));
        assert_eq!(over(0, 2_000_000), Some((1_500_000.0, 2_000_000.0)));
        assert_eq!(over(500_000, 1_000_000), Some((750_000.0, 1_000_000.0)));
        assert_eq!(over(1_200_000, 500_000), Some((500_000.0, 500_000.0)), "there is no reading in it");
        // Nothing was read after its end.
        assert_eq!(over(500_000, 9_000_000), Some((1_250_000.0, 1_500_000.0)));
        assert_eq!((over(2_000_000, 1_000_000), over(5_000_000, 1)), (None, None));
    }

    proptest! {
        /// Work that comes and goes between readings that lie anywhere: at most a quarter of a distance of them is hidden at each
        /// end, by as many CPUs as there are; and near an end at most the distance to it.
        #[test]
        fn what_readings_beside_a_window_s_ends_hide_is_bounded(
            cores in proptest::collection::vec(0..=3_u64, 40),
            offset_ms in 0_u64..1_000,
            start_ms in 10_000_u64..12_000,
            length_ms in 1_000_u64..20_000,
            late_ms in 0_u64..50,
        ) {
            // `cores[n]` are in use in the n-th second.
            let used_us = |ms: u64| {
                let second = (ms / 1_000) as usize;
                cores[..second].iter().sum::<u64>() * 1_000_000 + cores[second] * (ms % 1_000) * 1_000
            };
            let (from, to) = (start_ms, start_ms + length_ms);
            let exact = (used_us(to) - used_us(from)) as f64;
            let read = |times: Vec<u64>| Counter(times.into_iter().map(|ms| (ms * 1_000, used_us(ms))).collect());
            let by = |counter: Counter| counter.over(&window(from * 1_000, length_ms * 1_000)).expect("read about it").by;
            let mut times: Vec<u64> = (0..39).map(|second| second * 1_000 + offset_ms).collect();
            let off = (by(read(times.clone())) - exact).abs();
            prop_assert!(off <= 2.0 * 3.0 * 1e6 / 4.0 + 1.0, "{off}");
            times.extend([from + late_ms, to + late_ms]);
            times.sort_unstable();
            times.dedup();
            let off = (by(read(times)) - exact).abs();
            prop_assert!(off <= 2.0 * 3.0 * late_ms as f64 * 1e3 + 1.0, "{off}");
        }
    }

    #[test]
    fn a_counter_that_starts_again_is_no_negative_rate() {
        let counter = Counter(vec![(0, 900), (10, 5)]);
        assert_eq!((counter.rates(&[0, 10]), counter.rate()), (vec![None, Some(0.0)], Some(0.0)));
    }
}
