//! Ten thousand points whose limit is known: a queueing network with drawn parameters, its counters read with noise, some of
//! them missing. What binds is found as on a real target: each limit is lifted, and throughput rises or not. Nothing here
//! knows a rule or a limit of the verdicts.

mod counters;
mod draw;
mod world;

use super::{Alternation, Confidence, Evidence, FailedGate, FailedKind, Kind, Modes, Verdict, judge};
use crate::distribution::random;
use draw::{AROUND, Draw};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};
use world::World;

/// A limit binds where throughput rises by this share when it is lifted.
const BINDS: f64 = 0.05;

/// Where nothing rises by more than this when one limit is lifted alone, there are two.
const TWO_LIMITS: f64 = 0.08;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Right,
    Inconclusive,
    Wrong,
    ConfidentWrong,
}

/// How a verdict stands to what lifting each limit did.
fn outcome(verdict: &Verdict, gains: &[(Kind, f64)]) -> Outcome {
    let gain = |kind: Kind| gains.iter().find(|(of, _)| *of == kind).map_or(0.0, |(_, gain)| *gain);
    let most = gains.iter().map(|(_, gain)| *gain).fold(0.0, f64::max);
    // Of several that help, one that helps at least half as much as the best is no error.
    let binds = |kind: Kind| gain(kind) >= BINDS.min(most) && gain(kind) >= most / 2.0;
    let is_right = match verdict.kind {
        Kind::CoLimited => most < TWO_LIMITS && verdict.together.iter().any(|kind| binds(*kind)),
        kind => binds(kind),
    };
    match (verdict.kind, is_right, verdict.confidence) {
        (Kind::Inconclusive, ..) => Outcome::Inconclusive,
        (_, true, _) => Outcome::Right,
        (_, false, Confidence::High) => Outcome::ConfidentWrong,
        _ => Outcome::Wrong,
    }
}

/// A point that is no one network in balance: it turns from one to another in time or from visit to visit, or was not
/// measured as asked; with what to call that.
fn unsettled(draw: &mut Draw) -> (Kind, Evidence) {
    let around = draw.one_of(&AROUND);
    let world = draw.world(around);
    let mut evidence = draw.evidence(&world);
    let named = draw.one_of(&[Kind::TwoModes, Kind::Alternating, Kind::LoadgenBound, Kind::MockBound, Kind::Erroring]);
    match named {
        Kind::TwoModes => {
            let lower_rps = evidence.rps().unwrap_or(0.0);
            let upper_rps = lower_rps * draw.between(1.2, 2.0);
            evidence.modes = Some(Modes { lower_rps, lower_visits: 2, upper_rps, upper_visits: 3 });
        }
        Kind::Alternating => evidence = draw.taking_turns(),
        Kind::LoadgenBound => evidence.generator.cpu_ratio = Some(draw.between(0.81, 1.0)),
        Kind::MockBound if evidence.backend.is_some() => {
            let ratio = draw.between(0.81, 1.0);
            evidence.backend =
                evidence.backend.map(|backend| super::BackendEvidence { cpu_ratio: Some(ratio), ..backend });
        }
        _ => {
            evidence.failed = vec![FailedGate { kind: FailedKind::Erroring, note: String::new() }];
            return (Kind::Erroring, evidence);
        }
    }
    (named, evidence)
}

impl Draw<'_> {
    /// Half of the time full CPUs, half of the time a full backend: counters are means of both.
    fn taking_turns(&mut self) -> Evidence {
        let mut busy = self.world(Kind::CpuThrottled);
        busy.backend_s = 0.002;
        let slow = World { slots: 1.0, backend_s: self.between(3.0, 10.0) / busy.flow().rps, ..busy.clone() };
        let [at_cpu, at_backend] = [busy, slow].map(|world| self.evidence(&world));
        let half = |a: f64, b: f64| a.midpoint(b);
        let (fast, few) = (at_cpu.rps().unwrap_or(0.0), at_backend.rps().unwrap_or(0.0));
        let mut mean = at_cpu.clone();
        mean.throughput_rps = at_cpu.throughput_rps.map(|rps| super::Estimate {
            estimate: half(fast, few),
            low: rps.low * half(fast, few) / fast,
            high: rps.high * half(fast, few) / fast,
        });
        let cpu = |of: fn(&Evidence) -> Option<f64>| Some(half(of(&at_cpu)?, of(&at_backend)?));
        mean.cpu.cores = cpu(|it| it.cpu.cores);
        mean.cpu.throttled_periods_ratio = cpu(|it| it.cpu.throttled_periods_ratio);
        mean.cpu.throttled_time_ratio = cpu(|it| it.cpu.throttled_time_ratio);
        for (worker, other) in mean.workers.iter_mut().zip(&at_backend.workers) {
            worker.cores = half(worker.cores, other.cores);
            worker.busiest_thread_cores = half(worker.busiest_thread_cores, other.busiest_thread_cores);
        }
        if let (Some(backend), Some(other)) = (&mut mean.backend, at_backend.backend) {
            backend.in_flight_mean = backend.in_flight_mean.zip(other.in_flight_mean).map(|(a, b)| half(a, b));
            backend.in_flight_peak = other.in_flight_peak;
            backend.connections = other.connections;
        }
        mean.load.doubled_users = at_backend.load.doubled_users;
        mean.alternation = Some(Alternation {
            at_limit_ratio: self.between(0.4, 0.5),
            far_below_ratio: self.between(0.4, 0.5),
            changes: self.between(6.0, 20.0).round(),
        });
        mean
    }
}

/// What lifting shows to bind; of several, what helps most.
fn truth(gains: &[(Kind, f64)]) -> Kind {
    gains.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(Kind::Inconclusive, |(kind, _)| *kind)
}

/// Takes some of the evidence away.
fn forget(draw: &mut Draw, evidence: &mut Evidence) {
    let ways: [fn(&mut Evidence); 16] = [
        |it| it.cpu.us_per_request = None,
        |it| it.cpu.throttled_periods_ratio = None,
        |it| it.cpu.throttled_time_ratio = None,
        |it| it.cpu.run_queue_wait_cores = None,
        |it| it.cpu.voluntary_switches_per_request = None,
        |it| it.workers.clear(),
        |it| it.setting.cpuset_cpus = None,
        |it| it.load.doubled_users = None,
        |it| it.curve = None,
        |it| it.stalls.io_pressure_ratio = None,
        |it| it.stalls.memory_pressure_ratio = None,
        |it| it.stalls.network_limit_bytes_per_s = None,
        |it| it.visits = 1,
        |it| it.load.latency_min_us = None,
        |it| {
            if let Some(backend) = &mut it.backend {
                backend.processing_us = None;
                backend.slots = None;
            }
        },
        |it| {
            if let Some(backend) = &mut it.backend {
                backend.connections = None;
                backend.in_flight_mean = None;
            }
        },
    ];
    for _ in 0..draw.one_of(&[1, 2, 4, 8]) {
        draw.one_of(&ways)(evidence);
    }
}

#[derive(Default)]
struct Tally {
    counts: BTreeMap<(Kind, Outcome), usize>,
    /// Right ones of high confidence.
    sure: usize,
    examples: Vec<String>,
}

impl Tally {
    fn of(seed: u64, vectors: usize, is_whole: bool) -> Self {
        let mut random = random(seed, 0);
        let mut draw = Draw(&mut random);
        let mut tally = Self::default();
        for _ in 0..vectors {
            let around = draw.one_of(&AROUND);
            let world = draw.world(around);
            let mut evidence = draw.evidence(&world);
            if !is_whole {
                forget(&mut draw, &mut evidence);
            }
            let gains = world.gains();
            let verdict = judge(&evidence).limit;
            tally.count(truth(&gains), outcome(&verdict, &gains), &verdict, &world);
        }
        tally
    }

    fn of_unsettled(seed: u64, vectors: usize) -> Self {
        let mut random = random(seed, 0);
        let mut draw = Draw(&mut random);
        let mut tally = Self::default();
        for _ in 0..vectors {
            let (named, evidence) = unsettled(&mut draw);
            let verdict = judge(&evidence).limit;
            let outcome = outcome(&verdict, &[(named, 1.0)]);
            tally.count(named, outcome, &verdict, &evidence);
        }
        tally
    }

    fn count(&mut self, truth: Kind, outcome: Outcome, verdict: &Verdict, of: &dyn std::fmt::Debug) {
        *self.counts.entry((truth, outcome)).or_default() += 1;
        self.sure += usize::from(outcome == Outcome::Right && verdict.confidence == Confidence::High);
        if outcome == Outcome::ConfidentWrong && self.examples.len() < 10 {
            self.examples.push(format!("{truth:?}, not {verdict:?}\n{of:?}"));
        }
    }

    fn total(&self, wanted: impl Fn(Outcome) -> bool) -> usize {
        self.counts.iter().filter(|((_, outcome), _)| wanted(*outcome)).map(|(_, count)| count).sum()
    }

    /// A row a limit that binds, a column an outcome.
    fn matrix(&self) -> String {
        let outcomes = [Outcome::Right, Outcome::Inconclusive, Outcome::Wrong, Outcome::ConfidentWrong];
        let kinds: BTreeSet<Kind> = self.counts.keys().map(|(kind, _)| *kind).collect();
        let count = |kind, outcome| self.counts.get(&(kind, outcome)).copied().unwrap_or(0);
        let row = |kind: Kind| {
            let cells: Vec<String> = outcomes.iter().map(|&outcome| format!("{:>15}", count(kind, outcome))).collect();
            format!("{:<16}{}", format!("{kind:?}"), cells.concat())
        };
        let head: Vec<String> = outcomes.iter().map(|outcome| format!("{:>15}", format!("{outcome:?}"))).collect();
        let rows: Vec<String> = kinds.into_iter().map(row).collect();
        format!("{:<16}{}\n{}", "binds", head.concat(), rows.join("\n"))
    }
}

#[test]
fn ten_thousand_points_and_no_confident_error() {
    let whole = Tally::of(1, 6_000, true);
    let (in_part, unsettled) = (Tally::of(2, 3_000, false), Tally::of_unsettled(3, 1_000));
    let said = [("all evidence", &whole), ("some of it", &in_part), ("unsettled points", &unsettled)];
    for (what, tally) in said {
        let _ = writeln!(std::io::stderr(), "{what}; sure and right {}\n{}\n", tally.sure, tally.matrix());
        assert_eq!(tally.total(|outcome| outcome == Outcome::ConfidentWrong), 0, "{}", tally.examples.join("\n\n"));
    }
    let right = whole.total(|outcome| outcome == Outcome::Right);
    assert!(right * 10 >= 6_000 * 9, "{right} right of 6000");
    // Who is never sure is never confidently wrong: that would be no merit.
    assert!(whole.sure * 3 >= 6_000, "{} sure of 6000", whole.sure);
}
