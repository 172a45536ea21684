//! B beside A in words and as a table, of two runs or of the two sides of one.

use super::{
    cells::{self, counted, or_none},
    table::Table,
    words,
    workers::Workers,
};
use crate::{
    analyse::{
        ChangeLimit, Contrast, Contrasted, Measure, Pooled,
        stats::{Geometric, Judgement, LEVEL},
    },
    model::Point,
    units::format_us,
};

/// `B has 0.950 times the throughput of A: -5.0 % (95 %: -7.8 % to -2.1 %), over 3 points.`
pub fn headline(contrast: &Contrast) -> String {
    let Some(Pooled { ratio, points, .. }) = contrast.pooled(Measure::Throughput) else {
        return "Nothing can be said: that takes two valid visits of a point as A and as B.".into();
    };
    format!(
        "B has {:.3} times the throughput of A: {}, over {}.",
        ratio.value(),
        change_within(ratio),
        counted(*points as u64, "point")
    )
}

/// `Latency: p50 +1.2 % (95 %: -0.1 % to +2.4 %), p99 ...`; `None` where no percentile was compared.
pub fn latency(contrast: &Contrast) -> Option<String> {
    let pooled = contrast.pooled.iter().filter(|pooled| pooled.measure != Measure::Throughput);
    let said: Vec<String> = pooled.map(|it| format!("{} {}", it.measure, change_within(&it.ratio))).collect();
    (!said.is_empty()).then(|| format!("Latency, from when a request was sent: {}.", said.join("; ")))
}

/// Whether B is worse than a limit allows.
pub fn verdict(contrast: &Contrast, limit: &ChangeLimit) -> String {
    match (contrast.judge(limit), contrast.worse(limit).count() as u64) {
        (Judgement::Worse, 1) => format!("{limit}: worse (1 point by itself)."),
        (Judgement::Worse, points @ 2..) => format!("{limit}: worse ({points} points by themselves)."),
        (judgement, _) => judged(limit, judgement),
    }
}

/// The same without the points.
pub fn judged(limit: &ChangeLimit, judgement: Judgement) -> String {
    let said = match judgement {
        Judgement::NotWorse => "not worse",
        Judgement::Worse => "worse",
        Judgement::Inconclusive => "inconclusive, it may be or not; more blocks would tell",
    };
    format!("{limit}: {said}.")
}

/// A row a setting and measure.
pub fn table(contrast: &Contrast, workers: &Workers) -> Table {
    let settings: Vec<&Point> = contrast.points.iter().map(|point| &point.point).collect();
    let columns = Setting::ALL.into_iter().filter(|column| column.is_shown(&settings, workers)).collect::<Vec<_>>();
    let titles = columns.iter().map(|column| column.title(workers));
    let numbers = ["of", "#A", "#visits", "#B", "#visits", "#change", "#95 %", "#p, by Holm"].map(String::from);
    let title =
        "B beside A: throughput in requests/s, the mean of logs over valid visits; percentiles of all their answers";
    let mut table = Table::new(title, titles.chain(numbers));
    for point in &contrast.points {
        for it in &point.changes {
            let numbers = [
                it.measure.to_string(),
                value(it, it.a),
                it.a_visits.to_string(),
                value(it, it.b),
                it.b_visits.to_string(),
                or_none(it.ratio, |ratio| change(ratio.value())),
                or_none(it.ratio.as_ref(), |ratio| {
                    let interval = ratio.interval(LEVEL);
                    format!("{} to {}", change(interval.low), change(interval.high))
                }),
                or_none(it.p_value, p_value),
            ];
            table.row(columns.iter().map(|column| column.cell(&point.point)).chain(numbers));
        }
    }
    table
}

fn value(of: &Contrasted, value: Option<f64>) -> String {
    or_none(value, |value| if of.measure == Measure::Throughput { cells::rps(value) } else { format_us(value) })
}

/// `-5.0 %`.
fn change(ratio: f64) -> String {
    format!("{:+.1} %", (ratio - 1.0) * 100.0)
}

/// `-5.0 % (95 %: -7.8 % to -2.1 %)`.
fn change_within(ratio: &Geometric) -> String {
    let interval = ratio.interval(LEVEL);
    format!("{} ({:.0} %: {} to {})", change(ratio.value()), LEVEL * 100.0, change(interval.low), change(interval.high))
}

fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".into() } else { format!("{p:.3}") }
}

/// What sets one point apart from another.
#[derive(Clone, Copy)]
enum Setting {
    Workers,
    Quota,
    Memory,
    Load,
}

impl Setting {
    const ALL: [Self; 4] = [Self::Workers, Self::Quota, Self::Memory, Self::Load];

    fn title(self, workers: &Workers) -> String {
        match self {
            Self::Workers => format!("#{}", workers.title().unwrap_or_default()),
            Self::Quota => "#CPU quota".into(),
            Self::Memory => "#memory".into(),
            Self::Load => "load".into(),
        }
    }

    fn cell(self, point: &Point) -> String {
        match self {
            Self::Workers => point.workers.to_string(),
            Self::Quota => words::quota(&point.limits).unwrap_or_else(|| words::NO_QUOTA.into()),
            Self::Memory => words::memory(&point.limits).unwrap_or_else(|| words::NO_LIMIT.into()),
            Self::Load => words::asked(&point.load),
        }
    }

    /// Workers wherever their number is ours to set, the rest where points differ in it.
    fn is_shown(self, points: &[&Point], workers: &Workers) -> bool {
        let is_set = matches!(self, Self::Workers) && workers.title().is_some();
        is_set || points.windows(2).any(|pair| self.cell(pair[0]) != self.cell(pair[1]))
    }
}
