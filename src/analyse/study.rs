//! A study's answer: what each point did, what limits it there, how throughput grows along each axis, which setting to run.
//! Pure; made anew from what was measured, whenever it is asked for.

use super::{
    Analysis, Contrast,
    confirm::Confirmation,
    curves::{Over, StudyCurve, curves, over_workers},
    fit::Curve,
    scaling::throughput_rps,
    stats::{Geometric, Interval, LEVEL, Pilot, Spread},
    verdict::{
        Evidence, Judgement, PointRead, RuleOfThumb,
        decision::{self, Candidate, Choice, Decision, WorkersLever},
        judge, rules_of_thumb,
    },
};
use crate::{
    measure::Rates,
    model::{CpuSet, Histogram, LoadResult, PhaseKind, Purpose, Run, Second, Turn, Visited},
    threshold::Threshold,
};
use schemars::JsonSchema;
use serde::Serialize;

/// What a study found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Study {
    /// B beside A, where two are compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ab: Option<Contrast>,
    /// Which setting to run; absent where nothing valid was measured, and where two are compared.
    pub decision: Option<Decision>,
    /// A row for each point, in the plan's order.
    pub points: Vec<StudyPoint>,
    /// How throughput goes over workers, one for each of the other settings that were varied; then the same over users or rates.
    pub curves: Vec<StudyCurve>,
    /// The verdict put to the test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<Confirmation>,
    /// What a person would have read off two curves; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules_of_thumb: Option<[RuleOfThumb; 4]>,
    /// Blocks that were visited, as a whole or in part; a trial's not counted.
    pub blocks: usize,
    /// Share of the visits that the host has spoiled.
    pub spoiled_ratio: f64,
}

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

impl Study {
    /// Of a run; `None` where it is no study, or nothing was visited.
    pub fn of(run: &Run, analysis: &Analysis) -> Option<Self> {
        let plan = run.plan.study.as_ref().filter(|_| !run.visited.is_empty())?;
        let blocks = run.visited.iter().filter(|it| it.change.is_none()).map(|it| it.block + 1).max().unwrap_or(0);
        let data: Vec<Vec<Option<f64>>> =
            (0..run.plan.points.len()).map(|point| by_block(run, analysis, Turn::plain(point), blocks)).collect();
        let slo: Option<Threshold> = plan.slo.as_ref().and_then(|text| text.parse().ok());
        let curves = curves(run, &data);
        let points: Vec<StudyPoint> = (0..run.plan.points.len())
            .map(|point| study_point(run, analysis, point, &data[point], over_workers(&curves, point)))
            .collect();
        let candidates: Vec<Candidate> = points
            .iter()
            .map(|point| Candidate {
                setting: point.setting,
                throughput_rps: point.by_block_rps.clone(),
                meets_slo: slo.as_ref().and_then(|slo| meets(slo, run, analysis, point.point)),
            })
            .collect();
        let ab = Contrast::of_sides(run, analysis);
        let mut decision = if ab.is_some() { None } else { decision::decide(&candidates, slo.is_some()) };
        if !run.plan.proves_workers() {
            // Nothing is claimed of workers that nobody counts.
            decision.iter_mut().for_each(|decision| decision.workers = WorkersLever::NotTried);
        }
        let spoiled = super::wanted::spoiled(run, analysis).len();
        let mut study = Self {
            ab,
            rules_of_thumb: None,
            decision,
            points,
            curves,
            confirmation: None,
            blocks,
            spoiled_ratio: spoiled as f64 / run.visited.len() as f64,
        };
        study.confirmation = Confirmation::of(run, analysis, &study);
        study.rules_of_thumb = study.as_a_person_reads(run, analysis);
        Some(study)
    }

    /// The first curve, read by the rules of thumb of the benchmark that this one replaces.
    fn as_a_person_reads(&self, run: &Run, analysis: &Analysis) -> Option<[RuleOfThumb; 4]> {
        let curve = self.curves.first().filter(|curve| curve.over == Over::Workers && self.ab.is_none())?;
        let read = |&place: &usize| {
            let point = &self.points[place];
            let loads: Vec<&LoadResult> = visits(run, analysis, place)
                .into_iter()
                .filter_map(|it| Some(&it.phase(PhaseKind::Target)?.load))
                .collect();
            let failed = loads.iter().map(|load| load.failure_count()).sum::<u64>() as f64;
            let requests = loads.iter().map(|load| load.request_count()).sum::<u64>() as f64;
            Some(PointRead {
                workers: point.setting.workers,
                throughput_rps: point.throughput_rps?.estimate,
                latency_p50_us: point.latency.p50_us.map(|us| us as f64),
                failure_ratio: (requests > 0.0).then(|| failed / requests),
                cpu_ratio: point.cpu_ratio,
            })
        };
        let points: Vec<PointRead> = curve.points.iter().filter_map(read).collect();
        let judgement = &self.points[*curve.points.last()?].judgement;
        rules_of_thumb(&points, judgement.limit.kind, judgement.growth.as_ref().map(|growth| growth.kind))
    }

    /// How throughput goes over workers through a point.
    pub(super) fn curve_over_workers(&self, point: usize) -> Option<&Curve> {
        over_workers(&self.curves, point)
    }

    /// The point that is decided for; `None` where none is.
    pub fn answer(&self) -> Option<&StudyPoint> {
        let chosen = self.decision.as_ref()?.chosen.as_ref()?;
        self.points.iter().find(|point| point.point == chosen.setting.point)
    }
}

/// Whether a visit puts a verdict to the test.
pub(super) fn is_test(visited: &Visited) -> bool {
    visited.change.is_some_and(|change| change.purpose == Purpose::Test)
}

/// Throughput of a turn in each block: of its last visit that is valid.
pub(super) fn by_block(run: &Run, analysis: &Analysis, turn: Turn, blocks: usize) -> Vec<Option<f64>> {
    visited_by_block(run, analysis, turn, blocks).into_iter().map(|visited| throughput_rps(visited?)).collect()
}

/// The last visit of a turn in each block that is valid and answered something.
pub(super) fn visited_by_block<'a>(
    run: &'a Run,
    analysis: &Analysis,
    turn: Turn,
    blocks: usize,
) -> Vec<Option<&'a Visited>> {
    let is_measured = |visited: &&Visited| throughput_rps(visited).is_some_and(|rps| rps > 0.0);
    let of_block = |block| {
        let visits = run.visited.iter().filter(|it| it.block == block && it.turn() == turn && analysis.is_valid(it));
        visits.rev().find(is_measured)
    };
    (0..blocks).map(of_block).collect()
}

/// A point's valid visits.
pub(super) fn visits<'a>(run: &'a Run, analysis: &Analysis, point: usize) -> Vec<&'a Visited> {
    let turn = Turn::plain(point);
    run.visited.iter().filter(|it| it.turn() == turn && analysis.is_valid(it)).collect()
}

fn study_point(
    run: &Run,
    analysis: &Analysis,
    point: usize,
    by_block: &[Option<f64>],
    curve: Option<&Curve>,
) -> StudyPoint {
    let values: Vec<f64> = by_block.iter().copied().flatten().collect();
    let visits = visits(run, analysis, point);
    let loads: Vec<&LoadResult> = visits.iter().filter_map(|it| Some(&it.phase(PhaseKind::Target)?.load)).collect();
    let seconds: Vec<Vec<f64>> = loads.iter().map(|load| counted_seconds(load)).collect();
    let evidence = Evidence::of(run, analysis, point, curve);
    StudyPoint {
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

/// Whether a condition that is to hold does, in most of a point's visits; `None` where too few requests tell.
fn meets(slo: &Threshold, run: &Run, analysis: &Analysis, point: usize) -> Option<bool> {
    let visits = visits(run, analysis, point);
    let judged: Option<Vec<bool>> = visits.iter().map(|it| slo.holds(&it.phase(PhaseKind::Target)?.load)).collect();
    let judged = judged.filter(|judged| !judged.is_empty())?;
    Some(judged.iter().filter(|holds| **holds).count() * 2 > judged.len())
}
