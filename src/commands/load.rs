//! `vscale load` and `vscale capacity`.

use super::{print_event, progress::Progress, stop_on_signal, width, write};
use std::{fs::File, io::Write, path::Path};
use vscale::{
    cli::{CapacityArgs, LoadArgs, ProgressArg},
    error::{Error, Result, exit},
    events::Follow,
    load,
    model::{LoadEvent, LoadPlan, LoadResult, PhaseKind, Until, hlog_head},
    redact::Redactor,
    report,
    threshold::Threshold,
    units::now_unix_us,
};

/// Loads a server and reports.
pub fn load(args: &LoadArgs) -> Result<u8> {
    let plan =
        LoadPlan { insecure: args.insecure, backend: args.backend.clone(), ..args.load.plan(args.host.clone())? };
    let stop = stop_on_signal()?;
    let mut hlog = args.hlog.as_deref().map(start_hlog).transpose()?;
    let mut progress = Progress::new(if args.json { ProgressArg::Quiet } else { ProgressArg::Auto });
    let mut follow = Follow::new(&plan);
    let mut result = load::run(&plan, &stop, &mut |now| {
        if args.json {
            print_event(&LoadEvent::Progress(now.clone()));
        } else {
            progress.live(&report::progress::load_now(&follow.now(now)));
        }
        if let Some((_, file)) = &mut hlog {
            // What cannot be written shows when the file is closed.
            let _ = file.write_all(now.to_hlog_line().as_bytes());
        }
    })?;
    redactor(&plan).load(&mut result);
    progress.clear();
    if let Some((path, file)) = hlog {
        file.sync_all().map_err(Error::file(path))?;
    }
    write_files(args, &result)?;
    let failed = judge(&args.load.fail_if, &result);
    if args.json {
        print_event(&LoadEvent::Result(Box::new(result)));
    } else {
        print!("{}", report::load_text::render(&result, width()));
    }
    Ok(if failed { exit::THRESHOLD } else { exit::OK })
}

/// Finds a server's capacity, and how it does at shares of it.
pub fn capacity(args: &CapacityArgs) -> Result<u8> {
    let plan = LoadPlan {
        until: Until::RunTime { us: args.run_time.as_micros() as u64 },
        insecure: args.insecure,
        ..args.requests.plan(args.host.clone())?
    };
    let plan = plan.with_users(args.users, f64::from(args.users));
    let stop = stop_on_signal()?;
    let mut progress = Progress::new(if args.json { ProgressArg::Quiet } else { ProgressArg::Auto });
    let mut found = load::find_capacity(&plan, args.max_users, args.arrivals.into(), &stop, &mut |step| {
        progress.step(&report::load_text::step_in_words(step));
    })?;
    let redactor = redactor(&plan);
    found.steps.iter_mut().for_each(|step| redactor.load(&mut step.result));
    progress.clear();
    if args.json {
        println!("{}", serde_json::to_string(&found).map_err(|error| Error::Other(error.to_string()))?);
    } else {
        print!("{}", report::load_text::capacity(&found, width()));
    }
    Ok(exit::OK)
}

/// Knows the secrets that are sent, which a server may repeat.
fn redactor(plan: &LoadPlan) -> Redactor {
    let mut redactor = Redactor::default();
    redactor.learn_load(plan);
    redactor
}

/// Says on stderr how each threshold came out; true when one has failed.
pub fn judge(thresholds: &[Threshold], result: &LoadResult) -> bool {
    let judged: Vec<_> = thresholds.iter().map(|threshold| threshold.judge(result)).collect();
    judged.iter().for_each(|judged| eprintln!("{judged}"));
    judged.iter().any(|judged| judged.failed)
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
        write(path, &report::html::load(PhaseKind::Target, result))?;
    }
    if let Some(path) = &args.hgrm {
        write(path, &result.latency().to_hgrm())?;
    }
    Ok(())
}
