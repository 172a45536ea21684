//! A study's first page: the answer leads, and every visit is counted.

use crate::{
    fixture::analysed,
    study_fixture::{equal_cpus_run, observed_run, study_run},
};
use vscale::{
    model::Run,
    report::{markdown, terminal},
    text::columns,
};

fn terminal(run: Run, width: usize) -> String {
    let (run, analysis) = analysed(run);
    terminal::render(&run, &analysis, width, false)
}

#[test]
fn the_terminal_leads_with_the_answer() {
    insta::assert_snapshot!(terminal(study_run(), 120));
}

#[test]
fn the_terminal_of_80_columns() {
    let text = terminal(study_run(), 80);
    assert!(text.lines().all(|line| columns(line) <= 80), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn a_study_without_a_trial_says_what_it_would_try() {
    insta::assert_snapshot!(terminal(observed_run(5), 120));
}

#[test]
fn one_block_has_no_interval_and_says_so() {
    insta::assert_snapshot!(terminal(observed_run(1), 120));
}

#[test]
fn settings_of_the_same_cpus_are_compared() {
    let text = terminal(equal_cpus_run(), 120);
    let (answer, _) = text.split_once("\nSettings").expect("the table follows the answer");
    insta::assert_snapshot!(answer);
}

#[test]
fn report_md_of_a_study() {
    let (run, analysis) = analysed(study_run());
    insta::assert_snapshot!(markdown::render(&run, &analysis));
}
