//! What each subcommand does, in terms of the library: results go to stdout, progress and errors to stderr.

use std::{
    fs,
    io::{IsTerminal, Write, stdout},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::net::TcpListener;
use vscale::{
    cli::{BenchArgs, GcArgs, LoadArgs, MockArgs, ProgressArg, ReportArgs, WarmUpArg},
    engine::{Engine, collect_garbage},
    error::{Error, Result, exit},
    load::{self, LoadConfig, WarmUp},
    mock,
    model::{LoadEvent, LoadResult, PhaseName, RunResult},
    probe, report,
    run::{self, Progress},
    store,
    units::{format_cpu_list, format_us},
};

/// Measures, and prints the table.
pub fn bench(args: &BenchArgs) -> Result<u8> {
    run::check_run_time(args.run_time)?;
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
    Ok(verdict(result, args.max_failure_rate))
}

fn verdict(result: &RunResult, max_failure_rate: f64) -> u8 {
    let phases = result.levels.iter().flat_map(|level| [&level.baseline, &level.stack]);
    if !result.is_valid() {
        exit::INVALID
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
    let address = (args.host, args.port);
    let refused = |error| Error::Preflight(format!("cannot listen on {}:{}: {error}", args.host, args.port));
    block_on(async {
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        eprintln!("vscale mock: http://{}", listener.local_addr().map_err(refused)?);
        let stop = run::stop_signal()?;
        mock::serve(listener, Arc::default(), async { _ = stop.await }).await
    })?;
    Ok(exit::OK)
}

/// Loads a server and reports.
pub fn load(args: &LoadArgs) -> Result<u8> {
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signal(Arc::clone(&stop))?;
    let config = LoadConfig {
        users: args.users,
        spawn_rate_per_s: args.spawn_rate,
        run_time: (!args.run_time.is_zero()).then_some(args.run_time),
        warm_up: match args.warm_up {
            WarmUpArg::Auto => WarmUp::default(),
            WarmUpArg::Fixed(time) => WarmUp::Fixed(time),
        },
        timeout: args.timeout,
        keep_alive: !args.no_keepalive,
        threads: args.threads,
        ..LoadConfig::new(&args.host)
    };
    let mut progress = Progress::new(if args.json { ProgressArg::Quiet } else { ProgressArg::Auto });
    let mut result = load::run(&config, &stop, &mut |now| {
        if args.json {
            print_event(&LoadEvent::Progress(now.clone()));
        } else {
            progress.live(&run::progress_in_words(now));
        }
    })?;
    result.generator.limits = probe::own_limits();
    progress.clear();
    write_load_files(args, &result)?;
    if args.json {
        print_event(&LoadEvent::Result(Box::new(result)));
    } else {
        print!("{}", load_summary(&result));
    }
    Ok(exit::OK)
}

/// What the host is, for the controller.
pub fn host() -> Result<u8> {
    let facts = serde_json::to_string(&probe::host_facts()?).map_err(|error| Error::Other(error.to_string()))?;
    println!("{facts}");
    Ok(exit::OK)
}

fn write_load_files(args: &LoadArgs, result: &LoadResult) -> Result<()> {
    if let Some(prefix) = &args.csv {
        let files = [
            ("stats", report::locust::stats_csv(result)),
            ("stats_history", report::locust::stats_history_csv(result)),
            ("failures", report::locust::failures_csv(result)),
            ("exceptions", report::locust::exceptions_csv()),
        ];
        for (suffix, content) in files {
            let mut path = prefix.as_os_str().to_owned();
            path.push(format!("_{suffix}.csv"));
            write(Path::new(&path), &content)?;
        }
    }
    if let Some(path) = &args.html {
        write(path, &report::html::load(PhaseName::Stack, result))?;
    }
    Ok(())
}

fn write(path: &Path, content: &str) -> Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(Error::file(folder))?;
    }
    fs::write(path, content).map_err(Error::file(path))
}

fn load_summary(result: &LoadResult) -> String {
    let latency = result.latency();
    let percentile =
        |percent: f64| latency.supported_percentile_us(percent).map_or_else(|| "n/a".into(), |us| format_us(us as f64));
    let generator = &result.generator;
    let cpu = result.generator_cpu_per_request_us().map_or_else(|| "n/a".into(), |us| format!("{us:.1} us"));
    let mut text = format!(
        "{} requests in {:.1} s, {:.1} a second, {} failed\nlatency p50 {}, p95 {}, p99 {}, p99.9 {}, max {}\n\
         load generator: {cpu} CPU a request on CPU {}, {} connections opened\n",
        result.request_count(),
        result.window.duration_us as f64 / 1e6,
        result.throughput_rps(),
        result.failure_count(),
        percentile(50.0),
        percentile(95.0),
        percentile(99.0),
        percentile(99.9),
        format_us(latency.max_us() as f64),
        format_cpu_list(&generator.cpus_allowed),
        generator.connections_opened,
    );
    for failure in &result.failures {
        let error: String = failure.error.chars().filter(|c| !c.is_control()).take(120).collect();
        text += &format!("{:>8} x {} {}: {error}\n", failure.occurrences, failure.method, failure.name);
    }
    text
}

fn print_event(event: &LoadEvent) {
    if let Ok(line) = serde_json::to_string(event) {
        let mut out = stdout().lock();
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}

/// Sets `stop` at the first SIGINT, SIGTERM or SIGHUP; a second one ends the process at once.
fn stop_on_signal(stop: Arc<AtomicBool>) -> Result<()> {
    let (ready, is_ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = block_on(async {
            let first = run::stop_signal();
            let _ = ready.send(first.is_ok());
            first?.await;
            stop.store(true, Ordering::Relaxed);
            let number = run::stop_signal()?.await;
            std::process::exit(i32::from(Error::Signal(number).exit_code()));
            #[allow(unreachable_code)]
            Ok(())
        });
    });
    match is_ready.recv() {
        Ok(true) => Ok(()),
        _ => Err(Error::Other("cannot set signal handlers".into())),
    }
}

fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Error::Other(format!("no event loop: {error}")))?.block_on(future)
}

/// Colour on a terminal only, as <https://no-color.org> and `CLICOLOR_FORCE` have it.
fn colour() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    !set("NO_COLOR") && (set("CLICOLOR_FORCE") || stdout().is_terminal())
}
