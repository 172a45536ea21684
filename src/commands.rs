//! What each subcommand does, in terms of the library: results go to stdout, progress and errors to stderr.

use std::{
    fs,
    io::{BufWriter, IsTerminal, Write, stdout},
    net::TcpListener,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use vscale::{
    cli::{BenchArgs, GcArgs, MockArgs, ReportArgs},
    engine::{Engine, collect_garbage},
    error::{Error, Result, exit},
    mock,
    model::{LoadEvent, RunResult},
    probe, report,
    run::{self, Progress},
    store,
};

mod generator;
mod load;

pub use generator::generator;
pub use load::{capacity, load};

/// Measures, and prints the table.
pub fn bench(args: &BenchArgs) -> Result<u8> {
    let mut progress = Progress::new(args.progress);
    let finished = block_on(async { run::bench(args, run::stop_signal()?, &mut progress).await })?;
    progress.clear();
    let result = &finished.result;
    println!("{}", report::terminal::render(result, colour()));
    println!("report: {}", finished.folder.join("report.html").display());
    if let Some(error) = finished.error {
        eprintln!("vscale: the levels above are complete, but then: {error}");
        return Ok(error.exit_code());
    }
    if !finished.leftovers.0.is_empty() {
        eprintln!("vscale: left in the engine (`vscale gc` tries again): {}", finished.leftovers.0.join(", "));
        return Ok(exit::LEFTOVERS);
    }
    Ok(verdict(result, args))
}

fn verdict(result: &RunResult, args: &BenchArgs) -> u8 {
    let phases = result.levels.iter().flat_map(|level| [&level.baseline, &level.stack]);
    let max_failure_rate = args.max_failure_rate;
    // All are judged, so that all are shown.
    let broken = result.levels.iter().filter(|level| load::judge(&args.load.fail_if, &level.stack.load)).count();
    if !result.is_valid() {
        exit::INVALID
    } else if broken > 0 {
        exit::THRESHOLD
    } else if phases.into_iter().any(|phase| phase.load.failure_ratio() > max_failure_rate) {
        exit::FAILURES
    } else {
        exit::OK
    }
}

/// Makes the reports again from a run's folder, and prints the table.
pub fn report(args: &ReportArgs) -> Result<u8> {
    let folder = store::RunFolder::open(&args.run_dir)?;
    let result = folder.load_result()?;
    folder.save_reports(&result)?;
    println!("{}", report::terminal::render(&result, colour()));
    println!("report: {}", args.run_dir.join("report.html").display());
    Ok(exit::OK)
}

/// Removes what killed runs left.
pub fn gc(args: &GcArgs) -> Result<u8> {
    let removed = block_on(async { collect_garbage(&Engine::connect().await?, args.all).await })?;
    for (run, leftovers) in &removed {
        let outcome = if leftovers.0.is_empty() { "removed".to_owned() } else { leftovers.0.join(", ") };
        println!("{run}: {outcome}");
    }
    if removed.is_empty() {
        println!("nothing to remove");
    }
    let clean = removed.iter().all(|(_, leftovers)| leftovers.0.is_empty());
    Ok(if clean { exit::OK } else { exit::LEFTOVERS })
}

/// Serves the mock until a signal comes.
pub fn mock(args: &MockArgs) -> Result<u8> {
    let refused = |error| Error::Preflight(format!("cannot listen on {}:{}: {error}", args.host, args.port));
    let listener = TcpListener::bind((args.host, args.port)).map_err(refused)?;
    eprintln!("vscale mock: http://{}", listener.local_addr().map_err(refused)?);
    let stop = stop_on_signal()?;
    mock::serve(listener, &args.config(), &stop)?;
    Ok(exit::OK)
}

/// What the host is, for the controller.
pub fn host() -> Result<u8> {
    let facts = serde_json::to_string(&probe::host_facts()?).map_err(|error| Error::Other(error.to_string()))?;
    println!("{facts}");
    Ok(exit::OK)
}

fn write(path: &Path, content: &str) -> Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(Error::file(folder))?;
    }
    fs::write(path, content).map_err(Error::file(path))
}

/// Straight to stdout: a long run's result is not to be held as text too.
fn print_event(event: &LoadEvent) {
    let mut out = BufWriter::new(stdout().lock());
    // Who reads it may have left.
    let _ = serde_json::to_writer(&mut out, event)
        .map_err(Into::into)
        .and_then(|()| writeln!(out))
        .and_then(|()| out.flush());
}

fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Error::Other(format!("no event loop: {error}")))?.block_on(future)
}

/// A flag that is set at the first SIGINT, SIGTERM or SIGHUP; a second one ends the process at once.
fn stop_on_signal() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let (ready, is_ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = block_on(async {
            let first = run::stop_signal();
            let _ = ready.send(first.is_ok());
            first?.await;
            flag.store(true, Ordering::Relaxed);
            let number = run::stop_signal()?.await;
            std::process::exit(i32::from(Error::Signal(number).exit_code()));
            #[allow(unreachable_code)]
            Ok(())
        });
    });
    match is_ready.recv() {
        Ok(true) => Ok(stop),
        _ => Err(Error::Other("cannot set signal handlers".into())),
    }
}

/// Colour on a terminal only, as <https://no-color.org> and `CLICOLOR_FORCE` have it.
fn colour() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    !set("NO_COLOR") && (set("CLICOLOR_FORCE") || stdout().is_terminal())
}
