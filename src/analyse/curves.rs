//! Which curves a study's points lie on: over workers, and over users or rates, all else being the same.

use super::fit::{Curve, PointData};
use crate::model::{CpuSet, Drive, LoadModel, Point, Run, Side};
use schemars::JsonSchema;
use serde::Serialize;

/// Throughput along one axis, all else being the same.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StudyCurve {
    /// Along which.
    pub over: Over,
    /// What all of its points have in common.
    pub with: With,
    /// Their workers, where it is not these that are varied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<u32>,
    /// How all of them are driven, where the study varies that and this curve does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drive: Option<Drive>,
    /// Which side they are of, where there are two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
    /// Its points, from the smallest, by their places in the plan.
    pub points: Vec<usize>,
    /// What it says.
    pub curve: Curve,
}

/// What a curve goes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// Workers.
    Workers,
    /// Users of a closed loop.
    Users,
    /// The rate of an open one.
    Rate,
}

/// What the points of a curve have in common.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum With {
    /// This quota for each worker, in CPUs.
    CpusPerWorker(f64),
    /// This quota for all, in CPUs.
    Cpus(f64),
    /// So many CPUs to run on, without a quota.
    CpusetCpus(usize),
}

/// Over workers, one curve a setting of CPUs and of how it is driven; over how it is driven, one a setting of CPUs and workers.
/// Where every point has the same quota for each worker, that is what they have in common.
pub(super) fn curves(run: &Run, data: &[Vec<Option<f64>>]) -> Vec<StudyCurve> {
    let (per_worker, drives) = (cpus_per_worker(run), run.plan.drives());
    let is_driven_alike = drives.iter().all(|drive| *drive == drives[0]);
    let empty = |over, index: usize| {
        let point = &run.plan.points[index];
        let cpuset = point.limits.cpuset().map_or(0, CpuSet::len);
        let with = match (per_worker, point.limits.quota_cores()) {
            (Some(each), _) => With::CpusPerWorker(each),
            (None, Some(cpus)) => With::Cpus(cpus),
            (None, None) => With::CpusetCpus(cpuset),
        };
        let is_over_workers = over == Over::Workers;
        StudyCurve {
            over,
            with,
            workers: (!is_over_workers).then_some(point.workers),
            drive: Some(drives[index]).filter(|_| is_over_workers && !is_driven_alike),
            side: run.plan.ab.as_ref().map(|_| point.side),
            points: vec![index],
            curve: Curve::of(&[]),
        }
    };
    let load = |point: &Point| if matches!(point.load, LoadModel::Open { .. }) { Over::Rate } else { Over::Users };
    let mut curves: Vec<StudyCurve> = Vec::new();
    for axis in [|_: &Point| Over::Workers, load] as [fn(&Point) -> Over; 2] {
        for (index, point) in run.plan.points.iter().enumerate() {
            let own = empty(axis(point), index);
            if own.over == Over::Workers && !run.plan.proves_workers() {
                continue;
            }
            match curves.iter_mut().find(|curve| curve.is_along(&own)) {
                Some(curve) => curve.points.push(index),
                None => curves.push(own),
            }
        }
    }
    curves.retain(|curve| curve.points.len() > 1);
    for curve in &mut curves {
        let over = curve.over;
        let n = |at: usize| over.of(&run.plan.points[at]);
        curve.points.sort_by(|a, b| n(*a).total_cmp(&n(*b)));
        let points: Vec<PointData> = curve.points.iter().map(|&at| (n(at), data[at].clone())).collect();
        curve.curve = Curve::of(&points);
    }
    curves
}

impl StudyCurve {
    /// Whether another's points are on this one.
    fn is_along(&self, other: &Self) -> bool {
        let common = |curve: &Self| (curve.over, curve.with, curve.workers, curve.drive, curve.side);
        common(self) == common(other)
    }
}

impl Over {
    /// Where a point is on this axis.
    fn of(self, point: &Point) -> f64 {
        match (self, &point.load) {
            (Self::Workers, _) => f64::from(point.workers),
            (_, LoadModel::Closed { users, .. }) => f64::from(*users),
            (_, LoadModel::Open { rate_rps, .. }) => *rate_rps,
        }
    }
}

/// The quota of each worker, where it is the same at all points of different worker counts.
pub(super) fn cpus_per_worker(run: &Run) -> Option<f64> {
    let points = &run.plan.points;
    let each: Option<Vec<f64>> =
        points.iter().map(|it| Some(it.limits.quota_cores()? / f64::from(it.workers.max(1)))).collect();
    let each = each?;
    let first = *each.first()?;
    let is_varied = points.iter().any(|point| point.workers != points[0].workers);
    (is_varied && each.iter().all(|other| (other / first - 1.0).abs() < 0.01)).then_some(first)
}

/// How throughput goes over workers through a point.
pub(super) fn over_workers(curves: &[StudyCurve], point: usize) -> Option<&Curve> {
    let through = |curve: &&StudyCurve| curve.over == Over::Workers && curve.points.contains(&point);
    curves.iter().find(through).map(|curve| &curve.curve)
}
