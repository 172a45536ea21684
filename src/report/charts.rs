//! The charts of a whole run: growth with workers, baseline beside target, and the percentile plot.

use super::{
    axis::{Axis, Scale, number},
    chart::{Bars, Chart, Lines, Series},
};
use crate::{
    analyse::{Analysis, Scaled},
    model::{Histogram, LoadResult, PhaseKind, Run, Visited},
    text::plain,
};

/// Throughput of the target against workers, with the line that linear growth would give.
pub fn throughput_by_workers(run: &Run, analysis: &Analysis) -> Option<Chart> {
    let levels = by_workers(run, analysis);
    let line = |name: &str, class, of: fn(&Scaled) -> Option<f64>| Series {
        name: name.to_owned(),
        class,
        values: levels.iter().map(|(_, scaled)| of(scaled)).collect(),
    };
    let series = vec![
        line("linear", "ideal", |scaled| scaled.ideal_rps),
        line("measured", "target", |scaled| scaled.throughput_rps),
    ];
    let note = "linear: the throughput with the fewest workers, times the workers".to_owned();
    let y = Axis { name: "throughput", unit: "requests/s", format: number, scale: Scale::Linear };
    against_workers("Throughput against workers", note, y, &levels, series)
}

/// Latency percentiles of the target against workers.
pub fn latency_by_workers(run: &Run, analysis: &Analysis) -> Option<Chart> {
    let levels = by_workers(run, analysis);
    let latency = |visited: &Visited| Some(visited.phase(PhaseKind::Target)?.load.latency());
    let latencies: Vec<Option<Histogram>> = levels.iter().map(|(visited, _)| latency(visited)).collect();
    let line = |(percent, class): (f64, _)| Series {
        name: format!("p{percent}"),
        class,
        values: latencies.iter().map(|latency| supported_ms(latency.as_ref()?, percent)).collect(),
    };
    let series = [(50.0, "s1"), (95.0, "s2"), (99.0, "s3")].map(line).into();
    let y = Axis { name: "latency", unit: "ms", format: number, scale: Scale::Linear };
    against_workers("Latency against workers", String::new(), y, &levels, series)
}

type Level<'a> = (&'a Visited, &'a Scaled);

fn against_workers(title: &str, note: String, y: Axis, levels: &[Level], series: Vec<Series>) -> Option<Chart> {
    let xs: Vec<f64> = levels.iter().map(|(visited, _)| f64::from(visited.workers)).collect();
    let mut marks = xs.clone();
    marks.dedup();
    let x = Axis { name: "workers", unit: "", format: number, scale: Scale::Marks(marks) };
    Lines { title: title.to_owned(), note, x, y, xs, series, shade: None }.draw()
}

fn by_workers<'a>(run: &'a Run, analysis: &'a Analysis) -> Vec<Level<'a>> {
    let mut levels: Vec<Level> = run.visited.iter().zip(&analysis.scaling.rows).collect();
    levels.sort_by_key(|(visited, _)| visited.workers);
    levels
}

/// Throughput of baseline and target side by side, a group a level.
pub fn baseline_beside_target(run: &Run) -> Option<Chart> {
    let rps = |visited: &Visited, kind| visited.phase(kind).map(|phase| phase.load.throughput_rps());
    let bars = |kind: PhaseKind, class| Series {
        name: kind.to_string(),
        class,
        values: run.visited.iter().map(|visited| rps(visited, kind)).collect(),
    };
    Bars {
        title: "Throughput, baseline beside target".to_owned(),
        note: String::new(),
        x_label: "level",
        y: Axis { name: "throughput", unit: "requests/s", format: number, scale: Scale::Linear },
        groups: run.visited.iter().map(|visited| plain(&visited.id)).collect(),
        series: vec![bars(PhaseKind::Baseline, "baseline"), bars(PhaseKind::Target, "target")],
    }
    .draw()
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
    let series = loads.iter().zip(&latencies).map(|((name, class, _), latency)| Series {
        name: name.clone(),
        class,
        values: xs.iter().map(|&x| supported_ms(latency, percent_at(x))).collect(),
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
