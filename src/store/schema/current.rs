//! The current version: `run.json`, and a file for each visit that was finished.

use super::{not_a_runs, read};
use crate::{
    error::{Error, Result},
    model::{Lever, Plan, Run, Visited},
    store::{RUN, VISITS},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

pub(super) fn load(dir: &Path) -> Result<Run> {
    let mut run: Run = read(&dir.join(RUN))?;
    let mut files = visit_files(&dir.join(VISITS))?;
    files.sort_by(|(path, visited), (other_path, other)| (visited.sequence, path).cmp(&(other.sequence, other_path)));
    check(&run.plan, &files)?;
    run.visited = files.into_iter().map(|(_, visited)| visited).collect();
    Ok(run)
}

/// Each visit with its file. What is hidden or of another kind is not ours, or a visit whose writing was cut short.
fn visit_files(folder: &Path) -> Result<Vec<(PathBuf, Visited)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::file(folder))? {
        let path = entry.map_err(Error::file(folder))?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !is_hidden && path.extension().is_some_and(|extension| extension == "json") {
            let visited = read(&path)?;
            files.push((path, visited));
        }
    }
    Ok(files)
}

/// What was visited is the beginning of what was planned, in that order: what comes next is counted from there, so a visit
/// that is missing or there twice would shift all that follow. A study may have more than its plan's own blocks.
fn check(plan: &Plan, files: &[(PathBuf, Visited)]) -> Result<()> {
    let (mut block_now, mut place) = (0, 0);
    let mut before: Option<&Path> = None;
    for (expected, (path, visited)) in files.iter().enumerate() {
        let refused = |why: String| Err(not_a_runs(path, why));
        let Visited { id, sequence, block, point, .. } = visited;
        if path.file_stem().is_none_or(|stem| stem != id.as_str()) {
            return refused(format!("it is of visit {id:?}"));
        }
        if *sequence < expected {
            let twin = before.unwrap_or(path).display();
            return refused(format!("its sequence is {sequence}, and so is that of {twin}"));
        }
        if *sequence > expected {
            return refused(format!("its sequence is {sequence}, and no visit has {expected}"));
        }
        place = if *block == block_now { place } else { 0 };
        let planned = plan.blocks.get(*block).and_then(|turns| turns.get(place));
        let is_planned = match planned {
            Some(turn) => *turn == visited.turn(),
            None => plan.study.is_some() && *point < plan.points.len(),
        };
        if !is_planned || !(block_now..=block_now + 1).contains(block) {
            return refused(format!("visit {sequence} of the plan is not of block {block} and point {point}"));
        }
        // One that was cut short is the same turn's once more.
        (block_now, place) = (*block, place + usize::from(visited.is_whole()));
        let is_changed = visited.change.is_some_and(|change| change.lever == Lever::Workers);
        match plan.points.get(*point) {
            None => return refused(format!("it is of point {point}, and there are {}", plan.points.len())),
            Some(point) if point.workers != visited.workers && !is_changed => {
                return refused(format!("its point is not of {} workers", visited.workers));
            }
            Some(_) => {}
        }
        before = Some(path);
    }
    Ok(())
}
