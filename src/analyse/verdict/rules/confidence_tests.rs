//! What makes a verdict sure, and what keeps it from being so.

use super::tests::{idle, kind, limit, with, workers};
use crate::analyse::verdict::{
    BackendEvidence, Confidence, Connections, Evidence, Kind,
    samples::{about, pooled, throttled},
};

fn confidence(evidence: &Evidence) -> Confidence {
    limit(evidence).confidence
}

#[test]
fn a_limit_that_is_used_up() {
    let used = |share: f64| confidence(&workers(&[share, share], 4.0, 400.0));
    assert_eq!((used(0.971), used(0.969)), (Confidence::High, Confidence::Moderate));
}

#[test]
fn what_was_not_looked_at_may_be_near() {
    let blind = |change: fn(&mut Evidence)| confidence(&with(&throttled(), change));
    assert_eq!(blind(|it| it.stalls.disk_bytes_per_s = None), Confidence::Moderate);
    assert_eq!(blind(|it| it.stalls.network_bytes_per_s = None), Confidence::Moderate);
    assert_eq!(blind(|it| it.backend.as_mut().unwrap().connections = None), Confidence::Moderate);
    assert_eq!(blind(|it| it.workers.clear()), Confidence::Moderate);
    assert_eq!(blind(|it| it.backend = None), Confidence::High, "what calls nothing has no backend to look at");
}

#[test]
fn users_may_keep_connections_or_one_worker_busy() {
    let doubled = |evidence: &Evidence, high: f64| {
        confidence(&with(evidence, |it| it.load.doubled_users = Some(about(high / 1.02, 0.02))))
    };
    let one_busy = workers(&[0.98, 0.4, 0.4], 4.0, 350.0);
    for evidence in [pooled(), one_busy] {
        assert_eq!(doubled(&evidence, 1.099), Confidence::High);
        assert_eq!(doubled(&evidence, 1.101), Confidence::Moderate);
    }
    assert_eq!(doubled(&throttled(), 1.101), Confidence::High, "a quota that is used up is proof by itself");
}

#[test]
fn users_are_the_limit_for_sure_where_all_ceilings_are_far() {
    let busy = |cores: f64| with(&workers(&[cores], 2.0, 100.0), |it| it.load.doubled_users = Some(about(1.5, 0.02)));
    assert_eq!((confidence(&busy(0.74)), confidence(&busy(0.76))), (Confidence::High, Confidence::Moderate));
    let untold = with(&busy(0.3), |it| it.workers.clear());
    assert_eq!((kind(&untold), confidence(&untold)), (Kind::UnderDriven, Confidence::Moderate));
    let raised = |times: f64| with(&throttled(), |it| it.load.doubled_users = Some(about(times, 0.02)));
    assert_eq!((kind(&raised(1.2)), kind(&raised(1.19))), (Kind::UnderDriven, Kind::CpuThrottled));
    let beside_idle =
        with(&workers(&[0.98, 0.4, 0.4], 4.0, 350.0), |it| it.load.doubled_users = Some(about(1.5, 0.02)));
    assert_eq!(kind(&beside_idle), Kind::Imbalanced, "more users found the idle workers");
}

#[test]
fn what_only_elimination_shows_needs_all_else_far() {
    let lock = |busy: f64| {
        with(&idle(0.99), |it| {
            for worker in &mut it.workers {
                worker.busiest_thread_cores = busy;
            }
            it.cpu.cores = Some(2.0 * busy);
        })
    };
    assert_eq!((confidence(&lock(0.74)), confidence(&lock(0.76))), (Confidence::High, Confidence::Moderate));
    let in_use = |share: f64| {
        with(&idle(0.99), |it| {
            let connections = Some(Connections { min: 4.0, mean: 4.0, max: 4.0 });
            it.backend =
                it.backend.map(|backend| BackendEvidence { in_flight_mean: Some(4.0 * share), connections, ..backend });
        })
    };
    assert_eq!((confidence(&in_use(0.5)), confidence(&in_use(0.51))), (Confidence::High, Confidence::Moderate));
}

#[test]
fn few_or_scattered_visits_carry_little() {
    let visits = |visits: usize| limit(&with(&throttled(), |it| it.visits = visits)).confidence;
    assert_eq!((visits(3), visits(2)), (Confidence::High, Confidence::Low));
    assert_eq!(kind(&with(&throttled(), |it| it.visits = 0)), Kind::Inconclusive);
    let reach = |reach: f64| limit(&with(&throttled(), |it| it.throughput_rps = Some(about(98.0, reach)))).confidence;
    assert_eq!((reach(0.09), reach(0.11)), (Confidence::High, Confidence::Moderate));
}

#[test]
fn threads_that_give_up_a_full_cpu_may_wait_for_a_lock() {
    let switches = |times| limit(&with(&throttled(), |it| it.cpu.voluntary_switches_per_request = times)).confidence;
    assert_eq!((switches(Some(0.49)), switches(Some(0.5))), (Confidence::High, Confidence::Moderate));
    assert_eq!(switches(None), Confidence::Moderate);
}

#[test]
fn a_next_ceiling_that_is_near_lowers_the_confidence() {
    let cpus = |cpus: f64| with(&throttled(), |it| it.setting.cpuset_cpus = Some(cpus));
    let with_next = |cpus_beyond: f64| with(&cpus(2.0), |it| it.generator.null_rps = Some(98.0 * cpus_beyond));
    assert_eq!(limit(&with_next(1.11)).confidence, Confidence::High);
    assert_eq!(limit(&with_next(1.09)).confidence, Confidence::Moderate);
}
