//! The reports in real Chromium with the network cut: no script runs, the policy lets the style in and nothing else.
//! Needs `chromium` in the PATH (Debian: `apt-get install chromium`).

use crate::{
    fixture::{COMPOSE, analysed, phase_of, run},
    study_fixture::study_run,
};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};
use vscale::{model::PhaseKind, report::html};

const INJECTED: &str = "<script>document.title = 'owned'</script>";

#[test]
fn the_run_s_report() {
    let page = open(&report());
    page.assert_quiet();
    assert_eq!(page.title(), "bench: 20261124T114421Z-bench-3f9a1c");
    let headings = ["Warnings", "Baseline against target", "Each level", "Where it ran"];
    headings.iter().for_each(|heading| assert!(page.dom.contains(&format!(">{heading}</h2>")), "{heading}"));
    assert!(page.dom.contains("&lt;script&gt;"), "the compose file's text is shown as text");
}

#[test]
fn the_load_s_reports() {
    let run = run();
    for kind in [PhaseKind::Baseline, PhaseKind::Target] {
        let load = &phase_of(&run, 1, kind).load;
        let page = open(&html::load(Some(kind), load));
        page.assert_quiet();
        assert_eq!(page.title(), format!("{kind}: {}", load.host));
        assert!(page.dom.contains(">Over time</h2>"));
    }
}

#[test]
fn a_study_s_report() {
    let (run, analysis) = analysed(study_run());
    let page = open(&html::run(&run, &analysis, COMPOSE));
    page.assert_quiet();
    let headings = ["Settings", "Predicted and observed", "Evidence behind each verdict"];
    headings.iter().for_each(|heading| assert!(page.dom.contains(heading), "{heading}"));
    assert!(page.dom.contains(">Run "), "the decision leads");
}

#[test]
fn the_policy_stops_what_might_slip_through() {
    let report = report();
    let slipped = report.replace("</main>", &format!("{INJECTED}<p style='color:red'>x</p></main>"));
    let page = open(&slipped);
    assert_ne!(page.title(), "owned");
    assert!(page.console.contains("Content Security Policy"), "{}", page.console);

    let without_policy = slipped.replace("http-equiv=\"Content-Security-Policy\"", "name=\"none\"");
    assert_eq!(open(&without_policy).title(), "owned", "this test would not notice a script that ran");
}

fn report() -> String {
    let (run, analysis) = analysed(run());
    html::run(&run, &analysis, COMPOSE)
}

/// What became of a page.
struct Opened {
    dom: String,
    console: String,
}

impl Opened {
    fn title(&self) -> &str {
        let (_, rest) = self.dom.split_once("<title>").expect("every page has a title");
        rest.split_once("</title>").expect("Chromium closes what it prints").0
    }

    fn assert_quiet(&self) {
        assert_eq!(self.console, "", "Chromium complains");
        assert!(self.dom.contains("</html>"));
    }
}

fn open(page: &str) -> Opened {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    fs::write(&file, page).unwrap();
    let output = chromium(folder.path(), &file);
    assert!(output.status.success(), "chromium: {}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8_lossy(&output.stderr);
    let console = messages.lines().filter(|line| line.contains("CONSOLE")).collect::<Vec<_>>().join("\n");
    Opened { dom: String::from_utf8(output.stdout).unwrap(), console }
}

fn chromium(profile: &Path, page: &Path) -> Output {
    Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            "--disable-background-networking",
        ])
        .arg("--host-resolver-rules=MAP * ~NOTFOUND")
        .arg(format!("--user-data-dir={}", profile.join("profile").display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap_or_else(|error| {
            panic!("chromium cannot be run ({error}): install it, on Debian `apt-get install chromium`")
        })
}
