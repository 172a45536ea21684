//! Which points are as good as the best one, but for a margin.

use super::{ALPHA, Geometric, holm};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A point beside the best one of a study.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NearBest {
    /// Its X over that of the best, in the same blocks; 1 of the best itself, absent below two blocks that have both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// How probable such values are where it is below the best by the margin or more, adjusted for the number of points by
    /// Holm; 0 of the best itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// Whether it is shown to be within the margin.
    pub is_shown: bool,
}

/// Each of some points, given by their X in each block, beside the one whose geometric mean is the highest. X is above 0. That
/// the best is chosen by the same data makes it look better than it is, and so the claim harder. Empty where no point has a
/// value.
pub fn near_best(points: &[Vec<Option<f64>>], margin: f64) -> Vec<NearBest> {
    let Some(best) = best(points.iter().map(Vec::as_slice)) else { return Vec::new() };
    let ratio = |(at, point): (usize, &Vec<Option<f64>>)| {
        Geometric::paired(&pairs(point, &points[best])).filter(|_| at != best)
    };
    let ratios: Vec<Option<Geometric>> = points.iter().enumerate().map(ratio).collect();
    let p_values: Vec<f64> = ratios.iter().flatten().map(|ratio| ratio.p_above(1.0 - margin)).collect();
    let mut adjusted = holm(&p_values).into_iter();
    let beside = |(at, ratio): (usize, &Option<Geometric>)| {
        if at == best {
            return NearBest { ratio: Some(1.0), p_value: Some(0.0), is_shown: true };
        }
        let p_value = ratio.and_then(|_| adjusted.next());
        NearBest { ratio: ratio.map(|ratio| ratio.value()), p_value, is_shown: p_value.is_some_and(|p| p < ALPHA) }
    };
    ratios.iter().enumerate().map(beside).collect()
}

/// The place of the point whose geometric mean is the highest; of equal ones, the last.
pub(in crate::analyse) fn best<'a>(points: impl Iterator<Item = &'a [Option<f64>]>) -> Option<usize> {
    let mean_log = |by_block: &[Option<f64>]| {
        let logs: Vec<f64> = by_block.iter().flatten().map(|x| x.ln()).collect();
        (!logs.is_empty()).then(|| logs.iter().sum::<f64>() / logs.len() as f64)
    };
    let means = points.enumerate().filter_map(|(at, point)| Some((at, mean_log(point)?)));
    means.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at)
}

/// X of two points, in the blocks that have both.
pub(in crate::analyse) fn pairs(a: &[Option<f64>], b: &[Option<f64>]) -> Vec<(f64, f64)> {
    a.iter().zip(b).filter_map(|(a, b)| Some(((*a)?, (*b)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::coverage::{Normals, share},
        *,
    };

    /// Five blocks with drift, of points with these means.
    fn study(normals: &mut Normals, means: &[f64], spread: f64) -> Vec<Vec<Option<f64>>> {
        let drifts = [0; 5].map(|_| normals.rps(1.0, 0.1));
        means.iter().map(|mean| drifts.iter().map(|drift| Some(normals.rps(mean * drift, spread))).collect()).collect()
    }

    fn shown(points: &[Vec<Option<f64>>]) -> Vec<bool> {
        near_best(points, 0.05).iter().map(|point| point.is_shown).collect()
    }

    #[test]
    fn the_smallest_that_is_enough() {
        let mut normals = Normals::new(1);
        let points = study(&mut normals, &[50.0, 90.0, 99.0, 100.0], 0.005);
        assert_eq!(shown(&points), [false, false, true, true]);
        // With so much noise only the best is as good as the best.
        assert_eq!(shown(&study(&mut normals, &[99.0, 100.0, 99.5], 0.2)).iter().filter(|it| **it).count(), 1);
    }

    #[test]
    fn a_point_without_values_is_not_shown_and_takes_nobody_s_p_value() {
        let mut points = study(&mut Normals::new(2), &[99.0, 99.0, 100.0], 0.002);
        points[0] = vec![None; 5];
        let found = near_best(&points, 0.05);
        assert_eq!(found[0], NearBest { ratio: None, p_value: None, is_shown: false });
        assert!(found[1].is_shown && found[1].ratio.is_some_and(|ratio| (ratio - 0.99).abs() < 0.01), "{found:?}");
        assert_eq!(near_best(&[], 0.05), []);
        assert_eq!(near_best(&[vec![None], vec![]], 0.05), []);
        assert_eq!(shown(&[vec![Some(1.0)], vec![Some(2.0)]]), [false, true]);
    }

    #[test]
    fn points_at_the_margin_are_seldom_called_near() {
        let mut normals = Normals::new(3);
        let wrong = share("any of 3 points at 95 % of the best is called near it", 2000, || {
            shown(&study(&mut normals, &[95.0, 95.0, 95.0, 100.0], 0.01))[..3].contains(&true)
        });
        assert!(wrong <= 0.06, "{wrong}");
    }
}
