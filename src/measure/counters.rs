//! A counter over time, and how fast it rose.

use crate::model::ProbeSample;
use std::cmp::Reverse;

/// Readings of a counter in order of time: microseconds since 1970, and the value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counter(Vec<(u64, u64)>);

impl Counter {
    /// What `read` finds in each sample; samples in which it finds nothing are left out.
    pub fn of<S>(samples: &[S], read: impl Fn(&S) -> Option<(u64, u64)>) -> Self {
        Self(samples.iter().filter_map(read).collect())
    }

    /// Those of its readings that lie from one moment to another, both included.
    pub fn between(&self, from_unix_us: u64, to_unix_us: u64) -> Self {
        Self(self.0.iter().copied().filter(|(at, _)| (from_unix_us..=to_unix_us).contains(at)).collect())
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

    #[test]
    fn a_counter_becomes_a_rate_over_each_span() {
        let counter = Counter(vec![(0, 0), (1_000_000, 500_000), (2_000_000, 1_500_000)]);
        assert_eq!(counter.rates(&[0, 1_000_000, 2_000_000]), [None, Some(0.5), Some(1.0)]);
        assert_eq!(counter.rates(&[0, 2_000_000]), [None, Some(0.75)]);
        assert_eq!(Counter::default().rates(&[0, 1]), [None, None]);
        assert_eq!(counter.between(1_000_000, 2_000_000).rate(), Some(1.0));
        assert_eq!(counter.between(1_000_000, 1_500_000).rate(), None);
    }

    #[test]
    fn between_two_readings_a_counter_rises_evenly() {
        let counter = Counter(vec![(0, 0), (1_000_000, 500_000), (2_000_000, 1_500_000)]);
        assert_eq!(counter.rate_from_to(0, 1_000_000), Some(0.5));
        assert_eq!(counter.rate_from_to(500_000, 1_500_000), Some(0.75));
        assert_eq!((counter.rate_from_to(500_000, 2_000_001), counter.rate_from_to(7, 7)), (None, None));
        assert_eq!(Counter(vec![(5, 0), (9, 4)]).rate_from_to(4, 9), None);
    }

    #[test]
    fn a_counter_that_starts_again_is_no_negative_rate() {
        let counter = Counter(vec![(0, 900), (10, 5)]);
        assert_eq!((counter.rates(&[0, 10]), counter.rate()), (vec![None, Some(0.0)], Some(0.0)));
    }
}
