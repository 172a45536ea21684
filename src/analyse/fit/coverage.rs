//! How often the intervals of fits hold the truth, and how often the right thing is said of a curve, by simulation.

use super::{Candidate, Curve, Fitted, Law, PointData, blocks::Levelled, published::SPECSDM91};
use crate::analyse::stats::{
    Interval,
    coverage::{Normals, share},
};

const STUDIES: u32 = 800;

const EIGHT: [f64; 8] = [1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0];

/// Five blocks, each with a drift of its own, which all its points share.
fn study(normals: &mut Normals, settings: &[f64], noise: f64, x: impl Fn(f64) -> f64) -> Vec<PointData> {
    let drifts = [0; 5].map(|_| normals.rps(1.0, 0.02));
    let point = |n: &f64| (*n, drifts.iter().map(|drift| Some(normals.rps(drift * x(*n), noise))).collect());
    settings.iter().map(point).collect()
}

fn usl(sigma: f64, kappa: f64) -> Fitted {
    let (sigma, kappa) = (Some(sigma), Some(kappa));
    Fitted { law: Law::Usl, lambda: 100.0, sigma, kappa, ceiling: None, sum_of_squares: 0.0 }
}

/// Of the interval of each parameter, in studies of this truth.
fn assert_parameters_covered(what: &str, truth: &Fitted, noise: f64, at_least_only: bool) {
    type Parameter = (&'static str, fn(&Candidate) -> Option<Interval>, Option<f64>);
    let parameters: [Parameter; 5] = [
        ("lambda", |it| it.lambda, Some(truth.lambda)),
        ("sigma", |it| it.sigma, truth.sigma),
        ("kappa", |it| it.kappa, truth.kappa),
        ("ceiling", |it| it.ceiling, truth.ceiling),
        ("peak", |it| it.peak, truth.peak().filter(|_| !at_least_only)),
    ];
    let mut normals = Normals::new(11);
    let studies: Vec<Candidate> = (0..STUDIES)
        .map(|_| {
            let points = study(&mut normals, &EIGHT, noise, |n| truth.at(n));
            Candidate::of(truth.law, &points, &Levelled::of(&points)).expect("there is enough")
        })
        .collect();
    for (name, interval, value) in parameters {
        let Some(value) = value else { continue };
        let mut intervals = studies.iter().map(interval);
        let covered =
            share(&format!("{what}: {name}"), STUDIES, || intervals.next().flatten().is_some_and(|it| it.holds(value)));
        assert!(covered >= 0.93 && (at_least_only || covered <= 0.97), "{what}: {name}: {covered}");
    }
}

#[test]
fn parameters_of_usl() {
    assert_parameters_covered("USL", &usl(0.05, 0.003), 0.01, false);
}

#[test]
fn parameters_of_amdahl_and_of_a_hinge() {
    let amdahl = Fitted { law: Law::Amdahl, kappa: None, ..usl(0.1, 0.0) };
    assert_parameters_covered("Amdahl", &amdahl, 0.03, false);
    let hinge = Fitted { law: Law::Hinge, sigma: None, kappa: None, ceiling: Some(500.0), ..usl(0.0, 0.0) };
    assert_parameters_covered("a hinge", &hinge, 0.02, false);
}

#[test]
fn parameters_near_a_bound() {
    assert_parameters_covered("USL with next to no kappa", &usl(0.05, 0.0002), 0.03, true);
}

#[test]
fn parameters_at_a_bound() {
    assert_parameters_covered("USL without kappa", &usl(0.05, 0.0), 0.03, true);
    assert_parameters_covered("linear as USL", &usl(0.0, 0.0), 0.03, true);
}

/// The share of many studies of which something is said.
fn curves(
    what: &str,
    studies: u32,
    settings: &[f64],
    noise: f64,
    x: impl Fn(f64) -> f64,
    says: impl Fn(&Curve) -> bool,
) -> f64 {
    let mut normals = Normals::new(12);
    share(what, studies, || says(&Curve::of(&study(&mut normals, settings, noise, &x))))
}

fn specsdm91(n: f64) -> f64 {
    SPECSDM91.into_iter().find(|(it, _)| *it == n).expect("one of its settings").1
}

#[test]
fn what_falls_is_never_called_a_hinge() {
    let settings = SPECSDM91.map(|(n, _)| n);
    let found =
        curves("specsdm91 in 5 blocks with 1 % noise is retrograde, no hinge", 200, &settings, 0.01, specsdm91, |it| {
            it.is_retrograde() && it.candidates.iter().all(|it| it.fitted.law == Law::Usl)
        });
    assert!(found >= 0.995, "{found}");
}

#[test]
fn a_plateau_is_seldom_called_falling() {
    let plateau = |n: f64| f64::min(100.0 * n, 350.0);
    let found = curves("a plateau is called retrograde", 300, &EIGHT, 0.03, plateau, Curve::is_retrograde);
    assert!(found <= 0.05, "{found}");
}

#[test]
fn what_is_not_linear_is_seldom_called_linear() {
    // Just at the margin: 5 % less than linear.
    let settings = [1.0, 2.0];
    let at_margin = |n: f64| if n > 1.0 { 95.0 * n } else { 100.0 };
    let found =
        curves("95 % efficiency is called linear", 2000, &settings, 0.02, at_margin, |it| it.linear_to.is_some());
    assert!(found <= 0.06, "{found}");
    let found = curves(
        "linear is called linear up to 4, noise 1 %",
        400,
        &[1.0, 2.0, 4.0],
        0.01,
        |n| 100.0 * n,
        |it| it.linear_to == Some(4.0),
    );
    assert!(found >= 0.9, "{found}");
}

#[test]
fn the_law_that_is_true_is_chosen() {
    let hinge = |n: f64| f64::min(100.0 * n, 520.0);
    let usl = usl(0.05, 0.01);
    let amdahl = |n: f64| 100.0 * n / (1.0 + 0.1 * (n - 1.0));
    let is = |law: Law| move |it: &Curve| it.chosen == Some(law);
    let chosen = [
        curves("linear is chosen where it is true", 100, &EIGHT, 0.01, |n| 100.0 * n, is(Law::Linear)),
        curves("Amdahl is chosen where it is true", 100, &EIGHT, 0.01, amdahl, is(Law::Amdahl)),
        curves("the hinge is chosen where it is true", 100, &EIGHT, 0.01, hinge, is(Law::Hinge)),
        curves("USL is chosen where it is true", 100, &EIGHT, 0.01, |n| usl.at(n), is(Law::Usl)),
    ];
    assert!(chosen.iter().all(|share| *share >= 0.75), "{chosen:?}");
}
