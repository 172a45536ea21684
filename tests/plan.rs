//! What is planned, of real compose files on hosts of any size, and what comes next: nothing here needs an engine.

#[path = "plan/targets.rs"]
mod targets;

use insta::assert_snapshot;
use std::fs;
use vscale::{
    compose::{self, Condition, Project},
    error::Error,
    model::{
        Attestation, Change, Cpu, Drive, HostFacts, Lever, Life, Limit, LimitValue, LoadModel, LoadPlan, Phase,
        PhaseKind, Plan, Purpose, Side, Step, StudyPlan, Trial, Turn, Visit, Visited, Wanted,
    },
    plan::{Asked, Quota, Repeats, make, next},
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
        quotas: Vec::new(),
        period_us: None,
        cpuset_sizes: Vec::new(),
        memory_bytes: None,
        load: LoadPlan::new(""),
        drives: Vec::new(),
        spawn_rate_per_s: None,
        baseline: true,
        ready_timeout_us: 120_000_000,
        max_failure_rate: 0.01,
        study: None,
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
        change: visit.change,
        workers: visit.workers,
        started_unix_us: 0,
        ready_after_us: 0,
        attestation: Attestation {
            workers_before: None,
            workers_after: None,
            workers_not_told: None,
            limits: Vec::new(),
            above: None,
            not_seen: Vec::new(),
            is_complete: true,
        },
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
        no_baseline: None,
        steps: Vec::new(),
    }
}

/// All visits of a plan, one after the other.
fn all(plan: &Plan) -> Vec<Visit> {
    let mut done: Vec<Visited> = Vec::new();
    let mut visits = Vec::new();
    while let Some(visit) = next(plan, &done, &Wanted::default()) {
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
    let quota = Asked { quotas: vec![Quota::Whole(1.5)], ..asked(&[2, 1, 2]) };
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
        assert_eq!(next(&plan, &visited, &Wanted::default()), whole.get(done).cloned());
    }
}

#[test]
fn the_plan_of_a_run_is_the_same_after_it_was_written() {
    let plan = plan(&Asked { quotas: vec![Quota::Whole(0.5)], memory_bytes: Some(1 << 30), ..asked(&[1, 2]) });
    let json = serde_json::to_string(&plan).expect("plain data");
    assert_eq!(serde_json::from_str::<Plan>(&json).expect("what was written"), plan);
}

#[test]
fn only_the_target_is_fresh_and_the_generator_comes_last() {
    let visit = next(&plan(&asked(&[2])), &[], &Wanted::default()).expect("the first");
    let seen: Vec<_> = visit.containers.iter().map(|it| (it.name.as_str(), it.life)).collect();
    let run = Life::Run;
    assert_eq!(seen, [("mock", run), ("stack", Life::Visit), ("vscale-speed", run), ("loadgen", run)]);
    let [mock, stack, speed, loadgen] = &visit.containers[..] else { panic!("four") };
    assert_eq!(stack.environment["WORKERS"], "2");
    assert!(
        mock.command.as_ref().is_some_and(|command| command[0] == "mock"),
        "as the file has it: a visit may change it"
    );
    assert_eq!(loadgen.command.as_deref(), Some(&["generator".to_owned()][..]));
    let cpus = |index: usize| visit.containers[index].limits.cpuset().map(ToString::to_string);
    assert_eq!([cpus(0), cpus(1), cpus(2), cpus(3)].map(Option::unwrap), ["0", "1", "1", "0"]);
    assert_eq!(speed.command.as_deref(), Some(&["speed".to_owned()][..]), "on the target's CPUs, while it is idle");
}

#[test]
fn a_quota_waits_until_the_target_is_ready() {
    let quota = Asked { quotas: vec![Quota::Whole(0.5)], ..asked(&[1]) };
    let visit = next(&plan(&quota), &[], &Wanted::default()).expect("the first");
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
    assert_eq!(next(&of_file, &[], &Wanted::default()).expect("the first").id, "w1-c0.25");
    // The flag counts, in one form: the engine refuses a quota said in two.
    let both = Asked { quotas: vec![Quota::Whole(0.5)], ..asked(&[1]) };
    let both = make(&both, &project(&file), &host(2)).expect("planned");
    assert_eq!(both.points[0].limits.number(Limit::CpuQuotaUs), Some(50_000));
}

#[test]
fn the_quota_s_period_is_the_engine_s_own_unless_asked_otherwise() {
    let period = |asked: Asked| make(&asked, &project(&[]), &host(2)).map(|plan| plan.points[0].limits.clone());
    let own =
        period(Asked { quotas: vec![Quota::Whole(0.5)], period_us: Some(10_000), ..asked(&[1]) }).expect("planned");
    assert_eq!((own.number(Limit::CpuQuotaUs), own.number(Limit::CpuPeriodUs)), (Some(5_000), Some(10_000)));
    let refused = |asked: Asked| period(asked).map_err(|error: Error| error.to_string()).expect_err("refused");
    assert_snapshot!(refused(Asked { quotas: vec![Quota::Whole(0.05)], period_us: Some(10_000), ..asked(&[1]) }), @"--cpus 0.05: 500 us in each period of 10000 us: the kernel's least is 1000 us");
    assert_snapshot!(refused(Asked { period_us: Some(10_000), ..asked(&[1]) }), @"--cpu-period: a period without a quota does nothing; add --cpus");
    let file = project(&[("mem_limit: 8g", "mem_limit: 8g\n    cpus: 0.5")]);
    let of_file = make(&Asked { period_us: Some(1_000), ..asked(&[1]) }, &file, &host(2)).map(drop);
    assert_snapshot!(of_file.expect_err("refused"), @"--cpu-period: 500 us in each period of 1000 us: the kernel's least is 1000 us");
    assert_snapshot!(refused(Asked { quotas: vec![Quota::Whole(3.0)], ..asked(&[1]) }), @"--cpus 3: this host has 2 CPUs, and 1 (CPU 1) can be given to the target");
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
    let visit = next(&plan(&Asked { load: open, ..asked(&[1]) }), &[], &Wanted::default()).expect("the first");
    assert!(matches!(visit.phases[1].load.model, LoadModel::Closed { users: 64, .. }), "a closed loop, at full load");
    assert!(matches!(visit.phases[2].load.model, LoadModel::Open { rate_rps: 5.0, .. }));
}

#[test]
fn a_baseline_that_meant_nothing_is_not_tried_again() {
    let plan = plan(&asked(&[1, 2]));
    let kinds = |done: &[Visited]| {
        let visit = next(&plan, done, &Wanted::default()).expect("there is more to do");
        visit.phases.iter().map(|phase| phase.kind).collect::<Vec<_>>()
    };
    let first = next(&plan, &[], &Wanted::default()).expect("there is all to do");
    assert!(kinds(&[]).contains(&PhaseKind::Baseline) && kinds(&[visited(&first)]).contains(&PhaseKind::Baseline));
    let without = Visited { no_baseline: Some("it answered 404".into()), ..visited(&first) };
    assert_eq!(kinds(&[without]), [PhaseKind::Target]);
}

#[test]
fn who_is_loaded_and_who_tells_what_it_saw() {
    let visit = next(&plan(&asked(&[1])), &[], &Wanted::default()).expect("the first");
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

fn study(workers: &[u32], blocks: usize) -> Asked {
    let plan = StudyPlan { seed: 7, precision: None, budget_us: None, confirm: false, slo: None };
    Asked { study: Some(Repeats { blocks, plan }), drives: vec![Drive::UsersPerWorker(8)], ..asked(workers) }
}

/// The turns of all visits, block by block, where what is wanted depends on the visits.
fn turns(plan: &Plan, wanted: &dyn Fn(&[Visited]) -> Wanted) -> Vec<(usize, Turn)> {
    let mut done: Vec<Visited> = Vec::new();
    while let Some(visit) = next(plan, &done, &wanted(&done)) {
        assert!(done.len() < 1000, "it ends");
        let took = Step { name: "all".into(), duration_us: 1_000_000 };
        let started_unix_us = 1_000_000 * done.len() as u64;
        done.push(Visited { steps: vec![took], started_unix_us, ..visited(&visit) });
    }
    done.iter().map(|visited| (visited.block, visited.turn())).collect()
}

fn nothing(_: &[Visited]) -> Wanted {
    Wanted::default()
}

#[test]
fn a_study_visits_every_point_in_each_block_in_an_order_of_its_own() {
    let plan = plan(&study(&[1, 2, 4, 8], 6));
    let turns = turns(&plan, &nothing);
    assert_eq!(turns.len(), 6 * 5, "four points, and the largest with twice the load");
    let orders: Vec<Vec<usize>> =
        turns.chunks(5).map(|block| block.iter().map(|(_, turn)| turn.point).collect()).collect();
    for (block, order) in orders.iter().enumerate() {
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 3, 3], "block {block}");
    }
    assert!(orders.iter().any(|order| order != &orders[0]), "{orders:?}");
    let check = Change { lever: Lever::Load, factor: 2.0, purpose: Purpose::Check };
    let checks: Vec<Turn> = turns.iter().map(|(_, turn)| *turn).filter(|turn| turn.change.is_some()).collect();
    assert_eq!(checks, [Turn { point: 3, change: Some(check) }; 6]);
    assert_eq!(
        make(&study(&[1, 2, 4, 8], 6), &project(&[]), &host(2)).expect("again").blocks,
        plan.blocks,
        "same seed"
    );
}

#[test]
fn users_come_with_the_workers_and_a_change_of_load_is_in_the_visit() {
    let plan = plan(&study(&[1, 4], 1));
    let users: Vec<(String, u32)> = all(&plan)
        .iter()
        .map(|visit| (visit.id.clone(), visit.phases.last().expect("the target's").load.model.users()))
        .collect();
    let of = |id: &str| users.iter().find(|(known, _)| known == id).map(|(_, users)| *users);
    assert_eq!((of("w1"), of("w4"), of("w4-load2")), (Some(8), Some(32), Some(64)), "{users:?}");
}

#[test]
fn a_quota_for_each_worker_grows_with_them_and_one_below_the_kernels_least_is_refused() {
    let each = Asked { quotas: vec![Quota::PerWorker(0.2)], ..study(&[1, 2, 4], 1) };
    let quotas: Vec<Option<f64>> = plan(&each).points.iter().map(|point| point.limits.quota_cores()).collect();
    assert_eq!(quotas, [Some(0.2), Some(0.4), Some(0.8)]);
    let refused = |asked: &Asked| make(asked, &project(&[]), &host(2)).expect_err("refused").to_string();
    let many = Asked { quotas: vec![Quota::PerWorker(0.5)], ..study(&[1, 8], 1) };
    assert_snapshot!(refused(&many), @"--cpus-per-worker 0.5 with 8 workers: this host has 2 CPUs, and 1 (CPU 1) can be given to the target");
    let wide = Asked { cpuset_sizes: vec![1, 2], ..study(&[1], 1) };
    assert_snapshot!(refused(&wide), @"--cpuset-sizes 2: 1 CPUs (1) can be given to the target on this host");
}

#[test]
fn grids_have_every_setting_once_and_ids_of_their_own() {
    let grid = Asked { quotas: [0.25, 0.5].map(Quota::Whole).to_vec(), cpuset_sizes: vec![1, 2], ..study(&[1, 2], 2) };
    let plan = make(&grid, &project(&[]), &host(4)).expect("four CPUs");
    let mut ids: Vec<String> = all(&plan).into_iter().map(|visit| visit.id).collect();
    assert_eq!((plan.points.len(), ids.len()), (8, 2 * 9));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 18, "{ids:?}");
    assert!(ids.contains(&"w2-c0.5-n2-load2-r2".to_owned()), "{ids:?}");
}

#[test]
fn a_visit_that_the_host_spoiled_comes_once_more_at_the_end_of_its_block() {
    let plan = plan(&study(&[1, 2], 2));
    // Two visits of the first block and all of the second; and what was visited again, too.
    let spoiled =
        |done: &[Visited]| Wanted { spoiled: (0..done.len()).filter(|at| at % 4 != 0).collect(), ..Wanted::default() };
    let turns = turns(&plan, &spoiled);
    let blocks: Vec<usize> = turns.iter().map(|(block, _)| *block).collect();
    assert_eq!(blocks, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
    assert_eq!((turns[3], turns[4]), (turns[1], turns[2]), "once more each, and no more");
}

#[test]
fn a_visit_that_was_cut_short_comes_once_more_in_its_place() {
    let plan = plan(&study(&[1, 2], 2));
    let mut done: Vec<Visited> = Vec::new();
    // The second, and the last two times.
    let is_cut_short = |at: usize| [1, 6, 7].contains(&at);
    while let Some(visit) = next(&plan, &done, &Wanted::default()) {
        let mut visited = visited(&visit);
        if is_cut_short(done.len()) {
            assert_eq!(visited.phases.pop().map(|phase| phase.kind), Some(PhaseKind::Target));
        }
        done.push(visited);
    }
    let of = |it: &Visited| (it.block, it.turn());
    let whole: Vec<_> = done.iter().filter(|it| it.is_whole()).map(of).collect();
    assert_eq!(whole, all(&plan).iter().map(|visit| of(&visited(visit))).collect::<Vec<_>>());
    assert_eq!((done.len(), of(&done[1]), of(&done[6])), (6 + 3, of(&done[2]), of(&done[8])));
    let mut ids: Vec<&str> = done.iter().map(|it| it.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), done.len(), "nothing is written over");
    assert_eq!(vscale::plan::left(&plan, &done[..2], &Wanted::default()).0, 5);
}

#[test]
fn what_is_left_is_known_from_the_visits_so_far() {
    let plan = plan(&study(&[1, 2], 2));
    let took = Step { name: "all".into(), duration_us: 2_000_000 };
    let done: Vec<Visited> =
        all(&plan).iter().map(|visit| Visited { steps: vec![took.clone()], ..visited(visit) }).collect();
    let left = |count: usize, wanted: Wanted| vscale::plan::left(&plan, &done[..count], &wanted);
    assert_eq!(left(1, Wanted::default()), (5, 10_000_000));
    assert_eq!(left(3, Wanted { spoiled: vec![0, 2], ..Wanted::default() }), (5, 10_000_000), "two of them once more");
    let trial = Trial { turns: vec![Turn::plain(0), Turn::plain(1)], blocks: 3 };
    let further = Wanted { blocks: 3, trials: vec![trial], ..Wanted::default() };
    assert_eq!(left(6, further), (3 + 6, 18_000_000));
    assert_eq!(left(6, Wanted::default()), (0, 0));
}

#[test]
fn blocks_that_the_precision_wants_come_after_the_plans_own_and_then_the_trials() {
    let plan = plan(&study(&[1, 2], 2));
    let change = Change { lever: Lever::Load, factor: 0.5, purpose: Purpose::Test };
    let trial = Trial { turns: vec![Turn::plain(1), Turn { point: 1, change: Some(change) }], blocks: 3 };
    let other = Trial { turns: vec![Turn::plain(0)], blocks: 2 };
    let wanted = |_: &[Visited]| Wanted { blocks: 4, trials: vec![trial.clone(), other.clone()], ..Wanted::default() };
    let turns = turns(&plan, &wanted);
    assert_eq!(turns.len(), 4 * 3 + 3 * 2 + 2);
    assert_eq!(turns[18..], [(7, Turn::plain(0)), (8, Turn::plain(0))], "one trial after the other");
    let tested: Vec<usize> =
        turns.iter().filter(|(_, turn)| turn.change == Some(change)).map(|(block, _)| *block).collect();
    assert_eq!(tested, [4, 5, 6]);
}

#[test]
fn several_users_or_rates_are_visited_with_every_other_setting() {
    let ids = |drives: &[Drive], workers: &[u32]| {
        let plan = plan(&Asked { drives: drives.to_vec(), ..study(workers, 1) });
        let mut ids: Vec<String> = all(&plan).into_iter().map(|visit| visit.id).collect();
        ids.sort();
        (plan, ids)
    };
    let (users, visited) = ids(&[Drive::Users(8), Drive::Users(16)], &[1, 2]);
    assert_eq!(visited, ["w1-u16", "w1-u8", "w2-u16", "w2-u16-load2", "w2-u8"]);
    assert_eq!(users.drives(), [8, 16, 8, 16].map(Drive::Users));
    let (by_worker, visited) = ids(&[Drive::UsersPerWorker(4), Drive::UsersPerWorker(8)], &[1, 2]);
    assert_eq!(visited, ["w1-u4", "w1-u8", "w2-u16", "w2-u16-load2", "w2-u8"]);
    assert_eq!(by_worker.drives(), [4, 8, 4, 8].map(Drive::UsersPerWorker));
    let (_, visited) = ids(&[Drive::RateRps(99.5), Drive::RateRps(200.0)], &[1]);
    assert_eq!(visited, ["w1-rps200", "w1-rps200-load2", "w1-rps99.5"]);
    let (_, visited) = ids(&[Drive::UsersPerWorker(8)], &[1, 2]);
    assert_eq!(visited, ["w1", "w2", "w2-load2"], "what all have alike is in no name");
}

#[test]
fn both_sides_of_a_setting_are_visited_one_after_the_other() {
    let b = project(&[("mem_limit: 8g", "mem_limit: 4g")]);
    let both = project(&[]).compared_with(b, ["a.yaml".into(), "b.yaml".into()]).expect("alike but for the stack");
    let plan = make(&study(&[1, 2, 4], 8), &both, &host(2)).expect("it can be planned");
    let visits = all(&plan);
    assert_eq!(visits.len(), 8 * 6, "and none with twice the load");
    let pairs: Vec<(String, String)> = visits.chunks(2).map(|pair| (pair[0].id.clone(), pair[1].id.clone())).collect();
    let setting =
        |id: &str| id.split("-r").next().map(|id| id.trim_end_matches("-a").trim_end_matches("-b").to_owned());
    assert!(pairs.iter().all(|(first, second)| setting(first) == setting(second)), "{pairs:?}");
    let a_first = visits.chunks(2).filter(|pair| plan.points[pair[0].point].side == Side::A).count();
    assert!((1..24).contains(&a_first), "in random order: A first in {a_first} of 24");
    for visit in &visits {
        let stack = visit.containers.iter().find(|container| container.name == "stack").expect("the target");
        let (side, memory) = (plan.points[visit.point].side, stack.limits.number(Limit::MemoryBytes));
        let wanted = if side == Side::A { ("stack", 8u64 << 30) } else { ("stack.b", 4 << 30) };
        assert_eq!((stack.service.as_str(), memory), (wanted.0, Some(wanted.1)), "{}", visit.id);
        assert!(
            visit.containers.iter().all(|it| it.name == "stack" || !it.service.ends_with(".b")),
            "the rest is shared"
        );
    }
}

#[test]
fn what_only_one_side_waits_for_is_waited_for() {
    let of_a = ("depends_on: [mock]", "depends_on: { mock: { condition: service_healthy } }");
    let of_b = ("depends_on: [mock]", "depends_on: { mock: { condition: service_completed_successfully } }");
    let names = || ["a.yaml".into(), "b.yaml".into()];
    let wanted = |both: &Project, key: &str| -> Vec<Condition> {
        let all = both.wanted_of(key).into_iter().map(|wanted| wanted.condition);
        all.filter(|it| *it != Condition::Started).collect()
    };
    let shared = project(&[of_a]).compared_with(project(&[of_b]), names()).expect("alike but for the stack");
    assert_eq!(wanted(&shared, "mock"), [Condition::Healthy, Condition::Completed]);
    let own_mock = project(&[of_b, ("${MOCK_FLAGS:-}", "--slots 9")]);
    let apart = project(&[of_a]).compared_with(own_mock, names()).expect("alike but for stack and mock");
    assert_eq!(
        (wanted(&apart, "mock"), wanted(&apart, "mock.b")),
        (vec![Condition::Healthy], vec![Condition::Completed])
    );
    assert_eq!((apart.name_of("mock.b"), apart.name_of("stack")), ("mock", "stack"));
}

#[test]
fn what_both_sides_have_to_tell_is_told_once() {
    let inert = || project(&[("depends_on: [mock]", "depends_on: [mock]\n    restart: always")]);
    let both = inert().compared_with(inert(), ["a.yaml".into(), "b.yaml".into()]).expect("alike");
    let notes: Vec<&str> = both.notes().into_iter().collect();
    assert_eq!(notes, ["without effect on a measurement: restart"]);
}

#[test]
fn what_is_measured_must_be_alike_on_both_sides() {
    let refused = |from: &str, to: &str| {
        let both = project(&[]).compared_with(project(&[(from, to)]), ["a.yaml".into(), "b.yaml".into()]);
        both.expect_err("refused").to_string()
    };
    assert_snapshot!(refused("env: WORKERS", "env: PROCESSES"), @"--ab: x-vscale.workers of B (b.yaml) is another than that of A (a.yaml); both must be alike");
    assert_snapshot!(refused("internal: true", "internal: false"), @"--ab: networks of B (b.yaml) is another than that of A (a.yaml); both must be alike");
}

#[test]
fn no_block_is_begun_that_does_not_fit_into_the_budget() {
    let mut budgeted = study(&[1, 2], 5);
    // Three visits of a second each a block.
    budgeted.study.as_mut().expect("a study").plan.budget_us = Some(7_500_000);
    assert_eq!(turns(&plan(&budgeted), &nothing).len(), 6);
}

#[test]
fn a_study_taken_up_again_goes_on_where_it_was() {
    let plan = plan(&study(&[1, 2, 4], 3));
    let whole = all(&plan);
    for done in 0..=whole.len() {
        let visited: Vec<Visited> = whole[..done].iter().map(visited).collect();
        assert_eq!(next(&plan, &visited, &Wanted::default()), whole.get(done).cloned());
    }
}

#[test]
fn what_is_moved_in_the_mock_is_in_its_command() {
    let slow = project(&[("${MOCK_FLAGS:-}", "--service-time 10ms --slots=8")]);
    let plan = make(&asked(&[2]), &slow, &host(2)).expect("it can be planned");
    let moved = |lever, factor| {
        let change = Change { lever, factor, purpose: Purpose::Test };
        vscale::plan::apply(&plan, &plan.points[0], &change)
            .and_then(|altered| altered.containers.into_iter().find(|it| it.name == "mock")?.command)
    };
    let words = |command: Option<Vec<String>>| command.map(|words| words.join(" "));
    assert_eq!(
        words(moved(Lever::Slots, 0.5)).as_deref(),
        Some("mock --host 0.0.0.0 --port 8080 --service-time 10ms --slots=4")
    );
    assert_eq!(
        words(moved(Lever::ServiceTime, 1.5)).as_deref(),
        Some("mock --host 0.0.0.0 --port 8080 --service-time 15000us --slots=8")
    );
    assert_eq!(moved(Lever::Quota, 1.5), None, "there is no quota");
    assert_eq!(moved(Lever::Cpuset, 2.0), None, "there is no other CPU");
}

#[test]
fn another_load_generator_is_told_by_its_command_and_pinned_as_ours() {
    let project =
        project(&[("  generator: loadgen\n", "  generator: { kind: wrk, image: my/wrk, service: loadgen }\n")]);
    let plan = make(&asked(&[1]), &project, &host(4)).expect("it can be told");
    let visit = next(&plan, &[], &Wanted::default()).expect("there is one");
    let names: Vec<&str> = visit.containers.iter().map(|container| container.name.as_str()).collect();
    assert_eq!(names, ["mock", "stack", "vscale-witness", "vscale-speed"], "it lives for a phase");
    let kinds: Vec<PhaseKind> = visit.phases.iter().map(|phase| phase.kind).collect();
    assert_eq!(
        kinds,
        [PhaseKind::Baseline, PhaseKind::Target],
        "it is not let loose on a mock that it knows nothing of"
    );
    for phase in &visit.phases {
        let run = phase.tool.as_ref().expect("it loads");
        let command = run.container.command.as_deref().expect("it is told");
        assert!(command.last().is_some_and(|url| url.starts_with(&phase.load.host)), "{command:?}");
        let cpus = LimitValue::Cpus(plan.placement().generator.clone());
        assert_eq!((run.container.limits.get(Limit::Cpuset), run.container.life), (Some(&cpus), Life::Visit));
        let warm_up = run.warm_up.as_ref().expect("it has none of its own");
        assert_eq!((warm_up.len(), warm_up.last()), (command.len(), command.last()), "the same, for another time");
        assert_ne!(warm_up.as_slice(), command);
    }
    let asked = Asked { load: LoadPlan { stream: true, ..LoadPlan::new("") }, ..asked(&[1]) };
    let error = make(&asked, &project, &host(4)).expect_err("it cannot be told");
    assert!(matches!(error, Error::Usage(_)), "{error}");
}
