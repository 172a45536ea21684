//! A study's answer: what each point did, what limits it there, how throughput grows along each axis, which setting to run.
//! Pure; made anew from what was measured, whenever it is asked for.

use super::{
    Analysis, Contrast,
    confirm::Confirmation,
    curves::{Over, StudyCurve, curves, over_workers},
    fit::Curve,
    study_point::StudyPoint,
    verdict::{
        PointRead, RuleOfThumb,
        decision::{self, Candidate, Decision, WorkersLever},
        rules_of_thumb,
    },
    visits::{by_block, spoiled, visits},
};
use crate::{
    model::{LoadResult, PhaseKind, Run, Turn},
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
            .map(|point| StudyPoint::of(run, analysis, point, &data[point], over_workers(&curves, point)))
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
        let mut study = Self {
            ab,
            rules_of_thumb: None,
            decision,
            points,
            curves,
            confirmation: None,
            blocks,
            spoiled_ratio: spoiled(run, analysis).len() as f64 / run.visited.len() as f64,
        };
        study.confirmation = study.answer().and_then(|answer| Confirmation::of(run, analysis, answer));
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

/// Whether a condition that is to hold does, in most of a point's visits; `None` where too few requests tell.
fn meets(slo: &Threshold, run: &Run, analysis: &Analysis, point: usize) -> Option<bool> {
    let visits = visits(run, analysis, point);
    let judged: Option<Vec<bool>> = visits.iter().map(|it| slo.holds(&it.phase(PhaseKind::Target)?.load)).collect();
    let judged = judged.filter(|judged| !judged.is_empty())?;
    Some(judged.iter().filter(|holds| **holds).count() * 2 > judged.len())
}
