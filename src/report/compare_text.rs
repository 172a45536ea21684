//! What `vscale compare` prints, and what `vscale history --diff` does: what differs between two runs.

use super::{
    cells::{self, counted, or_none},
    layout::wrapped,
    table::Table,
    terminal, words,
};
use crate::{
    analyse::{
        compare::{ComparedPoint, Comparison, Difference},
        median,
        stats::{Geometric, Judgement, LEVEL},
    },
    model::{Point, Run},
    text::{plain, shortened},
};

/// Characters of a value that differs: enough to tell one image from another.
const MOST_OF_A_VALUE: usize = 30;

const SESSIONS: &str = "A and B are two sessions: what the machine did from one to the other is in their difference, and in \
                        no interval. To compare without it, visit both settings in the same blocks.";

/// Two runs beside each other, no line wider than `width`; judged where there is a limit.
pub fn render(a: &Run, b: &Run, comparison: &Comparison, limit: Option<f64>, width: usize) -> String {
    let mut lines = vec![format!("A: {}", plain(&a.id)), format!("B: {}", plain(&b.id))];
    lines.extend(wrapped(&headline(comparison), "", width));
    if let Some(limit) = limit {
        lines.extend(wrapped(&verdict(comparison, limit), "", width));
    }
    lines.push(String::new());
    lines.extend(terminal::draw_plain(&points(&comparison.points), width));
    if !comparison.differences.is_empty() {
        lines.push(String::new());
        lines.extend(what_differs(&comparison.differences, width));
    }
    lines.push(String::new());
    lines.extend(notes(comparison).iter().flat_map(|note| wrapped(note, "warning: ", width)));
    lines.push(String::new());
    lines.join("\n")
}

/// The keys that differ between two runs, as lines; a sentence where there are none.
pub fn what_differs(differences: &[Difference], width: usize) -> Vec<String> {
    if differences.is_empty() {
        return wrapped("Hosts, images and plans are the same, but for the points.", "", width);
    }
    let mut table = Table::new("What differs, by the keys of run.json", ["key", "A", "B"]);
    for it in differences {
        let value = |value: &Option<String>| or_none(value.as_ref(), |value| shortened(value, MOST_OF_A_VALUE));
        table.row([it.key.clone(), value(&it.a), value(&it.b)]);
    }
    terminal::draw_plain(&table, width)
}

/// `B has 0.950 times the throughput of A: -5.0 % (95 %: -7.8 % to -2.1 %), over 3 points.`
fn headline(comparison: &Comparison) -> String {
    let Some(pooled) = comparison.pooled else {
        return "Nothing can be said: that takes two valid visits of a point in each run.".into();
    };
    let compared = comparison.points.iter().filter(|point| point.ratio.is_some()).count() as u64;
    format!(
        "B has {} the throughput of A: {} ({:.0} %: {}), over {}.",
        times(pooled.value()),
        change(pooled.value()),
        LEVEL * 100.0,
        change_within(&pooled),
        counted(compared, "point")
    )
}

/// `0.950 times`.
fn times(ratio: f64) -> String {
    format!("{ratio:.3} times")
}

/// `-5.0 %`.
fn change(ratio: f64) -> String {
    format!("{:+.1} %", (ratio - 1.0) * 100.0)
}

/// `-7.8 % to -2.1 %`.
fn change_within(ratio: &Geometric) -> String {
    let interval = ratio.interval(LEVEL);
    format!("{} to {}", change(interval.low), change(interval.high))
}

/// `At the limit of 0.970 times: worse (2 points by themselves).`
fn verdict(comparison: &Comparison, limit: f64) -> String {
    let said = match comparison.judge(limit) {
        Judgement::NotWorse => "not worse".to_owned(),
        Judgement::Inconclusive => "inconclusive, it may be above or below; more blocks would tell".to_owned(),
        Judgement::Worse => match comparison.worse(limit).count() as u64 {
            0 => "worse".to_owned(),
            1 => "worse (1 point by itself)".to_owned(),
            points => format!("worse ({points} points by themselves)"),
        },
    };
    format!("At the limit of {}: {said}.", times(limit))
}

fn points(points: &[ComparedPoint]) -> Table {
    let settings: Vec<&Point> = points.iter().map(|point| &point.point).collect();
    let columns = Setting::ALL.into_iter().filter(|column| column.is_shown(&settings)).collect::<Vec<_>>();
    let titles = columns.iter().map(|column| column.title());
    let numbers = ["#A", "#visits", "#B", "#visits", "#change", "#95 %", "#p, by Holm"];
    let mut table = Table::new("Throughput, requests/s: medians of valid visits", titles.chain(numbers));
    for point in points {
        let rps = |rps: &[f64]| or_none(median(rps.iter().copied()), cells::rps);
        let numbers = [
            rps(&point.a_rps),
            point.a_rps.len().to_string(),
            rps(&point.b_rps),
            point.b_rps.len().to_string(),
            or_none(point.ratio, |ratio| change(ratio.value())),
            or_none(point.ratio.as_ref(), change_within),
            or_none(point.p_value, p_value),
        ];
        table.row(columns.iter().map(|column| column.cell(&point.point)).chain(numbers));
    }
    table
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

    fn title(self) -> &'static str {
        match self {
            Self::Workers => "#workers",
            Self::Quota => "#CPU quota",
            Self::Memory => "#memory",
            Self::Load => "load",
        }
    }

    fn cell(self, point: &Point) -> String {
        match self {
            Self::Workers => point.workers.to_string(),
            Self::Quota => words::quota(&point.limits).unwrap_or_else(|| words::NO_QUOTA.into()),
            Self::Memory => words::memory(&point.limits).unwrap_or_else(|| words::NO_LIMIT.into()),
            Self::Load => words::load(&point.load, &[]),
        }
    }

    /// Workers always, the rest where points differ in it.
    fn is_shown(self, points: &[&Point]) -> bool {
        matches!(self, Self::Workers) || points.windows(2).any(|pair| self.cell(pair[0]) != self.cell(pair[1]))
    }
}

fn notes(comparison: &Comparison) -> Vec<String> {
    let only = |count: usize, run: &str| {
        (count > 0).then(|| {
            format!("{} of {run} cannot be compared: the other has none like it.", counted(count as u64, "point"))
        })
    };
    let (of_a, of_b) = comparison.apart;
    [only(of_a, "A"), only(of_b, "B"), Some(SESSIONS.into())].into_iter().flatten().collect()
}
