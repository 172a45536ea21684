//! Ten thousand points whose limit is known: a queueing network with drawn parameters, its counters read with noise, some of
//! them missing. What binds is found as on a real target: each limit is lifted, and throughput rises or not. Nothing here
//! knows a rule or a limit of the verdicts.

mod counters;
mod draw;
mod world;

use super::{Confidence, Evidence, Kind, Verdict, judge};
use crate::distribution::random;
use draw::{AROUND, Draw};
use std::collections::BTreeMap;
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

struct Tally {
    counts: BTreeMap<(Kind, Outcome), usize>,
    examples: Vec<String>,
}

impl Tally {
    fn of(seed: u64, vectors: usize, is_whole: bool) -> Self {
        let mut random = random(seed, 0);
        let mut draw = Draw(&mut random);
        let mut tally = Self { counts: BTreeMap::new(), examples: Vec::new() };
        for _ in 0..vectors {
            let around = draw.one_of(&AROUND);
            let world = draw.world(around);
            let mut evidence = draw.evidence(&world);
            if !is_whole {
                forget(&mut draw, &mut evidence);
            }
            tally.count(&world, &evidence);
        }
        tally
    }

    fn count(&mut self, world: &World, evidence: &Evidence) {
        let gains = world.gains();
        let verdict = judge(evidence).limit;
        let (truth, outcome) = (truth(&gains), outcome(&verdict, &gains));
        *self.counts.entry((truth, outcome)).or_default() += 1;
        if outcome == Outcome::ConfidentWrong && self.examples.len() < 10 {
            let helps: Vec<_> = gains.iter().filter(|(_, gain)| *gain > 0.01).collect();
            self.examples.push(format!(
                "{outcome:?} {:?} {:?} of {helps:.2?}: {verdict:?}\n{world:?}",
                verdict.kind, verdict.confidence
            ));
        }
    }

    fn total(&self, wanted: impl Fn(Outcome) -> bool) -> usize {
        self.counts.iter().filter(|((_, outcome), _)| wanted(*outcome)).map(|(_, count)| count).sum()
    }

    /// A row a limit that binds, a column an outcome.
    fn matrix(&self) -> String {
        let outcomes = [Outcome::Right, Outcome::Inconclusive, Outcome::Wrong, Outcome::ConfidentWrong];
        let kinds: std::collections::BTreeSet<Kind> = self.counts.keys().map(|(kind, _)| *kind).collect();
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
    let (whole, in_part) = (Tally::of(1, 7_000, true), Tally::of(2, 3_000, false));
    println!("with all evidence\n{}\n\nwith some of it\n{}", whole.matrix(), in_part.matrix());
    for tally in [&whole, &in_part] {
        assert_eq!(tally.total(|outcome| outcome == Outcome::ConfidentWrong), 0, "{}", tally.examples.join("\n\n"));
    }
    let right = whole.total(|outcome| outcome == Outcome::Right);
    assert!(right * 10 >= 7_000 * 9, "{right} right of 7000\n{}", whole.examples.join("\n\n"));
}
