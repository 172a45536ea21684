//! What will be done, decided before anything is done: the levels to visit and who gets which CPUs. Pure.

mod placement;

pub use placement::{Roles, place};

/// One level to visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelPlan {
    /// Its folder's name: `w2`, or `w2-c1.5` with a quota; a count that is asked for again gets `-r2`.
    pub name: String,
    /// Workers of the target.
    pub workers: u32,
}

/// The levels in the order asked for.
pub fn levels(workers: &[u32], quota_cores: Option<f64>) -> Vec<LevelPlan> {
    let visits_before = |index: usize| workers[..index].iter().filter(|&&count| count == workers[index]).count();
    let quota = quota_cores.map_or_else(String::new, |cores| format!("-c{cores}"));
    (workers.iter().enumerate())
        .map(|(index, &count)| {
            let repeat = match visits_before(index) {
                0 => String::new(),
                earlier => format!("-r{}", earlier + 1),
            };
            LevelPlan { name: format!("w{count}{quota}{repeat}"), workers: count }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_names_of_their_own() {
        let names =
            |workers: &[u32], quota| levels(workers, quota).into_iter().map(|level| level.name).collect::<Vec<_>>();
        assert_eq!(names(&[1, 2, 4], None), ["w1", "w2", "w4"]);
        assert_eq!(names(&[2, 2], Some(1.5)), ["w2-c1.5", "w2-c1.5-r2"]);
    }
}
