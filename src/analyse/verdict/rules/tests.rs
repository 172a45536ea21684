//! Each rule at both sides of its limits, on evidence of targets whose limit is known.

use crate::analyse::verdict::{
    Alternation, BackendEvidence, Confidence, Connections, CurveFacts, Efficiency, Estimate, Evidence, FailedGate,
    FailedKind, Kind, Lever, Missing, Modes, Resource, Verdict, WorkerEvidence, judge, samples,
    samples::{about, pooled, throttled},
};

pub(super) fn limit(evidence: &Evidence) -> Verdict {
    judge(evidence).limit
}

pub(super) fn kind(evidence: &Evidence) -> Kind {
    limit(evidence).kind
}

/// `evidence` with one thing changed.
pub(super) fn with(evidence: &Evidence, change: impl FnOnce(&mut Evidence)) -> Evidence {
    let mut changed = evidence.clone();
    change(&mut changed);
    changed
}

/// So many workers whose threads use so much of a CPU each, on so many CPUs without a quota.
pub(super) fn workers(busy_cores: &[f64], cpus: f64, rps: f64) -> Evidence {
    with(&throttled(), |it| {
        let cores: f64 = busy_cores.iter().sum();
        it.setting.workers = busy_cores.len() as u32;
        it.setting.cpuset_cpus = Some(cpus);
        it.setting.quota_cores = None;
        it.throughput_rps = Some(about(rps, 0.02));
        it.cpu.cores = Some(cores);
        it.cpu.us_per_request = Some(about(cores * 1e6 / rps, 0.01));
        it.cpu.voluntary_switches_per_request = Some(0.2);
        it.workers = busy_cores.iter().map(|&cores| WorkerEvidence { cores, busiest_thread_cores: cores }).collect();
    })
}

/// Efficiencies at so many workers, each within a hundredth.
pub(super) fn curve(efficiencies: &[(u32, f64)]) -> CurveFacts {
    let at = |&(workers, ratio): &(u32, f64)| Efficiency { workers, ratio: about(ratio, 0.01) };
    let best_workers = efficiencies.iter().map(|(workers, _)| *workers).max().unwrap();
    CurveFacts { efficiency: efficiencies.iter().map(at).collect(), best_workers, ..CurveFacts::default() }
}

#[test]
fn a_quota_that_is_used_up() {
    let verdict = limit(&throttled());
    assert_eq!((verdict.kind, verdict.confidence), (Kind::CpuThrottled, Confidence::High));
    assert_eq!(verdict.levers, [Lever::Quota]);
    let next = verdict.next.unwrap();
    assert_eq!(next.resources, [Resource::Cpuset, Resource::Workers]);
    assert!((next.times - 2.04).abs() < 0.01, "{next:?}");
}

#[test]
fn throttling_needs_usage_at_the_quota_and_periods_that_ended_early() {
    let usage = |cores: f64| {
        with(&throttled(), |it| it.cpu.us_per_request = Some(about(cores * 1e6 / it.rps().unwrap(), 0.01)))
    };
    assert_eq!(kind(&usage(0.451)), Kind::CpuThrottled);
    assert_eq!(kind(&usage(0.449)), Kind::Inconclusive);
    let periods = |ratio: f64| with(&throttled(), |it| it.cpu.throttled_periods_ratio = Some(ratio));
    assert_eq!(kind(&periods(0.25)), Kind::CpuThrottled);
    assert_eq!(kind(&periods(0.249)), Kind::Inconclusive);
    let time = |ratio: f64| with(&throttled(), |it| it.cpu.throttled_time_ratio = Some(ratio));
    assert_eq!(kind(&time(0.01)), Kind::CpuThrottled);
    assert_eq!(kind(&time(0.009)), Kind::Inconclusive);
    let unread = with(&throttled(), |it| {
        it.cpu.throttled_periods_ratio = None;
        it.cpu.throttled_time_ratio = None;
    });
    assert_eq!(limit(&unread).missing, [Missing::Throttling]);
}

#[test]
fn one_worker_on_one_cpu_is_one_limit() {
    let verdict = limit(&workers(&[0.97], 1.0, 194.0));
    assert_eq!((verdict.kind, verdict.confidence), (Kind::CpuBound, Confidence::High));
    assert_eq!(verdict.levers, [Lever::Cpus, Lever::Workers], "neither alone would do");
}

#[test]
fn full_cpus_make_threads_wait() {
    let four_on_two =
        |wait: Option<f64>| with(&workers(&[0.48; 4], 2.0, 400.0), |it| it.cpu.run_queue_wait_cores = wait);
    assert_eq!(kind(&four_on_two(Some(0.21))), Kind::CpuBound);
    assert_eq!(kind(&four_on_two(Some(0.19))), Kind::Inconclusive);
    assert_eq!(limit(&four_on_two(None)).missing, [Missing::RunQueueWait]);
    let usage =
        |cores: f64| with(&workers(&[cores / 4.0; 4], 2.0, 400.0), |it| it.cpu.run_queue_wait_cores = Some(1.0));
    assert_eq!((kind(&usage(1.81)), kind(&usage(1.79))), (Kind::CpuBound, Kind::Inconclusive));
    assert_eq!(limit(&usage(1.81)).confidence, Confidence::Moderate, "near, and not at it");
}

#[test]
fn two_busy_threads_of_one_worker_fill_two_cpus() {
    let used = |cores: f64| {
        with(&workers(&[cores], 2.0, 400.0), |it| {
            it.workers = vec![WorkerEvidence { cores, busiest_thread_cores: cores / 2.0 }];
        })
    };
    let verdict = limit(&used(1.95));
    assert_eq!((verdict.kind, verdict.levers), (Kind::CpuBound, vec![Lever::Cpus]));
    assert_eq!((kind(&used(1.81)), kind(&used(1.79))), (Kind::CpuBound, Kind::Inconclusive));
}

#[test]
fn a_busy_thread_in_each_worker_while_cpus_idle() {
    assert_eq!(kind(&workers(&[0.91, 0.91], 4.0, 364.0)), Kind::WorkerSaturated);
    assert_ne!(kind(&workers(&[0.89, 0.89], 4.0, 356.0)), Kind::WorkerSaturated);
    let verdict = limit(&workers(&[0.97, 0.97], 4.0, 388.0));
    assert_eq!((verdict.confidence, verdict.levers), (Confidence::High, vec![Lever::Workers]));
    assert_eq!(verdict.next.unwrap().resources, [Resource::Cpuset]);
}

#[test]
fn one_busy_worker_among_idle_ones() {
    let verdict = limit(&workers(&[0.97, 0.4, 0.4], 4.0, 350.0));
    assert_eq!((verdict.kind, verdict.levers), (Kind::Imbalanced, vec![Lever::Balance]));
    assert_ne!(kind(&workers(&[0.89, 0.4, 0.4], 4.0, 350.0)), Kind::Imbalanced, "the busiest has room");
    assert_eq!(kind(&workers(&[0.99, 0.9, 0.9], 4.0, 350.0)), Kind::WorkerSaturated, "all are busy");
}

#[test]
fn slots_that_are_all_taken() {
    let slots = |used: f64, in_flight: Option<f64>| {
        with(&pooled(), |it| {
            it.throughput_rps = Some(about(used * 160.0, 0.02));
            it.load.users = Some(32.0);
            it.backend = Some(BackendEvidence {
                slots: Some(8.0),
                service_us: Some(180_000.0),
                in_flight_mean: in_flight,
                in_flight_peak: None,
                connections: Some(Connections { min: 30.0, mean: 31.0, max: 32.0 }),
                ..it.backend.unwrap()
            });
        })
    };
    let verdict = limit(&slots(0.99, Some(28.0)));
    assert_eq!((verdict.kind, verdict.confidence), (Kind::BackendBound, Confidence::High));
    assert_eq!(verdict.levers, [Lever::BackendSlots]);
    assert_eq!(kind(&slots(0.91, Some(28.0))), Kind::BackendBound);
    assert_ne!(kind(&slots(0.89, Some(28.0))), Kind::BackendBound);
    assert_ne!(kind(&slots(0.99, Some(7.1))), Kind::BackendBound);
    assert_eq!(limit(&slots(0.99, None)).missing, [Missing::BackendTruth]);
}

#[test]
fn connections_that_are_all_in_use_of_a_backend_that_idles() {
    let verdict = limit(&pooled());
    assert_eq!((verdict.kind, verdict.confidence), (Kind::PoolBound, Confidence::High));
    assert_eq!(verdict.levers, [Lever::PoolSize]);
    let backend = |change: &dyn Fn(&mut BackendEvidence)| with(&pooled(), |it| change(it.backend.as_mut().unwrap()));
    assert_ne!(kind(&backend(&|it| it.service_us = Some(55_100.0))), Kind::PoolBound, "the backend makes them wait");
    assert_ne!(kind(&backend(&|it| it.in_flight_peak = Some(6.0))), Kind::PoolBound, "more at once than connections");
    let moving = Some(Connections { min: 3.0, mean: 4.0, max: 4.0 });
    assert_ne!(kind(&backend(&|it| it.connections = moving)), Kind::PoolBound, "their number moves");
    assert_eq!(limit(&backend(&|it| it.processing_us = None)).missing, [Missing::BackendTruth]);
    // Without a try with twice the users, connections in use may be all that the users ask for.
    let untried = with(&pooled(), |it| it.load.doubled_users = None);
    assert_eq!(limit(&untried).confidence, Confidence::Moderate);
}

#[test]
fn a_connection_for_each_worker_is_moved_by_either() {
    let evidence = with(&workers(&[0.1; 4], 4.0, 79.0), |it| it.backend = pooled().backend);
    assert_eq!(limit(&evidence).levers, [Lever::PoolSize, Lever::Workers]);
}

#[test]
fn users_that_ask_for_too_little() {
    let doubled = |ratio: f64, reach: f64| {
        with(&workers(&[0.3], 2.0, 50.0), |it| it.load.doubled_users = Some(about(ratio, reach)))
    };
    let verdict = limit(&doubled(1.9, 0.02));
    assert_eq!((verdict.kind, verdict.confidence), (Kind::UnderDriven, Confidence::High));
    assert_eq!(verdict.levers, [Lever::Users]);
    assert_eq!(limit(&doubled(1.15, 0.02)).confidence, Confidence::Moderate);
    assert_eq!(kind(&doubled(1.04, 0.02)), Kind::Inconclusive);
    assert_eq!(kind(&doubled(1.3, 0.25)), Kind::Inconclusive, "an interval down to below 1 shows nothing");
    let near = with(&throttled(), |it| it.load.doubled_users = Some(about(1.1, 0.02)));
    assert_eq!(kind(&near), Kind::CpuThrottled, "a quota in use leaves only so little to the users");
}

/// Two workers of four CPUs, neither busy, where twice the users do no more.
pub(super) fn idle(efficiency: f64) -> Evidence {
    with(&workers(&[0.3, 0.3], 4.0, 100.0), |it| {
        it.cpu.voluntary_switches_per_request = Some(1.5);
        it.curve = Some(curve(&[(2, efficiency), (4, efficiency / 2.0)]));
    })
}

#[test]
fn a_lock_shows_by_a_knee_behind_and_idle_cpus() {
    let knee =
        |estimate: f64| with(&idle(0.5), |it| it.curve.as_mut().unwrap().knee_workers = Some(about(estimate, 0.05)));
    let verdict = limit(&knee(1.1));
    assert_eq!((verdict.kind, verdict.confidence), (Kind::Serialised, Confidence::High));
    assert_eq!((verdict.levers, kind(&knee(2.0))), (vec![Lever::Lock], Kind::Inconclusive));
    let sigma = |low: f64| {
        let sigma = Estimate { estimate: 0.2, low, high: 0.3 };
        with(&idle(0.5), |it| it.curve.as_mut().unwrap().sigma = Some(sigma))
    };
    assert_eq!((kind(&sigma(0.1)), kind(&sigma(0.09))), (Kind::Serialised, Kind::Inconclusive));
}

#[test]
fn more_workers_that_do_no_more_need_no_law() {
    let at = |workers: u32, times: f64| {
        with(&idle(0.5), |it| {
            it.setting.workers = workers;
            let curve = it.curve.as_mut().unwrap();
            *curve = CurveFacts { least_workers: 1, ..self::curve(&[(2, times / 2.0), (4, times / 4.0)]) };
        })
    };
    for workers in [1, 2, 4] {
        assert_eq!(kind(&at(workers, 1.07)), Kind::Serialised, "{workers}: an interval up to below 1.1");
        assert_eq!(kind(&at(workers, 1.12)), Kind::Inconclusive, "{workers}");
    }
    let unknown = with(&at(2, 1.0), |it| it.curve.as_mut().unwrap().least_workers = 0);
    assert_eq!(kind(&unknown), Kind::Inconclusive);
}

#[test]
fn a_lock_is_not_said_while_anything_else_is_open() {
    let lock = with(&idle(0.5), |it| it.curve.as_mut().unwrap().knee_workers = Some(about(1.1, 0.05)));
    let missing = |change: &dyn Fn(&mut Evidence)| limit(&with(&lock, |it| change(it))).missing;
    assert_eq!(missing(&|it| it.load.doubled_users = None), [Missing::DoubledUsers]);
    assert_eq!(missing(&|it| it.curve = None), [Missing::WorkerSweep]);
    assert_eq!(missing(&|it| it.cpu.voluntary_switches_per_request = None), [Missing::Switches]);
    assert_eq!(missing(&|it| it.workers.clear()), [Missing::ThreadTimes]);
    assert_eq!(missing(&|it| it.stalls.disk_bytes_per_s = None), [Missing::IoPressure]);
    assert_eq!(missing(&|it| it.stalls.network_bytes_per_s = Some(1e8)), [Missing::NetworkLimit]);
    assert_eq!(missing(&|it| it.backend.as_mut().unwrap().processing_us = None), [Missing::BackendTruth]);
    assert_eq!(missing(&|it| it.setting.memory_bytes = Some(1e9)), [Missing::WorkingSet]);
    let spinning = with(&lock, |it| it.cpu.voluntary_switches_per_request = Some(0.49));
    assert_eq!(kind(&spinning), Kind::Inconclusive);
}

#[test]
fn workers_that_wait_with_a_request_in_hand() {
    let verdict = limit(&idle(0.99));
    assert_eq!((verdict.kind, verdict.levers), (Kind::BlockingWorkers, vec![Lever::Workers]));
    assert_eq!(kind(&idle(0.9)), Kind::Inconclusive, "neither linear nor lost");
    // The first point of an axis is what the others are compared with.
    let first = with(&idle(0.99), |it| {
        it.setting.workers = 1;
        it.workers.truncate(1);
        it.cpu.cores = Some(0.3);
    });
    assert_eq!(kind(&first), Kind::BlockingWorkers);
}

#[test]
fn memory_and_disk() {
    let full = |working_set: f64, faults: f64, pressure: Option<f64>| {
        with(&idle(0.5), |it| {
            it.setting.memory_bytes = Some(100e6);
            it.stalls.working_set_bytes = Some(working_set);
            it.stalls.major_faults_per_s = Some(faults);
            it.stalls.memory_pressure_ratio = pressure;
        })
    };
    assert_eq!(kind(&full(95e6, 0.0, Some(0.1))), Kind::MemoryBound);
    assert_eq!(kind(&full(95e6, 100.0, None)), Kind::MemoryBound);
    assert_ne!(kind(&full(94e6, 0.0, Some(0.1))), Kind::MemoryBound);
    assert_ne!(kind(&full(95e6, 99.0, Some(0.09))), Kind::MemoryBound);
    assert_eq!(limit(&full(95e6, 99.0, None)).missing, [Missing::MemoryPressure]);
    let disk = |pressure: f64| with(&idle(0.5), |it| it.stalls.io_pressure_ratio = Some(pressure));
    assert_eq!((kind(&disk(0.1)), kind(&disk(0.09))), (Kind::DiskBound, Kind::Inconclusive));
}

#[test]
fn a_network_that_is_full() {
    let used = |share: f64| {
        with(&idle(0.5), |it| {
            it.stalls.network_limit_bytes_per_s = Some(125e6);
            it.stalls.network_bytes_per_s = Some(share * 125e6);
        })
    };
    assert_eq!((kind(&used(0.91)), kind(&used(0.89))), (Kind::NetworkBound, Kind::Inconclusive));
}

#[test]
fn two_limits_within_a_twentieth() {
    let both = |quota_use: f64| {
        with(&throttled(), |it| {
            let cores = quota_use * 0.5;
            it.cpu.us_per_request = Some(about(cores * 1e6 / it.rps().unwrap(), 0.01));
            let backend = it.backend.as_mut().unwrap();
            backend.slots = Some(8.0);
            backend.processing_us = Some(about(8.0 * 0.97 * 1e6 / 98.0, 0.01));
            backend.in_flight_mean = Some(7.9);
        })
    };
    let verdict = limit(&both(0.951));
    assert_eq!(verdict.kind, Kind::CoLimited);
    assert_eq!(verdict.together, [Kind::CpuThrottled, Kind::BackendBound]);
    assert_eq!(verdict.levers, [Lever::Quota, Lever::BackendSlots]);
    let verdict = limit(&both(0.949));
    assert_eq!((verdict.kind, verdict.confidence), (Kind::BackendBound, Confidence::Moderate));
}

#[test]
fn limits_that_take_turns() {
    let ticks = |at_limit_ratio: f64, far_below_ratio: f64, changes: f64| {
        let alternation = Some(Alternation { at_limit_ratio, far_below_ratio, changes });
        kind(&with(&workers(&[0.5, 0.5], 2.0, 100.0), |it| it.alternation = alternation))
    };
    assert_eq!(ticks(0.5, 0.4, 6.0), Kind::Alternating);
    assert_eq!(ticks(0.5, 0.4, 3.0), Kind::Inconclusive);
    assert_eq!((ticks(0.2, 0.8, 6.0), ticks(0.19, 0.8, 6.0)), (Kind::Alternating, Kind::Inconclusive));
    assert_eq!((ticks(0.8, 0.2, 6.0), ticks(0.8, 0.19, 6.0)), (Kind::Alternating, Kind::Inconclusive));
}

#[test]
fn visits_in_two_clusters() {
    let modes = |upper_rps: f64, upper_visits: usize| {
        let modes = Some(Modes { lower_rps: 100.0, lower_visits: 3, upper_rps, upper_visits });
        kind(&with(&throttled(), |it| it.modes = modes))
    };
    assert_eq!((modes(116.0, 2), modes(114.0, 2)), (Kind::TwoModes, Kind::CpuThrottled));
    assert_eq!(modes(116.0, 1), Kind::CpuThrottled, "one visit is no cluster");
}

#[test]
fn a_failed_gate_comes_first() {
    let named = [
        (FailedKind::SweepNotApplied, Kind::SweepNotApplied),
        (FailedKind::LoadgenBound, Kind::LoadgenBound),
        (FailedKind::MockBound, Kind::MockBound),
        (FailedKind::Erroring, Kind::Erroring),
        (FailedKind::HostContended, Kind::HostContended),
        (FailedKind::Unstable, Kind::Unstable),
        (FailedKind::EvidenceMissing, Kind::Inconclusive),
    ];
    for (failed, expected) in named {
        let evidence = with(&throttled(), |it| it.failed.push(FailedGate { kind: failed, note: String::new() }));
        assert_eq!(kind(&evidence), expected);
        assert_eq!(expected.is_invalid(), expected != Kind::Inconclusive);
    }
}

#[test]
fn a_starved_generator_or_mock_measures_itself() {
    let generator = |ratio: f64| kind(&with(&throttled(), |it| it.generator.cpu_ratio = Some(ratio)));
    assert_eq!((generator(0.8), generator(0.79)), (Kind::LoadgenBound, Kind::CpuThrottled));
    let mock = |ratio: f64| kind(&with(&throttled(), |it| it.backend.as_mut().unwrap().cpu_ratio = Some(ratio)));
    assert_eq!((mock(0.8), mock(0.79)), (Kind::MockBound, Kind::CpuThrottled));
}

#[test]
fn nothing_at_all_is_inconclusive() {
    let verdict = limit(&Evidence::default());
    assert_eq!((verdict.kind, verdict.missing), (Kind::Inconclusive, vec![Missing::Throughput]));
}

#[test]
fn throttled_at_each_point_and_linear_along_the_axis() {
    let evidence = with(&throttled(), |it| it.curve = Some(curve(&[(2, 1.0), (4, 0.99)])));
    let judged = judge(&evidence);
    assert_eq!(judged.limit.kind, Kind::CpuThrottled);
    assert_eq!(judged.growth.map(|growth| growth.kind), Some(Kind::Linear));
}

#[test]
fn linear_is_an_interval_inside() {
    let growth = |efficiencies: &[(u32, f64)]| {
        judge(&with(&throttled(), |it| it.curve = Some(curve(efficiencies)))).growth.map(|growth| growth.kind)
    };
    assert_eq!(growth(&[(2, 0.97), (4, 1.03)]), Some(Kind::Linear));
    assert_eq!(growth(&[(2, 0.97), (4, 0.955)]), None);
    assert_eq!(growth(&[(2, 1.045), (4, 1.0)]), None);
}

#[test]
fn falling_is_an_interval_below() {
    let growth = |reach: f64| {
        let fall =
            CurveFacts { last_over_best: Some(about(0.9, reach)), best_workers: 4, ..curve(&[(4, 0.9), (8, 0.4)]) };
        judge(&with(&throttled(), |it| it.curve = Some(fall))).growth.map(|growth| growth.kind)
    };
    assert_eq!((growth(0.1), growth(0.12)), (Some(Kind::Retrograde), None));
    let failed = with(&samples::throttled(), |it| {
        it.curve = Some(curve(&[(2, 1.0)]));
        it.failed.push(FailedGate { kind: FailedKind::Unstable, note: String::new() });
    });
    assert_eq!(judge(&failed).growth, None);
}
