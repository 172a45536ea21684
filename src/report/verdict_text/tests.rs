//! What a person reads.

use super::*;
use crate::analyse::verdict::decision::Other;

fn verdict_of(kind: Kind) -> Verdict {
    Verdict {
        kind,
        confidence: Confidence::High,
        together: Vec::new(),
        numbers: Vec::new(),
        levers: Vec::new(),
        next: None,
        missing: Vec::new(),
    }
}

fn against(figure: Figure, value: f64, limit: f64) -> Number {
    Number { figure, value, limit: Some(limit) }
}

#[test]
fn what_limits_and_how_it_grows() {
    let limit = Verdict {
        numbers: vec![
            against(Figure::QuotaUse, 0.98, 0.9),
            against(Figure::ThrottledPeriods, 0.97, 0.25),
            Number { figure: Figure::DoubledUsers, value: 1.01, limit: None },
        ],
        levers: vec![Lever::Quota],
        next: Some(Next { resources: vec![Resource::Cpuset, Resource::Workers], rps: 200.4, times: 2.04 }),
        ..verdict_of(Kind::CpuThrottled)
    };
    let growth = Verdict {
        numbers: vec![
            against(Figure::Efficiency, 0.99, 0.95),
            Number { figure: Figure::LastWorkers, value: 8.0, limit: None },
        ],
        ..verdict_of(Kind::Linear)
    };
    let ceilings = vec![Ceiling {
        resources: vec![Resource::Quota],
        rps: 100.0,
        interval: Some([99.0, 101.0]),
        utilisation: 0.98,
        arithmetic: "0.50 CPUs / 5.00 ms of CPU a request".into(),
    }];
    let judged = Judgement { limit, growth: Some(growth), ceilings };
    let said: Vec<String> = judgement(&judged).into_iter().chain(judged.ceilings.iter().map(ceiling)).collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn what_is_not_known_says_how_to_know() {
    let open = Verdict {
        confidence: Confidence::Low,
        missing: vec![Missing::DoubledUsers, Missing::WorkerSweep],
        ..verdict_of(Kind::Inconclusive)
    };
    let nothing_near = Verdict { missing: Vec::new(), ..open.clone() };
    let both = Verdict {
        confidence: Confidence::Moderate,
        together: vec![Kind::CpuThrottled, Kind::BackendBound],
        levers: vec![Lever::Quota, Lever::BackendSlots],
        ..verdict_of(Kind::CoLimited)
    };
    let invalid = verdict_of(Kind::HostContended);
    let said: Vec<String> = [open, nothing_near, both, invalid].iter().flat_map(verdict).collect();
    insta::assert_snapshot!(said.join("\n"));
}

fn choice(point: usize, workers: u32, cpus: f64) -> Choice {
    Choice {
        point,
        workers,
        cpus: Some(cpus),
        worker_memory_bytes: Some(160.0 * 1024.0 * 1024.0),
        drive: None,
        side: None,
    }
}

#[test]
fn what_to_run() {
    let ratio = Ratio { estimate: 0.972, low: 0.961, high: 0.983 };
    let chosen = Chosen {
        setting: choice(1, 2, 2.0),
        throughput_rps: 196.0,
        best: choice(2, 4, 4.0),
        best_rps: 201.6,
        of_best: Some(ratio),
        undecided: vec![choice(0, 1, 1.0)],
    };
    let halved = Ratio { estimate: 0.5, low: 0.48, high: 0.52 };
    let group = EqualCpus {
        cpus: 2.0,
        best: choice(1, 2, 2.0),
        best_rps: 196.0,
        others: vec![
            Other { setting: choice(3, 1, 2.0), of_best: Some(halved) },
            Other { setting: choice(4, 4, 2.0), of_best: None },
        ],
    };
    let decided = Decision {
        chosen: Some(chosen),
        beyond_slo: vec![5],
        slo_unknown: Vec::new(),
        equal_cpus: vec![group],
        workers: WorkersLever::NotTheLever,
    };
    let none = Decision { chosen: None, equal_cpus: Vec::new(), workers: WorkersLever::NotTried, ..decided.clone() };
    let said: Vec<String> = [decided, none].iter().flat_map(|it| decision(it, &Workers::Counted, true)).collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn the_rules_of_thumb() {
    let answers = [
        (Rule::GoodScaling, Answer::NotSeen),
        (Rule::CpuBound, Answer::NotRead),
        (Rule::IoBound, Answer::Holds),
        (Rule::Gil, Answer::OtherwiseLimited(Kind::BackendBound)),
        (Rule::Gil, Answer::Open),
    ];
    let said = answers.map(|(rule, answer)| rule_of_thumb(&RuleOfThumb { rule, answer }));
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_name_is_the_file_s_own() {
    for kind in [Kind::SweepNotApplied, Kind::CpuBound, Kind::TwoModes, Kind::BlockingWorkers, Kind::CoLimited] {
        assert_eq!(serde_json::to_value(kind).unwrap(), name(kind));
    }
}
