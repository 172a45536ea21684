//! `vscale load` and `vscale capacity`.

use super::{stop_on_signal, write};
use std::{
    fs::File,
    io::{BufWriter, Write, stdin, stdout},
    path::Path,
};
use vscale::{
    cli::{CapacityArgs, LoadArgs, ProgressArg, RequestFlags, WarmUpArg},
    error::{Error, Result, exit},
    load::{self, Expect, LoadConfig, RequestTemplate, RequestTexts, Until, WarmUp},
    model::{LoadEvent, LoadResult, PhaseName, hlog_head},
    probe, report,
    run::{self, Progress},
    threshold::Threshold,
    units::now_unix_us,
};

/// What to send, from its files or from who has read them for it.
pub fn request_texts(args: &LoadArgs) -> Result<RequestTexts> {
    if !args.files_on_stdin {
        return args.load.requests.texts();
    }
    let mut line = String::new();
    stdin().read_line(&mut line).map_err(Error::file("stdin"))?;
    serde_json::from_str(&line).map_err(|error| Error::Usage(format!("--files-on-stdin: {error}")))
}

/// Loads a server and reports.
pub fn load(args: &LoadArgs, texts: &RequestTexts) -> Result<u8> {
    let config = config(args, texts)?;
    let stop = stop_on_signal()?;
    let mut hlog = args.hlog.as_deref().map(start_hlog).transpose()?;
    let mut progress = Progress::new(if args.json { ProgressArg::Quiet } else { ProgressArg::Auto });
    let mut result = load::run(&config, &stop, &mut |now| {
        if args.json {
            print_event(&LoadEvent::Progress(now.clone()));
        } else {
            progress.live(&run::progress_in_words(now));
        }
        if let Some((_, file)) = &mut hlog {
            // What cannot be written shows when the file is closed.
            let _ = file.write_all(now.to_hlog_line().as_bytes());
        }
    })?;
    result.generator.limits = probe::own_limits();
    progress.clear();
    if let Some((path, file)) = hlog {
        file.sync_all().map_err(Error::file(path))?;
    }
    write_files(args, &result)?;
    let failed = judge(&args.load.fail_if, &result);
    if args.json {
        print_event(&LoadEvent::Result(Box::new(result)));
    } else {
        print!("{}", report::load_text::render(&result));
    }
    Ok(if failed { exit::THRESHOLD } else { exit::OK })
}

/// Finds a server's capacity, and how it does at shares of it.
pub fn capacity(args: &CapacityArgs) -> Result<u8> {
    let config = with_requests(&args.host, &args.requests, &args.requests.texts()?, args.insecure)?;
    let config =
        LoadConfig { until: Until::RunTime(args.run_time), ..config.with_users(args.users, f64::from(args.users)) };
    let stop = stop_on_signal()?;
    let mut progress = Progress::new(if args.json { ProgressArg::Quiet } else { ProgressArg::Auto });
    let found = load::find_capacity(&config, args.max_users, args.arrivals.into(), &stop, &mut |step| {
        progress.step(&report::load_text::step_in_words(step));
    })?;
    progress.clear();
    if args.json {
        println!("{}", serde_json::to_string(&found).map_err(|error| Error::Other(error.to_string()))?);
    } else {
        print!("{}", report::load_text::capacity(&found));
    }
    Ok(exit::OK)
}

/// Says on stderr how each threshold came out; true when one has failed.
pub fn judge(thresholds: &[Threshold], result: &LoadResult) -> bool {
    let judged: Vec<_> = thresholds.iter().map(|threshold| threshold.judge(result)).collect();
    judged.iter().for_each(|judged| eprintln!("{judged}"));
    judged.iter().any(|judged| judged.failed)
}

fn config(args: &LoadArgs, texts: &RequestTexts) -> Result<LoadConfig> {
    let flags = &args.load;
    Ok(LoadConfig {
        model: flags.model(),
        think_time: flags.think_time.clone(),
        stages: flags.stages.clone(),
        until: match flags.iterations {
            Some(count) => Until::Iterations(count),
            None if flags.run_time.is_zero() => Until::Stopped,
            None => Until::RunTime(flags.run_time),
        },
        warm_up: match flags.warm_up {
            WarmUpArg::Auto => WarmUp::default(),
            WarmUpArg::Fixed(time) => WarmUp::Fixed(time),
        },
        drain: flags.drain,
        seed: flags.seed,
        threads: flags.threads,
        backend: args.backend.clone(),
        ..with_requests(&args.host, &flags.requests, texts, args.insecure)?
    })
}

/// The defaults, with what is sent to whom.
fn with_requests(host: &str, flags: &RequestFlags, texts: &RequestTexts, insecure: bool) -> Result<LoadConfig> {
    let mut requests = match texts.templates()? {
        Some(requests) => requests,
        None if flags.stream => vec![RequestTemplate::streamed()],
        None => vec![RequestTemplate::default()],
    };
    if let Some(expect) = &flags.expect {
        requests.iter_mut().for_each(|request| request.expect = Expect::clone(expect));
    }
    Ok(LoadConfig {
        requests,
        lines: texts.lines(),
        stream: flags.stream,
        timeout: flags.timeout,
        keep_alive: !flags.no_keepalive,
        insecure,
        ..LoadConfig::new(host)
    })
}

fn start_hlog(path: &Path) -> Result<(&Path, File)> {
    let mut file = File::create(path).map_err(Error::file(path))?;
    file.write_all(hlog_head(now_unix_us()).as_bytes()).map_err(Error::file(path))?;
    Ok((path, file))
}

fn write_files(args: &LoadArgs, result: &LoadResult) -> Result<()> {
    if let Some(prefix) = &args.csv {
        for (suffix, content) in report::load_csv::tables(result) {
            let mut path = prefix.as_os_str().to_owned();
            path.push(format!("_{suffix}.csv"));
            write(Path::new(&path), &content)?;
        }
    }
    if let Some(path) = &args.html {
        write(path, &report::html::load(PhaseName::Stack, result))?;
    }
    if let Some(path) = &args.hgrm {
        write(path, &result.latency().to_hgrm())?;
    }
    Ok(())
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
