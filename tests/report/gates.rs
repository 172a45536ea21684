//! Each gate at both sides of its limit, over the fixture's run: what is just within it is no finding, what is just beyond
//! it is one, of its severity.

use crate::fixture::run;
use vscale::{
    analyse::{Analysis, why_no_baseline},
    model::{
        Arrivals, BackendRequests, BackendTruth, BackendWindow, ContainerPlan, Ended, Gate, Histogram, Life, Limit,
        LimitValue, Limits, LoadModel, Phase, PhaseKind, QuotaAbove, Run, Severity, SpeedReading, Stage, Task,
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
fn a_visit_that_was_cut_short_is_incomplete_whatever_it_has() {
    let cut_short = |run: &mut Run| {
        let visited = &mut run.visited[1];
        assert_eq!(visited.phases.pop().map(|phase| phase.kind), Some(PhaseKind::Target));
        visited.attestation.workers_after = None;
        visited.ended.push(Ended { container: "loadgen".into(), how: "exit status 137".into() });
    };
    assert_eq!(both_sides(Gate::VisitWhole, |_| (), cut_short), Some(Severity::Invalid));
    let mut run = run();
    cut_short(&mut run);
    let analysis = Analysis::of(&run);
    let found: Vec<Gate> = analysis.of_visit(&run.visited[1]).map(|finding| finding.gate).collect();
    assert_eq!((found, analysis.is_valid(&run.visited[1])), (vec![Gate::VisitWhole], false));
    let row = analysis.scaling.rows[1];
    assert_eq!((row.throughput_rps, row.speed_up), (None, None), "no zero");
    let text = vscale::report::terminal::render(&run, &analysis, 120, false);
    let line = |of: &str| {
        text.lines().skip_while(|line| !line.contains(of)).find(|line| line.contains("w2")).map(str::to_owned)
    };
    let growth = line("Growth with workers").expect("it has a row");
    assert!(growth.contains("n/a") && !growth.contains('0'), "{growth}");

    // Where it was visited again, it only has to be known.
    let again =
        vscale::model::Visited { id: "w2-r2".into(), sequence: run.visited.len(), ..self::run().visited.remove(1) };
    run.visited.push(again);
    let analysis = Analysis::of(&run);
    let finding = analysis.of_visit(&run.visited[1]).next().expect("still").clone();
    assert_eq!((finding.severity, analysis.is_valid(&run.visited[1])), (Severity::Warning, false));
    assert!(finding.note.is_some_and(|note| note.ends_with("w2-r2 is the same once more")));
    assert!(analysis.is_valid(run.visited.last().expect("it was pushed")));
}

#[test]
fn a_visit_that_nobody_looked_at_after_its_loads_is_incomplete() {
    let unseen = |run: &mut Run| {
        let attestation = &mut run.visited[1].attestation;
        (attestation.is_complete, attestation.workers_after) = (false, None);
        attestation.limits.clear();
    };
    assert_eq!(both_sides(Gate::VisitWhole, |_| (), unseen), Some(Severity::Invalid));
    let mut run = run();
    unseen(&mut run);
    let analysis = Analysis::of(&run);
    assert!(!analysis.is_valid(&run.visited[1]));
    let note = analysis.of_visit(&run.visited[1]).next().and_then(|finding| finding.note.clone());
    assert_eq!(note.as_deref(), Some("what ran was not looked at after it"));
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
    let mut one_more = run();
    let processes = &mut target(&mut one_more).processes[7].processes;
    let another = processes.last().expect("the fixture has two").clone();
    processes.push(vscale::model::Process { pid: 4_000, ..another });
    let said = Analysis::of(&one_more).findings.into_iter().find(|it| it.gate == Gate::Workers).and_then(|it| it.note);
    assert_eq!(said.as_deref(), Some("2 ran before the load and 2 after it, as many as 3 during it"));
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
    let one = |run: &mut Run| target(run).usage.iter_mut().for_each(|usage| usage.samples.truncate(1));
    assert_eq!(both_sides(Gate::EvidenceRead, |_| (), one), Some(Severity::Invalid), "one reading is no rate");
    let only_before = |run: &mut Run| {
        let start = target(run).load.window.start_unix_us;
        for usage in &mut target(run).usage {
            usage.samples.truncate(2);
            usage.samples.iter_mut().for_each(|sample| sample.unix_us = start - 1_000_000);
        }
    };
    assert_eq!(both_sides(Gate::EvidenceRead, |_| (), only_before), Some(Severity::Invalid), "20 s without a reading");
    let without_processes = |run: &mut Run| target(run).processes.clear();
    assert_eq!(both_sides(Gate::EvidenceRead, |_| (), without_processes), Some(Severity::Invalid));
    let without_throttling = |run: &mut Run| {
        run.plan.points[1].limits.take(&[Limit::CpuQuotaUs, Limit::CpuPeriodUs]);
        target(run).processes.iter_mut().for_each(|sample| sample.throttling = None);
        let samples = target(run).usage.iter_mut().flat_map(|usage| &mut usage.samples);
        samples.for_each(|sample| sample.throttled_periods = None);
    };
    assert_eq!(both_sides(Gate::EvidenceRead, |_| (), without_throttling), Some(Severity::Warning));
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
    let not_seen = |run: &mut Run| run.visited[1].attestation.not_seen = vec!["mock".into()];
    assert_eq!(both_sides(Gate::EvidenceRead, |_| (), not_seen), Some(Severity::Invalid));
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
            load.model = LoadModel::Open { rate_rps: 50.0, arrivals: Arrivals::Constant, max_in_flight: 10 };
            load.requests[0].failures = 0;
            (load.totals.failed, load.totals.sent, load.totals.unsent) = (0, 1000 - unsent, Some(unsent));
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
fn what_a_busy_host_brings_about_is_blamed_on_it() {
    let late = |run: &mut Run| {
        let seconds = target(run).load.series.iter_mut().filter(|second| second.measured);
        for (index, second) in seconds.enumerate() {
            (second.requests, second.failures) = (if index < 10 { 1_000 } else { 1_200 }, 0);
        }
    };
    let busy = |run: &mut Run| target(run).load.generators[0].longest_pause_us = Some(1_000_001);
    let (mut quiet, mut spoiled) = (run(), run());
    late(&mut quiet);
    late(&mut spoiled);
    busy(&mut spoiled);
    assert_eq!(found(&quiet, Gate::Stationary), Some(Severity::Invalid));
    assert_eq!(found(&spoiled, Gate::Stationary), Some(Severity::Spoiled));
    // The wrong number of workers is nobody's fault but the target's.
    spoiled.visited[1].attestation.workers_after = Some(3);
    assert_eq!(found(&spoiled, Gate::Workers), Some(Severity::Invalid));
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
    // Other CPUs may give what they like.
    let mut with_more_cpus = run();
    times(1.5)(&mut with_more_cpus);
    with_more_cpus.plan.points[1].limits.set(Limit::CpuQuotaUs, Some(LimitValue::Number(290_000)));
    assert_eq!(found(&with_more_cpus, Gate::SpeedUpPossible), None);
}

#[test]
fn memory_that_is_nearly_full() {
    let used = |share: f64| {
        move |run: &mut Run| {
            let limit = LimitValue::Number(1 << 30);
            run.plan.points.iter_mut().for_each(|point| point.limits.set(Limit::MemoryBytes, Some(limit.clone())));
            let usage = target(run).usage.iter_mut().find(|usage| usage.container == "stack").expect("watched");
            let bytes = (share * f64::from(1 << 30)) as u64;
            usage.samples.iter_mut().for_each(|sample| sample.memory_bytes = Some(bytes));
        }
    };
    assert_eq!(both_sides(Gate::MemoryFree, used(0.89), used(0.91)), Some(Severity::Warning));
    let not_read = |run: &mut Run| {
        used(0.5)(run);
        let samples = target(run).usage.iter_mut().flat_map(|usage| &mut usage.samples);
        samples.for_each(|sample| sample.memory_bytes = None);
    };
    assert_eq!(both_sides(Gate::EvidenceRead, used(0.5), not_read), Some(Severity::Warning));
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

/// The helpers' CPUs: the generator has CPU 0, the backend CPU 1; the window has 20 s.
#[test]
fn helpers_that_are_busy() {
    let generator = |share: f64| {
        move |run: &mut Run| {
            let usage = &mut target(run).load.generators[0];
            (usage.cpu_user_us, usage.cpu_system_us) = ((share * 20e6) as u64, 0);
        }
    };
    assert_eq!(both_sides(Gate::GeneratorCpu, generator(0.799), generator(0.801)), Some(Severity::Invalid));
    let busy_backend = |share: f64| {
        move |run: &mut Run| {
            let usage = target(run).usage.iter_mut().find(|usage| usage.container == "mock").expect("watched");
            let first_us = usage.samples[0].unix_us;
            let cpu_us = |at_us: u64| (share * (at_us - first_us) as f64).round() as u64;
            usage.samples.iter_mut().for_each(|sample| sample.cpu_us = cpu_us(sample.unix_us));
        }
    };
    assert_eq!(both_sides(Gate::BackendCpu, busy_backend(0.799), busy_backend(0.801)), Some(Severity::Invalid));
    let starved_backend = |share: f64| {
        move |run: &mut Run| {
            let quota = |number| LimitValue::Number(number);
            let limits =
                Limits::default().with(Limit::CpuQuotaUs, quota(10_000)).with(Limit::CpuPeriodUs, quota(100_000));
            run.plan.containers = vec![ContainerPlan { limits, ..container("mock") }];
            busy_backend(0.1 * share)(run);
        }
    };
    let starved = both_sides(Gate::BackendCpu, starved_backend(0.79), starved_backend(0.81));
    assert_eq!(starved, Some(Severity::Invalid), "of a tenth of a CPU");
    let on_one_cpu = |share: f64| {
        move |run: &mut Run| {
            run.plan.hosts[0].placement.backend = run.plan.placement().generator.clone();
            generator(share / 2.0)(run);
            busy_backend(share / 2.0)(run);
        }
    };
    assert_eq!(both_sides(Gate::GeneratorCpu, on_one_cpu(0.799), on_one_cpu(0.801)), Some(Severity::Invalid));
    let unread = |run: &mut Run| target(run).usage.retain(|usage| usage.container != "mock");
    assert_eq!(both_sides(Gate::EvidenceRead, |_| (), unread), Some(Severity::Warning));
    let mut baseline = run();
    phase(&mut baseline, PhaseKind::Baseline).load.generators[0].cpu_user_us = 20_000_000;
    assert_eq!(found(&baseline, Gate::GeneratorCpu), None, "there it is to be busy");
}

fn container(name: &str) -> ContainerPlan {
    ContainerPlan {
        name: name.into(),
        service: name.into(),
        command: None,
        environment: Default::default(),
        limits: Limits::default(),
        limits_once_ready: Limits::default(),
        ready: None,
        probe_cpus: Default::default(),
        life: Life::Run,
    }
}

/// In an open loop: `late` of 2,000 requests are sent `late_us` late, and `delayed` ones after waiting for others.
fn lagging(late: u64, late_us: u64, delayed: u64) -> impl Fn(&mut Run) {
    move |run: &mut Run| {
        let load = &mut target(run).load;
        load.model = LoadModel::Open { rate_rps: 50.0, arrivals: Arrivals::Constant, max_in_flight: 10 };
        load.totals.delayed = Some(delayed);
        let mut lag = Histogram::new();
        (0..2000 - late).for_each(|_| lag.record_us(10));
        (0..late).for_each(|_| lag.record_us(late_us));
        (0..delayed).for_each(|_| lag.record_us(1_000_000));
        load.generators[0].send_lag = Some(lag);
    }
}

#[test]
fn requests_that_are_sent_late() {
    // The median latency is 30 ms or so, of which 5 % are 1.5 ms.
    assert_eq!(both_sides(Gate::SendLag, lagging(30, 990, 0), lagging(30, 2_000, 0)), Some(Severity::Invalid));
    assert_eq!(both_sides(Gate::SendLag, lagging(10, 2_000, 0), lagging(30, 2_000, 0)), Some(Severity::Invalid));
    let delayed = both_sides(Gate::SendLag, lagging(10, 2_000, 500), lagging(30, 2_000, 500));
    assert_eq!(delayed, Some(Severity::Invalid), "late ones are told from those that waited for the server");
    assert_eq!(both_sides(Gate::Delayed, lagging(0, 10, 0), lagging(0, 10, 1)), Some(Severity::Warning));
}

#[test]
fn requests_at_the_backend() {
    let at_backend = |asked: BackendRequests, factor: f64, failed: u64| {
        move |run: &mut Run| {
            run.plan.backend_requests = asked;
            let load = &mut target(run).load;
            (load.totals.sent, load.totals.failed, load.totals.unanswered) = (10_000, failed, Some(0));
            let total_arrivals = (10_000.0 * factor).round() as u64;
            load.backend =
                Some(BackendTruth { url: "http://mock".into(), window: BackendWindow::default(), total_arrivals });
        }
    };
    let one = BackendRequests::default();
    for (within, beyond) in [(1.0049, 1.0051), (0.9951, 0.9949)] {
        let severity = both_sides(Gate::Amplification, at_backend(one, within, 0), at_backend(one, beyond, 0));
        assert_eq!(severity, Some(Severity::Invalid));
    }
    let three = BackendRequests::Each(3.0);
    both_sides(Gate::Amplification, at_backend(three, 3.014, 0), at_backend(three, 3.016, 0));
    let none = BackendRequests::Each(0.0);
    both_sides(Gate::Amplification, at_backend(none, 0.0, 0), at_backend(none, 1.0, 0));
    both_sides(Gate::Amplification, at_backend(BackendRequests::Any, 9.0, 0), at_backend(one, 9.0, 0));
    both_sides(Gate::Amplification, at_backend(one, 9.0, 1), at_backend(one, 9.0, 0));
}

/// Four users, whose 2,000 answers take so long each that `share` of them are in flight.
fn in_flight(share: f64) -> impl Fn(&mut Run) {
    move |run: &mut Run| {
        let load = &mut target(run).load;
        (load.requests[0].requests, load.requests[0].failures) = (2_000, 0);
        load.requests[0].latency = Histogram::new();
        (0..98).for_each(|_| load.requests[0].latency.record_us(1_000));
        for second in &mut load.series {
            second.users = 4;
            second.latency_sum_us = (4.0 * share * second.duration_us as f64) as u64;
        }
    }
}

#[test]
fn throughput_times_latency_is_what_is_in_flight() {
    // Of 500 answers a user, the ends of the window may cut off one: 0.2 %.
    assert_eq!(both_sides(Gate::LittlesLaw, in_flight(1.051), in_flight(1.053)), Some(Severity::Invalid));
    assert_eq!(both_sides(Gate::LittlesLaw, in_flight(0.949), in_flight(0.947)), Some(Severity::Invalid));
    let answers = |answers: u64| {
        move |run: &mut Run| {
            in_flight(0.5)(run);
            target(run).load.requests[0].requests = answers;
        }
    };
    both_sides(Gate::LittlesLaw, answers(79), answers(80));
    // Where one answer in fifty takes 2 s of the 20, the ends may hide a tenth.
    let held = |share: f64| {
        move |run: &mut Run| {
            in_flight(share)(run);
            let latency = &mut target(run).load.requests[0].latency;
            (0..2).for_each(|_| latency.record_us(2_000_000));
        }
    };
    both_sides(Gate::LittlesLaw, held(0.86), held(0.84));
    let thinking = |run: &mut Run| {
        in_flight(0.5)(run);
        let think_time = "10ms".parse().expect("a time");
        target(run).load.model = LoadModel::Closed { users: 4, spawn_rate_per_s: 10.0, think_time };
    };
    both_sides(Gate::LittlesLaw, thinking, in_flight(0.5));
    let failing = |run: &mut Run| {
        in_flight(0.5)(run);
        target(run).load.requests[0].failures = 1;
    };
    both_sides(Gate::LittlesLaw, failing, in_flight(0.5));
}

#[test]
fn halves_of_a_window_that_differ() {
    // 20 seconds of 1,000 answers; those of the second half are more or fewer, and `noise` of them come and go.
    let halves = |factor: f64, noise: f64| {
        move |run: &mut Run| {
            let seconds = target(run).load.series.iter_mut().filter(|second| second.measured);
            for (index, second) in seconds.enumerate() {
                let rate = if index < 10 { 1_000.0 } else { 1_000.0 * factor };
                let wave = if index % 2 == 0 { 1.0 + noise } else { 1.0 - noise };
                (second.requests, second.failures) = ((rate * wave).round() as u64, 0);
            }
        }
    };
    assert_eq!(both_sides(Gate::Stationary, halves(1.049, 0.01), halves(1.051, 0.01)), Some(Severity::Invalid));
    assert_eq!(both_sides(Gate::Stationary, halves(0.951, 0.01), halves(0.949, 0.01)), Some(Severity::Invalid));
    both_sides(Gate::Stationary, halves(1.06, 0.06), halves(1.06, 0.03));
    both_sides(Gate::Stationary, halves(1.0, 0.0), halves(1.5, 0.0));
    let nothing_at_first = |run: &mut Run| {
        halves(1.0, 0.0)(run);
        let seconds = target(run).load.series.iter_mut().filter(|second| second.measured);
        seconds.take(10).for_each(|second| second.requests = 0);
    };
    both_sides(Gate::Stationary, halves(1.0, 0.0), nothing_at_first);
    both_sides(Gate::Stationary, halves(1.0, 0.0), halves(0.0, 0.0));
    let staged = |run: &mut Run| {
        halves(1.5, 0.0)(run);
        target(run).load.stages = vec![Stage { duration_us: 20_000_000, target: 4.0 }];
    };
    both_sides(Gate::Stationary, staged, halves(1.5, 0.0));
}

#[test]
fn samples_that_are_missing() {
    // The window starts 3 s after the first sample, and 400 ms before a sample: without the first ones in it, the gap is longer.
    let without = |range: std::ops::Range<usize>| {
        move |run: &mut Run| {
            target(run).processes.drain(range.clone());
        }
    };
    assert_eq!(both_sides(Gate::SamplesComplete, without(10..11), without(10..12)), Some(Severity::Invalid));
    both_sides(Gate::SamplesComplete, without(3..5), without(3..6));
    both_sides(Gate::SamplesComplete, without(22..24), without(20..24));
    let every_third = |run: &mut Run| {
        let mut index = 0;
        target(run).processes.retain(|_| {
            index += 1;
            index % 3 == 1
        });
    };
    both_sides(Gate::SamplesComplete, every_third, without(10..12));
    let every_seventh = |run: &mut Run| {
        let samples = std::mem::take(&mut target(run).processes);
        target(run).processes = samples.into_iter().step_by(7).collect();
    };
    both_sides(Gate::SamplesComplete, every_third, every_seventh);
}

#[test]
fn more_processes_than_are_looked_at() {
    let left_out = |processes_left_out: u32| {
        move |run: &mut Run| {
            target(run).processes[5].processes_left_out = processes_left_out;
            if processes_left_out > 0 {
                run.visited[1].attestation.workers_after = None;
            }
        }
    };
    assert_eq!(both_sides(Gate::ProcessesWhole, left_out(0), left_out(1)), Some(Severity::Invalid));
    let mut run = run();
    left_out(1)(&mut run);
    assert_eq!(found(&run, Gate::Workers), None, "said once");
}

#[test]
fn a_foreign_backend_that_fails_beyond_the_limit_is_no_baseline() {
    let why = |kind: PhaseKind, mock: Option<&str>, failed: u64| {
        let mut run = run();
        run.plan.load.backend = mock.map(str::to_owned);
        run.plan.max_failure_rate = 0.01;
        let phase = phase(&mut run, kind);
        (phase.load.requests[0].requests, phase.load.requests[0].failures) = (1000, failed);
        let phase = phase.clone();
        why_no_baseline(&run.plan, &phase)
    };
    assert_eq!(why(PhaseKind::Baseline, None, 10), None);
    let said = why(PhaseKind::Baseline, None, 11).expect("beyond the limit");
    assert!(said.starts_with("mock did not answer 1.1 % of what the target is asked as expected"), "{said}");
    assert!(why(PhaseKind::Baseline, None, 1000).expect("nothing succeeded").contains("100.0 %"));
    assert_eq!(why(PhaseKind::Baseline, Some("http://mock:8080"), 1000), None, "our mock is to answer");
    assert_eq!(why(PhaseKind::Target, None, 1000), None, "a target is what is measured");

    let mut left_out = run();
    for visited in &mut left_out.visited {
        visited.phases.retain(|phase| phase.kind != PhaseKind::Baseline);
    }
    left_out.visited[1].no_baseline = Some(said.clone());
    assert_eq!(found(&left_out, Gate::BaselineMeans), Some(Severity::Warning));
    let analysis = Analysis::of(&left_out);
    assert!(left_out.visited.iter().all(|visited| analysis.is_valid(visited)), "{:?}", analysis.findings);
    let text = vscale::report::terminal::render(&left_out, &analysis, 200, false);
    assert!(text.contains(&format!("w2: no baseline: {said}")), "{text}");
}
