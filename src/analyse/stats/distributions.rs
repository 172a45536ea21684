//! Quantiles and tails of the distributions that errors follow; `statrs` has the mathematics.

use statrs::distribution::{ChiSquared, Continuous, ContinuousCDF, FisherSnedecor, Normal, StudentsT};

fn students_t(degrees_of_freedom: f64) -> StudentsT {
    StudentsT::new(0.0, 1.0, degrees_of_freedom)
        .expect("degrees of freedom are above 0: they come of two values or more")
}

/// The value below which Student's t lies with probability `p`, in 0..1.
pub(super) fn t_quantile(p: f64, degrees_of_freedom: f64) -> f64 {
    students_t(degrees_of_freedom).inverse_cdf(p)
}

/// The probability that Student's t lies below a value.
pub(super) fn t_below(t: f64, degrees_of_freedom: f64) -> f64 {
    students_t(degrees_of_freedom).cdf(t)
}

/// The probability that Fisher's F lies above a value, from 0; the degrees of freedom are above 0.
pub fn f_above(f: f64, numerator: f64, denominator: f64) -> f64 {
    FisherSnedecor::new(numerator, denominator).expect("callers have degrees of freedom above 0").sf(f)
}

/// The probability that a standard normal lies below a value.
pub(super) fn normal_below(z: f64) -> f64 {
    Normal::standard().cdf(z)
}

/// The density of a standard deviation from normal samples, over the true one.
pub(super) fn deviation_density(ratio: f64, degrees_of_freedom: f64) -> f64 {
    let chi_squared = ChiSquared::new(degrees_of_freedom).expect("callers have degrees of freedom above 0");
    2.0 * degrees_of_freedom * ratio * chi_squared.pdf(degrees_of_freedom * ratio * ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_near(found: f64, table: f64) {
        assert!((found - table).abs() < 6e-4, "{found} is not {table}");
    }

    /// The tables that stand in textbooks.
    #[test]
    fn the_tables() {
        for (p, degrees_of_freedom, t) in [
            (0.975, 1.0, 12.706),
            (0.975, 4.0, 2.776),
            (0.95, 4.0, 2.132),
            (0.05, 4.0, -2.132),
            (0.975, 9.0, 2.262),
            (0.995, 3.0, 5.841),
            (0.975, 1000.0, 1.962),
        ] {
            assert_near(t_quantile(p, degrees_of_freedom), t);
            assert_near(t_below(t, degrees_of_freedom), p);
        }
        assert_near(f_above(3.326, 5.0, 10.0), 0.05);
        assert_near(f_above(0.0, 5.0, 10.0), 1.0);
        assert_near(normal_below(1.95996), 0.975);
    }
}
