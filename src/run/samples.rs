//! What a probe tells during a load, within bounds: a target with many processes, loaded for long, is kept at wider distances.

use crate::model::ProbeSample;

/// Processes and threads of all samples together; about a hundred megabytes of them.
const MOST_PROCESSES: usize = 200_000;

/// Samples of one phase, in the order of their time.
#[derive(Debug, Default)]
pub(super) struct Samples {
    kept: Vec<ProbeSample>,
    processes: usize,
}

impl Samples {
    /// Keeps one more; where that is too much, every other one goes.
    pub(super) fn push(&mut self, sample: ProbeSample) {
        self.processes += size(&sample);
        self.kept.push(sample);
        if self.processes > MOST_PROCESSES && self.kept.len() > 2 {
            let mut index = 0;
            self.kept.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.processes = self.kept.iter().map(size).sum();
        }
    }

    pub(super) fn into_kept(self) -> Vec<ProbeSample> {
        self.kept
    }
}

fn size(sample: &ProbeSample) -> usize {
    sample.processes.iter().map(|process| 1 + process.tasks.len()).sum()
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
        let mut samples = Samples::default();
        (0..60).for_each(|second| samples.push(sample(second, 10)));
        assert_eq!(samples.into_kept().len(), 60);

        let mut samples = Samples::default();
        (0..1000).for_each(|second| samples.push(sample(second, 2000)));
        assert!(samples.processes <= MOST_PROCESSES + 2000, "{}", samples.processes);
        let kept = samples.into_kept();
        assert!(kept.len() > 20, "{}", kept.len());
        assert_eq!(kept[0].unix_us, 0);
        assert!(kept.is_sorted_by_key(|sample| sample.unix_us));
    }
}
