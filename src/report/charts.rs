//! The charts of a whole run: growth with workers, baseline beside target, and the percentile plot.

use super::{
    axis::{Axis, Scale, number},
    chart::{Chart, Lines, Series},
};
use crate::{
    analyse::{self, Analysis, median},
    model::{Histogram, LoadResult, PhaseKind, Run, Visited},
    text::plain,
};

const REPEATS: &str = "a dot is a visit, hollow where it is invalid; lines go through the medians of valid visits";

/// The visits of a run, smallest setting first, and what stands beside each.
struct Levels<'a> {
    visits: Vec<(usize, &'a Visited)>,
    /// What the settings differ in: where it is not their workers, their CPUs.
    over: &'static str,
    xs: Vec<f64>,
    analysis: &'a Analysis,
}

impl<'a> Levels<'a> {
    fn of(run: &'a Run, analysis: &'a Analysis) -> Self {
        let mut visits: Vec<_> = run.visited.iter().enumerate().collect();
        let cpus = |visited: &Visited| {
            let limits = &run.point(visited).limits;
            limits.quota_cores().or(limits.cpuset().map(|cpus| cpus.len() as f64)).unwrap_or(0.0)
        };
        let points = &run.plan.points;
        if run.plan.workers.is_none() || points.len() > 1 && points.iter().all(|it| it.workers == points[0].workers) {
            visits.sort_by(|(_, a), (_, b)| cpus(a).total_cmp(&cpus(b)).then(a.sequence.cmp(&b.sequence)));
            let xs = visits.iter().map(|(_, visited)| cpus(visited)).collect();
            return Self { visits, over: "CPUs", xs, analysis };
        }
        visits.sort_by_key(|(_, visited)| (visited.workers, visited.point, visited.sequence));
        let xs = visits.iter().map(|(_, visited)| f64::from(visited.workers)).collect();
        let over = if run.plan.proves_workers() { "workers" } else { "workers asked for, not proved" };
        Self { visits, over, xs, analysis }
    }

    /// What each visit has, and the median of that over the valid visits of its point.
    fn series(&self, name: &str, class: &'static str, of: &dyn Fn(&Visited) -> Option<f64>) -> Series {
        let each: Vec<Option<f64>> = self.visits.iter().map(|(_, visited)| of(visited)).collect();
        let of_point = |(_, visited): &(usize, &Visited)| {
            let alike = self.visits.iter().zip(&each).filter(|((_, other), _)| other.point == visited.point);
            median(alike.filter(|((_, other), _)| self.analysis.is_valid(other)).filter_map(|(_, value)| *value))
        };
        Series { medians: self.visits.iter().map(of_point).collect(), ..Series::line(name, class, each) }
    }

    fn draw(&self, title: &str, note: &str, y: Axis, series: Vec<Series>) -> Option<Chart> {
        let xs = self.xs.clone();
        let mut marks = xs.clone();
        marks.dedup();
        let between = if note.is_empty() { "" } else { "; " };
        Lines {
            title: title.to_owned(),
            note: format!("{note}{between}{REPEATS}"),
            x: Axis { name: self.over, unit: "", format: number, scale: Scale::Marks(marks) },
            y,
            xs,
            names: self.visits.iter().map(|(_, visited)| plain(&visited.id)).collect(),
            hollow: self.visits.iter().map(|(_, visited)| !self.analysis.is_valid(visited)).collect(),
            series,
            levels: Vec::new(),
            shade: None,
        }
        .draw()
    }
}

/// Throughput of the target against workers or CPUs, with the line that linear growth would give.
pub fn throughput_by_workers(run: &Run, analysis: &Analysis) -> Option<Chart> {
    let levels = Levels::of(run, analysis);
    let ideal = levels.visits.iter().map(|(place, _)| analysis.scaling.rows[*place].ideal_rps).collect();
    let measured = levels.series("measured", "target", &|visited| rps(visited, PhaseKind::Target));
    let y = Axis { name: "throughput", unit: "requests/s", format: number, scale: Scale::Linear };
    let title = format!("Throughput against {}", levels.over);
    if !run.plan.proves_workers() {
        return levels.draw(&title, "", y, vec![measured]);
    }
    let note = "linear: the median with the fewest workers, times the workers";
    levels.draw(&title, note, y, vec![Series::line("linear", "ideal", ideal), measured])
}

/// Latency percentiles of the target against the same.
pub fn latency_by_workers(run: &Run, analysis: &Analysis) -> Option<Chart> {
    let levels = Levels::of(run, analysis);
    let percentile = |(percent, class): (f64, _)| {
        let of = |visited: &Visited| {
            let us = visited.phase(PhaseKind::Target)?.load.percentile_us(percent)?;
            Some(us as f64 / 1e3)
        };
        levels.series(&format!("p{percent}"), class, &of)
    };
    let series = [(50.0, "s1"), (95.0, "s2"), (99.0, "s3")].map(percentile).into();
    let y = Axis { name: "latency", unit: "ms", format: number, scale: Scale::Linear };
    levels.draw(&format!("Latency against {}", levels.over), "", y, series)
}

/// What a request through the target costs against the same: time added to the median, and CPU.
pub fn costs_by_workers(run: &Run, analysis: &Analysis) -> Option<Chart> {
    let levels = Levels::of(run, analysis);
    let target = &run.plan.roles.target;
    let ms = |us: f64| us / 1e3;
    let series = vec![
        levels.series("added to p50", "s1", &|visited| analyse::overhead_p50_us(visited).map(ms)),
        levels.series("CPU a request", "s2", &|visited| analyse::target_cpu_per_request_us(visited, target).map(ms)),
    ];
    let y = Axis { name: "time", unit: "ms", format: number, scale: Scale::Linear };
    levels.draw("What a request costs", "", y, series)
}

/// Throughput of baseline and target, which may be a thousand times apart.
pub fn baseline_and_target(run: &Run, analysis: &Analysis) -> Option<Chart> {
    let levels = Levels::of(run, analysis);
    let phase = |kind: PhaseKind, class| {
        levels.series(&kind.to_string(), class, &|visited| rps(visited, kind).filter(|rps| *rps > 0.0))
    };
    let series = vec![phase(PhaseKind::Baseline, "baseline"), phase(PhaseKind::Target, "target")];
    let y = Axis { name: "throughput, logarithmic", unit: "requests/s", format: number, scale: Scale::Log };
    levels.draw("Throughput, baseline and target", "", y, series)
}

fn rps(visited: &Visited, kind: PhaseKind) -> Option<f64> {
    visited.phase(kind).map(|phase| phase.load.throughput_rps())
}

/// Latency at every percentile that has ten samples beyond it: the x axis stretches the tail. The y axis is logarithmic
/// where loads are compared, as they may be a hundred times apart.
pub fn percentile_plot(title: &str, loads: &[(String, &'static str, &LoadResult)]) -> Option<Chart> {
    const PER_DECADE: usize = 20;
    const DECADES: usize = 6;
    let latencies: Vec<Histogram> = loads.iter().map(|(_, _, load)| load.latency()).collect();
    let xs: Vec<f64> = (0..=PER_DECADE * DECADES).map(|step| step as f64 / PER_DECADE as f64).collect();
    let is_reached = |x: &f64| latencies.iter().any(|latency| supported_ms(latency, percent_at(*x)).is_some());
    let xs: Vec<f64> = xs.into_iter().take_while(is_reached).collect();
    let series = loads.iter().zip(&latencies).map(|((name, class, _), latency)| {
        Series::line(name, class, xs.iter().map(|&x| supported_ms(latency, percent_at(x))).collect())
    });
    let decades = xs.last().map_or(1, |last| last.ceil().max(1.0) as u32);
    Lines {
        title: title.to_owned(),
        note: "drawn as far as ten answers lie beyond".to_owned(),
        x: Axis {
            name: "percentile",
            unit: "",
            format: |x| format!("p{}", short_percent(percent_at(x))),
            scale: Scale::Marks((0..=decades).map(f64::from).collect()),
        },
        y: match loads.len() {
            0 | 1 => Axis { name: "latency", unit: "ms", format: number, scale: Scale::Linear },
            _ => Axis { name: "latency, logarithmic", unit: "ms", format: number, scale: Scale::Log },
        },
        series: series.collect(),
        xs,
        names: Vec::new(),
        hollow: Vec::new(),
        levels: Vec::new(),
        shade: None,
    }
    .draw()
}

/// The percentile at `x` decades towards the tail: 0 is p0, 1 is p90, 2 is p99.
fn percent_at(x: f64) -> f64 {
    100.0 * (1.0 - 10f64.powf(-x))
}

fn short_percent(percent: f64) -> String {
    let text = format!("{percent:.4}");
    let digits = if percent < 99.0 { 1 } else { 4 };
    let text = if digits == 1 { format!("{percent:.1}") } else { text };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn supported_ms(latency: &Histogram, percent: f64) -> Option<f64> {
    latency.supported_percentile_us(percent).map(|us| us as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decades_towards_the_tail() {
        let names = [0.0, 1.0, 2.0, 3.0, 4.0].map(|x| short_percent(percent_at(x)));
        assert_eq!(names, ["0", "90", "99", "99.9", "99.99"]);
    }
}
