//! What can be said of the HTML reports without a browser.

use crate::fixture::{COMPOSE, run};
use vscale::model::PhaseName;
use vscale::report::html;

#[test]
fn data_stays_text() {
    for page in pages() {
        assert!(!page.contains("<script"), "a script from the data");
        assert!(!page.contains("\u{1b}"), "an escape sequence from the data");
    }
    assert!(html::run(&run(), COMPOSE).contains("&lt;/pre&gt;&lt;script&gt;"), "the data is there, escaped");
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
    let load = &mut run.levels[0].stack.load;
    let second = load.series[5].clone();
    load.series = (0..36_000)
        .map(|index| {
            let mut second = second.clone();
            second.unix_us = load.window.start_unix_us + index * 1_000_000;
            second
        })
        .collect();
    let page = html::load(PhaseName::Stack, load);
    assert!(page.contains("a point is 300 s"));
    assert!(page.len() < 300_000, "{} bytes", page.len());
}

#[test]
fn runs_with_nothing_in_them_have_reports_too() {
    let mut run = run();
    run.levels.truncate(1);
    let load = &mut run.levels[0].stack.load;
    load.requests.clear();
    load.failures.clear();
    load.series.clear();
    run.levels[0].stack.containers.clear();
    run.levels[0].stack.processes.clear();
    assert!(html::load(PhaseName::Stack, &run.levels[0].stack.load).contains("No request failed."));
    assert!(html::run(&run, "").contains("Baseline against stack"));
    run.levels.clear();
    assert!(html::run(&run, "").contains("No level was completed."));
}

fn pages() -> Vec<String> {
    let run = run();
    let level = &run.levels[1];
    vec![
        html::run(&run, COMPOSE),
        html::load(PhaseName::Baseline, &level.baseline.load),
        html::load(PhaseName::Stack, &level.stack.load),
    ]
}
