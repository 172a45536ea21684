//! What can be said of the HTML reports without a browser.

use crate::fixture::{COMPOSE, analysed, first_visit, phase_of, run, unread_run};
use vscale::{
    model::{PhaseKind, Run},
    report::html,
};

#[test]
fn data_stays_text() {
    for page in pages() {
        assert!(!page.contains("<script"), "a script from the data");
        assert!(!page.contains("\u{1b}"), "an escape sequence from the data");
    }
    assert!(report(run(), COMPOSE).contains("&lt;/pre&gt;&lt;script&gt;"), "the data is there, escaped");
}

#[test]
fn pages_are_small_and_refer_to_nothing_outside() {
    for page in pages() {
        assert!(page.len() < 300_000, "{} bytes", page.len());
        for reference in ["src=", "href=", "url(", "@import"] {
            assert!(!page.contains(reference), "{reference}");
        }
    }
}

#[test]
fn the_same_result_gives_the_same_bytes() {
    assert_eq!(pages(), pages());
}

#[test]
fn a_long_run_s_charts_are_thinned() {
    let mut run = run();
    let load = &mut run.visited[0].phases.last_mut().unwrap().load;
    let second = load.series[5].clone();
    load.series = (0..36_000)
        .map(|index| {
            let mut second = second.clone();
            second.unix_us = load.window.start_unix_us + index * 1_000_000;
            second
        })
        .collect();
    let page = html::load(Some(PhaseKind::Target), load);
    assert!(page.contains("a point is 300 s"));
    assert!(page.len() < 300_000, "{} bytes", page.len());
}

#[test]
fn runs_with_nothing_in_them_have_reports_too() {
    let mut run = first_visit(run());
    let target = run.visited[0].phases.last_mut().unwrap();
    target.load.requests.clear();
    target.load.failures.clear();
    target.load.series.clear();
    target.usage.clear();
    target.processes.clear();
    assert!(html::load(Some(PhaseKind::Target), &target.load).contains("No request failed."));
    assert!(report(run.clone(), "").contains("Baseline against target"));
    run.visited[0].phases.clear();
    assert!(report(run.clone(), "").contains("No level is valid."));
    run.visited.clear();
    assert!(report(run, "").contains("No level was completed."));
}

#[test]
fn what_the_generator_can_do_at_most_is_said_where_it_was_tried() {
    let page = report(run(), COMPOSE);
    let said = "against a mock that answers at once, the load generator does 41,000 requests/s";
    assert_eq!(page.matches(said).count(), 1);
}

#[test]
fn a_visit_without_a_baseline_has_its_charts() {
    let page = report(unread_run(), COMPOSE);
    assert!(page.contains("Latency by percentile, w2") && page.contains("Throughput, baseline beside target"));
}

fn report(run: Run, compose: &str) -> String {
    let (run, analysis) = analysed(run);
    html::run(&run, &analysis, compose)
}

fn pages() -> Vec<String> {
    let run = run();
    let load = |kind| html::load(Some(kind), &phase_of(&run, 1, kind).load);
    vec![report(run.clone(), COMPOSE), load(PhaseKind::Baseline), load(PhaseKind::Target)]
}
