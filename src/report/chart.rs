//! From numbers to the geometry of an SVG chart, which the template draws. Knows shapes, not what is measured.
//!
//! All series of a chart share their x values, so that one strip under the pointer reads them all, and one table holds
//! them all. An x value may be there several times: those are repeats, drawn as dots that no line joins; lines go through
//! their medians. A linear y axis starts at zero.

use super::{
    axis::{Axis, Span, Tick, px},
    cells::or_none,
    strokes::{bars, dashes, is_function, line},
    table::Table,
};
use serde::Serialize;

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 250.0;
const PLOT: Plot = Plot { left: 66.0, top: 30.0, right: 508.0, bottom: 208.0 };
/// Lines of at most so many points show each point as a dot.
const MOST_DOTS: usize = 12;
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
    levels: Vec<DrawnLevel>,
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
    dots: Vec<Dot>,
}

/// A value across the whole plot, with its name at one of its ends.
#[derive(Clone, Debug, Serialize)]
struct DrawnLevel {
    y: String,
    name: String,
    at_left: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Dot {
    x: String,
    y: String,
    hollow: bool,
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

/// One colour of a chart: as many values as the chart has x values.
#[derive(Default)]
pub struct Series {
    /// In the legend.
    pub name: String,
    /// CSS class: `target`, `baseline`, `s1` to `s6`, `ideal`, `fit`, `failures`.
    pub class: &'static str,
    /// `None` leaves a gap.
    pub values: Vec<Option<f64>>,
    /// Of the repeats that each value is one of; empty where nothing is repeated, and the line goes through the values.
    pub medians: Vec<Option<f64>>,
    /// From where to where each of these may be; where it is not empty, nothing is joined: [`Self::medians`] are dashes.
    pub intervals: Vec<Option<[f64; 2]>>,
}

/// A value that all x values have in common: a limit.
pub struct Level {
    /// What it is.
    pub name: String,
    /// Where it lies.
    pub value: f64,
}

/// What a chart is made of.
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
    /// What each x value is, where its number does not tell; empty where it does.
    pub names: Vec<String>,
    /// For each x value, whether what stands there must not be believed; may be empty.
    pub hollow: Vec<bool>,
    /// Drawn in this order.
    pub series: Vec<Series>,
    /// Drawn across, the lowest first.
    pub levels: Vec<Level>,
    /// Shaded from the left edge to this x, with what it is: the warm-up.
    pub shade: Option<(f64, &'static str)>,
}

impl Series {
    /// A line through its values.
    pub fn line(name: impl Into<String>, class: &'static str, values: Vec<Option<f64>>) -> Self {
        Self { name: name.into(), class, values, medians: Vec::new(), intervals: Vec::new() }
    }

    fn all(&self) -> impl Iterator<Item = f64> + Clone + '_ {
        let ends = self.intervals.iter().flatten().flatten();
        self.values.iter().chain(&self.medians).flatten().chain(ends).copied()
    }

    /// The columns that have something in them, by what stands behind the series' name.
    fn columns(&self) -> impl Iterator<Item = (&'static str, Vec<Option<f64>>)> + '_ {
        let end = |which: usize| self.intervals.iter().map(|interval| interval.map(|ends| ends[which])).collect();
        let middle = if self.intervals.is_empty() { ", median" } else { ", of all" };
        let columns: [(_, Vec<Option<f64>>); 4] =
            [("", self.values.clone()), (middle, self.medians.clone()), (", 95 % from", end(0)), (", 95 % to", end(1))];
        columns.into_iter().filter(|(_, values)| values.iter().any(Option::is_some))
    }

    /// What a line goes through: medians, or else the values.
    fn through(&self) -> &[Option<f64>] {
        if self.medians.is_empty() { &self.values } else { &self.medians }
    }
}

impl Lines {
    /// `None` without a single value: an empty chart says nothing.
    pub fn draw(self) -> Option<Chart> {
        let values = || self.series.iter().flat_map(Series::all).chain(self.levels.iter().map(|level| level.value));
        self.series.iter().flat_map(Series::all).next()?;
        let across = Span::of(&self.x, self.xs.iter().copied(), PLOT.left, PLOT.right);
        let up = Span::of(&self.y, values(), PLOT.bottom, PLOT.top);
        let shade = self.shade.map(|(end, text)| Strip::between(PLOT.left, across.at(end), text.to_owned()));
        Some(Chart {
            lines: self.series.iter().map(|series| drawn(&self, series, &across, &up)).collect(),
            levels: self.levels.iter().enumerate().map(|(place, level)| DrawnLevel::of(level, place, &up)).collect(),
            strips: strips(&self, &across),
            x_ticks: across.ticks_apart(self.x.format),
            y_ticks: up.ticks(self.y.format),
            x_label: self.x.label(),
            y_label: self.y.label(),
            legend: self.series.iter().map(|series| Key { name: series.name.clone(), class: series.class }).collect(),
            table: table(&self),
            shade,
            title: self.title,
            note: self.note,
            width: WIDTH,
            height: HEIGHT,
            plot: PLOT,
        })
    }
}

impl Chart {
    /// With this under it besides.
    #[must_use]
    pub fn with_note(mut self, note: &str) -> Self {
        let between = if self.note.is_empty() { "" } else { "; " };
        self.note += &format!("{between}{note}");
        self
    }
}

impl DrawnLevel {
    /// Neighbours have their names at different ends, as they may be near to each other.
    fn of(level: &Level, place: usize, up: &Span) -> Self {
        Self { y: px(up.at(level.value)), name: level.name.clone(), at_left: place.is_multiple_of(2) }
    }
}

impl Strip {
    fn between(left: f64, right: f64, text: String) -> Self {
        Self { x: px(left), width: px((right - left).max(0.0)), middle: px(left.midpoint(right)), text }
    }
}

fn drawn(chart: &Lines, series: &Series, across: &Span, up: &Span) -> DrawnLine {
    let dot = |(index, value): (usize, &Option<f64>)| {
        let hollow = chart.hollow.get(index).copied().unwrap_or(false);
        Some(Dot { x: px(across.at(chart.xs[index])), y: px(up.at((*value)?)), hollow })
    };
    let mut dots: Vec<Dot> = series.values.iter().enumerate().filter_map(dot).collect();
    let is_crowded = dots.len() > MOST_DOTS && series.medians.is_empty();
    if is_crowded || ["ideal", "fit"].contains(&series.class) {
        dots.clear();
    }
    let points = || chart.xs.iter().zip(series.through()).map(|(&x, value)| (x, *value));
    let path = match series.intervals[..] {
        [] if is_function(points()) => line(points(), across, up),
        _ => dashes(points(), across, up) + &bars(&chart.xs, &series.intervals, across, up),
    };
    DrawnLine { class: series.class, path, dots }
}

/// One strip a distinct x value, from half way to its neighbour on either side.
fn strips(chart: &Lines, across: &Span) -> Vec<Strip> {
    let mut firsts: Vec<usize> = (0..chart.xs.len()).collect();
    firsts.dedup_by_key(|index| chart.xs[*index]);
    let at: Vec<f64> = firsts.iter().map(|&index| across.at(chart.xs[index])).collect();
    let strip = |place: usize| {
        let left = if place == 0 { PLOT.left } else { at[place - 1].midpoint(at[place]) };
        let right = at.get(place + 1).map_or(PLOT.right, |next| next.midpoint(at[place]));
        let end = firsts.get(place + 1).copied().unwrap_or(chart.xs.len());
        Strip { middle: px(at[place]), ..Strip::between(left, right, reading(chart, firsts[place]..end)) }
    };
    (0..at.len()).map(strip).collect()
}

/// `5 s: p50 29.3 · p95 36.4 ms`; of repeats, the first of the medians.
fn reading(chart: &Lines, at: std::ops::Range<usize>) -> String {
    let value = |series: &Series| {
        let first = |values: &[Option<f64>]| at.clone().find_map(|index| *values.get(index)?);
        let value = first(series.through()).or_else(|| first(&series.values))?;
        Some(format!("{} {}", series.name, (chart.y.format)(value)))
    };
    let values: Vec<String> = chart.series.iter().filter_map(value).collect();
    let x = format!("{} {}", (chart.x.format)(chart.xs[at.start]), chart.x.unit);
    format!("{}: {} {}", x.trim_end(), values.join(" · "), chart.y.unit)
}

fn table(chart: &Lines) -> Table {
    let has_names = !chart.names.is_empty();
    let mut columns: Vec<String> = has_names.then(|| "level".to_owned()).into_iter().collect();
    columns.push(format!("#{}", chart.x.label()));
    for series in &chart.series {
        columns.extend(series.columns().map(|(suffix, _)| format!("#{}{suffix}", series.name)));
    }
    let mut table = Table::new(&chart.title, columns);
    for (index, &x) in chart.xs.iter().enumerate() {
        let mut row: Vec<String> = chart.names.get(index).cloned().into_iter().collect();
        row.push((chart.x.format)(x));
        for series in &chart.series {
            row.extend(
                series.columns().map(|(_, values)| or_none(values.get(index).copied().flatten(), chart.y.format)),
            );
        }
        table.row(row).bad = chart.hollow.get(index).copied().unwrap_or(false);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{
        axis::{Scale, number, text_width},
        cells::NONE,
    };
    use proptest::prelude::*;

    fn axis(scale: Scale) -> Axis {
        Axis { name: "x", unit: "", format: number, scale }
    }

    fn chart(xs: Vec<f64>, series: Series) -> Lines {
        let marks = xs.clone();
        Lines {
            title: "t".into(),
            note: String::new(),
            x: axis(Scale::Marks(marks)),
            y: axis(Scale::Linear),
            xs,
            names: vec![],
            hollow: vec![],
            series: vec![series],
            levels: vec![],
            shade: None,
        }
    }

    fn values(values: &[f64]) -> Vec<Option<f64>> {
        values.iter().copied().map(Some).collect()
    }

    #[test]
    fn a_gap_lifts_the_pen() {
        let series = Series::line("s", "s1", vec![Some(1.0), None, Some(1.0)]);
        let drawn = Lines { x: axis(Scale::Until(2.0)), ..chart(vec![0.0, 1.0, 2.0], series) };
        let drawn = drawn.draw().expect("two values are something to draw");
        assert_eq!(drawn.lines[0].path, "M66 30M508 30");
        assert_eq!(drawn.table.rows[1].cells, ["1", NONE]);
        assert_eq!(drawn.strips.len(), 3);
    }

    #[test]
    fn nothing_to_draw_is_no_chart() {
        assert!(chart(vec![1.0], Series::line("s", "s1", vec![None])).draw().is_none());
    }

    #[test]
    fn repeats_are_dots_and_the_line_goes_through_their_medians() {
        let series =
            Series { medians: values(&[2.0, 2.0, 2.0, 4.0]), ..Series::line("s", "s1", values(&[1.0, 2.0, 3.0, 4.0])) };
        let lines = Lines { hollow: vec![false, false, true, false], ..chart(vec![1.0, 1.0, 1.0, 2.0], series) };
        let drawn = lines.draw().expect("values");
        let line = &drawn.lines[0];
        assert_eq!(line.path.matches(['M', 'L']).count(), 2, "one point a worker count: {}", line.path);
        assert_eq!(line.dots.iter().map(|dot| dot.hollow).collect::<Vec<_>>(), [false, false, true, false]);
        assert_eq!(drawn.strips.len(), 2);
        assert!(drawn.table.rows[2].bad);
    }

    #[test]
    fn what_has_several_medians_at_one_x_is_not_joined() {
        let series = Series { medians: values(&[1.0, 2.0, 3.0]), ..Series::line("s", "s1", values(&[1.0, 2.0, 3.0])) };
        let drawn = chart(vec![1.0, 1.0, 2.0], series).draw().expect("values");
        let path = &drawn.lines[0].path;
        assert_eq!((path.matches('H').count(), path.matches('L').count()), (3, 0), "{path}");
    }

    #[test]
    fn with_intervals_nothing_is_joined_and_each_x_has_one_bar() {
        let series = Series {
            medians: values(&[2.0, 2.0, 4.0]),
            intervals: vec![Some([1.0, 3.0]), Some([1.0, 3.0]), None],
            ..Series::line("s", "s1", values(&[1.0, 3.0, 4.0]))
        };
        let drawn = chart(vec![1.0, 1.0, 2.0], series).draw().expect("values");
        let path = &drawn.lines[0].path;
        let marks = ['L', 'V', 'H'].map(|mark| path.matches(mark).count());
        assert_eq!(marks, [0, 1, 4], "no line, a bar with two ends, two dashes: {path}");
        let titles: Vec<&str> = drawn.table.columns.iter().map(|column| column.title.as_str()).collect();
        assert_eq!(titles, ["x", "s", "s, of all", "s, 95 % from", "s, 95 % to"]);
        assert_eq!(drawn.table.rows[2].cells, ["2", "4", "4", NONE, NONE]);
    }

    #[test]
    fn a_level_has_room_and_its_neighbour_s_name_is_at_the_other_end() {
        let level = |name: &str, value| Level { name: name.into(), value };
        let levels = vec![level("quota", 9.0), level("users", 9.5)];
        let drawn = Lines { levels, ..chart(vec![1.0, 2.0], Series::line("s", "s1", values(&[1.0, 2.0]))) };
        let drawn = drawn.draw().expect("values");
        assert_eq!(drawn.levels.iter().map(|level| level.at_left).collect::<Vec<_>>(), [true, false]);
        let y = |level: &DrawnLevel| level.y.parse::<f64>().expect("a coordinate");
        assert!(y(&drawn.levels[1]) < y(&drawn.levels[0]) && y(&drawn.levels[1]) >= PLOT.top, "{:?}", drawn.levels);
    }

    proptest! {
        /// Of any number of levels and repeats: nothing has a negative width or lies outside, and no label over another.
        #[test]
        fn any_number_of_levels_fits(levels in 1u32..60, repeats in 1usize..4, step in 1u32..20, most in 0.0f64..1e6) {
            let xs: Vec<f64> = (0..levels).flat_map(|level| vec![f64::from(1 + level * step); repeats]).collect();
            let count = xs.len();
            let series = Series { medians: values(&vec![most; count]), ..Series::line("s", "s1", values(&vec![most; count])) };
            let drawn = chart(xs, series).draw().expect("values");
            let number = |text: &str| text.parse::<f64>().expect("a coordinate");
            prop_assert_eq!(drawn.strips.len(), levels as usize);
            for strip in &drawn.strips {
                let (x, width) = (number(&strip.x), number(&strip.width));
                prop_assert!(width >= 0.0 && x >= PLOT.left && x + width <= PLOT.right + 0.2, "{strip:?}");
            }
            for dot in &drawn.lines[0].dots {
                prop_assert!((PLOT.left..=PLOT.right).contains(&number(&dot.x)), "{dot:?}");
                prop_assert!((PLOT.top..=PLOT.bottom).contains(&number(&dot.y)), "{dot:?}");
            }
            let extent = |tick: &Tick| (number(&tick.at) - text_width(&tick.label) / 2.0, number(&tick.at) + text_width(&tick.label) / 2.0);
            for pair in drawn.x_ticks.windows(2) {
                prop_assert!(extent(&pair[0]).1 < extent(&pair[1]).0, "{pair:?}");
            }
            prop_assert_eq!(&drawn.x_ticks.last().expect("a label").label, &drawn.table.rows[count - 1].cells[0]);
        }
    }
}
