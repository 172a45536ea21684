//! `vscale bench`, `vscale report`, `vscale schema` and `vscale gc`.

use super::{block_on, colour, load, print, progress::Progress, say, signals, width};
use std::path::Path;
use vscale::{
    analyse::Analysis,
    cli::{BenchArgs, GcArgs, ReportArgs, SchemaArgs},
    compose,
    engine::{Engine, collect_garbage},
    error::{Error, Result, exit},
    model::{Gate, PhaseKind, Run, Severity},
    redact::Redactor,
    report,
    run::{self, Job},
    store::{self, RunFolder},
};

/// Measures, and prints the table. Whatever went wrong is said on stderr, all of it; the exit status has only one number.
pub fn bench(args: &BenchArgs) -> Result<u8> {
    let job = job(args)?;
    load::warn_of_names(&job.asked.load.requests);
    let stop = signals::stop()?;
    let mut progress = Progress::new(args.progress);
    let finished = block_on(async { Ok(run::run(&job, stop, &mut |event| progress.tell(&event)).await) })?;
    progress.clear();
    let mut errors = finished.errors;
    let mut statuses = Vec::new();
    if let Some((run, folder)) = &finished.kept {
        let analysis = Analysis::of(run);
        let reported = make_reports(folder, run, &analysis)
            .and_then(|()| store::publish(folder, &args.results, &report::newest(run)));
        errors.extend(reported.map_err(again(folder)).err());
        errors.extend(print_table(run, &analysis, folder.path()).err());
        statuses.extend(verdicts(run, &analysis, args));
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

/// The flags and the compose file, each understood by itself.
fn job(args: &BenchArgs) -> Result<Job> {
    let asked = args.asked()?;
    let variables = args.variables()?;
    let project =
        compose::load(&args.files, &|name| variables.get(name).cloned().or_else(|| std::env::var(name).ok()))?;
    let generator = &project.vscale.generator;
    if project.services[generator].command.as_ref().is_some_and(|command| command.as_slice() != ["load"]) {
        // The plan says all of them, so they would count for nothing.
        return Err(Error::Compose(format!(
            "services.{generator}.command: the load generator's flags are `vscale bench`'s; leave it out, or say [load]"
        )));
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut redactor = Redactor::default();
    project.teach(&mut redactor);
    redactor.learn_load(&asked.load);
    redactor.learn_arguments(&arguments);
    Ok(Job { asked, project, results: args.results.clone(), base_image: args.base_image.clone(), arguments, redactor })
}

fn make_reports(folder: &RunFolder, run: &Run, analysis: &Analysis) -> Result<()> {
    report::files(run, analysis, &folder.load_compose()?, &mut |path, bytes| folder.write(path, bytes))
}

/// Whoever has closed the pipe knows.
fn is_to_be_said(error: &Error) -> bool {
    !matches!(error, Error::ClosedPipe)
}

/// What was measured, as exit statuses.
fn verdicts(run: &Run, analysis: &Analysis, args: &BenchArgs) -> Vec<u8> {
    let of_target = run.visited.iter().filter_map(|visited| visited.phase(PhaseKind::Target));
    // All are judged, so that all are shown.
    let broken = of_target.filter(|phase| load::judge(&args.load.fail_if, &phase.load)).map(|_| exit::THRESHOLD);
    let found = analysis.findings.iter().map(|finding| match (finding.severity, finding.gate) {
        (Severity::Invalid, Gate::Served) => exit::FAILURES,
        (Severity::Invalid, _) => exit::INVALID,
        (Severity::Spoiled, _) => exit::BUSY,
        (Severity::Warning, _) => exit::OK,
    });
    broken.chain(found).collect()
}

/// Makes the reports again from a run's folder, and prints the table.
pub fn report(args: &ReportArgs) -> Result<u8> {
    let folder = RunFolder::open(&args.run_dir)?;
    let run = folder.load()?;
    let analysis = Analysis::of(&run);
    make_reports(&folder, &run, &analysis)?;
    print_table(&run, &analysis, &args.run_dir)?;
    Ok(exit::OK)
}

/// Prints what the keys of a run's files mean.
pub fn schema(args: &SchemaArgs) -> Result<u8> {
    let text = if args.markdown {
        report::schema::reference()
    } else {
        let schema = report::schema::json_schema(args.of);
        serde_json::to_string_pretty(&schema).map_err(|error| Error::Other(error.to_string()))?
    };
    print(text.trim_end())?;
    Ok(exit::OK)
}

fn print_table(run: &Run, analysis: &Analysis, folder: &Path) -> Result<()> {
    print(report::terminal::render(run, analysis, width(), colour()))?;
    print(format_args!("report: {}", folder.join("report.html").display()))
}

/// Removes what killed runs left.
pub fn gc(args: &GcArgs) -> Result<u8> {
    let collecting = async { collect_garbage(&Engine::connect().await?, args.all).await };
    let mut stop = signals::stop()?;
    let removed = block_on(stop.or(collecting))?;
    for (run, left) in &removed {
        let outcome = if left.is_empty() { "removed".to_owned() } else { left.in_words().join(", ") };
        print(format_args!("{run}: {outcome}"))?;
    }
    if removed.is_empty() {
        print("nothing to remove")?;
    }
    let clean = removed.iter().all(|(_, left)| left.is_empty());
    Ok(if clean { exit::OK } else { exit::LEFTOVERS })
}
