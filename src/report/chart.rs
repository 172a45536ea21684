//! From numbers to the geometry of an SVG chart, which the template draws. Knows shapes, not what is measured.
//!
//! All lines of a chart share their x values, so that one strip under the pointer reads them all, and one table holds
//! them all. A linear y axis starts at zero.

use super::{
    axis::{Axis, Span, Tick, px},
    cells::or_none,
    table::Table,
};
use serde::Serialize;

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 250.0;
const PLOT: Plot = Plot { left: 66.0, top: 30.0, right: 508.0, bottom: 208.0 };
/// Lines of at most so many points show each point as a dot.
const MOST_DOTS: usize = 12;
const MOST_LABELLED_BARS: usize = 8;

/// A chart, ready to draw: every coordinate is in the units of its view box.
#[derive(Clone, Debug, Serialize)]
pub struct Chart {
    title: String,
    note: String,
    width: f64,
    height: f64,
    plot: Plot,
    x_label: String,
    y_label: String,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    shade: Option<Strip>,
    lines: Vec<DrawnLine>,
    bars: Vec<Bar>,
    strips: Vec<Strip>,
    legend: Vec<Key>,
    /// The same numbers.
    table: Table,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Plot {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

#[derive(Clone, Debug, Serialize)]
struct DrawnLine {
    class: &'static str,
    path: String,
    dots: Vec<[String; 2]>,
}

#[derive(Clone, Debug, Serialize)]
struct Bar {
    class: &'static str,
    x: String,
    y: String,
    width: String,
    height: String,
    middle: String,
    label: String,
}

/// A part of the plot from top to bottom, with the text that it shows.
#[derive(Clone, Debug, Serialize)]
struct Strip {
    x: String,
    width: String,
    middle: String,
    text: String,
}

#[derive(Clone, Debug, Serialize)]
struct Key {
    name: String,
    class: &'static str,
}

/// One line (or one colour of bars): as many values as the chart has x values.
pub struct Series {
    /// In the legend.
    pub name: String,
    /// CSS class: `target`, `baseline`, `s1` to `s6`, `ideal`, `failures`.
    pub class: &'static str,
    /// `None` leaves a gap.
    pub values: Vec<Option<f64>>,
}

/// What a line chart is made of.
pub struct Lines {
    /// Above the chart.
    pub title: String,
    /// Under it; may be empty.
    pub note: String,
    /// Horizontal.
    pub x: Axis,
    /// Vertical.
    pub y: Axis,
    /// In rising order.
    pub xs: Vec<f64>,
    /// Drawn in this order.
    pub series: Vec<Series>,
    /// Shaded from the left edge to this x, with what it is: the warm-up.
    pub shade: Option<(f64, &'static str)>,
}

/// What a bar chart is made of: a group a label, a bar a series.
pub struct Bars {
    /// Above the chart.
    pub title: String,
    /// Under it; may be empty.
    pub note: String,
    /// What the groups are.
    pub x_label: &'static str,
    /// Vertical, linear.
    pub y: Axis,
    /// One a group.
    pub groups: Vec<String>,
    /// Side by side in each group.
    pub series: Vec<Series>,
}

impl Lines {
    /// `None` without a single value: an empty chart says nothing.
    pub fn draw(self) -> Option<Chart> {
        let values = || self.series.iter().flat_map(|series| series.values.iter().flatten().copied());
        values().next()?;
        let across = Span::of(&self.x, self.xs.iter().copied(), PLOT.left, PLOT.right);
        let up = Span::of(&self.y, values(), PLOT.bottom, PLOT.top);
        let shade = self.shade.map(|(end, text)| Strip::between(PLOT.left, across.at(end), text.to_owned()));
        Some(Chart {
            lines: self.series.iter().map(|series| drawn(series, &self.xs, &across, &up)).collect(),
            strips: strips(&self, &across),
            x_ticks: across.ticks(self.x.format),
            y_ticks: up.ticks(self.y.format),
            x_label: self.x.label(),
            y_label: self.y.label(),
            legend: legend(&self.series),
            table: line_table(&self),
            shade,
            ..Chart::blank(self.title, self.note)
        })
    }
}

impl Bars {
    /// `None` without a single value.
    pub fn draw(self) -> Option<Chart> {
        let values = || self.series.iter().flat_map(|series| series.values.iter().flatten().copied());
        values().next()?;
        let up = Span::of(&self.y, values(), PLOT.bottom, PLOT.top + 8.0);
        let group_width = (PLOT.right - PLOT.left) / self.groups.len().max(1) as f64;
        let middles: Vec<f64> =
            (0..self.groups.len()).map(|group| PLOT.left + group_width * (group as f64 + 0.5)).collect();
        let strip = |(group, name): (usize, &String)| {
            let left = PLOT.left + group_width * group as f64;
            Strip::between(left, left + group_width, reading(name, &self.series, group, &self.y))
        };
        let x_tick = |(name, &middle): (&String, &f64)| Tick { at: px(middle), label: name.clone() };
        Some(Chart {
            bars: drawn_bars(&self, &middles, group_width, &up),
            strips: self.groups.iter().enumerate().map(strip).collect(),
            x_ticks: self.groups.iter().zip(&middles).map(x_tick).collect(),
            y_ticks: up.ticks(self.y.format),
            x_label: self.x_label.to_owned(),
            y_label: self.y.label(),
            legend: legend(&self.series),
            table: table(&self.title, self.x_label, self.groups.iter().cloned(), &self.series, self.y.format),
            ..Chart::blank(self.title, self.note)
        })
    }
}

impl Chart {
    fn blank(title: String, note: String) -> Self {
        Self {
            title,
            note,
            width: WIDTH,
            height: HEIGHT,
            plot: PLOT,
            x_label: String::new(),
            y_label: String::new(),
            x_ticks: Vec::new(),
            y_ticks: Vec::new(),
            shade: None,
            lines: Vec::new(),
            bars: Vec::new(),
            strips: Vec::new(),
            legend: Vec::new(),
            table: Table::default(),
        }
    }
}

impl Strip {
    fn between(left: f64, right: f64, text: String) -> Self {
        Self { x: px(left), width: px(right - left), middle: px(left.midpoint(right)), text }
    }
}

fn drawn(series: &Series, xs: &[f64], across: &Span, up: &Span) -> DrawnLine {
    let mut path = String::new();
    let mut dots = Vec::new();
    let mut pen_down = false;
    for (&x, value) in xs.iter().zip(&series.values) {
        if let Some(value) = value {
            let [x, y] = [px(across.at(x)), px(up.at(*value))];
            path.push_str(&format!("{}{x} {y}", if pen_down { "L" } else { "M" }));
            dots.push([x, y]);
        }
        pen_down = value.is_some();
    }
    if dots.len() > MOST_DOTS || series.class == "ideal" {
        dots.clear();
    }
    DrawnLine { class: series.class, path, dots }
}

/// One strip an x value, from half way to its neighbour on either side.
fn strips(chart: &Lines, across: &Span) -> Vec<Strip> {
    let at: Vec<f64> = chart.xs.iter().map(|&x| across.at(x)).collect();
    let read = |index: usize| {
        let x = format!("{} {}", (chart.x.format)(chart.xs[index]), chart.x.unit);
        reading(x.trim_end(), &chart.series, index, &chart.y)
    };
    let strip = |index: usize| {
        let left = if index == 0 { PLOT.left } else { at[index - 1].midpoint(at[index]) };
        let right = at.get(index + 1).map_or(PLOT.right, |next| next.midpoint(at[index]));
        Strip { middle: px(at[index]), ..Strip::between(left, right, read(index)) }
    };
    (0..at.len()).map(strip).collect()
}

/// `5 s: p50 29.3 · p95 36.4 ms`
fn reading(what: &str, series: &[Series], index: usize, y: &Axis) -> String {
    let value = |series: &Series| {
        let value = series.values.get(index).copied().flatten()?;
        Some(format!("{} {}", series.name, (y.format)(value)))
    };
    let values: Vec<String> = series.iter().filter_map(value).collect();
    format!("{what}: {} {}", values.join(" · "), y.unit)
}

/// The bars of each group about its middle; where there are few, each has its value above it.
fn drawn_bars(chart: &Bars, middles: &[f64], group_width: f64, up: &Span) -> Vec<Bar> {
    const GAP: f64 = 4.0;
    let width = (group_width * 0.7 / chart.series.len().max(1) as f64).min(64.0);
    let labelled = middles.len() * chart.series.len() <= MOST_LABELLED_BARS;
    let bar = |index: usize, middle: f64, value: f64, class| {
        let left = middle + (index as f64 - chart.series.len() as f64 / 2.0) * width;
        Bar {
            class,
            x: px(left),
            y: px(up.at(value)),
            width: px(width - GAP),
            height: px(PLOT.bottom - up.at(value)),
            middle: px(left + (width - GAP) / 2.0),
            label: if labelled { (chart.y.format)(value) } else { String::new() },
        }
    };
    let mut bars = Vec::new();
    for (index, series) in chart.series.iter().enumerate() {
        let placed = series.values.iter().zip(middles);
        bars.extend(placed.filter_map(|(value, &middle)| Some(bar(index, middle, (*value)?, series.class))));
    }
    bars
}

fn legend(series: &[Series]) -> Vec<Key> {
    series.iter().map(|series| Key { name: series.name.clone(), class: series.class }).collect()
}

fn line_table(chart: &Lines) -> Table {
    let xs = chart.xs.iter().map(|&x| (chart.x.format)(x));
    table(&chart.title, &format!("#{}", chart.x.label()), xs, &chart.series, chart.y.format)
}

fn table(
    title: &str,
    first: &str,
    rows: impl Iterator<Item = String>,
    series: &[Series],
    format: fn(f64) -> String,
) -> Table {
    let names = series.iter().map(|series| format!("#{}", series.name));
    let mut table = Table::new(title, [first.to_owned()].into_iter().chain(names));
    for (index, row) in rows.enumerate() {
        let value = |series: &Series| or_none(series.values.get(index).copied().flatten(), format);
        table.row([row].into_iter().chain(series.iter().map(value)));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{
        axis::{Scale, number},
        cells::NONE,
    };

    fn axis(scale: Scale) -> Axis {
        Axis { name: "x", unit: "", format: number, scale }
    }

    #[test]
    fn a_gap_lifts_the_pen() {
        let series = Series { name: "s".into(), class: "s1", values: vec![Some(1.0), None, Some(1.0)] };
        let chart = Lines {
            title: "t".into(),
            note: String::new(),
            x: axis(Scale::Tight),
            y: axis(Scale::Linear),
            xs: vec![0.0, 1.0, 2.0],
            series: vec![series],
            shade: None,
        };
        let chart = chart.draw().expect("two values are something to draw");
        assert_eq!(chart.lines[0].path, "M66 30M508 30");
        assert_eq!(chart.table.rows[1].cells, ["1", NONE]);
        assert_eq!(chart.strips.len(), 3);
    }

    #[test]
    fn nothing_to_draw_is_no_chart() {
        let none = Series { name: "s".into(), class: "s1", values: vec![None] };
        let bars = Bars {
            title: "t".into(),
            note: String::new(),
            x_label: "",
            y: axis(Scale::Linear),
            groups: vec!["g".into()],
            series: vec![none],
        };
        assert!(bars.draw().is_none());
    }
}
