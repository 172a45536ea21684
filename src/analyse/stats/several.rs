//! Claims about several points at once.

/// Each p value as Holm's step-down procedure adjusts it (Scandinavian Journal of Statistics 6, 1979), in the order
/// given: claiming all those below 5 % makes any wrong claim at most 5 % probable, whatever depends on what.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut at_least = 0.0_f64;
    for (rank, place) in order.into_iter().enumerate() {
        let left = (p_values.len() - rank) as f64;
        at_least = at_least.max(left * p_values[place]).min(1.0);
        adjusted[place] = at_least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::holm;

    /// Multiplied by hand; 0.04 x 1 may not come before 0.03 x 2.
    #[test]
    fn the_smallest_is_multiplied_most_and_the_order_is_kept() {
        let near = |a: Vec<f64>, b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12) && a.len() == b.len();
        assert!(near(holm(&[0.01, 0.04, 0.03, 0.005]), &[0.03, 0.06, 0.06, 0.02]));
        assert!(near(holm(&[0.03]), &[0.03]));
        assert!(near(holm(&[0.6, 0.9]), &[1.0, 1.0]));
        assert!(holm(&[]).is_empty());
    }
}
