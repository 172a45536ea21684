//! Every text that a person reads, as a snapshot.

use crate::fixture::{
    analysed, behind_run, first_visit, invalid_run, repeated_run, run, streamed_run, target_load, unread_run,
};
use vscale::{
    model::{Capacity, CapacityStep, CountBy, CpuSet, Limit, LimitValue, PhaseKind, Run, WorkersPlan},
    report::{load_text, markdown, terminal},
    text::columns,
};

fn terminal(run: Run) -> String {
    let (run, analysis) = analysed(run);
    terminal::render(&run, &analysis, terminal::WIDTH, false)
}

#[test]
fn the_terminal_s_table() {
    insta::assert_snapshot!(terminal(run()));
}

#[test]
fn the_terminal_s_table_of_a_single_level() {
    insta::assert_snapshot!(terminal(first_visit(run())));
}

#[test]
fn the_terminal_s_table_of_an_invalid_run() {
    insta::assert_snapshot!(terminal(invalid_run()));
}

#[test]
fn the_terminal_s_table_of_workers_that_are_not_proved() {
    let mut run = run();
    run.plan.workers = Some(WorkersPlan { env: Some("GOMAXPROCS".into()), count: CountBy::None });
    for visited in &mut run.visited {
        (visited.attestation.workers_before, visited.attestation.workers_after) = (None, None);
    }
    insta::assert_snapshot!(terminal(run));
}

#[test]
fn the_terminal_s_table_of_a_target_that_is_taken_as_it_is() {
    let mut run = first_visit(run());
    (run.plan.workers, run.plan.roles.backend) = (None, None);
    run.plan.hosts[0].placement.backend = CpuSet::default();
    (run.plan.baseline, run.plan.no_baseline) = (false, Some("no backend is named".into()));
    let visited = &mut run.visited[0];
    visited.phases.retain(|phase| phase.kind != PhaseKind::Baseline);
    (visited.attestation.workers_before, visited.attestation.workers_after) = (None, None);
    insta::assert_snapshot!(terminal(run));
}

#[test]
fn the_terminal_s_table_of_a_run_without_a_level() {
    let mut run = run();
    run.visited.clear();
    run.finished_unix_us = None;
    insta::assert_snapshot!(terminal(run));
}

#[test]
fn the_terminal_s_table_of_streams_in_open_loop() {
    insta::assert_snapshot!(terminal(streamed_run()));
}

#[test]
fn the_terminal_s_table_of_repeats() {
    insta::assert_snapshot!(terminal(repeated_run(&[1, 2, 4], 5)));
}

#[test]
fn the_terminal_s_table_of_an_open_loop_that_is_behind() {
    insta::assert_snapshot!(terminal(behind_run()));
}

#[test]
fn an_open_loop_whose_target_fails_is_invalid_and_one_that_is_behind_is_not() {
    assert!(terminal(behind_run()).contains("  DID NOT KEEP UP\n"));
    let mut failing = behind_run();
    failing.visited[0].phases.last_mut().expect("the target's").load.requests[0].failures = 17;
    let said = terminal(failing);
    assert!(said.contains("  INVALID\n") && said.contains("of the requests asked for were not answered"), "{said}");
}

#[test]
fn a_run_that_was_cut_short_is_not_taken_for_a_whole_one() {
    let mut run = repeated_run(&[1, 2, 4], 3);
    run.visited.truncate(1);
    let said = terminal(run);
    assert!(said.contains("  CUT SHORT\nCut short, with 8 visits left. stack: "), "{said}");
    assert!(said.contains("1 of 9 levels of "), "{said}");
}

#[test]
fn workers_are_compared_where_they_have_the_same_cpus() {
    let mut run = repeated_run(&[1, 1, 2], 1);
    for (point, quota_us) in run.plan.points.iter_mut().zip([50_000, 100_000, 100_000]) {
        point.limits.set(Limit::CpuQuotaUs, Some(LimitValue::Number(quota_us)));
    }
    let (run, analysis) = analysed(run);
    let speed_ups: Vec<Option<f64>> = analysis.scaling.points.iter().map(|point| point.median.speed_up).collect();
    assert_eq!(speed_ups[..2], [Some(1.0), Some(1.0)]);
    assert!(speed_ups[2].is_some_and(|times| times > 1.5), "{speed_ups:?}");
    let said = terminal::render(&run, &analysis, terminal::WIDTH, false);
    assert!(said.contains("with 2 workers on 1.00 CPUs.") && !said.contains("times as much"), "{said}");
}

#[test]
fn the_terminal_s_table_on_a_narrow_screen() {
    let (run, analysis) = analysed(run());
    insta::assert_snapshot!(terminal::render(&run, &analysis, 60, false));
}

#[test]
fn the_terminal_s_table_of_what_was_not_read() {
    insta::assert_snapshot!(terminal(unread_run()));
}

#[test]
fn a_load_by_hand() {
    insta::assert_snapshot!(load_text::render(target_load(&streamed_run(), 0), terminal::WIDTH));
}

#[test]
fn a_capacity() {
    let closed = CapacityStep { share: None, result: target_load(&run(), 0).clone() };
    let open = CapacityStep { share: Some(0.7), result: target_load(&streamed_run(), 0).clone() };
    let capacity = Capacity { capacity_rps: 45.9, users: 4, is_saturated: true, steps: vec![closed, open] };
    insta::assert_snapshot!(load_text::capacity(&capacity, terminal::WIDTH));
}

#[test]
fn report_md() {
    let (run, analysis) = analysed(run());
    insta::assert_snapshot!(markdown::render(&run, &analysis));
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let mut run = invalid_run();
    run.plan.roles.target = "a-service-with-quite-a-long-name-as-compose-allows".repeat(2);
    run.id = "x".repeat(200);
    run.visited[0].id = "y".repeat(90);
    let (run, analysis) = analysed(run);
    for width in [20, 40, 80, terminal::WIDTH, 200] {
        for line in terminal::render(&run, &analysis, width, false).lines() {
            assert!(columns(line) <= width, "{line}");
        }
    }
}

#[test]
fn colour_comes_only_when_asked_for_and_from_nobody_else() {
    let mut run = invalid_run();
    run.plan.name = "\u{1b}]0;owned\u{7}".into();
    run.origin.hosts[0].facts.cpu_model = "\u{1b}[31mred".into();
    run.visited[0].id = "w1\u{1b}[2J".into();
    let (run, analysis) = analysed(run);
    let without = terminal::render(&run, &analysis, terminal::WIDTH, false);
    assert!(!without.contains('\u{1b}'));
    let coloured = terminal::render(&run, &analysis, terminal::WIDTH, true);
    assert!(coloured.contains("\u{1b}[31;1mINVALID\u{1b}[0m"));
    assert!(!coloured.contains("\u{1b}[2J") && !coloured.contains("\u{1b}]0;"));
    let mut stripped = coloured;
    for code in ["1", "2", "32", "33", "31;1", "0"] {
        stripped = stripped.replace(&format!("\u{1b}[{code}m"), "");
    }
    assert_eq!(stripped, without);
}
