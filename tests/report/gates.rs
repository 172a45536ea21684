//! Each gate at both sides of its limit, over the fixture's run: what is just within it is no finding, what is just beyond
//! it is one, of its severity.

use crate::fixture::run;
use vscale::{
    analyse::Analysis,
    model::{
        Ended, Gate, Limit, LimitValue, LoadModel, Phase, PhaseKind, QuotaAbove, Run, Severity, SpeedReading, Task,
        Throttling,
    },
};

/// The severity with which a gate found something in the second visit or in the whole run, if it did.
fn found(run: &Run, gate: Gate) -> Option<Severity> {
    let findings = Analysis::of(run).findings;
    let concerns = |visit: &Option<String>| visit.as_deref().is_none_or(|visit| visit == "w2");
    findings.iter().find(|it| it.gate == gate && concerns(&it.scope.visit)).map(|it| it.severity)
}

fn phase(run: &mut Run, kind: PhaseKind) -> &mut Phase {
    run.visited[1].phases.iter_mut().find(|phase| phase.kind == kind).expect("the fixture has it")
}

/// What a gate finds after each of two changes to a run.
fn both_sides(gate: Gate, within: impl Fn(&mut Run), beyond: impl Fn(&mut Run)) -> Option<Severity> {
    let changed = |change: &dyn Fn(&mut Run)| {
        let mut run = run();
        change(&mut run);
        found(&run, gate)
    };
    assert_eq!(changed(&within), None, "{gate:?}: within its limit");
    let beyond = changed(&beyond);
    assert!(beyond.is_some(), "{gate:?}: beyond its limit");
    beyond
}

fn target(run: &mut Run) -> &mut Phase {
    phase(run, PhaseKind::Target)
}

#[test]
fn a_fixture_that_is_good_has_nothing_against_it() {
    let analysis = Analysis::of(&run());
    assert_eq!(analysis.worst(), Some(Severity::Warning), "{:?}", analysis.findings);
    assert!(analysis.is_run_valid(&run()));
}

#[test]
fn workers_at_both_ends_and_in_between() {
    let workers = |before, after| {
        move |run: &mut Run| {
            let attestation = &mut run.visited[1].attestation;
            (attestation.workers_before, attestation.workers_after) = (before, after);
        }
    };
    for (before, after) in [(Some(1), Some(2)), (Some(2), Some(3)), (None, Some(2)), (Some(2), None)] {
        let severity = both_sides(Gate::Workers, workers(Some(2), Some(2)), workers(before, after));
        assert_eq!(severity, Some(Severity::Invalid), "{before:?} {after:?}");
    }
    let one_gone = |run: &mut Run| {
        target(run).processes[7].processes.pop();
    };
    assert_eq!(both_sides(Gate::Workers, |_| (), one_gone), Some(Severity::Invalid));
}

#[test]
fn limits_in_the_engine_and_inside() {
    let quota = |engine: Option<u64>, inside: Option<u64>| {
        move |run: &mut Run| {
            let rows = &mut run.visited[1].attestation.limits;
            let row = rows.iter_mut().find(|row| row.container == "stack" && row.limit == Limit::CpuQuotaUs);
            let row = row.expect("the fixture has a quota");
            (row.engine, row.inside) = (engine.map(LimitValue::Number), inside.map(LimitValue::Number));
        }
    };
    let asked = Some(150_000);
    let wrong = both_sides(Gate::LimitApplied, quota(asked, asked), quota(asked, Some(150_001)));
    assert_eq!(wrong, Some(Severity::Invalid));
    let silent = both_sides(Gate::EvidenceRead, quota(asked, asked), quota(None, asked));
    assert_eq!(silent, Some(Severity::Invalid), "the engine's word is needed");
    let closed = both_sides(Gate::EvidenceRead, quota(asked, asked), quota(asked, None));
    assert_eq!(closed, Some(Severity::Warning), "inside may be a closed place");
}

#[test]
fn counters_that_could_not_be_read() {
    let without = |run: &mut Run| target(run).usage.iter_mut().for_each(|usage| usage.samples.clear());
    assert_eq!(both_sides(Gate::EvidenceRead, |_| (), without), Some(Severity::Invalid));
    let without_cpus = |run: &mut Run| target(run).processes.iter_mut().for_each(|sample| sample.cpus.clear());
    assert_eq!(both_sides(Gate::EvidenceRead, |_| (), without_cpus), Some(Severity::Warning));
    let without_speed = |run: &mut Run| target(run).speed_after = None;
    assert_eq!(both_sides(Gate::EvidenceRead, |_| (), without_speed), Some(Severity::Warning));
}

#[test]
fn a_quota_that_nobody_asked_for() {
    let throttled = |periods| {
        move |run: &mut Run| {
            run.plan.points[1].limits.take(&[Limit::CpuQuotaUs, Limit::CpuPeriodUs]);
            for usage in &mut target(run).usage {
                usage.samples.iter_mut().for_each(|sample| sample.throttled_periods = Some(4));
            }
            let last = target(run).processes.last_mut().expect("samples");
            last.throttling = None;
            let samples = &mut target(run).processes;
            samples.iter_mut().for_each(|sample| sample.throttling = Some(Throttling::default()));
            samples.last_mut().expect("samples").throttling =
                Some(Throttling { periods: 100, throttled_periods: periods, throttled_us: 0 });
        }
    };
    assert_eq!(both_sides(Gate::NoQuotaUnasked, throttled(0), throttled(1)), Some(Severity::Invalid));
}

#[test]
fn a_quota_above_the_container() {
    let above = |throttled_periods| {
        move |run: &mut Run| {
            let quota =
                QuotaAbove { cgroup: "/a.slice".into(), quota_us: 50_000, period_us: 100_000, throttled_periods };
            run.visited[1].attestation.above = Some(vec![quota]);
        }
    };
    assert_eq!(both_sides(Gate::NoQuotaUnasked, above(0), above(1)), Some(Severity::Invalid));
    let unread = |run: &mut Run| run.visited[1].attestation.above = None;
    assert_eq!(both_sides(Gate::EvidenceRead, |_| (), unread), Some(Severity::Warning));
}

#[test]
fn containers_that_end() {
    let ended = |run: &mut Run| {
        run.visited[1].ended = vec![Ended { container: "stack".into(), how: "exit status 137".into() }];
    };
    assert_eq!(both_sides(Gate::ContainerLives, |_| (), ended), Some(Severity::Invalid));
}

#[test]
fn requests_that_nobody_served() {
    let failed = |failures: u64| {
        move |run: &mut Run| {
            let stats = &mut target(run).load.requests[0];
            (stats.requests, stats.failures) = (1000, failures);
        }
    };
    assert_eq!(both_sides(Gate::Served, failed(10), failed(11)), Some(Severity::Invalid));
    let unsent = |unsent: u64| {
        move |run: &mut Run| {
            let load = &mut target(run).load;
            load.model =
                LoadModel::Open { rate_rps: 50.0, arrivals: vscale::model::Arrivals::Constant, max_in_flight: 10 };
            load.requests[0].failures = 0;
            (load.totals.failed, load.totals.sent, load.totals.unsent) = (0, 1000 - unsent, unsent);
        }
    };
    assert_eq!(both_sides(Gate::Served, unsent(10), unsent(11)), Some(Severity::Invalid));
    let nothing = |run: &mut Run| {
        let stats = &mut target(run).load.requests[0];
        stats.failures = stats.requests;
    };
    assert_eq!(both_sides(Gate::SomethingMeasured, |_| (), nothing), Some(Severity::Invalid));
}

#[test]
fn others_on_the_target_s_cpus() {
    // The target uses two CPUs; the window has 20 s, and the samples nearest to it span as much.
    let others = |share: f64| {
        move |run: &mut Run| {
            for (index, sample) in target(run).processes.iter_mut().enumerate() {
                let used: u64 = sample.processes.iter().map(|process| process.cpu_us).sum();
                let more = (share * 1e6 * index as f64) as u64;
                sample.own_cpu_us = 0;
                (sample.cpus[0].busy_us, sample.cpus[1].busy_us) = (used / 2 + more, used - used / 2);
            }
        }
    };
    assert_eq!(both_sides(Gate::ForeignCpu, others(0.099), others(0.101)), Some(Severity::Spoiled));
    let stolen = |share: f64| {
        move |run: &mut Run| {
            for (index, sample) in target(run).processes.iter_mut().enumerate() {
                let second = index as u64 * 1_000_000;
                for cpu in &mut sample.cpus {
                    cpu.steal_us = (second as f64 * share) as u64;
                    cpu.idle_us = second - cpu.busy_us.min(second) - cpu.steal_us;
                }
            }
        }
    };
    assert_eq!(both_sides(Gate::Steal, stolen(0.029), stolen(0.031)), Some(Severity::Spoiled));
}

#[test]
fn waiting_while_the_cpus_idle() {
    let waited = |share: f64| {
        move |run: &mut Run| {
            run.plan.points[1].limits.take(&[Limit::CpuQuotaUs, Limit::CpuPeriodUs]);
            for (index, sample) in target(run).processes.iter_mut().enumerate() {
                let second = index as u64 * 1_000_000;
                sample.processes.iter_mut().for_each(|process| process.tasks.clear());
                // One thread that runs for a tenth of the time, and nobody else.
                let task = Task {
                    tid: 20,
                    cpu_us: second / 10 + 1,
                    wait_us: (second as f64 * share) as u64,
                    ..Task::default()
                };
                sample.processes[1].tasks = vec![task];
                for (cpu, busy_us) in sample.cpus.iter_mut().zip([second / 10, 0]) {
                    (cpu.busy_us, cpu.idle_us) = (busy_us, second - busy_us);
                }
            }
            for usage in &mut target(run).usage {
                usage.samples.iter_mut().for_each(|sample| sample.throttled_periods = None);
            }
        }
    };
    assert_eq!(both_sides(Gate::IdleWait, waited(0.049), waited(0.051)), Some(Severity::Spoiled));
}

#[test]
fn the_machine_s_speed() {
    let speed = |us| Some(SpeedReading { arithmetic_us: us, memory_us: 1_500.0 });
    let after = |us| move |run: &mut Run| target(run).speed_after = speed(us);
    assert_eq!(both_sides(Gate::SpeedHeld, after(2_099.0), after(2_101.0)), Some(Severity::Spoiled));
    assert_eq!(both_sides(Gate::SpeedHeld, after(1_901.0), after(1_899.0)), Some(Severity::Spoiled));
    // Of two visits the median lies between them.
    let of_visit = |us: f64| {
        move |run: &mut Run| {
            (target(run).speed_before, target(run).speed_after) = (speed(us), speed(us));
        }
    };
    assert_eq!(both_sides(Gate::SpeedInBlock, of_visit(2_200.0), of_visit(2_230.0)), Some(Severity::Spoiled));
}

#[test]
fn a_generator_that_was_stopped() {
    let paused = |us| move |run: &mut Run| target(run).load.generators[0].longest_pause_us = Some(us);
    let severity = both_sides(Gate::GeneratorPaused, paused(1_000_000), paused(1_000_001));
    assert_eq!(severity, Some(Severity::Spoiled));
}

#[test]
fn speed_ups_that_cannot_be() {
    let times = |factor: f64| {
        move |run: &mut Run| {
            let rate = |run: &Run, index: usize| {
                let load = &run.visited[index].phase(PhaseKind::Target).expect("loaded").load;
                load.throughput_rps() * load.window.duration_us as f64 / 1e6
            };
            let wanted = rate(run, 0) * 2.0 * factor;
            let stats = &mut target(run).load.requests[0];
            stats.requests = wanted.round() as u64 + stats.failures;
        }
    };
    assert_eq!(both_sides(Gate::SpeedUpPossible, times(1.09), times(1.11)), Some(Severity::Warning));
    // The reference is the point with the fewest workers, whenever that was visited.
    let mut backwards = run();
    times(1.09)(&mut backwards);
    backwards.visited.reverse();
    assert_eq!(found(&backwards, Gate::SpeedUpPossible), None);
}

#[test]
fn a_baseline_that_moves() {
    let moved = |factor: f64| {
        move |run: &mut Run| {
            let stats = &mut phase(run, PhaseKind::Baseline).load.requests[0];
            stats.requests = (stats.requests as f64 * factor) as u64;
        }
    };
    assert_eq!(both_sides(Gate::BaselineHeld, moved(1.09), moved(1.11)), Some(Severity::Warning));
}
