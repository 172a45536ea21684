//! `vscale bench`, `vscale report` and `vscale gc`.

use super::{block_on, colour, complain, load, print, progress::Progress, signals};
use std::path::Path;
use vscale::{
    analyse::Analysis,
    cli::{BenchArgs, GcArgs, ReportArgs},
    compose,
    engine::{Engine, collect_garbage},
    error::{Error, Result, exit},
    model::{PhaseKind, Run},
    redact::redact_argument,
    report,
    run::{self, Job},
    store::{self, RunFolder},
};

/// Measures, and prints the table. Whatever went wrong is said on stderr, all of it; the exit status has only one number.
pub fn bench(args: &BenchArgs) -> Result<u8> {
    let job = job(args)?;
    let stop = signals::stop()?;
    let mut progress = Progress::new(args.progress);
    let finished = block_on(async { Ok(run::run(&job, stop, &mut |event| progress.tell(&event)).await) })?;
    progress.clear();
    let mut errors = finished.errors;
    let mut statuses = Vec::new();
    if let Some((run, folder)) = &finished.kept {
        let analysis = Analysis::of(run);
        let reported = make_reports(folder, run, &analysis);
        errors.extend(
            reported
                .and_then(|()| store::publish(folder, &args.results, &report::newest(run)))
                .map_err(again(folder))
                .err(),
        );
        errors.extend(show(run, &analysis, folder.path()).err());
        statuses.push(verdict(run, &analysis, args));
        if !errors.is_empty() {
            complain(format_args!("vscale: the visits above are complete, but then:"));
        }
    }
    for error in &errors {
        complain(format_args!("vscale: {error}"));
        statuses.push(error.exit_code());
    }
    if !finished.leftovers.is_empty() {
        let left = finished.leftovers.in_words().join(", ");
        complain(format_args!("vscale: left in the engine (`vscale gc` tries again): {left}"));
        statuses.push(exit::LEFTOVERS);
    }
    Ok(exit::of_several(statuses))
}

/// The table, and where the rest is.
fn show(run: &Run, analysis: &Analysis, folder: &Path) -> Result<()> {
    print(report::terminal::render(run, analysis, colour()))?;
    print(format_args!("report: {}", folder.join("report.html").display()))
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
    Ok(Job {
        asked,
        project,
        results: args.results.clone(),
        base_image: args.base_image.clone(),
        arguments: std::env::args().skip(1).map(|argument| redact_argument(&argument)).collect(),
    })
}

fn make_reports(folder: &RunFolder, run: &Run, analysis: &Analysis) -> Result<()> {
    report::files(run, analysis, &folder.load_compose()?, &mut |path, bytes| folder.write(path, bytes))
}

fn verdict(run: &Run, analysis: &Analysis, args: &BenchArgs) -> u8 {
    let phases = || run.visited.iter().flat_map(|visited| &visited.phases);
    let of_target = phases().filter(|phase| phase.kind == PhaseKind::Target);
    // All are judged, so that all are shown.
    let broken = of_target.filter(|phase| load::judge(&args.load.fail_if, &phase.load)).count();
    if !analysis.is_run_valid(run) {
        exit::INVALID
    } else if broken > 0 {
        exit::THRESHOLD
    } else if phases().any(|phase| phase.load.failure_ratio() > args.max_failure_rate) {
        exit::FAILURES
    } else {
        exit::OK
    }
}

/// Makes the reports again from a run's folder, and prints the table.
pub fn report(args: &ReportArgs) -> Result<u8> {
    let folder = RunFolder::open(&args.run_dir)?;
    let run = folder.load()?;
    let analysis = Analysis::of(&run);
    make_reports(&folder, &run, &analysis)?;
    show(&run, &analysis, &args.run_dir)?;
    Ok(exit::OK)
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
