//! `vscale load` and `vscale capacity`.

use super::{complain, print_event, progress::Progress, signals, write};
use std::{fs::File, io::Write, path::Path};
use vscale::{
    cli::{CapacityArgs, LoadArgs, ProgressArg},
    error::{Error, Result, exit},
    events::LoadNow,
    load,
    model::{LoadEvent, LoadPlan, LoadResult, PhaseKind, Until, hlog_head},
    report,
    threshold::Threshold,
    units::now_unix_us,
};

/// Loads a server and reports.
pub fn load(args: &LoadArgs) -> Result<u8> {
    let plan =
        LoadPlan { insecure: args.insecure, backend: args.backend.clone(), ..args.load.plan(args.host.clone())? };
    let stop = signals::flag()?;
    let mut hlog = args.hlog.as_deref().map(start_hlog).transpose()?;
    let mut progress = Progress::new(if args.json { ProgressArg::Quiet } else { ProgressArg::Auto });
    let result = load::run(&plan, &stop, &mut |now| {
        if args.json {
            print_event(&LoadEvent::Progress(now.clone()));
        } else {
            progress.live(&report::progress::load_now(&LoadNow::from(now)));
        }
        if let Some((_, file)) = &mut hlog {
            // What cannot be written shows when the file is closed.
            let _ = file.write_all(now.to_hlog_line().as_bytes());
        }
    })?;
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
    let plan = LoadPlan {
        until: Until::RunTime { us: args.run_time.as_micros() as u64 },
        insecure: args.insecure,
        ..args.requests.plan(args.host.clone())?
    };
    let plan = plan.with_users(args.users, f64::from(args.users));
    let stop = signals::flag()?;
    let mut progress = Progress::new(if args.json { ProgressArg::Quiet } else { ProgressArg::Auto });
    let found = load::find_capacity(&plan, args.max_users, args.arrivals.into(), &stop, &mut |step| {
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
    judged.iter().for_each(complain);
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
