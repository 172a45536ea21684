//! Whether values come in two clusters, as where a restart lands in one of two modes.

/// The places of the values of the lower and of the upper cluster, where there are two. Fewer than five values, and
/// fewer than two in a cluster, are no clusters: one value apart is an outlier, and stays where it is.
///
/// The values are cut where the two sides scatter least; they are clusters where the sides' means are further apart
/// than those of normal samples nearly ever are.
pub fn modes(values: &[f64]) -> Option<(Vec<usize>, Vec<usize>)> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let sorted: Vec<f64> = order.iter().map(|place| values[*place]).collect();
    let last_cut = sorted.len().checked_sub(2).filter(|_| sorted.len() >= 5)?;
    let cuts = (2..=last_cut).map(|at| Cut::of(&sorted, at));
    let best = cuts.min_by(|a, b| a.within.total_cmp(&b.within))?;
    let deviation = (best.within / (sorted.len() as f64 - 2.0)).sqrt();
    let is_parted = best.distance > least_distance(sorted.len()) * deviation;
    is_parted.then(|| (order[..best.at].to_vec(), order[best.at..].to_vec()))
}

/// In standard deviations within the sides: of normal samples, fewer than one of a hundred have their sides further
/// apart. Follows the quantiles of 40,000 simulated samples of each size from 5 to 20, and of 10,000 of 30, 50 and 100.
fn least_distance(n: usize) -> f64 {
    2.65 + 12.7 / (n as f64 - 3.5).powf(0.68)
}

/// Sorted values, cut in two.
struct Cut {
    at: usize,
    /// Sum of squares about the means of the two sides.
    within: f64,
    /// Between these means.
    distance: f64,
}

impl Cut {
    fn of(sorted: &[f64], at: usize) -> Self {
        let (low, high) = sorted.split_at(at);
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let squares = |values: &[f64]| values.iter().map(|value| (value - mean(values)).powi(2)).sum::<f64>();
        Self { at, within: squares(low) + squares(high), distance: mean(high) - mean(low) }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::coverage::{Normals, share},
        modes,
    };

    #[test]
    fn one_mode_is_seldom_called_two() {
        let mut normals = Normals::new(1);
        for n in 5..=20 {
            let found = share(&format!("two modes in {n} normal values"), 3000, || {
                modes(&normals.several_rps(n, 100.0, 0.05)).is_some()
            });
            // 1 %, and two standard errors of the simulation.
            assert!(found <= 0.0137, "{n}: {found}");
        }
    }

    #[test]
    fn two_modes_are_found_as_they_are() {
        let mut normals = Normals::new(2);
        for (low, high) in [(4, 4), (2, 6), (5, 5), (3, 9), (5, 15), (10, 10), (2, 18)] {
            let found = share(&format!("modes of {low} and {high} values, 20 % apart, noise 2 %"), 500, || {
                let mut values = normals.several_rps(low, 100.0, 0.02);
                values.extend(normals.several_rps(high, 120.0, 0.02));
                let Some((mut below, above)) = modes(&values) else { return false };
                below.sort_unstable();
                below == (0..low).collect::<Vec<_>>() && above.len() == high
            });
            let enough = if low + high < 10 { 0.75 } else { 0.9 };
            assert!(found >= enough, "{low} and {high}: {found}");
        }
    }

    #[test]
    fn the_places_are_those_of_the_values() {
        let (low, high) = modes(&[10.0, 20.0, 10.1, 20.1, 9.9, 19.9]).unwrap();
        assert_eq!((low, high), (vec![4, 0, 2], vec![5, 1, 3]));
    }

    #[test]
    fn an_outlier_is_no_mode_and_four_values_are_too_few() {
        assert_eq!(modes(&[10.0, 10.1, 10.2, 9.9, 9.8, 20.0]), None);
        assert_eq!(modes(&[10.0, 10.0, 20.0, 20.0]), None);
        assert!(modes(&[10.0, 10.0, 20.0, 20.0, 20.0]).is_some());
        assert_eq!(modes(&[10.0; 8]), None);
        assert_eq!(modes(&[]), None);
    }
}
