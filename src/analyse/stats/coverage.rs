//! How often each interval holds the truth, by simulation; docs/statistics.md has what these tests print.

use super::*;
use crate::distribution::{Random, random, uniform};
use rand_distr::{Distribution, StandardNormal};
use std::io::Write;

/// Normal deviates of a seed.
pub(in crate::analyse) struct Normals(Random);

impl Normals {
    pub(in crate::analyse) fn new(seed: u64) -> Self {
        Self(random(seed, 0))
    }

    pub(in crate::analyse) fn next(&mut self, mean: f64, standard_deviation: f64) -> f64 {
        let normal: f64 = StandardNormal.sample(&mut self.0);
        mean + standard_deviation * normal
    }

    /// A throughput about `mean`, whose log has this standard deviation.
    pub(in crate::analyse) fn rps(&mut self, mean: f64, spread: f64) -> f64 {
        mean * self.next(0.0, spread).exp()
    }

    pub(in crate::analyse) fn several_rps(&mut self, n: usize, mean: f64, spread: f64) -> Vec<f64> {
        (0..n).map(|_| self.rps(mean, spread)).collect()
    }
}

/// The share of many simulated studies in which something holds; printed, for docs/statistics.md.
pub(in crate::analyse) fn share(what: &str, studies: u32, mut holds: impl FnMut() -> bool) -> f64 {
    let share = f64::from((0..studies).map(|_| u32::from(holds())).sum::<u32>()) / f64::from(studies);
    let _ = writeln!(std::io::stderr(), "{what}: {:.1} % of {studies}", share * 100.0);
    share
}

/// What a nominal 95 % must cover.
pub(in crate::analyse) fn assert_covers(what: &str, studies: u32, holds: impl FnMut() -> bool) {
    let share = share(what, studies, holds);
    assert!((0.93..=0.97).contains(&share), "{what}: {share}");
}

/// A pilot's blocks, then as many as it asks for: the interval, and how many blocks it took.
fn stein(normals: &mut Normals, spread: f64, half_width: f64) -> (Interval, usize) {
    let mut values = normals.several_rps(5, 100.0, spread);
    let pilot = Pilot::of(&Geometric::mean(&values).expect("five values"));
    let needed = pilot.blocks_needed(half_width, LEVEL);
    values.extend(normals.several_rps(needed - values.len(), 100.0, spread));
    (pilot.finish(&Geometric::mean(&values).expect("five values or more")).interval(LEVEL), needed)
}

#[test]
fn of_geometric_means() {
    let mut normals = Normals::new(21);
    for (n, spread) in [(2, 0.05), (3, 0.05), (5, 0.01), (5, 0.2), (10, 0.05)] {
        assert_covers(&format!("mean of {n} visits, spread {spread}"), 2000, || {
            Geometric::mean(&normals.several_rps(n, 100.0, spread)).unwrap().interval(LEVEL).holds(100.0)
        });
    }
}

#[test]
fn of_paired_ratios() {
    let mut normals = Normals::new(22);
    for (blocks, drift) in [(3, 0.1), (5, 0.0), (5, 0.3), (10, 0.1)] {
        assert_covers(&format!("paired ratio of {blocks} blocks, drift {drift}"), 2000, || {
            let mut pair = || {
                let speed = normals.rps(1.0, drift);
                (normals.rps(180.0 * speed, 0.04), normals.rps(100.0 * speed, 0.02))
            };
            let pairs: Vec<(f64, f64)> = (0..blocks).map(|_| pair()).collect();
            Geometric::paired(&pairs).unwrap().interval(LEVEL).holds(1.8)
        });
    }
}

#[test]
fn of_unpaired_ratios() {
    let mut normals = Normals::new(23);
    for (n_a, n_b, spread_a, spread_b) in
        [(5, 5, 0.05, 0.05), (5, 5, 0.01, 0.1), (5, 10, 0.05, 0.02), (10, 5, 0.02, 0.05)]
    {
        let what = format!("unpaired ratio of {n_a} and {n_b} visits, spreads {spread_a} and {spread_b}");
        assert_covers(&what, 2000, || {
            let (a, b) = (normals.several_rps(n_a, 90.0, spread_a), normals.several_rps(n_b, 100.0, spread_b));
            Geometric::unpaired(&a, &b).unwrap().interval(LEVEL).holds(0.9)
        });
    }
}

#[test]
fn of_pooled_ratios() {
    let mut normals = Normals::new(24);
    assert_covers("pooled ratio of 4 points, 5 and 5 visits each", 2000, || {
        let ratios = [(50.0, 0.02), (100.0, 0.05), (150.0, 0.02), (180.0, 0.1)].map(|(rps, spread)| {
            let (a, b) = (normals.several_rps(5, 0.9 * rps, spread), normals.several_rps(5, rps, spread));
            Geometric::unpaired(&a, &b).unwrap()
        });
        Geometric::pooled(&ratios).unwrap().interval(LEVEL).holds(0.9)
    });
}

#[test]
fn of_one_sided_bounds() {
    let mut normals = Normals::new(25);
    assert_covers("lower bound, 5 visits", 2000, || {
        Geometric::mean(&normals.several_rps(5, 100.0, 0.05)).unwrap().lower(LEVEL) < 100.0
    });
    assert_covers("upper bound, 5 visits", 2000, || {
        Geometric::mean(&normals.several_rps(5, 100.0, 0.05)).unwrap().upper(LEVEL) > 100.0
    });
}

#[test]
fn of_steins_rule() {
    let mut normals = Normals::new(26);
    for spread in [0.01, 0.03, 0.08] {
        assert_covers(&format!("Stein's rule for 3 %, spread {spread}"), 1500, || {
            let (interval, needed) = stein(&mut normals, spread, 0.03);
            assert!(interval.high / interval.estimate < 1.030_000_1, "{needed}: {interval:?}");
            interval.holds(100.0)
        });
    }
}

/// Why it takes Stein's rule: what measurement.md says of the way that looks natural.
#[test]
fn looking_after_each_block_undercovers() {
    let mut normals = Normals::new(27);
    let covered = share("stopping when it looks tight, from 5 blocks on, spread 0.04", 2000, || {
        let mut values = normals.several_rps(5, 100.0, 0.04);
        loop {
            let interval = Geometric::mean(&values).unwrap().interval(LEVEL);
            if interval.high / interval.estimate <= 1.03 {
                return interval.holds(100.0);
            }
            values.push(normals.rps(100.0, 0.04));
        }
    });
    assert!(covered < 0.935, "{covered}");
}

#[test]
fn of_equivalence_and_of_three_answers() {
    let mut normals = Normals::new(28);
    let mut ratio = |truth: f64| {
        let pairs: Vec<(f64, f64)> =
            (0..5).map(|_| (normals.rps(100.0 * truth, 0.015), normals.rps(100.0, 0.015))).collect();
        Geometric::paired(&pairs).unwrap()
    };
    let wrong = share("5 blocks at the margin are called equivalent", 2000, || ratio(0.95).equivalence(0.05).is_shown);
    assert!((0.035..0.065).contains(&wrong), "{wrong}");
    let right =
        share("5 equal blocks are called equivalent, spread 0.015", 500, || ratio(1.0).equivalence(0.05).is_shown);
    assert!(right > 0.9, "{right}");
    for judgement in [Judgement::Worse, Judgement::NotWorse] {
        let wrong = share(&format!("5 blocks at the limit are called {judgement:?}"), 2000, || {
            ratio(0.97).judge(0.97) == judgement
        });
        assert!((0.035..0.065).contains(&wrong), "{wrong}");
    }
}

#[test]
fn of_power() {
    let mut normals = Normals::new(29);
    for blocks in [3, 5, 10] {
        let effect = smallest_effect(blocks, 0.05, 0.8, 0.05).unwrap();
        let found = share(&format!("{blocks} blocks find the smallest effect"), 2000, || {
            let pairs: Vec<(f64, f64)> = (0..blocks).map(|_| (normals.rps(effect.exp(), 0.05), 1.0)).collect();
            Geometric::paired(&pairs).unwrap().p_differs(1.0) < 0.05
        });
        assert!((0.77..0.83).contains(&found), "{blocks}: {found}");
    }
}

#[test]
fn of_claims_about_several_points() {
    let mut normals = Normals::new(30);
    let wrong = share("any of 8 equal points is called different, by Holm", 2000, || {
        let p_values: Vec<f64> = (0..8)
            .map(|_| {
                let (a, b) = (normals.several_rps(5, 100.0, 0.05), normals.several_rps(5, 100.0, 0.05));
                Geometric::unpaired(&a, &b).unwrap().p_differs(1.0)
            })
            .collect();
        holm(&p_values).into_iter().any(|p| p < 0.05)
    });
    assert!(wrong <= 0.06, "{wrong}");
}

/// Twenty visits of one target, in requests/s, in the order in which they were made: A of a `study --ab` of
/// examples/limits/cpu-quota.yaml with itself.
const MEASURED_RPS: [f64; 20] = [
    241.0, 241.5, 241.5, 242.5, 241.5, 241.0, 242.5, 240.5, 242.5, 240.0, 242.5, 239.0, 242.0, 238.0, 240.0, 239.5,
    239.5, 240.0, 238.0, 240.0,
];

/// Comparisons of the same with the same: ten and ten visits, drawn from twenty of one target, whether these have one
/// mode or two, or were measured.
#[test]
fn of_a_with_a() {
    let mut normals = Normals::new(31);
    let one_mode = normals.several_rps(20, 100.0, 0.05);
    let mut two_modes = normals.several_rps(12, 100.0, 0.02);
    two_modes.extend(normals.several_rps(8, 120.0, 0.02));
    let measured = MEASURED_RPS.to_vec();
    for (what, visits) in [("one mode", one_mode), ("two modes", two_modes), ("a real target", measured)] {
        let mut shuffle = random(32, 0);
        let claims = share(&format!("A/A comparisons of 20 visits of {what} claim a difference"), 100, || {
            let mut keyed: Vec<(f64, f64)> = visits.iter().map(|visit| (uniform(&mut shuffle), *visit)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            let shuffled: Vec<f64> = keyed.into_iter().map(|(_, visit)| visit).collect();
            let (a, b) = shuffled.split_at(10);
            Geometric::unpaired(a, b).unwrap().p_differs(1.0) < 0.05
        });
        assert!(claims <= 0.10, "{what}: {claims}");
    }
}
