//! The charts of a study: throughput with its ceilings, efficiency, latency, and how the study went over time. A dot is a
//! visit; nothing joins dots, as each is a start of its own.

use super::{
    axes,
    axis::{Axis, Scale, number},
    chart::{Chart, Level, Lines, Series},
    study, study_growth, study_tables, verdict_text,
    workers::Workers,
};
use crate::{
    analyse::{
        Analysis, Percentiles, Study, StudyCurve, StudyPoint, fit::CurvePoint, median, stats::Interval,
        verdict::Ceiling,
    },
    model::{Phase, PhaseKind, Run, Turn, Visited},
    text::plain,
};

/// A ceiling so many times above the most that was seen would press all else to the floor.
const CEILING_WITHIN: f64 = 1.6;
const MOST_CEILINGS: usize = 2;

/// What a point has, and its interval.
type Middle = (Option<f64>, Option<Interval>);
type Percentile = fn(&Percentiles) -> Option<u64>;

/// All that have something to show.
pub fn all(run: &Run, analysis: &Analysis, study: &Study) -> Vec<Chart> {
    let of_curve = |curve: &StudyCurve| {
        let on = OnCurve::of(run, analysis, study, curve);
        [on.throughput(), on.efficiency(), on.latency()]
    };
    let charts = study.curves.iter().flat_map(of_curve);
    charts.chain([predicted(run, study), over_time(run, analysis, study)]).flatten().collect()
}

/// The visits of a curve's points, from the smallest, in the order in which they were made.
struct OnCurve<'a> {
    visits: Vec<(&'a Visited, usize)>,
    valid: Vec<bool>,
    workers: Workers,
    study: &'a Study,
    of: &'a StudyCurve,
}

impl<'a> OnCurve<'a> {
    fn of(run: &'a Run, analysis: &Analysis, study: &'a Study, of: &'a StudyCurve) -> Self {
        let at = |(place, &point): (usize, &usize)| {
            let visits = run.visited.iter().filter(move |it| it.turn() == Turn::plain(point));
            visits.map(move |visited| (visited, place))
        };
        let visits: Vec<_> = of.points.iter().enumerate().flat_map(at).collect();
        let valid = visits.iter().map(|(visited, _)| analysis.is_valid(visited)).collect();
        Self { visits, valid, workers: Workers::of(&run.plan), study, of }
    }

    /// What each visit has, and what its point has with its interval.
    fn series(
        &self,
        name: &str,
        class: &'static str,
        of_visit: &dyn Fn(&Visited) -> Option<f64>,
        of_point: &dyn Fn(&StudyPoint, &CurvePoint) -> Middle,
    ) -> Series {
        let at = |place: usize| {
            let point = self.study.points.iter().find(|point| point.point == self.of.points[place]);
            point.zip(self.of.curve.points.get(place)).map_or((None, None), |(point, at)| of_point(point, at))
        };
        let points = || self.visits.iter().map(|(_, place)| at(*place));
        Series {
            medians: points().map(|(middle, _)| middle).collect(),
            intervals: points().map(|(_, interval)| interval.map(|it| [it.low, it.high])).collect(),
            ..Series::line(name, class, self.visits.iter().map(|(visited, _)| of_visit(visited)).collect())
        }
    }

    fn draw(&self, title: &str, note: &str, y: Axis, series: Vec<Series>, levels: Vec<Level>) -> Option<Chart> {
        let n = |(_, place): &(&Visited, usize)| self.of.curve.points.get(*place).map_or(0.0, |point| point.n);
        let xs: Vec<f64> = self.visits.iter().map(n).collect();
        let (name, unit) = axes::name(self.of.over);
        let mut marks = xs.clone();
        marks.dedup();
        Lines {
            title: format!("{title}, {}", axes::with(self.of, &self.workers)),
            note: note.to_owned(),
            x: Axis { name, unit, format: number, scale: Scale::Marks(marks) },
            y,
            xs,
            names: self.visits.iter().map(|(visited, _)| plain(&visited.id)).collect(),
            hollow: self.valid.iter().map(|valid| !valid).collect(),
            series,
            levels,
            shade: None,
        }
        .draw()
    }

    /// With the line of linear growth, the law where one is believed, and the nearest ceilings.
    fn throughput(&self) -> Option<Chart> {
        let curve = &self.of.curve;
        let first = curve.points.first();
        let n = |place: usize| curve.points.get(place).map(|point| point.n);
        let ideal = |place: usize| Some(first?.x?.estimate * n(place)? / first?.n);
        let fitted = curve.fit();
        let along = |of: &dyn Fn(usize) -> Option<f64>| self.visits.iter().map(|(_, place)| of(*place)).collect();
        let mut series = vec![Series::line("linear", "ideal", along(&ideal))];
        series.extend(fitted.map(|fit| {
            let name = study_growth::law_name(fit.fitted.law);
            Series::line(name, "fit", along(&|place| Some(fit.fitted.at(n(place)?))))
        }));
        let of_point = |point: &StudyPoint, _: &CurvePoint| (study_tables::rps(point), point.throughput_rps);
        series.push(self.series("measured", "target", &rps, &of_point));
        let levels = self.ceilings();
        let fit = match (fitted, curve.why_none) {
            (Some(fit), _) => study_growth::fitted(self.of.over, fit),
            (None, Some(why)) => study_growth::why_none(why).to_owned(),
            (None, None) => "no law".to_owned(),
        };
        let ceilings = if levels.is_empty() { "" } else { "; ceilings are those at the setting to run" };
        let note = format!(
            "a dot is a visit, hollow where it is not valid; dashes are means, bars their 95 % intervals; {fit}{ceilings}"
        );
        let y = Axis { name: "throughput", unit: "requests/s", format: number, scale: Scale::Linear };
        self.draw("Throughput", &note, y, series, levels)
    }

    /// The nearest ones at the setting that is decided for, where this curve has it.
    fn ceilings(&self) -> Vec<Level> {
        let Some(answer) = self.study.answer().filter(|answer| self.of.points.contains(&answer.point)) else {
            return Vec::new();
        };
        let most = self.visits.iter().filter_map(|(visited, _)| rps(visited)).fold(0.0, f64::max);
        let near = answer.judgement.ceilings.iter().filter(|ceiling| ceiling.rps <= CEILING_WITHIN * most);
        let level = |ceiling: &Ceiling| Level { name: verdict_text::resources(&ceiling.resources), value: ceiling.rps };
        near.take(MOST_CEILINGS).map(level).collect()
    }

    /// Against the smallest, in the same blocks.
    fn efficiency(&self) -> Option<Chart> {
        let of_point = |_: &StudyPoint, at: &CurvePoint| (at.efficiency.map(|it| it.estimate), at.efficiency);
        let one = Series::line("linear", "ideal", vec![Some(1.0); self.visits.len()]);
        let series = vec![one, self.series("efficiency", "target", &|_| None, &of_point)];
        let y = Axis { name: "efficiency", unit: "", format: |value| format!("{value:.2}"), scale: Scale::Linear };
        let times = axes::name(self.of.over).0;
        let note =
            format!("speed-up over times the {times}, by pairs of visits in the same block; bars are 95 % intervals");
        self.draw("Efficiency", &note, y, series, Vec::new())
    }

    /// Of each visit, and of all valid visits' answers together.
    fn latency(&self) -> Option<Chart> {
        let of: [(f64, &str, Percentile); 3] =
            [(50.0, "s1", |it| it.p50_us), (95.0, "s2", |it| it.p95_us), (99.0, "s3", |it| it.p99_us)];
        let series = of.map(|(percent, class, merged)| {
            let of_visit = |visited: &Visited| target(visited)?.load.percentile_us(percent).map(|us| us as f64 / 1e3);
            let of_point =
                |point: &StudyPoint, _: &CurvePoint| (merged(&point.latency).map(|us| us as f64 / 1e3), None);
            self.series(&format!("p{percent}"), class, &of_visit, &of_point)
        });
        let y = Axis { name: "latency", unit: "ms", format: number, scale: Scale::Linear };
        let note = "a dot is a visit; dashes are of all answers of a setting's valid visits together";
        self.draw("Latency", note, y, series.into(), Vec::new())
    }
}

/// How far prediction and observation stand from the mark that both belong to, so that neither hides the other.
const BESIDE: f64 = 0.04;

/// What was said before anything was moved, and what came of it: each pair of visits, their mean and its interval.
fn predicted(run: &Run, study: &Study) -> Option<Chart> {
    let workers = Workers::of(&run.plan);
    let confirmation = study.confirmation.as_ref()?;
    let prediction = &confirmation.prediction;
    let control =
        prediction.control.map(|change| (change, 1.0, confirmation.control_observed, &confirmation.control_pairs));
    let test = (prediction.change, prediction.ratio, confirmation.observed, &confirmation.pairs);
    let (mut xs, mut names) = (Vec::new(), Vec::new());
    let mut said = Series::line("predicted", "s2", Vec::new());
    let mut seen = Series::line("observed", "target", Vec::new());
    for (place, (change, ratio, observed, pairs)) in [test].into_iter().chain(control).enumerate() {
        let interval = observed.map(|it| [it.low, it.high]);
        let middle = observed.map(|it| it.estimate);
        let predicted = [(-BESIDE, Some(ratio), None, None, None)];
        let observed = pairs.iter().map(|&pair| (BESIDE, None, Some(pair), middle, interval));
        for (off, predicted, pair, middle, interval) in predicted.into_iter().chain(observed) {
            xs.push(place as f64 + off);
            names.push(study::moved(&change, &workers));
            said.values.push(None);
            said.medians.push(predicted);
            said.intervals.push(None);
            seen.values.push(pair);
            seen.medians.push(middle);
            seen.intervals.push(interval);
        }
    }
    let format = |place| if place == 0.0 { "limit" } else { "control" }.to_owned();
    let marks = (0..=usize::from(prediction.control.is_some())).map(|place| place as f64).collect();
    Lines {
        title: "Predicted and observed".into(),
        note: format!(
            "times the throughput as it is, with {}{}; a dot is a pair of visits, bars are 95 % intervals",
            study::moved(&prediction.change, &workers),
            prediction.control.map_or_else(String::new, |change| format!(
                ", and as a control with {}",
                study::moved(&change, &workers)
            ))
        ),
        x: Axis { name: "moved", unit: "", format, scale: Scale::Marks(marks) },
        y: Axis { name: "times", unit: "", format: |value| format!("{value:.2}"), scale: Scale::Linear },
        xs,
        names,
        hollow: Vec::new(),
        series: vec![said, seen],
        levels: vec![Level { name: "as it is".into(), value: 1.0 }],
        shade: None,
    }
    .draw()
}

/// The machine's speed and each visit's throughput, in the order of the visits.
fn over_time(run: &Run, analysis: &Analysis, study: &Study) -> Option<Chart> {
    let arithmetic_us = |visited: &Visited| {
        let phase = target(visited)?;
        let readings = [phase.speed_before, phase.speed_after].into_iter().flatten();
        readings.map(|reading| reading.arithmetic_us).reduce(f64::max)
    };
    let typical_us = median(run.visited.iter().filter_map(arithmetic_us));
    let mean_rps = |visited: &Visited| {
        let point = study.points.iter().find(|point| visited.turn() == Turn::plain(point.point))?;
        study_tables::rps(point)
    };
    let started = run.visited.iter().map(|it| it.started_unix_us).min()?;
    let dots = |name: &str, class, of: &dyn Fn(&Visited) -> Option<f64>| Series {
        medians: vec![None; run.visited.len()],
        intervals: vec![None; run.visited.len()],
        ..Series::line(name, class, run.visited.iter().map(of).collect())
    };
    let xs: Vec<f64> = run.visited.iter().map(|it| (it.started_unix_us - started) as f64 / 60e6).collect();
    Lines {
        title: "Over the study: the machine's speed, and each visit".into(),
        note:
            "speed: the median time of a fixed piece of work over the longer one that it took before and after this visit; \
               throughput: over the mean of its setting; hollow: not valid, so it does not count"
            .into(),
        x: Axis { name: "since the first visit", unit: "min", format: number, scale: Scale::Until(*xs.last()?) },
        y: Axis { name: "ratio", unit: "", format: |value| format!("{value:.2}"), scale: Scale::Linear },
        xs,
        names: run.visited.iter().map(|it| plain(&it.id)).collect(),
        hollow: run.visited.iter().map(|it| !analysis.is_valid(it)).collect(),
        series: vec![
            dots("speed of the machine", "s2", &|visited| Some(typical_us? / arithmetic_us(visited)?)),
            dots("throughput", "target", &|visited| Some(rps(visited)? / mean_rps(visited)?)),
        ],
        levels: Vec::new(),
        shade: None,
    }
    .draw()
}

fn target(visited: &Visited) -> Option<&Phase> {
    visited.phase(PhaseKind::Target)
}

fn rps(visited: &Visited) -> Option<f64> {
    target(visited).map(|phase| phase.load.throughput_rps())
}
