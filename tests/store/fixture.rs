//! A run that version 2 really recorded, as it is read today, and what is in a folder.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use vscale::{
    model::{PhaseKind, Run, Turn, hlog_head},
    store::{Attached, RunFolder},
};

const V2: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/store/v2/20261125T143904Z-bench-7d7b95");

/// A copy of the recorded folder, to do with as one likes.
pub fn v2_folder() -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for (name, contents) in files(Path::new(V2)) {
        let path = copy.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
    copy
}

/// Two visits of one point.
pub fn run() -> Run {
    RunFolder::open(Path::new(V2)).unwrap().load().unwrap()
}

/// A run of so many visits, each with its target's load and nothing that was watched during it.
pub fn run_of(visits: usize) -> Run {
    let mut run = run();
    let mut first = run.visited.swap_remove(0);
    first.phases.retain(|phase| phase.kind == PhaseKind::Target);
    for phase in &mut first.phases {
        (phase.usage, phase.processes, phase.load.series) = (Vec::new(), Vec::new(), Vec::new());
    }
    run.plan.blocks = vec![vec![Turn::plain(0); visits]];
    run.visited = vec![first; visits];
    for (sequence, visited) in run.visited.iter_mut().enumerate() {
        visited.sequence = sequence;
        visited.id = format!("w1-r{}", sequence + 1);
    }
    run
}

pub fn attached() -> Attached {
    Attached {
        logs: vec![("stack".into(), b"started\n".to_vec()), ("mock".into(), Vec::new())],
        hlogs: vec![(PhaseKind::Target, hlog_head(1))],
    }
}

/// A folder for this run, before its first visit.
pub fn begun(results: &Path, run: &Run) -> RunFolder {
    let folder = RunFolder::create(results, &run.id).unwrap();
    folder.save_run(run).unwrap();
    folder.save_compose("name: recorded\n").unwrap();
    folder
}

/// The same with all its visits.
pub fn saved(results: &Path, run: &Run) -> RunFolder {
    let folder = begun(results, run);
    run.visited.iter().for_each(|visited| folder.save_visit(visited, &attached()).unwrap());
    folder
}

pub fn json<T: serde::Serialize>(value: &T) -> serde_json::Value {
    serde_json::to_value(value).unwrap()
}

/// Every file below `folder`, by its path in it.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let name = |path: &Path| path.strip_prefix(folder).unwrap().display().to_string();
    paths(folder).into_iter().map(|path| (name(&path), fs::read(&path).unwrap())).collect()
}

/// Every file below `folder`.
pub fn paths(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}
