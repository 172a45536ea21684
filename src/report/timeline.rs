//! What happened when: the charts of one load phase over its seconds. Points are thinned to at most [`MOST_POINTS`], so
//! that a long run's report stays small: counters are then rates over longer spans, percentiles the worst second's.

use super::{
    axis::{Axis, Scale, number},
    chart::{Chart, Lines, Series},
};
use crate::{
    measure::{Counter, busiest, process_counter},
    model::{ContainerSample, LoadModel, LoadResult, PERCENTILES, Phase, Second},
    text::plain,
};

const MOST_POINTS: usize = 120;
const MOST_PROCESSES: usize = 6;
const SECOND_US: u64 = 1_000_000;
/// A few answers in less than that are no rate.
const SHORTEST_US: u64 = SECOND_US / 2;
/// Where [`crate::model::PERCENTILES`] has p50, p95 and p99.
const SHOWN_PERCENTILES: [(&str, usize, &str); 3] = [("p50", 0, "s1"), ("p95", 5, "s2"), ("p99", 7, "s3")];

/// Answers and failures a second.
pub fn throughput(load: &LoadResult) -> Option<Chart> {
    let spans = spans(load);
    let rates = |of: fn(&Second) -> u64| {
        spans.iter().map(|span| Some(per_second(span.iter().map(of).sum(), span))).collect::<Vec<_>>()
    };
    let series = vec![
        Series::line("successes", "target", rates(successes)),
        Series::line("failures", "failures", rates(|second| second.failures)),
    ];
    let y = Axis { name: "answers", unit: "requests/s", format: number, scale: Scale::Linear };
    over_seconds("Throughput and failures", y, load, series)
}

/// Mean and percentiles of the successes' latency. A second's percentile is drawn where ten of its answers lie beyond it.
pub fn latency(load: &LoadResult) -> Option<Chart> {
    let spans = spans(load);
    let mean = |span: &&[Second]| {
        let count: u64 = span.iter().map(successes).sum();
        let sum: u64 = span.iter().map(|second| second.latency_sum_us).sum();
        (count > 0).then(|| sum as f64 / count as f64 / 1e3)
    };
    let worst = |span: &&[Second], index: usize| {
        let supported = span.iter().filter(|second| is_supported(PERCENTILES[index], successes(second)));
        let values = supported.filter_map(|second| second.percentiles_us.map(|percentiles| percentiles[index]));
        values.max().map(|us| us as f64 / 1e3)
    };
    let mut series = vec![Series::line("mean", "s4", spans.iter().map(mean).collect())];
    series.extend(
        SHOWN_PERCENTILES.map(|(name, index, class)| {
            Series::line(name, class, spans.iter().map(|span| worst(span, index)).collect())
        }),
    );
    // Of a slow server no second has answers enough: a name without a line would only puzzle.
    series.retain(|series| series.values.iter().any(Option::is_some));
    let y = Axis { name: "latency", unit: "ms", format: number, scale: Scale::Linear };
    let chart = over_seconds("Latency, mean and percentiles", y, load, series)?;
    Some(chart.with_note("a second's percentile is drawn where ten of its answers lie beyond it"))
}

/// Users running; there are none in open loop.
pub fn users(load: &LoadResult) -> Option<Chart> {
    if matches!(load.model, LoadModel::Open { .. }) {
        return None;
    }
    let last = |span: &&[Second]| span.last().map(|second| f64::from(second.users));
    let values = spans(load).iter().map(last).collect();
    let y = Axis { name: "users", unit: "", format: number, scale: Scale::Linear };
    over_seconds("Users", y, load, vec![Series::line("users", "s1", values)])
}

fn successes(second: &Second) -> u64 {
    second.requests.saturating_sub(second.failures)
}

/// Whether ten of so many samples lie beyond this percentile.
fn is_supported(percent: f64, count: u64) -> bool {
    count as f64 * (100.0 - percent) / 100.0 >= 10.0 - 1e-6
}

fn over_seconds(title: &str, y: Axis, load: &LoadResult, series: Vec<Series>) -> Option<Chart> {
    let spans = spans(load);
    let longest = spans.iter().map(|span| span.iter().map(|second| second.duration_us).sum::<u64>()).max();
    let note = match longest.map_or(0, |us| us / SECOND_US) {
        0 | 1 => String::new(),
        seconds => {
            format!("a point is {seconds} s: rates and means are over all of it, percentiles its worst second's")
        }
    };
    let xs = spans.iter().filter_map(|span| span.last()).map(|second| since_start_s(load, second.unix_us)).collect();
    over_time(title, note, y, load, xs, series)
}

/// All charts of a load have the same x axis: from its first request to its end.
fn over_time(
    title: &str,
    note: String,
    y: Axis,
    load: &LoadResult,
    xs: Vec<f64>,
    series: Vec<Series>,
) -> Option<Chart> {
    let scale = Scale::Until(length_s(load));
    let x = Axis { name: "time since the first request", unit: "s", format: number, scale };
    let (names, hollow) = (Vec::new(), Vec::new());
    Lines { title: title.to_owned(), note, x, y, xs, names, hollow, series, levels: Vec::new(), shade: warm_up(load) }
        .draw()
}

/// The load's seconds in at most about [`MOST_POINTS`] spans. What came after the load's end is none of it, and a slice
/// that is too short to be a rate is one span with the second before it.
fn spans(load: &LoadResult) -> Vec<&[Second]> {
    spans_of(&load.series, load.window.start_unix_us + load.window.duration_us)
}

fn spans_of(seconds: &[Second], end_unix_us: u64) -> Vec<&[Second]> {
    let is_after = |second: &Second| !second.measured && second.unix_us > end_unix_us;
    let count = seconds.iter().position(is_after).unwrap_or(seconds.len());
    let seconds = &seconds[..count];
    let each = count.div_ceil(MOST_POINTS).max(1);
    let mut spans: Vec<&[Second]> = Vec::new();
    let mut from = 0;
    for to in 1..=count {
        let (last, next) = (&seconds[to - 1], seconds.get(to));
        let is_border = next.is_none_or(|next| next.measured != last.measured);
        let joins_short = next.is_some_and(|next| next.measured == last.measured && next.duration_us < SHORTEST_US);
        if is_border || (to - from >= each && !joins_short) {
            spans.push(&seconds[from..to]);
            from = to;
        }
    }
    let is_long = |span: &&[Second]| span.iter().map(|second| second.duration_us).sum::<u64>() >= SHORTEST_US;
    if spans.iter().any(is_long) {
        spans.retain(is_long);
    }
    spans
}

fn per_second(count: u64, span: &[Second]) -> f64 {
    let us: u64 = span.iter().map(|second| second.duration_us).sum();
    if us == 0 { 0.0 } else { count as f64 * 1e6 / us as f64 }
}

/// CPUs that each container used.
pub fn cpu(phase: &Phase, target: &str) -> Option<Chart> {
    let at = sample_times(phase, &phase.usage(target).or(phase.usage.first())?.samples);
    let mut others = ["s2", "s3", "s4", "s5", "s6"].into_iter().cycle();
    let series = phase.usage.iter().map(|usage| {
        let class = if usage.container == target { Some("target") } else { others.next() };
        let counter = Counter::of(&usage.samples, |sample| Some((sample.unix_us, sample.cpu_us)));
        Series::line(plain(&usage.container), class.unwrap_or("s2"), counter.rates(&at))
    });
    let series = series.collect();
    let y = Axis { name: "CPU", unit: "cores", format: number, scale: Scale::Linear };
    over_samples("CPU of each container", y, phase, &at, series)
}

/// The share of its quota periods in which the target was throttled; `None` where it never was.
pub fn throttling(phase: &Phase, target: &str) -> Option<Chart> {
    let samples = &phase.usage(target)?.samples;
    let at = sample_times(phase, samples);
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
    over_samples("Throttling", y, phase, &at, vec![Series::line(plain(target), "failures", values)])
}

/// CPUs that the target's busiest processes used.
pub fn processes(phase: &Phase) -> Option<Chart> {
    let at = thinned(phase, phase.processes.iter().map(|sample| sample.unix_us));
    let classes = ["s1", "s2", "s3", "s4", "s5", "s6"];
    let line = |(pid, class): (u32, _)| {
        Series::line(format!("pid {pid}"), class, process_counter(&phase.processes, pid).rates(&at))
    };
    let series = busiest(&phase.processes).into_iter().take(MOST_PROCESSES).zip(classes).map(line).collect();
    let y = Axis { name: "CPU", unit: "cores", format: number, scale: Scale::Linear };
    over_samples("CPU of the busiest processes", y, phase, &at, series)
}

fn over_samples(title: &str, y: Axis, phase: &Phase, at: &[u64], series: Vec<Series>) -> Option<Chart> {
    let xs = at.iter().map(|&unix_us| since_start_s(&phase.load, unix_us)).collect();
    over_time(title, String::new(), y, &phase.load, xs, series)
}

fn sample_times(phase: &Phase, samples: &[ContainerSample]) -> Vec<u64> {
    thinned(phase, samples.iter().map(|sample| sample.unix_us))
}

/// Those between the load's first request and its end, at most [`MOST_POINTS`].
fn thinned(phase: &Phase, times: impl Iterator<Item = u64>) -> Vec<u64> {
    let window = &phase.load.window;
    let load = start_unix_us(&phase.load)..=window.start_unix_us + window.duration_us;
    let times: Vec<u64> = times.filter(|time| load.contains(time)).collect();
    let step = times.len().div_ceil(MOST_POINTS).max(1);
    times.into_iter().step_by(step).collect()
}

/// From the first request to the load's end.
fn length_s(load: &LoadResult) -> f64 {
    (load.window.warm_up_us + load.window.duration_us) as f64 / 1e6
}

fn warm_up(load: &LoadResult) -> Option<(f64, &'static str)> {
    (load.window.warm_up_us > 0).then_some((load.window.warm_up_us as f64 / 1e6, "warm-up"))
}

/// Seconds since the load's first request; before it, 0.
fn since_start_s(load: &LoadResult, unix_us: u64) -> f64 {
    unix_us.saturating_sub(start_unix_us(load)) as f64 / 1e6
}

fn start_unix_us(load: &LoadResult) -> u64 {
    load.window.start_unix_us.saturating_sub(load.window.warm_up_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(end_ms: u64, duration_ms: u64, measured: bool, requests: u64) -> Second {
        Second {
            unix_us: end_ms * 1000,
            duration_us: duration_ms * 1000,
            measured,
            users: 1,
            requests,
            failures: 0,
            content_bytes: 0,
            tokens: 0,
            latency_sum_us: requests * 20_000,
            percentiles_us: Some([20_000; 11]),
        }
    }

    fn rates(seconds: &[Second], end_ms: u64) -> Vec<f64> {
        let spans = spans_of(seconds, end_ms * 1000);
        spans.iter().map(|span| per_second(span.iter().map(successes).sum(), span)).collect()
    }

    #[test]
    fn what_is_too_short_to_be_a_rate_is_one_with_the_second_before() {
        let seconds = [
            second(1000, 1000, false, 100),
            second(1300, 300, false, 60),
            second(2300, 1000, true, 100),
            second(3300, 1000, true, 100),
            second(3310, 10, true, 9),
            second(3327, 17, false, 8),
        ];
        let whole: Vec<f64> = rates(&seconds, 3310).iter().map(|rate| rate.round()).collect();
        assert_eq!(whole, [123.0, 100.0, 108.0], "160 in 1.3 s, 100 in 1 s, 109 in 1.01 s");
    }

    #[test]
    fn alone_it_is_left_out_unless_there_is_nothing_else() {
        let seconds = [second(300, 300, false, 30), second(1300, 1000, true, 100)];
        assert_eq!(rates(&seconds, 1300), [100.0]);
        assert_eq!(rates(&seconds[..1], 300), [100.0]);
    }

    #[test]
    fn four_answers_have_no_percentiles() {
        assert!([(50.0, 20), (95.0, 200), (99.0, 1000)].iter().all(|&(percent, count)| is_supported(percent, count)));
        assert!(
            [(50.0, 4), (50.0, 19), (95.0, 199), (99.0, 999)]
                .iter()
                .all(|&(percent, count)| !is_supported(percent, count))
        );
    }
}
