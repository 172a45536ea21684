//! Every text that a person reads, as a snapshot.

use crate::fixture::{invalid_run, run, streamed_run};
use vscale::model::{Capacity, CapacityStep};
use vscale::report::{load_text, markdown, terminal};

#[test]
fn the_terminal_s_table() {
    insta::assert_snapshot!(terminal::render(&run(), false));
}

#[test]
fn the_terminal_s_table_of_a_single_level() {
    let mut run = run();
    run.levels.truncate(1);
    insta::assert_snapshot!(terminal::render(&run, false));
}

#[test]
fn the_terminal_s_table_of_an_invalid_run() {
    insta::assert_snapshot!(terminal::render(&invalid_run(), false));
}

#[test]
fn the_terminal_s_table_of_a_run_without_a_level() {
    let mut run = run();
    run.levels.clear();
    run.finished_unix_us = None;
    insta::assert_snapshot!(terminal::render(&run, false));
}

#[test]
fn the_terminal_s_table_of_streams_in_open_loop() {
    insta::assert_snapshot!(terminal::render(&streamed_run(), false));
}

#[test]
fn a_load_by_hand() {
    insta::assert_snapshot!(load_text::render(&streamed_run().levels[0].stack.load));
}

#[test]
fn a_capacity() {
    let mut run = run();
    let closed = CapacityStep { share: None, result: run.levels.remove(0).stack.load };
    let open = CapacityStep { share: Some(0.7), result: streamed_run().levels.remove(0).stack.load };
    let capacity = Capacity { capacity_rps: 45.9, users: 4, is_saturated: true, steps: vec![closed, open] };
    insta::assert_snapshot!(load_text::capacity(&capacity));
}

#[test]
fn report_md() {
    insta::assert_snapshot!(markdown::render(&run()));
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let mut run = invalid_run();
    run.settings.target = "a-service-with-quite-a-long-name-as-compose-allows".repeat(2);
    run.id = "x".repeat(200);
    run.levels[0].name = "y".repeat(90);
    for line in terminal::render(&run, false).lines() {
        assert!(line.chars().count() <= terminal::WIDTH, "{line}");
    }
}

#[test]
fn colour_comes_only_when_asked_for_and_from_nobody_else() {
    let mut run = invalid_run();
    run.name = "\u{1b}]0;owned\u{7}".into();
    run.host.cpu_model = "\u{1b}[31mred".into();
    run.levels[0].name = "w1\u{1b}[2J".into();
    assert!(!terminal::render(&run, false).contains('\u{1b}'));
    let coloured = terminal::render(&run, true);
    assert!(coloured.contains("\u{1b}[31;1mINVALID\u{1b}[0m"));
    assert!(!coloured.contains("\u{1b}[2J") && !coloured.contains("\u{1b}]0;"));
    let mut stripped = coloured.clone();
    for code in ["1", "2", "32", "33", "31;1", "0"] {
        stripped = stripped.replace(&format!("\u{1b}[{code}m"), "");
    }
    assert_eq!(stripped, terminal::render(&run, false));
}
