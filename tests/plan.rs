//! What is planned, of real compose files on hosts of any size, and what comes next: nothing here needs an engine.

use insta::assert_snapshot;
use std::fs;
use vscale::{
    compose::{self, Project},
    error::Error,
    model::{
        Attestation, Cpu, HostFacts, Life, Limit, LimitValue, LoadModel, LoadPlan, Phase, PhaseKind, Plan, Visit,
        Visited,
    },
    plan::{Asked, make, next},
};

fn project(changes: &[(&str, &str)]) -> Project {
    let mut text = fs::read_to_string("compose.yaml").expect("the repository's own");
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("compose.yaml");
    fs::write(&file, text).expect("writable");
    compose::load(&[file], &|_| None).expect("it is good")
}

fn host(cpus: u32) -> HostFacts {
    let cpus = (0..cpus).map(|id| Cpu { id, core: id, package: 0, node: 0 }).collect();
    HostFacts { cpus, ..HostFacts::default() }
}

fn asked(workers: &[u32]) -> Asked {
    Asked {
        workers: workers.to_vec(),
        quota_cores: None,
        period_us: None,
        memory_bytes: None,
        load: LoadPlan::new(""),
        ready_timeout_us: 120_000_000,
        max_failure_rate: 0.01,
    }
}

fn plan(asked: &Asked) -> Plan {
    make(asked, &project(&[]), &host(2)).expect("it can be planned")
}

/// What comes of a visit, as far as the next one depends on it.
fn visited(visit: &Visit) -> Visited {
    let phases = visit.phases.iter().map(|phase| phase.kind);
    let load = || serde_json::from_str(include_str!("plan/load.json")).expect("a load's result");
    Visited {
        id: visit.id.clone(),
        sequence: visit.sequence,
        point: visit.point,
        block: visit.block,
        workers: visit.workers,
        started_unix_us: 0,
        ready_after_us: 0,
        attestation: Attestation { workers_before: None, workers_after: None, limits: Vec::new(), above: None },
        phases: phases
            .map(|kind| Phase {
                kind,
                load: load(),
                usage: Vec::new(),
                processes: Vec::new(),
                ticks: Vec::new(),
                speed_before: None,
                speed_after: None,
            })
            .collect(),
        ended: Vec::new(),
        steps: Vec::new(),
    }
}

/// All visits of a plan, one after the other.
fn all(plan: &Plan) -> Vec<Visit> {
    let mut done: Vec<Visited> = Vec::new();
    let mut visits = Vec::new();
    while let Some(visit) = next(plan, &done) {
        done.push(visited(&visit));
        visits.push(visit);
    }
    visits
}

#[test]
fn a_sweep_visits_each_count_in_the_order_asked_for() {
    let visits = all(&plan(&asked(&[1, 2, 4])));
    let seen: Vec<_> = visits.iter().map(|it| (it.id.as_str(), it.sequence, it.point, it.workers)).collect();
    assert_eq!(seen, [("w1", 0, 0, 1), ("w2", 1, 1, 2), ("w4", 2, 2, 4)]);
}

#[test]
fn a_count_asked_for_again_is_the_same_point_visited_again() {
    let quota = Asked { quota_cores: Some(1.5), ..asked(&[2, 1, 2]) };
    let visits = all(&plan(&quota));
    let seen: Vec<_> = visits.iter().map(|it| (it.id.as_str(), it.point)).collect();
    assert_eq!(seen, [("w2-c1.5", 0), ("w1-c1.5", 1), ("w2-c1.5-r2", 0)]);
}

#[test]
fn a_run_taken_up_again_goes_on_where_it_was() {
    let plan = plan(&asked(&[1, 2, 4]));
    let whole = all(&plan);
    for done in 0..=whole.len() {
        let visited: Vec<Visited> = whole[..done].iter().map(visited).collect();
        assert_eq!(next(&plan, &visited), whole.get(done).cloned());
    }
}

#[test]
fn the_plan_of_a_run_is_the_same_after_it_was_written() {
    let plan = plan(&Asked { quota_cores: Some(0.5), memory_bytes: Some(1 << 30), ..asked(&[1, 2]) });
    let json = serde_json::to_string(&plan).expect("plain data");
    assert_eq!(serde_json::from_str::<Plan>(&json).expect("what was written"), plan);
}

#[test]
fn only_the_target_is_fresh_and_the_generator_comes_last() {
    let visit = next(&plan(&asked(&[2])), &[]).expect("the first");
    let seen: Vec<_> = visit.containers.iter().map(|it| (it.name.as_str(), it.life)).collect();
    let run = Life::Run;
    assert_eq!(seen, [("mock", run), ("stack", Life::Visit), ("vscale-speed", run), ("loadgen", run)]);
    let [mock, stack, speed, loadgen] = &visit.containers[..] else { panic!("four") };
    assert_eq!(stack.environment["WORKERS"], "2");
    assert_eq!(mock.command, None);
    assert_eq!(loadgen.command.as_deref(), Some(&["generator".to_owned()][..]));
    let cpus = |index: usize| visit.containers[index].limits.cpuset().map(ToString::to_string);
    assert_eq!([cpus(0), cpus(1), cpus(2), cpus(3)].map(Option::unwrap), ["0", "1", "1", "0"]);
    assert_eq!(speed.command.as_deref(), Some(&["speed".to_owned()][..]), "on the target's CPUs, while it is idle");
}

#[test]
fn a_quota_waits_until_the_target_is_ready() {
    let quota = Asked { quota_cores: Some(0.5), ..asked(&[1]) };
    let visit = next(&plan(&quota), &[]).expect("the first");
    let stack = &visit.containers[1];
    assert_eq!(stack.limits.get(Limit::CpuQuotaUs), None);
    assert_eq!(stack.limits_once_ready.get(Limit::CpuQuotaUs), Some(&LimitValue::Number(50_000)));
    assert_eq!(stack.limits_once_ready.get(Limit::CpuPeriodUs), Some(&LimitValue::Number(100_000)));
    assert_eq!(stack.limits.number(Limit::MemoryBytes), Some(8 << 30), "the file's");
}

#[test]
fn a_quota_of_the_compose_file_is_one_like_any_other() {
    let file = [("mem_limit: 8g", "mem_limit: 8g\n    cpus: 0.25")];
    let of_file = make(&asked(&[1]), &project(&file), &host(2)).expect("planned");
    assert_eq!(of_file.points[0].limits.quota_cores(), Some(0.25));
    assert_eq!(next(&of_file, &[]).expect("the first").id, "w1-c0.25");
    // The flag counts, in one form: the engine refuses a quota said in two.
    let both = Asked { quota_cores: Some(0.5), ..asked(&[1]) };
    let both = make(&both, &project(&file), &host(2)).expect("planned");
    assert_eq!(both.points[0].limits.number(Limit::CpuQuotaUs), Some(50_000));
}

#[test]
fn the_quota_s_period_is_the_engine_s_own_unless_asked_otherwise() {
    let period = |asked: Asked| make(&asked, &project(&[]), &host(2)).map(|plan| plan.points[0].limits.clone());
    let own = period(Asked { quota_cores: Some(0.5), period_us: Some(10_000), ..asked(&[1]) }).expect("planned");
    assert_eq!((own.number(Limit::CpuQuotaUs), own.number(Limit::CpuPeriodUs)), (Some(5_000), Some(10_000)));
    let refused = |asked: Asked| period(asked).map_err(|error: Error| error.to_string()).expect_err("refused");
    assert_snapshot!(refused(Asked { quota_cores: Some(0.05), period_us: Some(10_000), ..asked(&[1]) }), @"--cpus 0.05: 500 us in each period of 10000 us: the kernel's least is 1000 us");
    assert_snapshot!(refused(Asked { period_us: Some(10_000), ..asked(&[1]) }), @"--cpu-period: a period without a quota does nothing; add --cpus");
    let file = project(&[("mem_limit: 8g", "mem_limit: 8g\n    cpus: 0.5")]);
    let of_file = make(&Asked { period_us: Some(1_000), ..asked(&[1]) }, &file, &host(2)).map(drop);
    assert_snapshot!(of_file.expect_err("refused"), @"--cpu-period: 500 us in each period of 1000 us: the kernel's least is 1000 us");
    assert_snapshot!(refused(Asked { quota_cores: Some(3.0), ..asked(&[1]) }), @"--cpus 3: this host has 2 CPUs, and 1 (CPU 1) can be given to the target");
}

#[test]
fn what_the_generator_can_do_at_most_is_measured_once_in_a_run() {
    let visits = all(&plan(&asked(&[1, 2])));
    let kinds = |visit: &Visit| visit.phases.iter().map(|phase| phase.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&visits[0]), [PhaseKind::Baseline, PhaseKind::Null, PhaseKind::Target]);
    assert_eq!(kinds(&visits[1]), [PhaseKind::Baseline, PhaseKind::Target]);
    let null = &visits[0].phases[1];
    let beside = null.beside.as_ref().expect("the mock that answers at once");
    assert_eq!((beside.name.as_str(), beside.service.as_str()), ("vscale-null", "loadgen"));
    assert_eq!((null.load.host.as_str(), null.load.backend.as_deref()), ("http://vscale-null:80", None));
    let open = LoadPlan {
        model: LoadModel::Open { rate_rps: 5.0, arrivals: vscale::model::Arrivals::Poisson, max_in_flight: 9 },
        ..LoadPlan::new("")
    };
    let visit = next(&plan(&Asked { load: open, ..asked(&[1]) }), &[]).expect("the first");
    assert!(matches!(visit.phases[1].load.model, LoadModel::Closed { users: 64, .. }), "a closed loop, at full load");
    assert!(matches!(visit.phases[2].load.model, LoadModel::Open { rate_rps: 5.0, .. }));
}

#[test]
fn who_is_loaded_and_who_tells_what_it_saw() {
    let visit = next(&plan(&asked(&[1])), &[]).expect("the first");
    let hosts: Vec<_> = visit.phases.iter().map(|phase| phase.load.host.as_str()).collect();
    assert_eq!(hosts, ["http://mock:8080", "http://vscale-null:80", "http://stack:8321"]);
    assert_eq!(visit.phases[2].load.backend.as_deref(), Some("http://mock:8080"));
    let foreign = project(&[("image: vscale/self              # the", "image: nginx # the")]);
    let plan = make(&asked(&[1]), &foreign, &host(2)).expect("planned");
    assert_eq!(plan.load.backend, None, "only a mock of ours tells what it saw");
}

#[test]
fn a_cpuset_of_the_compose_file_is_kept_or_refused() {
    let asked = asked(&[1]);
    let with = |cpuset: &str| {
        make(&asked, &project(&[("mem_limit: 8g", &format!("mem_limit: 8g\n    cpuset: '{cpuset}'"))]), &host(4))
    };
    assert_eq!(with("1-3").expect("planned").placement().target.to_string(), "1-3");
    assert_snapshot!(with("2,9").expect_err("no CPU 9"), @"the target's cpuset names CPU 9; this host has 0-3");
}
