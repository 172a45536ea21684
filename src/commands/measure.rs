//! Carries out a job, keeps what was measured, makes its reports and says what is to be said: what `bench`, `study` and
//! `rerun` have in common.

use super::{block_on, colour, init, load, print, progress::Progress, say, signals, width};
use crate::{
    analyse::{Analysis, ChangeLimit, Contrast, stats::Judgement},
    cli::{FailIf, ProgressArg, TargetFlags},
    compose::{self, Project},
    error::{Error, Result, exit},
    model::{Gate, PhaseKind, Run, Severity, Visited},
    redact::Redactor,
    report::{self, contrast_text, summary::Badge},
    run::{self, Job, Todo},
    store::{self, RunFolder},
    threshold::Threshold,
};
use std::path::Path;
use std::{collections::BTreeMap, path::PathBuf};

/// A compose file, variables filled in by flags and the environment, for a number of workers.
///
/// # Errors
/// [`Error::Compose`] names file, line and path.
pub fn project(files: &[PathBuf], variables: &BTreeMap<String, String>, workers: u32) -> Result<Project> {
    checked(compose::load_for(&files_or_default(files), &variable(variables), workers)?)
}

/// The same, or what flags describe in the place of a file.
///
/// # Errors
/// Those of [`project`], and [`Error::Usage`] for flags that do not describe a server.
pub fn described(
    target: &TargetFlags,
    files: &[PathBuf],
    variables: &BTreeMap<String, String>,
    workers: u32,
) -> Result<Project> {
    let Some(target) = init::described(target)? else { return project(files, variables, workers) };
    let name = Path::new("(made of the flags)");
    checked(compose::load_text(name, target.compose_file(), &variable(variables), workers)?)
}

fn checked(project: Project) -> Result<Project> {
    let generator = project.vscale.generator.service();
    if project.services[generator].command.as_ref().is_some_and(|command| command.as_slice() != ["load"]) {
        // The plan says all of them, so they would count for nothing.
        return Err(Error::Compose(format!(
            "services.{generator}.command: the load generator's flags are `vscale bench`'s; leave it out, or say [load]"
        )));
    }
    Ok(project)
}

/// The files named, or those that Compose would find here.
pub fn files_or_default(files: &[PathBuf]) -> Vec<PathBuf> {
    if files.is_empty() { compose::default_files(Path::new("")) } else { files.to_vec() }
}

/// What a variable of a compose file is set to: by flags, or by the environment.
pub fn variable(variables: &BTreeMap<String, String>) -> impl Fn(&str) -> Option<String> {
    |name| variables.get(name).cloned().or_else(|| std::env::var(name).ok())
}

/// Tells what the user is to know of compose files.
pub fn tell_notes<V>(project: &Project<V>) {
    project.notes().into_iter().for_each(|note| say(format_args!("vscale: {note}")));
}

/// A job, whose secrets are known; what the user is to know of its files is told.
pub fn job(todo: Todo, project: Project, results: &Path, base_image: Option<&str>) -> Job {
    tell_notes(&project);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut redactor = Redactor::default();
    project.teach(&mut redactor);
    match &todo {
        Todo::Plan(asked) => redactor.learn_load(&asked.load),
        Todo::Again(run) | Todo::Resume(run, _) => redactor.learn_load(&run.plan.load),
    }
    redactor.learn_arguments(&arguments);
    Job { todo, project, results: results.to_owned(), base_image: base_image.map(str::to_owned), arguments, redactor }
}

/// Measures, and prints the table. Whatever went wrong is said on stderr, all of it; the exit status has only one number.
pub fn measure(job: &Job, progress: ProgressArg, fail_if: &[FailIf]) -> Result<u8> {
    let stop = signals::stop()?;
    let mut progress = Progress::new(progress);
    let finished = block_on(async { Ok(run::run(job, stop, &mut |event| progress.tell(&event)).await) })?;
    progress.clear();
    let mut errors = finished.errors;
    let mut statuses = Vec::new();
    if let Some((run, folder)) = &finished.kept {
        let analysis = Analysis::of(run);
        let reported = make_reports(folder, run, &analysis)
            .and_then(|()| store::publish(folder, &job.results, &report::newest(run)));
        errors.extend(reported.map_err(again(folder)).err());
        errors.extend(print_table(run, &analysis, folder.path()).err());
        statuses.extend(verdicts(run, &analysis, fail_if));
        if errors.iter().any(is_to_be_said) {
            let kept = match run.visited.last().is_some_and(Visited::is_whole) {
                true => "the visits above are complete",
                false => "the visits above are kept, the last as far as it got",
            };
            say(format_args!("vscale: {kept}, but then:"));
        }
    }
    statuses.extend(errors.iter().map(Error::exit_code));
    errors.iter().filter(|error| is_to_be_said(error)).for_each(|error| say(format_args!("vscale: {error}")));
    if !finished.leftovers.is_empty() {
        let left = job.redactor.text(&finished.leftovers.in_words().join(", "));
        say(format_args!("vscale: left in the engine (`vscale gc` tries again): {left}"));
        statuses.push(exit::LEFTOVERS);
    }
    Ok(exit::of_several(statuses))
}

/// Reports that could not be written can be made later: what they are made of is safe.
fn again(folder: &RunFolder) -> impl FnOnce(Error) -> Error {
    let folder = folder.path().display().to_string();
    move |error| Error::Other(format!("{error}; `vscale report {folder}` makes the reports again"))
}

/// Writes every report of a run into its folder.
pub fn make_reports(folder: &RunFolder, run: &Run, analysis: &Analysis) -> Result<()> {
    report::files(run, analysis, &folder.load_compose()?, &mut |path, bytes| folder.write(path, bytes))
}

/// Whoever has closed the pipe knows.
fn is_to_be_said(error: &Error) -> bool {
    !matches!(error, Error::ClosedPipe)
}

/// What was measured, as exit statuses.
fn verdicts(run: &Run, analysis: &Analysis, fail_if: &[FailIf]) -> Vec<u8> {
    let of_target = run.visited.iter().filter_map(|visited| visited.phase(PhaseKind::Target));
    // All are judged, so that all are shown.
    let thresholds: Vec<Threshold> = fail_if.iter().filter_map(FailIf::threshold).collect();
    let broken = of_target.filter(|phase| load::judge(&thresholds, &phase.load)).map(|_| exit::THRESHOLD);
    let changes: Vec<ChangeLimit> = fail_if.iter().filter_map(FailIf::change_limit).collect();
    let changed = if changes.is_empty() { exit::OK } else { judged(run, analysis, &changes) };
    if run.plan.study.is_some() {
        // What the host spoiled was visited again: only the answer counts.
        let status = match Badge::of(run, analysis) {
            Badge::Valid | Badge::Behind | Badge::Unfinished => exit::OK,
            Badge::Busy => exit::BUSY,
            Badge::Invalid => exit::INVALID,
        };
        return broken.chain([status, changed]).collect();
    }
    let found = analysis.findings.iter().map(|finding| match (finding.severity, finding.gate) {
        (Severity::Invalid, Gate::Served) => exit::FAILURES,
        (Severity::Invalid, _) => exit::INVALID,
        (Severity::Spoiled, _) => exit::BUSY,
        (Severity::Warning, _) => exit::OK,
    });
    broken.chain(found).collect()
}

/// B against A in the same blocks, as an exit status.
fn judged(run: &Run, analysis: &Analysis, limits: &[ChangeLimit]) -> u8 {
    let contrast = Contrast::of_sides(run, analysis);
    let judgements: Vec<Judgement> =
        limits.iter().map(|limit| contrast.as_ref().map_or(Judgement::Inconclusive, |it| it.judge(limit))).collect();
    for (limit, judgement) in limits.iter().zip(&judgements) {
        say(contrast_text::judged(limit, *judgement));
    }
    exit::of_several(judgements.into_iter().map(super::compare::status))
}

/// Prints what a person reads first.
pub fn print_table(run: &Run, analysis: &Analysis, folder: &Path) -> Result<()> {
    print(report::terminal::render(run, analysis, width(), colour()))?;
    print(format_args!("report: {}", folder.join("report.html").display()))
}
