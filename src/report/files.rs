//! What is in each file that is made of a run.

use super::{
    containers_csv,
    file_names::{WITH_FILES, has_histogram, level_folder},
    html, json, load_csv, markdown, scaling_csv, timeseries_csv,
};
use crate::{
    analyse::Analysis,
    error::Result,
    model::{PhaseKind, Run, Visited},
};

/// Hands every file made of `run` to `write`: its path in the run's folder, and its bytes. `compose` is the compose file
/// as resolved.
///
/// # Errors
/// Those of `write`.
pub fn files(
    run: &Run,
    analysis: &Analysis,
    compose: &str,
    write: &mut dyn FnMut(&str, &[u8]) -> Result<()>,
) -> Result<()> {
    for visited in &run.visited {
        level_files(run, visited, write)?;
        if html::has_level_pages(run) {
            let page = html::level(run, analysis, visited);
            write(&format!("{}/report.html", level_folder(visited)), page.as_bytes())?;
        }
    }
    for (kind, page) in last_pages(run) {
        write(&format!("{}.html", kind.file_stem()), page.as_bytes())?;
    }
    write("scaling.csv", scaling_csv::render(run, analysis).as_bytes())?;
    write("report.md", markdown::render(run, analysis).as_bytes())?;
    write("report.html", html::run(run, analysis, compose).as_bytes())?;
    write("manifest.json", json::manifest(run)?.as_bytes())?;
    write("result.json", json::result(run, analysis)?.as_bytes())
}

fn level_files(run: &Run, visited: &Visited, write: &mut dyn FnMut(&str, &[u8]) -> Result<()>) -> Result<()> {
    let level = level_folder(visited);
    for phase in WITH_FILES.into_iter().filter_map(|kind| visited.phase(kind)) {
        let stem = phase.kind.file_stem();
        for (suffix, table) in load_csv::tables(&phase.load) {
            write(&format!("{level}/{stem}_{suffix}.csv"), table.as_bytes())?;
        }
        if has_histogram(phase) {
            write(&format!("{level}/{stem}.hgrm"), phase.load.latency().to_hgrm().as_bytes())?;
        }
    }
    write(&format!("{level}/timeseries.csv"), timeseries_csv::render(run, visited).as_bytes())?;
    write(&format!("{level}/containers.csv"), containers_csv::render(visited).as_bytes())
}

/// The pages of the last visit's phases.
fn last_pages(run: &Run) -> impl Iterator<Item = (PhaseKind, String)> {
    let phases = run.visited.last().into_iter().flat_map(|last| WITH_FILES.into_iter().filter_map(|it| last.phase(it)));
    phases.map(|phase| (phase.kind, html::load(Some(phase.kind), &phase.load)))
}
