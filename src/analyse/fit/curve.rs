//! What a study's points along one axis say: ratios, whether X falls again, how far it is linear, and which law it
//! follows.

use super::{
    blocks::PointData,
    choice::{Candidate, WhyNone, candidates, choose},
    laws::Law,
};
use crate::analyse::stats::{ALPHA, Equivalence, Geometric, Interval, LEVEL, best, pairs};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Linear is an efficiency this close to 1.
pub const LINEAR_MARGIN: f64 = 0.05;

/// Growth of X along one axis, N.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Curve {
    /// A row for each N, in rising order.
    pub points: Vec<CurvePoint>,
    /// The best point beside the last; absent where the last is the best, and below two blocks that have both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contrast: Option<Contrast>,
    /// The largest N up to which each efficiency is shown to be within 5 % of 1; nothing is said beyond it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linear_to: Option<f64>,
    /// The laws that these data can be asked for, the best first.
    pub candidates: Vec<Candidate>,
    /// The law of the first of them, if that is believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<Law>,
    /// Why none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_none: Option<WhyNone>,
}

/// One N.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CurvePoint {
    /// The setting.
    pub n: f64,
    /// Geometric mean of X; absent below two blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<Interval>,
    /// X over that of the smallest N, in the same blocks; absent for that itself, and below two blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_up: Option<Interval>,
    /// Speed-up over the ratio of the N; absent as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub efficiency: Option<Interval>,
    /// Whether efficiency is 1 but for 5 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linear: Option<Equivalence>,
}

/// The last point beside the best one, in the same blocks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Contrast {
    /// N of the best point.
    pub best: f64,
    /// The largest N.
    pub last: f64,
    /// X at the last over X at the best.
    pub ratio: Interval,
    /// That the last is not below the best, one-sided; times the number of points that might have been the best one.
    pub p_value: f64,
}

impl Contrast {
    /// Whether X is shown to fall as N grows.
    pub fn is_retrograde(&self) -> bool {
        self.p_value < ALPHA
    }
}

impl Curve {
    /// Of points in any order, each N once. An X that is not above 0 counts as none.
    pub fn of(points: &[PointData]) -> Self {
        let points = sorted(points);
        let contrast = contrast(&points);
        let is_retrograde = contrast.is_some_and(|contrast| contrast.is_retrograde());
        let candidates = candidates(&points, is_retrograde);
        let (chosen, why_none) = match choose(&candidates, &points) {
            Ok(law) => (Some(law), None),
            Err(why) => (None, Some(why)),
        };
        let rows: Vec<CurvePoint> = points.iter().map(|point| CurvePoint::of(point, &points[0])).collect();
        let linear_to = linear_to(&rows);
        Self { points: rows, contrast, linear_to, candidates, chosen, why_none }
    }

    /// The law that is believed, with its parameters.
    pub fn fit(&self) -> Option<&Candidate> {
        self.candidates.first().filter(|first| Some(first.fitted.law) == self.chosen)
    }

    /// Whether X is shown to fall as N grows.
    pub fn is_retrograde(&self) -> bool {
        self.contrast.is_some_and(|contrast| contrast.is_retrograde())
    }
}

impl CurvePoint {
    fn of(point: &PointData, first: &PointData) -> Self {
        let values: Vec<f64> = point.1.iter().copied().flatten().collect();
        let ratio = (point.0 > first.0).then(|| Geometric::paired(&pairs(&point.1, &first.1))).flatten();
        let growth = point.0 / first.0;
        let efficiency = ratio.map(|ratio| ratio.over(growth));
        Self {
            n: point.0,
            x: Geometric::mean(&values).map(|mean| mean.interval(LEVEL)),
            speed_up: ratio.map(|ratio| ratio.interval(LEVEL)),
            efficiency: efficiency.map(|ratio| ratio.interval(LEVEL)),
            linear: efficiency.map(|ratio| ratio.equivalence(LINEAR_MARGIN)),
        }
    }
}

/// By rising N, without values that have no log.
fn sorted(points: &[PointData]) -> Vec<PointData> {
    let is_usable = |x: &f64| *x > 0.0 && x.is_finite();
    let usable = |(n, by_block): &PointData| (*n, by_block.iter().map(|x| x.filter(is_usable)).collect());
    let mut points: Vec<PointData> = points.iter().map(usable).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

/// The best point by its geometric mean, against the last.
fn contrast(points: &[PointData]) -> Option<Contrast> {
    let last = points.last()?;
    let best = &points[best(points.iter().map(|(_, by_block)| by_block.as_slice()))?];
    let ratio = Geometric::paired(&pairs(&last.1, &best.1)).filter(|_| best.0 < last.0)?;
    let others = points.len() as f64 - 1.0;
    let p_value = (ratio.p_below(1.0) * others).min(1.0);
    Some(Contrast { best: best.0, last: last.0, ratio: ratio.interval(LEVEL), p_value })
}

/// All points up to it must be linear, so no correction for several is due.
fn linear_to(rows: &[CurvePoint]) -> Option<f64> {
    let others = rows.iter().skip(1);
    others.take_while(|row| row.linear.is_some_and(|linear| linear.is_shown)).last().map(|row| row.n)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each X in three blocks, the second faster and the third slower, with a little noise that is another for each
    /// point.
    fn points(values: &[(f64, f64)], noise: f64) -> Vec<PointData> {
        let blocks = [1.0, 1.1, 0.8];
        let point = |(at, (n, x)): (usize, &(f64, f64))| {
            let by_block = blocks.iter().enumerate().map(|(block, speed)| {
                let sign = [1.0, -1.0, 0.0][(at + block) % 3];
                Some(x * speed * (1.0 + noise * sign))
            });
            (*n, by_block.collect())
        };
        values.iter().enumerate().map(point).collect()
    }

    #[test]
    fn ratios_are_of_the_same_blocks() {
        let curve = Curve::of(&points(&[(4.0, 32.0), (1.0, 10.0), (2.0, 20.0)], 0.0));
        assert_eq!(curve.points.iter().map(|it| it.n).collect::<Vec<_>>(), [1.0, 2.0, 4.0]);
        assert!(curve.points[0].speed_up.is_none() && curve.points[0].x.is_some());
        let near = |interval: Option<Interval>, value: f64| {
            let interval = interval.unwrap();
            // The blocks' speeds are not in it.
            (interval.low - value).abs() < 1e-9 && (interval.high - value).abs() < 1e-9
        };
        assert!(near(curve.points[1].speed_up, 2.0) && near(curve.points[1].efficiency, 1.0));
        assert!(near(curve.points[2].speed_up, 3.2) && near(curve.points[2].efficiency, 0.8));
        assert_eq!(curve.linear_to, Some(2.0));
        assert!(curve.contrast.is_none());
        assert_eq!(curve.why_none, Some(WhyNone::TooFewPoints));
    }

    #[test]
    fn linear_is_shown_not_assumed() {
        let values = [(1.0, 10.0), (2.0, 19.8), (4.0, 39.5), (8.0, 79.0)];
        assert_eq!(Curve::of(&points(&values, 0.002)).linear_to, Some(8.0));
        // The same growth, but nobody can tell.
        assert_eq!(Curve::of(&points(&values, 0.1)).linear_to, None);
        // A gap ends it, whatever comes behind.
        let values = [(1.0, 10.0), (2.0, 20.0), (4.0, 36.0), (8.0, 80.0)];
        assert_eq!(Curve::of(&points(&values, 0.002)).linear_to, Some(2.0));
    }

    #[test]
    fn what_falls_is_told_from_what_may_fall() {
        let values = [(1.0, 10.0), (2.0, 18.0), (3.0, 17.0), (4.0, 15.0)];
        let curve = Curve::of(&points(&values, 0.005));
        let contrast = curve.contrast.unwrap();
        assert_eq!((contrast.best, contrast.last), (2.0, 4.0));
        assert!(curve.is_retrograde() && contrast.ratio.high < 1.0, "{contrast:?}");
        assert!(!Curve::of(&points(&values, 0.3)).is_retrograde());
    }

    #[test]
    fn a_missing_value_takes_its_pair_with_it_and_nothing_else() {
        let mut data = points(&[(1.0, 10.0), (2.0, 20.0), (4.0, 40.0)], 0.01);
        data[1].1[0] = None;
        data[2].1[1] = Some(0.0);
        let curve = Curve::of(&data);
        assert_eq!(curve.points.iter().map(|it| it.x.unwrap().n).collect::<Vec<_>>(), [3, 2, 2]);
        data[1].1[1] = None;
        assert!(Curve::of(&data).points[1].x.is_none());
        let empty = Curve::of(&[]);
        assert_eq!((empty.points.len(), empty.chosen, empty.why_none), (0, None, Some(WhyNone::TooFewBlocks)));
    }

    #[test]
    fn a_curve_is_read_back_as_it_was_written() {
        let values = [(1.0, 10.0), (2.0, 19.0), (3.0, 27.0), (4.0, 34.0), (6.0, 46.0), (8.0, 55.0)];
        let curve = Curve::of(&points(&values, 0.01));
        assert!(curve.fit().is_some(), "{curve:?}");
        let text = serde_json::to_string(&curve).unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), serde_json::to_value(&curve).unwrap());
        assert_eq!(serde_json::from_str::<Curve>(&text).unwrap().chosen, curve.chosen);
        assert!(!text.contains("null"), "{text}");
    }
}
