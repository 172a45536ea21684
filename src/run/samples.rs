//! What a probe tells during a load, within bounds: where there is much of it, it is kept at wider distances.

use crate::model::{ProbeSample, Tick};

/// Processes and threads of all samples together; about a hundred megabytes of them.
const MOST_PROCESSES: usize = 200_000;
/// Ticks: those of half an hour.
const MOST_TICKS: usize = 18_000;

/// What was sampled in one phase, in the order of its time.
#[derive(Debug)]
pub(super) struct Samples<T> {
    kept: Vec<T>,
    size: usize,
    most: usize,
    /// Of so many samples one is kept.
    stride: usize,
    /// Samples to leave out before the next that is kept.
    left_out: usize,
    size_of: fn(&T) -> usize,
}

impl Samples<ProbeSample> {
    pub(super) fn of_processes() -> Self {
        let size_of = |sample: &ProbeSample| sample.processes.iter().map(|process| 1 + process.tasks.len()).sum();
        Self { kept: Vec::new(), size: 0, most: MOST_PROCESSES, stride: 1, left_out: 0, size_of }
    }
}

impl Samples<Tick> {
    pub(super) fn of_ticks() -> Self {
        Self { kept: Vec::new(), size: 0, most: MOST_TICKS, stride: 1, left_out: 0, size_of: |_| 1 }
    }
}

impl<T> Samples<T> {
    /// Keeps one more; where that is too much, every other one goes, and of those that come every other one: so they are
    /// at equal distances.
    pub(super) fn push(&mut self, sample: T) {
        if self.left_out > 0 {
            self.left_out -= 1;
            return;
        }
        self.left_out = self.stride - 1;
        self.size += (self.size_of)(&sample);
        self.kept.push(sample);
        if self.size > self.most && self.kept.len() > 2 {
            let mut index = 0;
            self.kept.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.size = self.kept.iter().map(self.size_of).sum();
            // The last one may just have gone.
            let is_last_kept = index % 2 == 1;
            self.left_out = if is_last_kept { 2 * self.stride - 1 } else { self.stride - 1 };
            self.stride *= 2;
        }
    }

    /// The last one that is kept.
    pub(super) fn newest(&self) -> Option<&T> {
        self.kept.last()
    }

    pub(super) fn into_kept(self) -> Vec<T> {
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Process;

    fn sample(second: u64, processes: usize) -> ProbeSample {
        let processes = vec![Process::default(); processes];
        ProbeSample { unix_us: second * 1_000_000, processes, ..ProbeSample::default() }
    }

    #[test]
    fn a_few_are_all_kept_and_many_are_bounded_from_the_first_on() {
        let mut samples = Samples::of_processes();
        (0..60).for_each(|second| samples.push(sample(second, 10)));
        assert_eq!(samples.into_kept().len(), 60);

        let mut samples = Samples::of_processes();
        (0..1000).for_each(|second| samples.push(sample(second, 2000)));
        assert!(samples.size <= MOST_PROCESSES + 2000, "{}", samples.size);
        let kept = samples.into_kept();
        assert!(kept.len() > 20, "{}", kept.len());
        assert_eq!(kept[0].unix_us, 0);
        let distances: Vec<u64> = kept.windows(2).map(|pair| pair[1].unix_us - pair[0].unix_us).collect();
        assert!(distances[0] > 0 && distances.iter().all(|distance| *distance == distances[0]), "{distances:?}");
    }

    #[test]
    fn ticks_are_bounded_too() {
        let mut ticks = Samples::of_ticks();
        (0..100_000).for_each(|index| ticks.push(Tick { unix_us: index * 100_000, ..Tick::default() }));
        let kept = ticks.into_kept();
        assert!((MOST_TICKS / 2..=MOST_TICKS).contains(&kept.len()), "{}", kept.len());
        assert_eq!(kept[0].unix_us, 0);
    }
}
