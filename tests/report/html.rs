//! What can be said of the HTML reports without a browser.

use crate::fixture::{COMPOSE, analysed, behind_run, first_visit, phase_of, repeated_run, run, unread_run};
use crate::study_fixture::study_run;
use std::collections::BTreeMap;
use vscale::{
    model::{LoadResult, PhaseKind, Run, Second},
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
        for reference in ["src=", "url(", "@import"] {
            assert!(!page.contains(reference), "{reference}");
        }
        for link in links(&page) {
            assert!(link.starts_with('#') || !link.contains(':') && !link.starts_with('/'), "{link}");
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
    assert!(html::load(Some(PhaseKind::Target), &target.load).contains("No request failed in the counted window."));
    assert!(report(run.clone(), "").contains("Baseline against target"));
    run.visited[0].phases.clear();
    assert!(report(run.clone(), "").contains("No level is valid: w1: incomplete: it was cut short after "));
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
    assert!(page.contains("Latency by percentile, w2") && page.contains("Throughput, baseline and target"));
}

#[test]
fn what_a_page_links_to_is_there() {
    for run in [run(), repeated_run(&(1..=21).collect::<Vec<_>>(), 1), study_run()] {
        let (run, analysis) = analysed(run);
        let mut files = BTreeMap::new();
        let mut write = |path: &str, bytes: &[u8]| {
            files.insert(path.to_owned(), String::from_utf8_lossy(bytes).into_owned());
            Ok(())
        };
        vscale::report::files(&run, &analysis, COMPOSE, &mut write).unwrap();
        let page = &files["report.html"];
        for link in links(page) {
            let is_there = match link.strip_prefix('#') {
                Some(id) => page.contains(&format!("id=\"{id}\"")),
                None => files.contains_key(link) || link.ends_with("/stack.log"),
            };
            assert!(is_there, "{link}");
        }
        let level = run.visited.last().unwrap();
        assert!(page.contains(&format!("levels/{}/", level.id)));
    }
}

#[test]
fn beyond_twenty_levels_each_has_a_page_of_its_own() {
    let run = repeated_run(&(1..=40).collect::<Vec<_>>(), 1);
    let page = report(run.clone(), COMPOSE);
    assert!(page.len() < 300_000, "{} bytes", page.len());
    assert!(!page.contains("Limits: asked for, set, seen"));
    let (run, analysis) = analysed(run);
    let level = html::level(&run, &analysis, &run.visited[9]);
    assert!(level.contains("Limits: asked for, set, seen") && level.contains("../../report.html"));
    assert!(level.contains(">invalid</span>"));
}

#[test]
fn repeats_are_dots_and_those_of_invalid_visits_are_hollow() {
    let page = report(repeated_run(&[1, 2, 4], 5), COMPOSE);
    let (_, rest) = page.split_once("<figcaption>Throughput against workers").unwrap();
    let (chart, _) = rest.split_once("</figure>").unwrap();
    assert_eq!(chart.matches("class=\"dot target").count(), 15);
    assert_eq!(chart.matches("class=\"dot target hollow\"").count(), 1, "the tenth visit");
    let (_, path) = chart.rsplit_once("class=\"line target\" d=\"").unwrap();
    let (path, _) = path.split_once('"').unwrap();
    assert_eq!(path.matches(['M', 'L']).count(), 3, "a point a worker count: {path}");
}

#[test]
fn an_open_loop_says_what_was_never_answered_and_has_no_users() {
    let page = report(behind_run(), COMPOSE);
    assert!(page.contains(">did not keep up</span>"));
    assert!(
        page.contains("with 1 worker, 57 of 311 requests due at 40/s were answered, 254 never"),
        "{}",
        &page[..9000]
    );
    let load = html::load(Some(PhaseKind::Target), &phase_of(&behind_run(), 0, PhaseKind::Target).load);
    assert!(load.contains("254 requests never answered.") && !load.contains("No request failed"));
    assert!(!load.contains("<figcaption>Users"), "0 users would be a lie");
}

#[test]
fn all_charts_of_a_level_end_where_its_load_ends() {
    let mut run = first_visit(run());
    let load = &mut run.visited[0].phases.last_mut().unwrap().load;
    let chart = |load: &LoadResult| {
        let page = html::load(Some(PhaseKind::Target), load);
        let (_, rest) = page.split_once("<figcaption>Throughput and failures").unwrap();
        rest.split_once("</figure>").unwrap().0.to_owned()
    };
    let before = chart(load);
    assert!(before.contains(">23</td>"), "3 s of warm-up and 20 s of window");
    // Eight answers in 17 ms of waiting for the last ones are no 470 requests/s.
    let last = load.series.last().unwrap().clone();
    load.series.push(Second {
        unix_us: last.unix_us + 17_000,
        duration_us: 17_000,
        measured: false,
        requests: 8,
        ..last
    });
    assert_eq!(chart(load), before);
}

fn links(page: &str) -> Vec<&str> {
    page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
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
