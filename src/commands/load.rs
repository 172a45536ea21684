//! `vscale load` and `vscale capacity`.

use super::{
    output::{check_writable, print_event, write},
    print,
    progress::Progress,
    say,
    signals::Stopper,
    width,
};
use crate::{
    cli::{CapacityArgs, FailIf, LoadArgs, ProgressArg},
    error::{Error, Result, exit},
    events::Follow,
    load,
    model::{Capacity, LoadEvent, LoadPlan, LoadResult, RequestTemplate, Until, hlog_head},
    redact::Redactor,
    report,
    text::plain,
    threshold::Threshold,
    units::now_unix_us,
};
use std::{
    fs::File,
    io::{self, IsTerminal, Write, stdout},
    path::{Path, PathBuf},
};

/// Loads a server and reports.
pub fn load(args: &LoadArgs) -> Result<u8> {
    args.load.only_one()?;
    let plan =
        LoadPlan { insecure: args.insecure, backend: args.backend.clone(), ..args.load.plan(args.host.clone())? };
    load::check(&plan)?;
    // Better now than in the result: somebody is waiting.
    load::close_window_of(&plan)?;
    for path in csv_paths(args, &report::load_csv::SUFFIXES[..4]).iter().chain(&args.html).chain(&args.hgrm) {
        check_writable(path)?;
    }
    let mut hlog = args.hlog.as_deref().map(IntervalLog::start).transpose()?;
    warn_of_names(&plan.requests);
    let stop = Stopper::listen()?;
    let mut printed = Ok(());
    let mut progress = Progress::new(if args.json { ProgressArg::Quiet } else { ProgressArg::Auto });
    let mut follow = Follow::new(&plan);
    let mut result = load::run(&plan, &stop.flag, &mut |now| {
        if args.json && printed.is_ok() {
            printed = print_event(&LoadEvent::Progress(now.clone()));
            if printed.is_err() {
                // Nobody reads what comes of it.
                stop.stop();
            }
        } else if !args.json {
            progress.live(&report::progress::load_now(&follow.now(now)));
        }
        if let Some(hlog) = &mut hlog {
            hlog.add(&now.to_hlog_line());
        }
    })?;
    redactor(&plan).load(&mut result);
    progress.clear();
    // Whatever cannot be written, the rest is.
    let written = [hlog.map_or(Ok(()), IntervalLog::finish), write_files(args, &result)];
    let failed = judge(&args.load.fail_if.iter().filter_map(FailIf::threshold).collect::<Vec<_>>(), &result);
    let verdict = if result.request_count() == result.failure_count() {
        exit::INVALID
    } else if failed {
        exit::THRESHOLD
    } else {
        exit::OK
    };
    let printed = printed.and_then(|()| print_result(args.json, &result));
    if verdict == exit::INVALID {
        say(format_args!("vscale: no request succeeded{}", why_none(&result)));
    }
    let unwritten = written.into_iter().filter_map(Result::err).inspect(|error| say(format_args!("vscale: {error}")));
    let unwritten = unwritten.last();
    // A signal's status says the most, then what could not be written.
    match (stop.status(), printed.err(), unwritten) {
        (Some(status), Some(error), _) if !matches!(error, Error::ClosedPipe) => {
            say(format_args!("vscale: {error}"));
            Ok(status)
        }
        (Some(status), ..) => Ok(status),
        (None, Some(error), _) => Err(error),
        (None, None, Some(error)) => Ok(error.exit_code()),
        (None, None, None) => Ok(verdict),
    }
}

fn print_result(json: bool, result: &LoadResult) -> Result<()> {
    if json {
        return print_event(&LoadEvent::Result(Box::new(result.clone())));
    }
    print(report::load_text::render(result, text_width()).trim_end())
}

/// Of a terminal; a file takes lines of any length.
fn text_width() -> usize {
    if stdout().is_terminal() { width() } else { usize::MAX }
}

/// Knows the secrets that are sent, which a server may repeat.
fn redactor(plan: &LoadPlan) -> Redactor {
    let mut redactor = Redactor::default();
    redactor.learn_load(plan);
    redactor
}

/// The most frequent failure of the window; or of what else there was, how many.
fn why_none(result: &LoadResult) -> String {
    let totals = &result.totals;
    match result.failures.first() {
        Some(failure) => format!("; most often: {}", plain(&failure.error)),
        None => format!(
            " in the counted window: {} sent in all, {} of them answered as expected, {} not answered",
            totals.sent,
            totals.succeeded,
            totals.unanswered.unwrap_or_default()
        ),
    }
}

/// A name that was misspelt would make all requests alike.
pub fn warn_of_names(requests: &[RequestTemplate]) {
    for name in load::names_left(requests) {
        say(format_args!(
            "warning: {{{{{name}}}}} is sent as it is: filled in are {{{{counter}}}}, {{{{random}}}}, {{{{line}}}} and what earlier steps capture"
        ));
    }
}

/// Finds a server's capacity, and how it does at shares of it.
pub fn capacity(args: &CapacityArgs) -> Result<u8> {
    if args.users > args.max_users {
        return Err(Error::Usage(format!("--users {} is above --max-users {}", args.users, args.max_users)));
    }
    let plan = LoadPlan {
        until: Until::RunTime { us: args.run_time.as_micros() as u64 },
        insecure: args.insecure,
        ..args.requests.plan(args.host.clone())?
    };
    let plan = plan.with_users(args.users, f64::from(args.users));
    warn_of_names(&plan.requests);
    let stop = Stopper::listen()?;
    let mut progress = Progress::new(if args.json { ProgressArg::Quiet } else { ProgressArg::Auto });
    let found = load::find_capacity(&plan, args.max_users, args.arrivals.into(), &stop.flag, &mut |step| {
        progress.step(&report::load_text::step_in_words(step));
    });
    progress.clear();
    let mut found = match (found, stop.status()) {
        // A signal may well be why the server did not answer.
        (Err(Error::Start(_)), Some(status)) => return Ok(status),
        (found, _) => found?,
    };
    let redactor = redactor(&plan);
    found.steps.iter_mut().for_each(|step| redactor.load(&mut step.result));
    let printed = print_capacity(args.json, &found);
    match (stop.status(), printed) {
        (Some(status), _) => Ok(status),
        (None, Err(error)) => Err(error),
        (None, Ok(())) => Ok(if found.capacity_rps > 0.0 { exit::OK } else { exit::INVALID }),
    }
}

fn print_capacity(json: bool, found: &Capacity) -> Result<()> {
    if json {
        print(serde_json::to_string(found).map_err(|error| Error::Other(error.to_string()))?)
    } else {
        print(report::load_text::capacity(found, text_width()).trim_end())
    }
}

/// Says on stderr how each threshold came out; true when one has failed.
pub fn judge(thresholds: &[Threshold], result: &LoadResult) -> bool {
    let judged: Vec<_> = thresholds.iter().map(|threshold| threshold.judge(result)).collect();
    judged.iter().for_each(say);
    judged.iter().any(|judged| judged.failed)
}

/// HdrHistogram's log, written while the load goes on.
struct IntervalLog<'a> {
    path: &'a Path,
    file: File,
    written: io::Result<()>,
}

impl<'a> IntervalLog<'a> {
    fn start(path: &'a Path) -> Result<Self> {
        check_writable(path)?;
        let mut log = Self { path, file: File::create(path).map_err(Error::file(path))?, written: Ok(()) };
        log.add(&hlog_head(now_unix_us()));
        match log.written {
            Ok(()) => Ok(log),
            Err(error) => Err(Error::file(path)(error)),
        }
    }

    /// After the first error, nothing more: a gap would not be seen.
    fn add(&mut self, text: &str) {
        if self.written.is_ok() {
            self.written = self.file.write_all(text.as_bytes());
        }
    }

    fn finish(self) -> Result<()> {
        self.written.map_err(Error::file(self.path))
    }
}

/// What is in the CSV files' names besides the prefix, as paths.
fn csv_paths(args: &LoadArgs, suffixes: &[&str]) -> Vec<PathBuf> {
    let path = |prefix: &PathBuf, suffix: &str| {
        let mut path = prefix.as_os_str().to_owned();
        path.push(format!("_{suffix}.csv"));
        PathBuf::from(path)
    };
    args.csv.iter().flat_map(|prefix| suffixes.iter().map(move |suffix| path(prefix, suffix))).collect()
}

/// All that can be written are, whatever cannot; the first error is returned.
fn write_files(args: &LoadArgs, result: &LoadResult) -> Result<()> {
    let mut outcomes = Vec::new();
    if args.csv.is_some() {
        for (suffix, content) in report::load_csv::tables(result) {
            outcomes.extend(csv_paths(args, &[suffix]).iter().map(|path| write(path, &content)));
        }
    }
    outcomes.extend(args.html.iter().map(|path| write(path, &report::html::load(None, result))));
    outcomes.extend(args.hgrm.iter().map(|path| write(path, &result.latency().to_hgrm())));
    outcomes.into_iter().collect()
}
