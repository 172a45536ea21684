//! Carries out a job, keeps what was measured, makes its reports and says what is to be said: what `bench`, `study` and
//! `rerun` have in common.

use super::{block_on, colour, load, print, progress::Progress, say, signals, width};
use std::path::Path;
use std::{collections::BTreeMap, path::PathBuf};
use vscale::{
    analyse::Analysis,
    cli::ProgressArg,
    compose::{self, Project},
    error::{Error, Result, exit},
    model::{Gate, PhaseKind, Run, Severity, WORKERS_VARIABLE},
    redact::Redactor,
    report::{self, summary::Badge},
    run::{self, Job, Todo},
    store::{self, RunFolder},
    threshold::Threshold,
};

/// A compose file, variables filled in by flags and the environment.
///
/// # Errors
/// [`Error::Compose`] names file, line and path.
pub fn project(files: &[PathBuf], variables: &BTreeMap<&'static str, String>) -> Result<Project> {
    let (files, given) = (files_or_default(files), variable(variables));
    // What depends on the number of workers is filled in for each visit.
    let number = |name: &str| (format!("${{{name}}}") == WORKERS_VARIABLE).then(|| WORKERS_VARIABLE.to_owned());
    let mut project = compose::load(&files, &|name| number(name).or_else(|| given(name)))?;
    if project.vscale.workers.is_none() {
        project = compose::load(&files, &given)?;
    }
    project.notes.iter().for_each(|note| say(format_args!("vscale: {note}")));
    let generator = &project.vscale.generator;
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
pub fn variable(variables: &BTreeMap<&'static str, String>) -> impl Fn(&str) -> Option<String> {
    |name| variables.get(name).cloned().or_else(|| std::env::var(name).ok())
}

/// A job, whose secrets are known.
pub fn job(todo: Todo, project: Project, results: &Path, base_image: Option<&str>) -> Job {
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
pub fn measure(job: &Job, progress: ProgressArg, fail_if: &[Threshold]) -> Result<u8> {
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
            say("vscale: the visits above are complete, but then:");
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
fn verdicts(run: &Run, analysis: &Analysis, fail_if: &[Threshold]) -> Vec<u8> {
    let of_target = run.visited.iter().filter_map(|visited| visited.phase(PhaseKind::Target));
    // All are judged, so that all are shown.
    let broken = of_target.filter(|phase| load::judge(fail_if, &phase.load)).map(|_| exit::THRESHOLD);
    if run.plan.study.is_some() {
        // What the host spoiled was visited again: only the answer counts.
        let status = match Badge::of(run, analysis) {
            Badge::Valid | Badge::Behind => exit::OK,
            Badge::Busy => exit::BUSY,
            Badge::Invalid => exit::INVALID,
        };
        return broken.chain([status]).collect();
    }
    let found = analysis.findings.iter().map(|finding| match (finding.severity, finding.gate) {
        (Severity::Invalid, Gate::Served) => exit::FAILURES,
        (Severity::Invalid, _) => exit::INVALID,
        (Severity::Spoiled, _) => exit::BUSY,
        (Severity::Warning, _) => exit::OK,
    });
    broken.chain(found).collect()
}

/// Prints what a person reads first.
pub fn print_table(run: &Run, analysis: &Analysis, folder: &Path) -> Result<()> {
    print(report::terminal::render(run, analysis, width(), colour()))?;
    print(format_args!("report: {}", folder.join("report.html").display()))
}
