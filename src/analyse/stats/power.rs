//! What so many blocks can show.

use super::distributions::{deviation_density, normal_below, t_quantile};

/// How probable a two-sided paired test at `alpha` finds an effect, which is given in standard deviations of a pair's
/// difference; `None` below two blocks.
///
/// The tails of the noncentral t: the normal's, over all that the measured standard deviation may be.
pub fn power(blocks: usize, effect: f64, alpha: f64) -> Option<f64> {
    const STEPS: u32 = 400;
    let degrees_of_freedom = blocks.checked_sub(1).filter(|it| *it > 0)? as f64;
    let critical = t_quantile(1.0 - alpha / 2.0, degrees_of_freedom);
    let shift = effect * (blocks as f64).sqrt();
    let found = |ratio: f64| normal_below(shift - critical * ratio) + normal_below(-shift - critical * ratio);
    // Beyond eight standard deviations of it there is nothing.
    let step = (1.0 + 8.0 / (2.0 * degrees_of_freedom).sqrt()) / f64::from(STEPS);
    let middles = (0..STEPS).map(|at| (f64::from(at) + 0.5) * step);
    Some(middles.map(|ratio| found(ratio) * deviation_density(ratio, degrees_of_freedom)).sum::<f64>() * step)
}

/// The smallest effect, in the unit of `standard_deviation` (that of the pairs' differences; of log ratios, a log
/// ratio), that a two-sided paired test at `alpha` finds with probability `wanted_power`. `None` below two blocks, and for
/// what is more than certain.
pub fn smallest_effect(blocks: usize, standard_deviation: f64, wanted_power: f64, alpha: f64) -> Option<f64> {
    let (mut low, mut high) = (0.0, 1.0);
    while power(blocks, high, alpha)? < wanted_power {
        if high.is_infinite() {
            return None;
        }
        (low, high) = (high, 2.0 * high);
    }
    while high - low > 1e-4 * high {
        let middle = f64::midpoint(low, high);
        if power(blocks, middle, alpha)? < wanted_power { low = middle } else { high = middle }
    }
    Some(high * standard_deviation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_effect_the_power_is_alpha() {
        for blocks in [2, 3, 5, 50] {
            let power = power(blocks, 0.0, 0.05).unwrap();
            assert!((power - 0.05).abs() < 1e-4, "{blocks}: {power}");
        }
    }

    /// measurement.md: about 1.7 s at 5 blocks and 1.0 s at 10.
    #[test]
    fn the_smallest_effect_of_so_many_blocks() {
        let effect = |blocks| smallest_effect(blocks, 1.0, 0.8, 0.05);
        let within = |blocks, low, high| effect(blocks).is_some_and(|effect| (low..high).contains(&effect));
        assert!(within(5, 1.65, 1.70), "{:?}", effect(5));
        assert!(within(10, 0.98, 1.02), "{:?}", effect(10));
        assert!(within(2, 10.0, 25.0), "{:?}", effect(2));
        assert!(within(1000, 0.088, 0.090), "{:?}", effect(1000));
        assert_eq!((effect(0), effect(1), smallest_effect(5, 1.0, 1.1, 0.05)), (None, None, None));
        assert!((smallest_effect(5, 0.05, 0.8, 0.05).unwrap() - 0.05 * effect(5).unwrap()).abs() < 1e-12);
    }
}
