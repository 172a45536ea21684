//! Nonlinear least squares of up to three parameters within bounds: Levenberg's and Marquardt's method.
//!
//! Our own, as what exists is either no longer maintained or brings a library of linear algebra for these three
//! unknowns, and knows no bounds, at which the parameters of a scaling law often lie. Marquardt: SIAM J. Applied
//! Mathematics 11 (1963).

/// As many as the largest problem has; one that has fewer bounds the others to a single value.
pub(super) type Vector = [f64; 3];

/// Lowest and highest value of each parameter.
pub(super) type Bounds = [(f64, f64); 3];

/// An observation less its model, and the model's derivative by each parameter.
pub(super) type Residual = (f64, Vector);

/// Where the sum of squares is least.
#[derive(Clone, Copy, Debug)]
pub(super) struct Minimum {
    pub parameters: Vector,
    pub sum_of_squares: f64,
}

const MOST_STEPS: usize = 300;
const MOST_DAMPING: f64 = 1e12;

/// The least sum of squares that a walk downhill from `start` finds within the bounds.
pub(super) fn minimise(residuals: impl Fn(&Vector) -> Vec<Residual>, start: Vector, bounds: &Bounds) -> Minimum {
    let mut at = within(start, bounds);
    let mut here = Slope::of(&residuals(&at));
    let mut damping = 1e-3;
    for _ in 0..MOST_STEPS {
        let step = here.step(damping, here.pinned(&at, bounds));
        let next = within([at[0] + step[0], at[1] + step[1], at[2] + step[2]], bounds);
        let there = Slope::of(&residuals(&next));
        if there.sum_of_squares < here.sum_of_squares {
            let gain = 1.0 - there.sum_of_squares / here.sum_of_squares;
            (at, here, damping) = (next, there, damping / 10.0);
            if gain < 1e-15 {
                break;
            }
        } else if next == at || damping > MOST_DAMPING {
            break;
        } else {
            damping *= 10.0;
        }
    }
    Minimum { parameters: at, sum_of_squares: here.sum_of_squares }
}

fn within(parameters: Vector, bounds: &Bounds) -> Vector {
    std::array::from_fn(|i| parameters[i].clamp(bounds[i].0, bounds[i].1))
}

/// The sum of squares at a place, and the normal equations there.
struct Slope {
    sum_of_squares: f64,
    /// Downhill.
    pull: Vector,
    curvature: [Vector; 3],
}

impl Slope {
    fn of(residuals: &[Residual]) -> Self {
        let mut slope = Self { sum_of_squares: 0.0, pull: [0.0; 3], curvature: [[0.0; 3]; 3] };
        for (residual, derivative) in residuals {
            slope.sum_of_squares += residual * residual;
            for i in 0..3 {
                slope.pull[i] += derivative[i] * residual;
                for j in 0..3 {
                    slope.curvature[i][j] += derivative[i] * derivative[j];
                }
            }
        }
        slope
    }

    /// The parameters that lie at a bound and would go beyond it.
    fn pinned(&self, at: &Vector, bounds: &Bounds) -> [bool; 3] {
        std::array::from_fn(|i| {
            let (low, high) = bounds[i];
            (at[i] <= low && self.pull[i] <= 0.0) || (at[i] >= high && self.pull[i] >= 0.0)
        })
    }

    /// Where to go: Gauss and Newton's step, the shorter and the more downhill the more it is damped.
    fn step(&self, damping: f64, pinned: [bool; 3]) -> Vector {
        let mut matrix = self.curvature;
        let mut pull = self.pull;
        for i in 0..3 {
            // A parameter that nothing depends on stays where it is.
            matrix[i][i] += damping * matrix[i][i].max(1e-30);
            if pinned[i] {
                matrix[i] = [0.0; 3];
                matrix.iter_mut().for_each(|row| row[i] = 0.0);
                (matrix[i][i], pull[i]) = (1.0, 0.0);
            }
        }
        solve(matrix, pull)
    }
}

/// By elimination; the matrix is symmetric and positive definite, so no pivot is 0.
fn solve(mut matrix: [Vector; 3], mut right: Vector) -> Vector {
    for pivot in 0..3 {
        let above = matrix[pivot];
        for row in pivot + 1..3 {
            let factor = matrix[row][pivot] / above[pivot];
            matrix[row].iter_mut().zip(above).for_each(|(cell, above)| *cell -= factor * above);
            right[row] -= factor * right[pivot];
        }
    }
    for row in (0..3).rev() {
        let known: f64 = (row + 1..3).map(|column| matrix[row][column] * right[column]).sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_equations() {
        let matrix = [[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]];
        let [x, y, z] = solve(matrix, [7.5, 7.6, 6.9]);
        assert!((x - 1.0).abs() < 1e-12 && (y - 2.0).abs() < 1e-12 && (z - 3.0).abs() < 1e-12, "{x} {y} {z}");
    }

    /// Rosenbrock's valley, as residuals 10 (y - x^2) and 1 - x.
    fn rosenbrock(p: &Vector) -> Vec<Residual> {
        vec![(10.0 * (p[0] * p[0] - p[1]), [-20.0 * p[0], 10.0, 0.0]), (1.0 - p[0], [1.0, 0.0, 0.0])]
    }

    const FREE: Bounds = [(-10.0, 10.0), (-10.0, 10.0), (0.0, 0.0)];

    #[test]
    fn a_curved_valley_is_walked_to_its_end() {
        let found = minimise(rosenbrock, [-1.2, 1.0, 0.0], &FREE);
        assert!(found.sum_of_squares < 1e-20, "{found:?}");
        assert!((found.parameters[0] - 1.0).abs() < 1e-9 && (found.parameters[1] - 1.0).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn a_bound_holds_and_the_rest_adapts() {
        let bounds = [(-10.0, 0.5), (-10.0, 10.0), (0.0, 0.0)];
        let found = minimise(rosenbrock, [-1.2, 1.0, 0.0], &bounds);
        assert!((found.parameters[0] - 0.5).abs() < 1e-12 && (found.parameters[1] - 0.25).abs() < 1e-8, "{found:?}");
        // A start at a bound leaves it where the way is downhill.
        let found = minimise(rosenbrock, [-10.0, -10.0, 0.0], &FREE);
        assert!(found.sum_of_squares < 1e-20, "{found:?}");
    }
}
