//! A study's first page: the answer leads, and every visit is counted.

use crate::{
    fixture::{COMPOSE, analysed},
    study_fixture::{ab_run, equal_cpus_run, observed_run, study_run, undecided_run, users_run},
};
use regex_lite::Regex;
use vscale::{
    model::{Change, CountBy, Run, WorkersPlan},
    report::{html, markdown, terminal},
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
    let (first, _) = text.split_once("\nCeilings").expect("the tables follow the answer");
    insta::assert_snapshot!(first);
}

#[test]
fn workers_that_nobody_counts_are_said_as_they_were_asked_for() {
    let by = WorkersPlan { env: Some("WEB_CONCURRENCY".into()), count: CountBy::None };
    let unproved = |mut run: Run, workers: Option<&WorkersPlan>| {
        run.plan.workers = workers.cloned();
        for visited in &mut run.visited {
            (visited.attestation.workers_before, visited.attestation.workers_after) = (None, None);
        }
        run
    };
    let counted = Regex::new("[0-9.]+(-| )workers?").expect("valid");
    for run in [study_run, equal_cpus_run, ab_run, users_run] {
        let (run, analysis) = analysed(unproved(run(), Some(&by)));
        let texts = [
            terminal::render(&run, &analysis, 200, false),
            markdown::render(&run, &analysis),
            html::run(&run, &analysis, COMPOSE),
        ];
        for text in texts {
            assert_eq!(counted.find(&text).map(|found| found.as_str()), None, "{text}");
            let says_it = text.contains("WEB_CONCURRENCY") || text.contains(r"WEB\_CONCURRENCY");
            assert!(says_it && !text.contains("a worker"), "{text}");
        }
    }
    let said = terminal(unproved(equal_cpus_run(), Some(&by)), 200);
    assert!(said.contains("Run WEB_CONCURRENCY=2 on 1.00 CPUs"), "{said}");
    let as_it_is = terminal(unproved(users_run(), None), 200);
    assert!(as_it_is.contains("Run 0.50 CPUs with") && !as_it_is.contains("worker"), "{as_it_is}");
}

#[test]
fn two_sides_are_told_apart_first() {
    insta::assert_snapshot!(terminal(ab_run(), 120));
    assert!(terminal(ab_run(), 80).lines().all(|line| columns(line) <= 80));
    let page = page(ab_run());
    assert!(page.contains("B has 0.8") && page.contains("B beside A: throughput"), "the answer leads");
}

#[test]
fn several_users_have_a_curve_of_their_own() {
    insta::assert_snapshot!(terminal(users_run(), 120));
    let page = page(users_run());
    assert!(figure(&page, "Throughput, 2 workers, 0.50 CPUs in all").contains("users"));
}

#[test]
fn the_point_that_is_decided_for_is_driven_twice_as_hard_where_that_matters() {
    let (run, analysis) = analysed(undecided_run());
    let study = vscale::analyse::Study::of(&run, &analysis).expect("a study");
    let answer = study.answer().expect("decided");
    assert_eq!((answer.point, study.blocks), (0, 5), "the fewest workers, by the plan's own blocks");
    let changes: Vec<Change> = run.visited.iter().filter(|it| it.point == 0).filter_map(|it| it.change).collect();
    assert_eq!(changes.iter().filter(|it| **it == Change::DOUBLED).count(), 5);
    assert_eq!(changes.iter().filter(|it| **it == Change::BESIDE_DOUBLED).count(), 5);
    let figures: Vec<_> = answer.judgement.limit.numbers.iter().map(|number| number.figure).collect();
    assert!(figures.contains(&vscale::analyse::verdict::Figure::DoubledUsers), "{figures:?}");
    let sure = study_run();
    assert!(sure.visited.iter().all(|it| it.change != Some(Change::BESIDE_DOUBLED)), "not where it is sure without");
}

#[test]
fn the_page_has_a_dot_for_each_visit_of_a_setting_and_joins_none() {
    let (page, of_one_block) = (page(study_run()), page(observed_run(1)));
    let title = "Throughput, 0.25 CPUs a worker";
    let chart = figure(&page, title);
    assert_eq!(chart.matches("class=\"dot target").count(), 21, "five blocks of four, and one made again");
    assert_eq!(chart.matches("class=\"dot target hollow\"").count(), 1, "the one that the host spoiled");
    let (_, path) = chart.rsplit_once("class=\"line target\" d=\"").expect("means");
    let (path, _) = path.split_once('"').expect("it ends");
    assert_eq!((path.matches('L').count(), path.matches('V').count()), (0, 4), "a bar a setting: {path}");
    assert_eq!(chart.matches("class=\"level-line\"").count(), 2, "quota and users");
    assert!(chart.contains("a line up to a ceiling fits") && chart.contains("class=\"line fit\""));
    assert!(!figure(&of_one_block, title).contains("line fit"), "one block tells no law");
    for title in ["Efficiency, 0.25 CPUs a worker", "Latency, 0.25 CPUs a worker", "Over the study"] {
        assert!(figure(&page, title).contains("<table>"), "{title} has its numbers");
    }
}

#[test]
fn the_page_shows_evidence_and_what_was_not_shown() {
    let page = page(observed_run(5));
    for said in [
        "Evidence behind each verdict",
        "98.5 % of the quota used (limit 90.0 %)",
        "Nothing was moved to prove the verdict.",
        "nothing is known beyond 4 workers.",
    ] {
        assert!(page.contains(said), "{said}");
    }
    assert!(page.len() < 300_000, "{} bytes", page.len());
    assert!(!page.contains("<script"), "no script");
}

/// The part of a page that draws one chart.
fn figure<'a>(page: &'a str, title: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("<figcaption>{title}")).unwrap_or_else(|| panic!("no chart {title}"));
    rest.split_once("</figure>").expect("it ends").0
}

fn page(run: Run) -> String {
    let (run, analysis) = analysed(run);
    html::run(&run, &analysis, COMPOSE)
}

#[test]
fn report_md_of_a_study() {
    let (run, analysis) = analysed(study_run());
    insta::assert_snapshot!(markdown::render(&run, &analysis));
}
