//! `vscale study` and `vscale rerun`.

use super::{
    load,
    measure::{described, job, measure, project},
};
use crate::{
    cli::{RerunArgs, StudyArgs},
    compose::Project,
    error::{Error, Result},
    model::Run,
    plan::Asked,
    redact::{REDACTED, Redactor},
    run::Todo,
    store::RunFolder,
};
use std::{collections::BTreeMap, path::Path};

/// Beyond this a study wants to be asked for twice.
const LONG_US: u64 = 4 * 3600 * 1_000_000;

/// Visits every setting several times, and says which to run and what limits it.
pub fn study(args: &StudyArgs) -> Result<u8> {
    let run = &args.run;
    let read = |workers| compared(args, workers);
    let (todo, project) = match &args.resume {
        Some(dir) => {
            let folder = RunFolder::open(dir)?.claimed()?;
            let (stored, project) = stored(&folder, &read, args.as_stored)?;
            (resumed(dir, stored, folder)?, project)
        }
        None => {
            let project = read(args.workers.first().copied().unwrap_or(1))?;
            let asked = args.asked(&project.vscale)?;
            check_length(&asked, 1 + usize::from(project.beside.is_some()), args.yes)?;
            load::warn_of_names(&asked.load.requests);
            let project = project.for_counts(&asked.workers, &read)?;
            (Todo::Plan(Box::new(asked)), project)
        }
    };
    let job = job(todo, project, &run.results, run.base_image.as_deref());
    measure(&job, run.progress, &run.load.fail_if)
}

/// The compose file, with B beside it where there is one.
fn compared(args: &StudyArgs, workers: u32) -> Result<Project> {
    let (run, mut variables) = (&args.run, args.run.variables()?);
    let a = described(&run.target, &run.files, &variables, workers)?;
    let Some((files, others)) = args.b() else { return Ok(a) };
    variables.extend(others);
    let b = match files.is_empty() {
        true => described(&run.target, &run.files, &variables, workers)?,
        false => project(&files, &variables, workers)?,
    };
    let of_a = run.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(" ");
    a.compared_with(b, [of_a, args.ab.join(" ")])
}

/// Does again what a run did.
pub fn rerun(args: &RerunArgs) -> Result<u8> {
    let folder = RunFolder::open(&args.run_dir)?;
    let read = |workers| described(&args.target, &args.files, &BTreeMap::new(), workers);
    let (run, project) = stored(&folder, &read, args.as_stored)?;
    let job = job(Todo::Again(Box::new(run)), project, &args.results, None);
    measure(&job, args.progress, &[])
}

/// The rest of a study that was cut short.
fn resumed(dir: &Path, run: Run, folder: RunFolder) -> Result<Todo> {
    if run.plan.study.is_none() {
        return Err(Error::Usage(format!("{}: it is no study; `vscale rerun` does a bench again", dir.display())));
    }
    Ok(Todo::Resume(Box::new(run), folder))
}

/// A run whose plan can be carried out once more, and what `read` gives for its worker counts.
fn stored(folder: &RunFolder, read: &dyn Fn(u32) -> Result<Project>, as_stored: bool) -> Result<(Run, Project)> {
    let run = folder.load()?;
    let counts: Vec<u32> = run.plan.points.iter().map(|point| point.workers).collect();
    let project = read(counts.first().copied().unwrap_or(1))?.for_counts(&counts, read)?;
    let dir = folder.path().display();
    if run.plan.ab.is_some() && project.beside.is_none() {
        return Err(Error::Usage(format!("{dir}: it compares two; `vscale study` with the same --ab goes on with it")));
    }
    if run.plan.containers.is_empty() {
        return Err(Error::Usage(format!(
            "{dir}: an older vscale planned this run, and left out what its containers ran"
        )));
    }
    if serde_json::to_string(&run.plan).is_ok_and(|plan| plan.contains(REDACTED)) {
        return Err(Error::Usage(format!(
            "{dir}: its plan had secrets, which are not kept: give the whole command again"
        )));
    }
    let ca = project.vscale.ca.as_ref().map(|certificates| &certificates.pem);
    if run.plan.load.ca.as_ref().is_some_and(|then| Some(then) != ca) && !as_stored {
        return Err(Error::Usage(format!(
            "{dir}: x-vscale.ca has other certificates since; --as-stored goes on with those of then"
        )));
    }
    let then = folder.load_compose()?;
    let mut redactor = Redactor::default();
    project.teach(&mut redactor);
    let now = project.to_yaml(&redactor);
    match first_change(&then, &now) {
        Some(change) if !as_stored => Err(Error::Usage(format!(
            "{dir}: the compose file has changed since: {change}; --as-stored goes on with what was planned then"
        ))),
        _ => Ok((run, project)),
    }
}

/// The first line that is another.
fn first_change(then: &str, now: &str) -> Option<String> {
    if then == now {
        return None;
    }
    let mut lines = then.lines().zip(now.lines()).enumerate();
    let other = lines.find(|(_, (then, now))| then != now);
    Some(match other {
        Some((at, (then, now))) => format!("line {} as resolved was `{}` and is `{}`", at + 1, then.trim(), now.trim()),
        None => "there are more lines in one than in the other".into(),
    })
}

/// Says how long it takes where that is long, and refuses a budget in which nothing can be finished.
fn check_length(asked: &Asked, sides: usize, yes: bool) -> Result<()> {
    let Some(repeats) = &asked.study else { return Ok(()) };
    let visits_a_block = asked.visits_a_block(sides);
    let visit_us = asked.longest_visit_us();
    let block_us = visits_a_block.saturating_mul(visit_us);
    let all_us = block_us.saturating_mul(repeats.blocks as u64);
    if let Some(budget_us) = repeats.plan.budget_us.filter(|budget_us| *budget_us < block_us) {
        return Err(Error::Usage(format!(
            "--budget {} s: one block of {visits_a_block} visits takes about {} s",
            budget_us / 1_000_000,
            block_us / 1_000_000
        )));
    }
    let is_long = all_us > LONG_US && repeats.plan.budget_us.is_none();
    if is_long && !yes {
        return Err(Error::Usage(format!(
            "{} visits take about {:.1} hours: add --yes to begin, or --budget to end earlier",
            visits_a_block * repeats.blocks as u64,
            all_us as f64 / 3.6e9
        )));
    }
    Ok(())
}
