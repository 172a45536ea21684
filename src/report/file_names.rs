//! Which files are made of a run, by their names in its folder.

use super::load_csv;
use crate::model::{Phase, PhaseKind, Run, Visited};

/// The phases that have files of their own, as in the seed benchmark.
pub(super) const WITH_FILES: [PhaseKind; 2] = [PhaseKind::Baseline, PhaseKind::Target];

pub(super) fn level_folder(visited: &Visited) -> String {
    format!("levels/{}", visited.id)
}

/// What another load generator tells of latencies has none.
pub(super) fn has_histogram(phase: &Phase) -> bool {
    phase.load.told_by.is_none()
}

/// What one may want to open of a level, by their names in its folder.
pub(super) fn worth_opening(run: &Run, visited: &Visited) -> Vec<String> {
    let phases = WITH_FILES.into_iter().filter_map(|kind| visited.phase(kind));
    let tables = phases.flat_map(|phase| {
        let stem = phase.kind.file_stem();
        let histogram = has_histogram(phase).then(|| format!("{stem}.hgrm"));
        [format!("{stem}_stats.csv"), format!("{stem}_stats_history.csv")].into_iter().chain(histogram)
    });
    tables.chain(["containers.csv".to_owned(), Visited::log_file(&run.plan.roles.target)]).collect()
}

/// The files of the newest run that are also kept at the top of `results/`, by the names that the seed benchmark gave them:
/// (path in the run's folder, name at the top). Some of them a run may not have; then there is none at the top either.
pub fn newest(run: &Run) -> Vec<(String, String)> {
    let Some(last) = run.visited.last() else { return Vec::new() };
    let level = level_folder(last);
    let mut files = Vec::new();
    for stem in WITH_FILES.map(PhaseKind::file_stem) {
        let page = format!("{stem}.html");
        files.push((page.clone(), page));
        files.extend(load_csv::SUFFIXES.map(|suffix| {
            let table = format!("{stem}_{suffix}.csv");
            (format!("{level}/{table}"), table)
        }));
    }
    files.push((format!("{level}/{}", Visited::log_file(&run.plan.roles.target)), "stack.log".into()));
    files
}
