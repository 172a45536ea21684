//! How throughput grows with workers: from point to point of the plan, each by the median of its visits.

use super::curves::cpus_per_worker;
use crate::model::{LoadModel, PhaseKind, Run, Turn, Visited};
use schemars::JsonSchema;
use serde::Serialize;

/// Growth over a run's points.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Scaling {
    /// Which of `points` the others are compared with, from 0: the first of those with the fewest workers that have a
    /// valid visit. Those with other CPUs (and not the same for each worker), or driven in another way, are compared with
    /// the first of their like.
    pub reference: Option<usize>,
    /// A row a point that was visited, fewest workers first, then in the plan's order.
    pub points: Vec<ScaledPoint>,
    /// A row a visit, in the run's order.
    pub rows: Vec<Scaled>,
}

/// A point: its repeats together.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ScaledPoint {
    /// Its place in the plan.
    pub point: usize,
    /// Workers asked for.
    pub workers: u32,
    /// Its visits, by their places in the run.
    pub visits: Vec<usize>,
    /// Those of them that are valid.
    pub valid: Vec<usize>,
    /// The median of the valid ones beside the reference's.
    #[serde(flatten)]
    pub median: Scaled,
}

/// A throughput beside that of the reference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Scaled {
    /// Successful answers a second; absent where the target was not loaded.
    pub throughput_rps: Option<f64>,
    /// Throughput over that of the reference; absent where the visit is invalid, and in an open loop, where the throughput is
    /// what was asked for.
    pub speed_up: Option<f64>,
    /// Speed-up over the ratio of the workers; 1 is linear. Absent where these are not proved.
    pub efficiency: Option<f64>,
    /// The throughput that linear growth from the reference would give; absent where workers are not proved.
    pub ideal_rps: Option<f64>,
}

impl Scaling {
    /// Of all visits; only valid ones count for a point.
    pub(super) fn of(run: &Run, is_valid: &dyn Fn(&Visited) -> bool) -> Self {
        let mut points = points(run, is_valid);
        let bases: Vec<Option<Base>> = (0..run.plan.points.len())
            .map(|point| first_alike(run, &points, point).and_then(|first| Base::of(run, first)))
            .collect();
        let base_of = |point: usize| bases.get(point).and_then(Option::as_ref);
        for point in &mut points {
            point.median = scale(point.median.throughput_rps, point.workers, base_of(point.point));
        }
        let row = |visited: &Visited| {
            let scaled = scale(throughput_rps(visited), visited.workers, base_of(visited.point));
            if is_valid(visited) { scaled } else { Scaled { speed_up: None, efficiency: None, ..scaled } }
        };
        let reference = points.iter().position(|point| !point.valid.is_empty());
        Self { reference, points, rows: run.visited.iter().map(row).collect() }
    }

    /// What a point of the plan is compared with.
    pub(super) fn reference_of(&self, run: &Run, point: usize) -> Option<&ScaledPoint> {
        first_alike(run, &self.points, point)
    }
}

/// The first point with a valid visit that differs from this one in no more than its workers.
fn first_alike<'a>(run: &Run, points: &'a [ScaledPoint], point: usize) -> Option<&'a ScaledPoint> {
    let drives = run.plan.drives();
    let has_same_each = cpus_per_worker(run).is_some();
    let cpus = |point: usize| {
        let limits = run.plan.points.get(point).map(|point| &point.limits);
        limits.filter(|_| !has_same_each).map(|limits| (limits.quota_cores(), limits.cpuset().cloned()))
    };
    let is_alike = |other: usize| drives.get(other) == drives.get(point) && cpus(other) == cpus(point);
    points.iter().find(|other| !other.valid.is_empty() && is_alike(other.point))
}

/// The median of some values; of two in the middle, their mean.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    Some(match (values.len() % 2, values.get(middle)?) {
        (1, value) => *value,
        (_, above) => values[middle - 1].midpoint(*above),
    })
}

/// What the others are compared with.
struct Base {
    rps: f64,
    /// `None` where workers are not proved: what they ought to give is not known.
    workers: Option<u32>,
}

impl Base {
    fn of(run: &Run, point: &ScaledPoint) -> Option<Self> {
        let is_closed = matches!(run.plan.points.get(point.point)?.load, LoadModel::Closed { .. });
        let rps = point.median.throughput_rps.filter(|rps| *rps > 0.0 && is_closed)?;
        Some(Self { rps, workers: run.plan.proves_workers().then(|| point.workers.max(1)) })
    }
}

/// The points that were visited, each with its median throughput.
fn points(run: &Run, is_valid: &dyn Fn(&Visited) -> bool) -> Vec<ScaledPoint> {
    let point = |index: usize| {
        let visits: Vec<usize> =
            run.visited.iter().enumerate().filter(|(_, it)| it.turn() == Turn::plain(index)).map(|it| it.0).collect();
        let first = &run.visited[*visits.first()?];
        let valid: Vec<usize> = visits.iter().copied().filter(|&place| is_valid(&run.visited[place])).collect();
        let throughput_rps = median(valid.iter().filter_map(|&place| throughput_rps(&run.visited[place])));
        let median = Scaled { throughput_rps, ..Scaled::default() };
        Some(ScaledPoint { point: index, workers: first.workers, visits, valid, median })
    };
    let mut points: Vec<_> = (0..run.plan.points.len()).filter_map(point).collect();
    points.sort_by_key(|point| point.workers);
    points
}

pub(super) fn throughput_rps(visited: &Visited) -> Option<f64> {
    visited.phase(PhaseKind::Target).map(|phase| phase.load.throughput_rps())
}

fn scale(throughput_rps: Option<f64>, workers: u32, base: Option<&Base>) -> Scaled {
    let Some(base) = base else { return Scaled { throughput_rps, ..Scaled::default() } };
    let times_workers = base.workers.map(|base| f64::from(workers) / f64::from(base));
    let speed_up = throughput_rps.map(|rps| rps / base.rps);
    Scaled {
        throughput_rps,
        speed_up,
        efficiency: speed_up.zip(times_workers).map(|(times, workers)| times / workers),
        ideal_rps: times_workers.map(|workers| base.rps * workers),
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_middle_and_of_two_their_mean() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0, 1.0, 200.0]), Some(3.0));
        assert_eq!(median([4.0, 1.0, 2.0, 200.0]), Some(3.0));
        assert_eq!(median([4.0, 1.0]), Some(2.5));
    }
}
