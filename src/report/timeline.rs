//! What happened when: the charts of one load phase over its seconds. Points are thinned to at most [`MOST_POINTS`], so
//! that a long run's report stays small: counters are then rates over longer spans, percentiles the worst second's.

use super::{
    axis::{Axis, Scale, number},
    chart::{Chart, Lines, Series},
};
use crate::{
    measure::{Counter, busiest, process_counter},
    model::{ContainerSample, LoadResult, Phase, Second},
    text::plain,
};

const MOST_POINTS: usize = 120;
const MOST_PROCESSES: usize = 6;
/// Where [`crate::model::PERCENTILES`] has p50, p95 and p99.
const SHOWN_PERCENTILES: [(&str, usize, &str); 3] = [("p50", 0, "s1"), ("p95", 5, "s2"), ("p99", 7, "s3")];

/// Answers and failures a second.
pub fn throughput(load: &LoadResult) -> Option<Chart> {
    let spans = spans(load);
    let rates = |of: fn(&Second) -> u64| {
        spans.iter().map(|span| Some(per_second(span.iter().map(of).sum(), span))).collect::<Vec<_>>()
    };
    let series = vec![
        Series {
            name: "successes".to_owned(),
            class: "target",
            values: rates(|second| second.requests.saturating_sub(second.failures)),
        },
        Series { name: "failures".to_owned(), class: "failures", values: rates(|second| second.failures) },
    ];
    let y = Axis { name: "answers", unit: "requests/s", format: number, scale: Scale::Linear };
    over_seconds("Throughput and failures", y, load, series)
}

/// Percentiles of the successes' latency, each second's own.
pub fn latency(load: &LoadResult) -> Option<Chart> {
    let spans = spans(load);
    let worst = |span: &&[Second], index: usize| {
        let values = span.iter().filter_map(|second| second.percentiles_us.map(|percentiles| percentiles[index]));
        values.max().map(|us| us as f64 / 1e3)
    };
    let line = |(name, index, class): (&str, usize, _)| Series {
        name: name.to_owned(),
        class,
        values: spans.iter().map(|span| worst(span, index)).collect(),
    };
    let y = Axis { name: "latency", unit: "ms", format: number, scale: Scale::Linear };
    over_seconds("Latency percentiles", y, load, SHOWN_PERCENTILES.map(line).into())
}

/// Users running.
pub fn users(load: &LoadResult) -> Option<Chart> {
    let last = |span: &&[Second]| span.last().map(|second| f64::from(second.users));
    let values = spans(load).iter().map(last).collect();
    let y = Axis { name: "users", unit: "", format: number, scale: Scale::Linear };
    over_seconds("Users", y, load, vec![Series { name: "users".to_owned(), class: "s1", values }])
}

fn over_seconds(title: &str, y: Axis, load: &LoadResult, series: Vec<Series>) -> Option<Chart> {
    let spans = spans(load);
    let longest = spans.first().map_or(1, |span| span.len());
    let note = match longest {
        1 => String::new(),
        seconds => format!("a point is {seconds} s: rates are their mean, percentiles their worst second's"),
    };
    let xs = spans.iter().filter_map(|span| span.last()).map(|second| since_start_s(load, second.unix_us)).collect();
    Lines { title: title.to_owned(), note, x: seconds_axis(), y, xs, series, shade: warm_up(load) }.draw()
}

/// The load's seconds in at most [`MOST_POINTS`] spans.
fn spans(load: &LoadResult) -> Vec<&[Second]> {
    load.series.chunks(load.series.len().div_ceil(MOST_POINTS).max(1)).collect()
}

fn per_second(count: u64, span: &[Second]) -> f64 {
    let us: u64 = span.iter().map(|second| second.duration_us).sum();
    if us == 0 { 0.0 } else { count as f64 * 1e6 / us as f64 }
}

/// CPUs that each container used.
pub fn cpu(phase: &Phase, target: &str) -> Option<Chart> {
    let at = sample_times(&phase.usage(target).or(phase.usage.first())?.samples);
    let mut others = ["s2", "s3", "s4", "s5", "s6"].into_iter().cycle();
    let series = phase.usage.iter().map(|usage| {
        let class = if usage.container == target { Some("target") } else { others.next() };
        let counter = Counter::of(&usage.samples, |sample| Some((sample.unix_us, sample.cpu_us)));
        Series { name: plain(&usage.container), class: class.unwrap_or("s2"), values: counter.rates(&at) }
    });
    let series = series.collect();
    let y = Axis { name: "CPU", unit: "cores", format: number, scale: Scale::Linear };
    over_samples("CPU of each container", y, phase, &at, series)
}

/// The share of its quota periods in which the target was throttled; `None` where it never was.
pub fn throttling(phase: &Phase, target: &str) -> Option<Chart> {
    let samples = &phase.usage(target)?.samples;
    let at = sample_times(samples);
    let rates = |read: fn(&ContainerSample) -> Option<u64>| {
        Counter::of(samples, |sample| Some((sample.unix_us, read(sample)?))).rates(&at)
    };
    let (periods, throttled) = (rates(|sample| sample.periods), rates(|sample| sample.throttled_periods));
    let share = |(throttled, periods): (&Option<f64>, &Option<f64>)| match (throttled, periods) {
        (Some(throttled), Some(periods)) if *periods > 0.0 => Some(100.0 * throttled / periods),
        _ => None,
    };
    let values: Vec<_> = throttled.iter().zip(&periods).map(share).collect();
    values.iter().flatten().find(|percent| **percent > 0.0)?;
    let y = Axis { name: "throttled periods", unit: "%", format: number, scale: Scale::Linear };
    over_samples("Throttling", y, phase, &at, vec![Series { name: plain(target), class: "failures", values }])
}

/// CPUs that the target's busiest processes used.
pub fn processes(phase: &Phase) -> Option<Chart> {
    let at = thinned(phase.processes.iter().map(|sample| sample.unix_us).collect());
    let classes = ["s1", "s2", "s3", "s4", "s5", "s6"];
    let line = |(pid, class): (u32, _)| Series {
        name: format!("pid {pid}"),
        class,
        values: process_counter(&phase.processes, pid).rates(&at),
    };
    let series = busiest(&phase.processes).into_iter().take(MOST_PROCESSES).zip(classes).map(line).collect();
    let y = Axis { name: "CPU", unit: "cores", format: number, scale: Scale::Linear };
    over_samples("CPU of the busiest processes", y, phase, &at, series)
}

fn over_samples(title: &str, y: Axis, phase: &Phase, at: &[u64], series: Vec<Series>) -> Option<Chart> {
    let xs = at.iter().map(|&unix_us| since_start_s(&phase.load, unix_us)).collect();
    let shade = warm_up(&phase.load);
    Lines { title: title.to_owned(), note: String::new(), x: seconds_axis(), y, xs, series, shade }.draw()
}

fn sample_times(samples: &[ContainerSample]) -> Vec<u64> {
    thinned(samples.iter().map(|sample| sample.unix_us).collect())
}

fn thinned(times: Vec<u64>) -> Vec<u64> {
    let step = times.len().div_ceil(MOST_POINTS).max(1);
    times.into_iter().step_by(step).collect()
}

fn seconds_axis() -> Axis {
    Axis { name: "time since the first request", unit: "s", format: number, scale: Scale::Tight }
}

fn warm_up(load: &LoadResult) -> Option<(f64, &'static str)> {
    (load.window.warm_up_us > 0).then_some((load.window.warm_up_us as f64 / 1e6, "warm-up"))
}

/// Seconds since the load's first request; before it, 0.
fn since_start_s(load: &LoadResult, unix_us: u64) -> f64 {
    let start_unix_us = load.window.start_unix_us.saturating_sub(load.window.warm_up_us);
    unix_us.saturating_sub(start_unix_us) as f64 / 1e6
}
