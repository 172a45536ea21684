//! A study's blocks: what each says by itself, and all of them without what sets one apart from another.

use super::laws::Observation;

/// A setting and its X by block; `None` where a block has none. All points have the same blocks, in the same order.
pub type PointData = (f64, Vec<Option<f64>>);

/// The observations of each block that has at least so many.
pub(super) fn each(points: &[PointData], needed: usize) -> Vec<Vec<Observation>> {
    let of_block = |block: usize| {
        let observation = |(n, by_block): &PointData| Some((*n, (*by_block.get(block)?)?));
        points.iter().filter_map(observation).collect::<Vec<_>>()
    };
    (0..count(points)).map(of_block).filter(|block| block.len() >= needed).collect()
}

fn count(points: &[PointData]) -> usize {
    points.iter().map(|(_, by_block)| by_block.len()).max().unwrap_or(0)
}

/// All observations, with each block's own speed taken out.
pub(super) struct Levelled {
    /// The log of X for each N, over its blocks.
    points: Vec<(f64, Vec<f64>)>,
    /// Speeds that were taken out: one less than there are blocks.
    pub speed_count: usize,
}

impl Levelled {
    /// A block's speed is how far its points lie from the points' means on logs, on average. Where values are missing,
    /// means and speeds depend on each other, and are found in turns.
    pub fn of(points: &[PointData]) -> Self {
        const TURNS: usize = 100;
        let logs: Vec<Vec<Option<f64>>> =
            points.iter().map(|(_, by_block)| by_block.iter().map(|x| x.map(f64::ln)).collect()).collect();
        let mut speeds = vec![0.0; count(points)];
        for _ in 0..TURNS {
            let means: Vec<f64> = logs.iter().map(|logs| mean(without(logs, &speeds)).unwrap_or(0.0)).collect();
            let from_means = |block: usize| {
                let logs = logs.iter().zip(&means);
                mean(logs.filter_map(|(logs, mean)| Some(logs.get(block).copied().flatten()? - mean)))
            };
            let found: Vec<Option<f64>> = (0..speeds.len()).map(from_means).collect();
            let level = mean(found.iter().copied().flatten()).unwrap_or(0.0);
            let next: Vec<f64> = found.iter().map(|speed| speed.map_or(0.0, |speed| speed - level)).collect();
            let moved = next.iter().zip(&speeds).map(|(a, b)| f64::abs(a - b)).fold(0.0, f64::max);
            speeds = next;
            if moved < 1e-13 {
                break;
            }
        }
        let blocks =
            (0..speeds.len()).filter(|block| logs.iter().any(|logs| logs.get(*block).is_some_and(Option::is_some)));
        let speed_count = blocks.count().saturating_sub(1);
        let points = points.iter().zip(&logs).map(|((n, _), logs)| (*n, without(logs, &speeds).collect())).collect();
        Self { points, speed_count }
    }

    /// N and X of each.
    pub fn observations(&self) -> Vec<Observation> {
        self.points.iter().flat_map(|(n, logs)| logs.iter().map(|log| (*n, log.exp()))).collect()
    }

    /// How many N have a value.
    pub fn point_count(&self) -> usize {
        self.points.iter().filter(|(_, logs)| !logs.is_empty()).count()
    }

    /// How far the logs lie from their points' means: the sum of squares that no law explains.
    pub fn pure_error(&self) -> f64 {
        let of_point = |(_, logs): &(f64, Vec<f64>)| {
            let mean = mean(logs.iter().copied()).unwrap_or(0.0);
            logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>()
        };
        self.points.iter().map(of_point).sum()
    }
}

/// The logs that are there, each without its block's speed.
fn without<'a>(logs: &'a [Option<f64>], speeds: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
    logs.iter().zip(speeds).filter_map(|(log, speed)| Some((*log)? - speed))
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X of 10 N in blocks of these speeds.
    fn linear(speeds: &[f64]) -> Vec<PointData> {
        [1.0, 2.0, 4.0].map(|n| (n, speeds.iter().map(|speed| Some(10.0 * n * speed)).collect())).to_vec()
    }

    fn assert_linear(levelled: &Levelled, lambda: f64) {
        for (n, x) in levelled.observations() {
            assert!((x / n / lambda - 1.0).abs() < 1e-9, "{n} {x}");
        }
        assert!(levelled.pure_error() < 1e-18);
    }

    #[test]
    fn speeds_of_blocks_are_taken_out() {
        let levelled = Levelled::of(&linear(&[1.0, 2.0, 0.5]));
        assert_linear(&levelled, 10.0);
        assert_eq!((levelled.speed_count, levelled.point_count(), levelled.observations().len()), (2, 3, 9));
    }

    #[test]
    fn missing_values_do_not_bend_the_rest() {
        let mut points = linear(&[1.0, 2.0, 0.5, 7.0]);
        points[0].1[1] = None;
        points[2].1[2] = None;
        for point in &mut points {
            point.1[3] = None;
        }
        let levelled = Levelled::of(&points);
        assert_linear(&levelled, 10.0);
        assert_eq!((levelled.speed_count, levelled.observations().len()), (2, 7));
        assert_eq!(each(&points, 2).len(), 3);
        assert_eq!(each(&points, 3), [vec![(1.0, 10.0), (2.0, 20.0), (4.0, 40.0)]]);
    }

    #[test]
    fn noise_is_what_is_left() {
        let mut points = linear(&[1.0, 2.0]);
        points[1].1[0] = Some(20.0 * 0.6_f64.exp());
        // By hand: 0.6 in one of 3 x 2 cells leaves 0.6^2 (1 - 1/3) (1 - 1/2).
        assert!((Levelled::of(&points).pure_error() - 0.12).abs() < 1e-12);
    }
}
