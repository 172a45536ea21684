//! Which law data follow, if any: AICc among those that may be asked, and a test that it misses the points no further
//! than the visits scatter.

use super::{
    blocks::{self, Levelled, PointData},
    laws::{Fitted, Law, Scale},
};
use crate::analyse::stats::{ALPHA, Estimate, Geometric, Interval, LEVEL, f_above};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// No fit below so many blocks.
pub const BLOCKS_NEEDED: usize = 3;

/// A peak is told up to so many times the largest N that was visited.
const PEAK_WITHIN: f64 = 2.0;

/// No throughput is known as well as this: below, nothing tells one law from another.
const FINEST_NOISE: f64 = 1e-7;

/// A law fitted to all blocks together, with intervals from fitting each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// The curve, over the logs of all blocks, without what sets one block's speed apart from another's.
    pub fitted: Fitted,
    /// Of `lambda`, over the blocks' own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda: Option<Interval>,
    /// Of `sigma`; from 0 where it may be 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigma: Option<Interval>,
    /// Of `kappa`; from 0 where it may be 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kappa: Option<Interval>,
    /// Of `ceiling`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Interval>,
    /// Where X is highest; only where X is shown to fall beyond it, at no more than twice the largest N.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak: Option<Interval>,
    /// Akaike's criterion, corrected for few data (C. M. Hurvich, C.-L. Tsai, Biometrika 76, 1989): less is better.
    pub aicc: f64,
    /// How probable it is that the points lie as far from the curve as they do, by the scatter of their visits alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lack_of_fit_p: Option<f64>,
}

/// Why no law is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhyNone {
    /// Fewer than three have enough points.
    TooFewBlocks,
    /// Linear takes 3, Amdahl and the hinge 4, USL 6 (X that falls again is USL's alone); none that was asked fits.
    TooFewPoints,
    /// All laws were asked, and the best misses points by more than their visits scatter.
    NoneFits,
}

/// The laws that may be asked, the best first. X that falls again is no law's but USL's.
pub(super) fn candidates(points: &[PointData], is_retrograde: bool) -> Vec<Candidate> {
    let laws = Law::ALL.into_iter().filter(|law| *law == Law::Usl || !is_retrograde);
    let all = Levelled::of(points);
    let mut candidates: Vec<Candidate> = laws.filter_map(|law| Candidate::of(law, points, &all)).collect();
    candidates.sort_by(|a, b| a.aicc.total_cmp(&b.aicc));
    candidates
}

/// The best, if it fits.
pub(super) fn choose(candidates: &[Candidate], points: &[PointData]) -> Result<Law, WhyNone> {
    let value_counts = points.iter().map(|(_, by_block)| by_block.iter().flatten().count());
    match candidates.first() {
        Some(best) if !best.is_missing_points() => Ok(best.fitted.law),
        _ if value_counts.clone().max().unwrap_or(0) < BLOCKS_NEEDED => Err(WhyNone::TooFewBlocks),
        _ if value_counts.filter(|count| *count > 0).count() < Law::Usl.points_needed() => Err(WhyNone::TooFewPoints),
        Some(_) => Err(WhyNone::NoneFits),
        None => Err(WhyNone::TooFewBlocks),
    }
}

impl Candidate {
    /// `None` below three blocks that have as many points as the law needs.
    pub(super) fn of(law: Law, points: &[PointData], all: &Levelled) -> Option<Self> {
        let blocks = blocks::each(points, law.points_needed());
        if blocks.len() < BLOCKS_NEEDED {
            return None;
        }
        let fitted = law.fit(&all.observations(), Scale::Log)?;
        let of_blocks: Vec<Fitted> = blocks.iter().map(|block| law.fit_unbounded(block)).collect::<Option<_>>()?;
        let most = points.last()?.0;
        Some(Self {
            fitted,
            lambda: geometric(&of_blocks, |it| Some(it.lambda)),
            sigma: bounded(&of_blocks, |it| it.sigma),
            kappa: bounded(&of_blocks, |it| it.kappa),
            ceiling: geometric(&of_blocks, |it| it.ceiling),
            peak: peak(&of_blocks, most),
            aicc: aicc(&fitted, all)?,
            lack_of_fit_p: lack_of_fit_p(&fitted, all),
        })
    }

    /// Whether the curve misses points by more than their visits' scatter explains.
    pub fn is_missing_points(&self) -> bool {
        self.lack_of_fit_p.is_some_and(|p| p < ALPHA)
    }
}

/// Of a parameter that is above 0.
fn geometric(of_blocks: &[Fitted], parameter: impl Fn(&Fitted) -> Option<f64>) -> Option<Interval> {
    let values: Option<Vec<f64>> = of_blocks.iter().map(parameter).collect();
    Some(Geometric::mean(&values?)?.interval(LEVEL))
}

/// Of a parameter that cannot be below 0: what an interval has there goes, so that it is one-sided at a bound. A
/// narrower one there, of 95 % to one side, would cover 92.5 % near the bound, as the data would choose which one is
/// used.
fn bounded(of_blocks: &[Fitted], parameter: impl Fn(&Fitted) -> Option<f64>) -> Option<Interval> {
    let values: Option<Vec<f64>> = of_blocks.iter().map(parameter).collect();
    Some(Estimate::mean(&values?)?.interval(LEVEL).map(|value| value.max(0.0)))
}

/// By way of the peak's inverse square, kappa / (1 - sigma), which is 0 where there is none.
fn peak(of_blocks: &[Fitted], most: f64) -> Option<Interval> {
    let inverse_squares = bounded(of_blocks, |it| Some(it.kappa? / (1.0 - it.sigma?)))?;
    let to_peak = |inverse_square: f64| inverse_square.powf(-0.5);
    let (low, high) = (to_peak(inverse_squares.high), to_peak(inverse_squares.low));
    let peak = Interval { estimate: to_peak(inverse_squares.estimate), low, high, ..inverse_squares };
    (high.is_finite() && peak.estimate <= PEAK_WITHIN * most).then_some(peak)
}

/// `None` where there are too few observations for so many parameters.
fn aicc(fitted: &Fitted, all: &Levelled) -> Option<f64> {
    let n = all.observations().len() as f64;
    // The blocks' speeds are parameters, too, and the noise is one more.
    let k = (fitted.law.parameter_count() + all.speed_count + 1) as f64;
    let variance = (fitted.sum_of_squares / n).max(FINEST_NOISE * FINEST_NOISE);
    (n > k + 1.0).then(|| n * variance.ln() + 2.0 * k + 2.0 * k * (k + 1.0) / (n - k - 1.0))
}

/// The classic F test of how far the curve misses the points' means against how far the visits scatter about these.
/// `None` where there are no more points than parameters.
fn lack_of_fit_p(fitted: &Fitted, all: &Levelled) -> Option<f64> {
    let (n, points) = (all.observations().len(), all.point_count());
    let missed = points.checked_sub(fitted.law.parameter_count()).filter(|it| *it > 0)? as f64;
    let scattered = n.checked_sub(points + all.speed_count).filter(|it| *it > 0)? as f64;
    let pure_error = all.pure_error();
    let excess = (fitted.sum_of_squares - pure_error).max(0.0);
    let noise = (pure_error / scattered).max(FINEST_NOISE * FINEST_NOISE);
    Some(f_above(excess / missed / noise, missed, scattered))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::stats::coverage::Normals;

    /// So many blocks with 1 % noise.
    fn points(settings: &[f64], blocks: usize, x: impl Fn(f64) -> f64) -> Vec<PointData> {
        let mut normals = Normals::new(4);
        let by_block = |n: f64, normals: &mut Normals| (0..blocks).map(|_| Some(normals.rps(x(n), 0.01))).collect();
        settings.iter().map(|n| (*n, by_block(*n, &mut normals))).collect()
    }

    fn laws(points: &[PointData], is_retrograde: bool) -> Vec<Law> {
        let mut laws: Vec<Law> = candidates(points, is_retrograde).iter().map(|it| it.fitted.law).collect();
        laws.sort_unstable();
        laws
    }

    fn chosen(points: &[PointData]) -> Result<Law, WhyNone> {
        choose(&candidates(points, false), points)
    }

    const SIX: [f64; 6] = [1.0, 2.0, 3.0, 4.0, 6.0, 8.0];

    #[test]
    fn a_law_is_asked_from_so_many_points_on() {
        let linear = |n: f64| 100.0 * n;
        assert_eq!(laws(&points(&SIX[..2], 5, linear), false), []);
        assert_eq!(laws(&points(&SIX[..3], 5, linear), false), [Law::Linear]);
        assert_eq!(laws(&points(&SIX[..4], 5, linear), false), [Law::Linear, Law::Amdahl, Law::Hinge]);
        assert_eq!(laws(&points(&SIX[..5], 5, linear), false), [Law::Linear, Law::Amdahl, Law::Hinge]);
        assert_eq!(laws(&points(&SIX, 5, linear), false), Law::ALL);
        assert_eq!(laws(&points(&SIX[..5], 5, linear), true), []);
        assert_eq!(laws(&points(&SIX, 5, linear), true), [Law::Usl]);
    }

    #[test]
    fn two_blocks_are_too_few_and_so_are_three_of_which_one_is_short() {
        let linear = |n: f64| 100.0 * n;
        assert_eq!(chosen(&points(&SIX, 2, linear)), Err(WhyNone::TooFewBlocks));
        let mut three = points(&SIX, 3, linear);
        assert_eq!(chosen(&three), Ok(Law::Linear));
        assert!(laws(&three, false).contains(&Law::Usl));
        three[5].1[0] = None;
        assert!(!laws(&three, false).contains(&Law::Usl));
        assert_eq!(chosen(&points(&SIX[..2], 5, linear)), Err(WhyNone::TooFewPoints));
        assert_eq!(chosen(&[]), Err(WhyNone::TooFewBlocks));
    }

    /// A dip in the middle is none of the laws'.
    #[test]
    fn what_no_law_fits_is_given_none() {
        let dip = |n: f64| if n == 3.0 { 200.0 } else { 100.0 * n };
        assert_eq!(chosen(&points(&SIX, 5, dip)), Err(WhyNone::NoneFits));
        // With four points there are laws that nobody could ask.
        assert_eq!(chosen(&points(&SIX[..4], 5, dip)), Err(WhyNone::TooFewPoints));
    }

    /// Without noise, which no data have, the simplest law that is right is still the best.
    #[test]
    fn exact_data_are_no_reason_for_more_parameters() {
        let mut exact = points(&SIX, 4, |_| 1.0);
        exact.iter_mut().for_each(|(n, by_block)| *by_block = vec![Some(100.0 * *n); 4]);
        assert_eq!(chosen(&exact), Ok(Law::Linear));
        let linear = candidates(&exact, false)[0];
        assert!(linear.aicc.is_finite() && linear.lack_of_fit_p.is_some_and(|p| p > 0.05), "{linear:?}");
    }

    #[test]
    fn a_peak_is_told_up_to_twice_the_largest_setting() {
        // sigma 0, so the peak is at 1 / sqrt(kappa).
        let peak_at = |peak: f64| {
            let x = |n: f64| 100.0 * n / (1.0 + n * (n - 1.0) / (peak * peak));
            let mut exact = points(&SIX, 3, x);
            // As much above as below, so that there is an interval.
            let noises = [0.9999, 1.0, 1.0001];
            exact.iter_mut().for_each(|(n, by_block)| *by_block = noises.map(|noise| Some(x(*n) * noise)).to_vec());
            let usl = candidates(&exact, true)[0];
            usl.peak.map(|peak| peak.estimate)
        };
        assert!(peak_at(15.9).is_some_and(|peak| (peak - 15.9).abs() < 0.01));
        assert_eq!(peak_at(16.1), None);
    }
}
