//! `vscale bench`, `vscale report`, `vscale schema` and `vscale gc`.

use super::{block_on, colour, load, progress::Progress, width};
use std::io::{Write, stdout};
use vscale::{
    analyse::Analysis,
    cli::{BenchArgs, GcArgs, ReportArgs, SchemaArgs},
    compose,
    engine::{Engine, collect_garbage},
    error::{Error, Result, exit},
    model::{PhaseKind, Run},
    redact::redact_argument,
    report,
    run::{self, Job, Stop},
    store::{self, RunFolder},
};

/// Measures, and prints the table.
pub fn bench(args: &BenchArgs) -> Result<u8> {
    let job = job(args)?;
    let mut progress = Progress::new(args.progress);
    let finished = block_on(async { run::run(&job, &mut Stop::listen()?, &mut |event| progress.tell(&event)).await })?;
    progress.clear();
    let (run, folder) = (&finished.run, &finished.folder);
    let analysis = Analysis::of(run);
    let reported =
        make_reports(folder, run, &analysis).and_then(|()| store::publish(folder, &args.results, &report::newest(run)));
    println!("{}", report::terminal::render(run, &analysis, width(), colour()));
    println!("report: {}", folder.path().join("report.html").display());
    if let Some(error) = finished.error.or(reported.err()) {
        eprintln!("vscale: the visits above are complete, but then: {error}");
        return Ok(error.exit_code());
    }
    if !finished.leftovers.is_empty() {
        let left = finished.leftovers.in_words().join(", ");
        eprintln!("vscale: left in the engine (`vscale gc` tries again): {left}");
        return Ok(exit::LEFTOVERS);
    }
    Ok(verdict(run, &analysis, args))
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
    println!("{}", report::terminal::render(&run, &analysis, width(), colour()));
    println!("report: {}", args.run_dir.join("report.html").display());
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
    writeln!(stdout(), "{}", text.trim_end()).map_err(Error::file("stdout"))?;
    Ok(exit::OK)
}

/// Removes what killed runs left.
pub fn gc(args: &GcArgs) -> Result<u8> {
    let collecting = async { collect_garbage(&Engine::connect().await?, args.all).await };
    let removed = block_on(async { Stop::listen()?.or(collecting).await })?;
    for (run, left) in &removed {
        let outcome = if left.is_empty() { "removed".to_owned() } else { left.in_words().join(", ") };
        println!("{run}: {outcome}");
    }
    if removed.is_empty() {
        println!("nothing to remove");
    }
    let clean = removed.iter().all(|(_, left)| left.is_empty());
    Ok(if clean { exit::OK } else { exit::LEFTOVERS })
}
