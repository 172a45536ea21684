//! Users, or requests a second, over time: straight lines from stage to stage.

use crate::model::Stage;
use std::time::Duration;

/// No load lasts this long (300 years), and a clock can still add it.
const NEVER_S: f64 = 1e10;

/// Piecewise linear; after its last stage it stays where it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Ramp {
    start: f64,
    stages: Vec<Stage>,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    start_s: f64,
    length_s: f64,
    from: f64,
    to: f64,
}

impl Ramp {
    /// From `start` through all `stages`; without any, constant.
    pub fn new(start: f64, stages: &[Stage]) -> Self {
        Self { start, stages: stages.to_vec() }
    }

    pub fn level_at(&self, elapsed: Duration) -> f64 {
        let elapsed_s = elapsed.as_secs_f64();
        let line = self.lines().find(|line| elapsed_s < line.start_s + line.length_s);
        line.map_or(self.start, |line| line.from + line.slope() * (elapsed_s - line.start_s))
    }

    /// When the area under the ramp reaches `area`; for a rate, that is when that many requests are due. `None` if never.
    pub fn time_of_area(&self, area: f64) -> Option<Duration> {
        let mut left = area;
        for line in self.lines() {
            if left <= line.area() {
                let time_s = line.start_s + line.time_of_area(left);
                return (time_s < NEVER_S).then(|| Duration::from_secs_f64(time_s));
            }
            left -= line.area();
        }
        None
    }

    /// The area under the ramp until `time`.
    pub fn area_until(&self, time: Duration) -> f64 {
        let time_s = time.as_secs_f64();
        let lines = self.lines().take_while(|line| line.start_s < time_s);
        lines.map(|line| line.area_after((time_s - line.start_s).min(line.length_s))).sum()
    }

    /// The stages, and behind them a level line without end.
    fn lines(&self) -> impl Iterator<Item = Line> {
        let (mut start_s, mut from) = (0.0, self.start);
        let last = Stage { duration_us: u64::MAX, target: f64::NAN };
        self.stages.iter().copied().chain([last]).map(move |stage| {
            let length_s = if stage.duration_us == u64::MAX { f64::INFINITY } else { stage.duration_us as f64 / 1e6 };
            let to = if stage.target.is_nan() { from } else { stage.target };
            let line = Line { start_s, length_s, from, to };
            (start_s, from) = (start_s + length_s, to);
            line
        })
    }
}

impl Line {
    fn slope(&self) -> f64 {
        (self.to - self.from) / self.length_s
    }

    fn area(&self) -> f64 {
        if self.from + self.to == 0.0 { 0.0 } else { (self.from + self.to) / 2.0 * self.length_s }
    }

    fn area_after(&self, time_s: f64) -> f64 {
        if self.length_s.is_infinite() {
            self.from * time_s
        } else {
            (self.from + self.slope() * time_s / 2.0) * time_s
        }
    }

    /// Solves `from t + slope t^2 / 2 = area` for t, in a form that loses no digits.
    fn time_of_area(&self, area: f64) -> f64 {
        let root = (self.from * self.from + 2.0 * self.slope() * area).max(0.0).sqrt();
        let time = 2.0 * area / (self.from + root);
        if time.is_nan() { 0.0 } else { time.min(self.length_s) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stage(seconds: u64, target: f64) -> Stage {
        Stage { duration_us: seconds * 1_000_000, target }
    }

    #[test]
    fn up_level_and_down() {
        let ramp = Ramp::new(0.0, &[stage(10, 20.0), stage(5, 20.0), stage(10, 0.0)]);
        let level = |seconds: f64| ramp.level_at(Duration::from_secs_f64(seconds));
        assert_eq!([0.0, 5.0, 12.0, 20.0, 25.0, 99.0].map(level), [0.0, 10.0, 20.0, 10.0, 0.0, 0.0]);
        let time = |area| ramp.time_of_area(area).map(|time| time.as_secs_f64());
        assert_eq!([25.0, 100.0, 150.0].map(time), [5.0, 10.0, 12.5].map(Some));
        assert_eq!(time(300.0), Some(25.0), "all there is");
        assert_eq!(time(300.1), None, "there is no more");
        let area = |seconds: f64| ramp.area_until(Duration::from_secs_f64(seconds));
        assert_eq!([0.0, 5.0, 10.0, 12.5, 25.0, 99.0].map(area), [0.0, 25.0, 100.0, 150.0, 300.0, 300.0]);
    }

    #[test]
    fn constant() {
        let ramp = Ramp::new(500.0, &[]);
        assert_eq!(ramp.level_at(Duration::from_secs(9)), 500.0);
        assert_eq!(ramp.time_of_area(1000.0), Some(Duration::from_secs(2)));
        assert_eq!(ramp.area_until(Duration::from_secs(2)), 1000.0);
        for never in [0.0, 1e-300, f64::MIN_POSITIVE] {
            assert_eq!(Ramp::new(never, &[]).time_of_area(1.0), None);
        }
    }

    proptest! {
        #[test]
        fn times_rise_with_the_area(start in 0.0..100.0, a in 0.0..100.0, b in 0.0..100.0) {
            let ramp = Ramp::new(start, &[stage(3, a), stage(4, b)]);
            let times: Vec<_> = (0..200).map_while(|area| ramp.time_of_area(f64::from(area))).collect();
            prop_assert!(times.is_sorted());
        }
    }
}
