//! One point of a study, over all its valid visits.

use super::{
    Analysis,
    fit::Curve,
    stats::{Geometric, Interval, LEVEL, Pilot, Spread},
    verdict::{Evidence, Judgement, decision::Choice, judge},
    visits::visits,
};
use crate::{
    measure::Rates,
    model::{CpuSet, Histogram, LoadResult, PhaseKind, Run, Second, Visited},
};
use schemars::JsonSchema;
use serde::Serialize;

/// A point over its valid visits.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StudyPoint {
    /// Its place in the plan.
    pub point: usize,
    /// What it is.
    pub setting: Choice,
    /// Valid visits.
    pub visits: usize,
    /// Throughput of each block; absent where there is no valid visit.
    pub by_block_rps: Vec<Option<f64>>,
    /// Geometric mean of the visits' throughputs; absent below two.
    pub throughput_rps: Option<Interval>,
    /// Where the spread between its visits comes from.
    pub spread: Option<Spread>,
    /// Of all its visits' answers together.
    pub latency: Percentiles,
    /// CPU that it used, of the CPUs that it may run on.
    pub cpu_ratio: Option<f64>,
    /// What limits it.
    pub judgement: Judgement,
}

impl StudyPoint {
    /// `by_block` is its throughput in each block, and `curve` the one over workers on which it lies.
    pub(super) fn of(
        run: &Run,
        analysis: &Analysis,
        point: usize,
        by_block: &[Option<f64>],
        curve: Option<&Curve>,
    ) -> Self {
        let values: Vec<f64> = by_block.iter().copied().flatten().collect();
        let visits = visits(run, analysis, point);
        let loads: Vec<&LoadResult> = visits.iter().filter_map(|it| Some(&it.phase(PhaseKind::Target)?.load)).collect();
        let seconds: Vec<Vec<f64>> = loads.iter().map(|load| counted_seconds(load)).collect();
        let evidence = Evidence::of(run, analysis, point, curve);
        Self {
            point,
            setting: choice(run, point, &visits),
            visits: visits.len(),
            by_block_rps: by_block.to_vec(),
            throughput_rps: interval(run, by_block),
            spread: if values.len() > 1 { Spread::of(&seconds) } else { None },
            latency: percentiles(&loads),
            cpu_ratio: evidence.cpu.cores.zip(evidence.setting.cpuset_cpus).map(|(used, cpus)| used / cpus),
            judgement: judge(&evidence),
        }
    }
}

/// Of latencies, from when a request was sent; absent with too few of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Percentiles {
    /// The median.
    pub p50_us: Option<u64>,
    /// 95 of 100 are not longer.
    pub p95_us: Option<u64>,
    /// 99 of 100 are not longer.
    pub p99_us: Option<u64>,
}

/// With a precision asked for, the spread of the pilot stands for all (Stein).
fn interval(run: &Run, by_block: &[Option<f64>]) -> Option<Interval> {
    let values = |blocks: &[Option<f64>]| blocks.iter().copied().flatten().collect::<Vec<f64>>();
    let all = Geometric::mean(&values(by_block))?;
    let has_precision = run.plan.study.as_ref().is_some_and(|study| study.precision.is_some());
    let pilot = by_block.get(..run.plan.blocks.len()).filter(|_| has_precision);
    let pilot = pilot.and_then(|blocks| Geometric::mean(&values(blocks)));
    Some(pilot.map_or(all, |first| Pilot::of(&first).finish(&all)).interval(LEVEL))
}

/// Successes of each whole second of the window.
fn counted_seconds(load: &LoadResult) -> Vec<f64> {
    const WHOLE_US: u64 = 900_000;
    let whole = load.series.iter().filter(|second| second.measured && second.duration_us > WHOLE_US);
    whole.map(Second::throughput_rps).collect()
}

fn choice(run: &Run, point: usize, visits: &[&Visited]) -> Choice {
    let planned = &run.plan.points[point];
    let target = &run.plan.roles.target;
    let memory = visits.iter().filter_map(|it| Rates::of(it.phase(PhaseKind::Target)?, target).memory_peak_bytes);
    let memory = super::median(memory.map(|bytes| bytes as f64));
    let cpus = planned.limits.cpuset().map(|cpus: &CpuSet| cpus.len() as f64);
    Choice {
        point,
        workers: planned.workers,
        cpus: planned.limits.quota_cores().or(cpus),
        worker_memory_bytes: memory
            .filter(|_| run.plan.proves_workers())
            .map(|bytes| bytes / f64::from(planned.workers.max(1))),
        drive: run.plan.varied_drive(point),
        side: run.plan.ab.as_ref().map(|_| planned.side),
    }
}

fn percentiles(loads: &[&LoadResult]) -> Percentiles {
    let mut all = Histogram::default();
    loads.iter().for_each(|load| all.merge(&load.latency()));
    let at = |percent| all.supported_percentile_us(percent);
    Percentiles { p50_us: at(50.0), p95_us: at(95.0), p99_us: at(99.0) }
}
