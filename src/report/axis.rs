//! Axes: where a value lies between two pixels, which marks stand there, and how a number is written beside them.

use super::cells::{NONE, grouped};
use serde::Serialize;

/// An axis: its name with the unit, and how its numbers are written.
pub struct Axis {
    /// `latency`.
    pub name: &'static str,
    /// `ms`; empty for a plain number.
    pub unit: &'static str,
    /// A value as text.
    pub format: fn(f64) -> String,
    /// Where marks stand.
    pub scale: Scale,
}

/// How values map to lengths.
pub enum Scale {
    /// From zero to a round number.
    Linear,
    /// From zero to this.
    Until(f64),
    /// Whole decades.
    Log,
    /// From the first to the last of these marks.
    Marks(Vec<f64>),
}

impl Axis {
    /// What stands beside it: `latency (ms)`.
    pub fn label(&self) -> String {
        if self.unit.is_empty() { self.name.to_owned() } else { format!("{} ({})", self.name, self.unit) }
    }
}

/// A mark with its text.
#[derive(Clone, Debug, Serialize)]
pub struct Tick {
    /// Where.
    pub at: String,
    /// What it says.
    pub label: String,
}

/// Values from `low` to `high` laid out from one pixel to another.
pub struct Span {
    low: f64,
    high: f64,
    log: bool,
    marks: Vec<f64>,
    from: f64,
    to: f64,
}

impl Span {
    /// Lays out `axis` so that all `values` are on it.
    pub fn of(axis: &Axis, values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Self {
        let largest = values.clone().fold(0.0, f64::max);
        let (low, high, marks) = match &axis.scale {
            Scale::Linear => {
                let marks = round_marks(largest);
                (0.0, *marks.last().unwrap_or(&1.0), marks)
            }
            Scale::Until(end) => (0.0, end.max(1e-9), round_marks(*end)),
            Scale::Log => {
                let smallest = values.filter(|value| *value > 0.0).fold(largest, f64::min).max(1e-9);
                let (first, last) = (smallest.log10().floor() as i32, largest.max(1e-9).log10().ceil() as i32);
                let last = last.max(first + 1);
                (10f64.powi(first), 10f64.powi(last), (first..=last).map(|power| 10f64.powi(power)).collect())
            }
            Scale::Marks(marks) => {
                let (first, last) = (*marks.first().unwrap_or(&0.0), *marks.last().unwrap_or(&1.0));
                let margin = if last > first { (last - first) * 0.06 } else { 0.5 };
                (first - margin, last + margin, marks.clone())
            }
        };
        Self { low, high, log: matches!(axis.scale, Scale::Log), marks, from, to }
    }

    /// Where `value` lies.
    pub fn at(&self, value: f64) -> f64 {
        let share = if self.log {
            (value.max(self.low) / self.low).log10() / (self.high / self.low).log10()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// The marks that lie on it.
    pub fn ticks(&self, format: fn(f64) -> String) -> Vec<Tick> {
        let inside = self.marks.iter().filter(|mark| **mark <= self.high * (1.0 + 1e-9));
        inside.map(|&mark| Tick { at: px(self.at(mark)), label: format(mark) }).collect()
    }

    /// As many of them as stand beside each other without touching: the last one, the first one, and what fits between.
    pub fn ticks_apart(&self, format: fn(f64) -> String) -> Vec<Tick> {
        const GAP: f64 = 6.0;
        let inside = self.marks.iter().filter(|mark| **mark <= self.high * (1.0 + 1e-9));
        let labels: Vec<(f64, f64, String)> = inside
            .map(|&mark| {
                let label = format(mark);
                (self.at(mark), text_width(&label) / 2.0, label)
            })
            .collect();
        let first_end = labels.first().map_or(0.0, |(at, half, _)| at + half + GAP);
        let mut kept = Vec::new();
        let mut free_to = f64::INFINITY;
        for (index, (at, half, label)) in labels.into_iter().enumerate().rev() {
            let fits = at + half <= free_to && (index == 0 || kept.is_empty() || at - half >= first_end);
            if fits {
                free_to = at - half - GAP;
                kept.push(Tick { at: px(at), label });
            }
        }
        kept.reverse();
        kept
    }
}

/// About as wide as `text` is drawn on the narrowest screen, in the units of a chart.
pub fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * 9.0
}

/// Four to six round numbers from zero to at least `largest`.
fn round_marks(largest: f64) -> Vec<f64> {
    let largest = if largest > 0.0 { largest } else { 1.0 };
    let power = 10f64.powf((largest / 5.0).log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power);
    let step = steps.into_iter().find(|step| largest / step <= 5.0).unwrap_or(10.0 * power);
    let count = (largest / step - 1e-9).ceil() as u32;
    (0..=count).map(|index| f64::from(index) * step).collect()
}

/// A number of the axis itself: at most three decimals, a comma at each thousand.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let decimals = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    match text.parse::<u64>() {
        Ok(whole) => grouped(whole),
        Err(_) => text.to_owned(),
    }
}

/// A coordinate, to a tenth.
pub fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_reach_the_largest() {
        assert_eq!(round_marks(78.0), [0.0, 20.0, 40.0, 60.0, 80.0]);
        assert_eq!(round_marks(100.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(round_marks(0.0).len(), 6);
    }

    #[test]
    fn numbers_of_an_axis() {
        assert_eq!([0.0, 0.25, 1.5, 20.0, 812.4, 15_000.0].map(number), ["0", "0.25", "1.5", "20", "812", "15,000"]);
    }

    #[test]
    fn a_linear_axis_starts_at_zero_and_a_log_axis_at_a_decade() {
        let linear = Span::of(&axis(Scale::Linear), [50.0, 90.0].into_iter(), 0.0, 100.0);
        assert_eq!((linear.at(0.0), linear.at(100.0)), (0.0, 100.0));
        let log = Span::of(&axis(Scale::Log), [0.3, 40.0].into_iter(), 0.0, 300.0);
        assert_eq!(log.marks, [0.1, 1.0, 10.0, 100.0]);
        assert!((log.at(1.0) - 100.0).abs() < 1e-9);
    }

    fn axis(scale: Scale) -> Axis {
        Axis { name: "x", unit: "", format: number, scale }
    }
}
