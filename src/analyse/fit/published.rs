//! Fits of data whose parameters others have published.

use super::{Fitted, Law, Observation, Scale};

/// A router's throughput, as usl4j and usl-rs have it in their tests.
pub(super) const CISCO: [f64; 32] = [
    955.16, 1878.91, 2688.01, 3548.68, 4315.54, 5130.43, 5931.37, 6531.08, 7219.8, 7867.61, 8278.71, 8646.7, 9047.84,
    9426.55, 9645.37, 9897.24, 10097.6, 10240.5, 10532.39, 10798.52, 11151.43, 11518.63, 11806.0, 12089.37, 12075.41,
    12177.29, 12211.41, 12158.93, 12155.27, 12118.04, 12140.4, 12074.39,
];

/// A ray tracer on many processors, of R's package `usl`.
const RAYTRACER: [Observation; 11] = [
    (1.0, 20.0),
    (4.0, 78.0),
    (8.0, 130.0),
    (12.0, 170.0),
    (16.0, 190.0),
    (20.0, 200.0),
    (24.0, 210.0),
    (28.0, 230.0),
    (32.0, 260.0),
    (48.0, 280.0),
    (64.0, 310.0),
];

/// SPEC SDM91 over users, of R's package `usl`.
pub(super) const SPECSDM91: [Observation; 7] =
    [(1.0, 64.9), (18.0, 995.9), (36.0, 1652.4), (72.0, 1853.2), (108.0, 1828.9), (144.0, 1775.0), (216.0, 1702.2)];

fn usl(observations: &[Observation]) -> Fitted {
    Law::Usl.fit(observations, Scale::Plain).expect("all are above 0")
}

#[track_caller]
fn assert_fits(fitted: &Fitted, published: [f64; 3], relative: [f64; 3]) {
    let found = [fitted.sigma.unwrap(), fitted.kappa.unwrap(), fitted.lambda];
    for ((found, published), relative) in found.into_iter().zip(published).zip(relative) {
        assert!((found - published).abs() <= relative * published, "{found} is not {published}: {fitted:?}");
    }
}

#[test]
fn cisco() {
    let observations: Vec<Observation> = CISCO.iter().enumerate().map(|(i, x)| (i as f64 + 1.0, *x)).collect();
    let fitted = usl(&observations);
    assert_fits(&fitted, [0.026_715_944_9, 7.690_939_24e-4, 995.648_785], [1e-5; 3]);
    assert!((fitted.peak().unwrap() - 35.57).abs() < 0.01);
}

#[test]
fn raytracer() {
    let fitted = usl(&RAYTRACER);
    assert_fits(&fitted, [0.057_770_8, 0.0, 21.8488], [1e-5; 3]);
    assert_eq!((fitted.kappa, fitted.peak()), (Some(0.0), None));
    // Of sigma four digits are published, of kappa three.
    assert_fits(&usl(&RAYTRACER[..6]), [0.02444, 0.00163, 20.85605], [2.1e-4, 3.1e-3, 1e-5]);
}

#[test]
fn specsdm91() {
    let fitted = usl(&SPECSDM91);
    assert_fits(&fitted, [0.027_728_5, 1.044e-4, 89.9952], [1e-5, 5e-4, 1e-5]);
    let peak = fitted.peak().unwrap();
    assert!((peak - 96.5).abs() < 0.05 && (fitted.at(peak) - 1884.0).abs() < 0.5, "{peak} {}", fitted.at(peak));
}

#[test]
fn rounded_values_of_an_exact_law() {
    let observations = [(1.0, 1.0), (2.0, 1.8868), (4.0, 3.0769), (6.0, 3.5294), (8.0, 3.5398), (10.0, 3.3557)];
    assert_fits(&usl(&observations), [0.02, 0.02, 1.0], [1e-3; 3]);
}
