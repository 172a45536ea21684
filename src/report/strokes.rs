//! From points to the paths that an SVG chart draws: lines, dashes, bars.

use super::axis::{Span, px};

/// Half the length of a median's dash.
const DASH: f64 = 7.0;

/// Whether there is one value at each x, so that a line through them means something.
pub(super) fn is_function(points: impl Iterator<Item = (f64, Option<f64>)>) -> bool {
    let mut points = points.filter(|(_, value)| value.is_some()).peekable();
    while let Some((x, value)) = points.next() {
        if points.peek().is_some_and(|next| next.0 == x && next.1 != value) {
            return false;
        }
    }
    true
}

/// Through all points; a gap lifts the pen.
pub(super) fn line(points: impl Iterator<Item = (f64, Option<f64>)>, across: &Span, up: &Span) -> String {
    let mut path = String::new();
    let (mut pen_down, mut last) = (false, None);
    for point in points {
        let (x, Some(value)) = point else {
            // Of repeats, some may lack a value that the others have.
            pen_down &= last == Some(point.0);
            continue;
        };
        if pen_down && last == Some(x) {
            continue;
        }
        path.push_str(&format!("{}{} {}", if pen_down { "L" } else { "M" }, px(across.at(x)), px(up.at(value))));
        (pen_down, last) = (true, Some(x));
    }
    path
}

/// A dash at each point.
pub(super) fn dashes(points: impl Iterator<Item = (f64, Option<f64>)>, across: &Span, up: &Span) -> String {
    let mut seen: Vec<String> = Vec::new();
    for (x, value) in points.filter_map(|(x, value)| Some((x, value?))) {
        let middle = across.at(x);
        let dash = format!("M{} {}H{}", px(middle - DASH), px(up.at(value)), px(middle + DASH));
        if !seen.contains(&dash) {
            seen.push(dash);
        }
    }
    seen.concat()
}

/// A bar from end to end of each interval.
pub(super) fn bars(xs: &[f64], intervals: &[Option<[f64; 2]>], across: &Span, up: &Span) -> String {
    let mut bars: Vec<String> = Vec::new();
    for (x, [low, high]) in xs.iter().zip(intervals).filter_map(|(x, interval)| Some((*x, (*interval)?))) {
        let (x, [low, high]) = (across.at(x), [low, high].map(|value| px(up.at(value))));
        let ends = [&low, &high].map(|end| format!("M{} {end}H{}", px(x - DASH / 2.0), px(x + DASH / 2.0))).concat();
        let bar = format!("M{} {low}V{high}{ends}", px(x));
        if !bars.contains(&bar) {
            bars.push(bar);
        }
    }
    bars.concat()
}
