//! `vscale calibrate`: the tool on targets whose limits are known.

use super::{block_on, measure::job, measure::project, print, progress::Progress, say, signals, width};
use crate::{
    analyse::{Analysis, Study, median},
    calibrate::{Case, CaseResult, Matrix, Side, Variant, cases, compose_file, score},
    cli::CalibrateArgs,
    error::{Error, Result, exit},
    model::{Drive, LoadPlan, PhaseKind, Run, StudyPlan, Until, WarmUp},
    plan::{Asked, Repeats},
    report::calibration,
    run::{self, Stop, Todo},
    units::{format_utc, now_unix_us},
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

const WARM_UP_US: u64 = 500_000;

/// Runs the cases, and prints how often the verdict was right.
pub fn calibrate(args: &CalibrateArgs) -> Result<u8> {
    let chosen = chosen(args)?;
    let moment = format_utc(now_unix_us()).replace(['-', ':'], "");
    let bench = Bench {
        folder: args.results.join(format!("{moment}-calibration-{}", args.seed)),
        run_time_us: args.run_time.as_micros() as u64,
        seed: args.seed,
        stop: signals::stop()?,
    };
    let mut progress = Progress::new(args.progress);
    let mut matrix = Matrix { seed: args.seed, cases: Vec::new() };
    for (number, case) in chosen.iter().enumerate() {
        progress.step(&format!("case {} of {}: {}: {}", number + 1, chosen.len(), case.name, case.about));
        let result = bench.case(case, &mut progress)?;
        progress.step(&calibration::line(&result));
        matrix.cases.push(result);
        // What was found so far is kept, whatever comes.
        bench.write("calibration.json", &to_json(&matrix)?)?;
    }
    progress.clear();
    print(calibration::render(&matrix, width()))?;
    if let Some(path) = &args.json {
        fs::write(path, to_json(&matrix)?).map_err(Error::file(path))?;
    }
    say(format_args!("kept in {}", bench.folder.display()));
    Ok(match matrix.is_met() {
        true => exit::OK,
        false if matrix.is_spoiled() => exit::BUSY,
        false => exit::INVALID,
    })
}

/// Those that are asked for, in their own order.
fn chosen(args: &CalibrateArgs) -> Result<Vec<Case>> {
    let all = cases(args.seed);
    let unknown = args.cases.iter().find(|name| all.iter().all(|case| case.name != name.as_str()));
    if let Some(unknown) = unknown {
        let names: Vec<&str> = all.iter().map(|case| case.name).collect();
        return Err(Error::Usage(format!("--cases {unknown}: there are {}", names.join(", "))));
    }
    let is_asked = |case: &Case| args.cases.is_empty() || args.cases.iter().any(|name| name == case.name);
    Ok(all.into_iter().filter(is_asked).collect())
}

/// What all cases have in common.
struct Bench {
    folder: PathBuf,
    run_time_us: u64,
    seed: u64,
    stop: Stop,
}

impl Bench {
    /// One case with its limit, and without.
    fn case(&self, case: &Case, progress: &mut Progress) -> Result<CaseResult> {
        let begin = Instant::now();
        let limited = self.run(case, Variant::Limited, progress)?;
        let lifted = match &case.lifted {
            Some(_) => self.run(case, Variant::Lifted, progress)?.ok(),
            None => None,
        };
        let study = limited
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|run| Study::of(run, &Analysis::of(run)).ok_or_else(|| "nothing was measured".to_owned()));
        let took_us = begin.elapsed().as_micros() as u64;
        Ok(score(case, study.as_ref().map_err(Clone::clone), lifted.as_ref().and_then(throughput_rps), took_us))
    }

    /// One side of a case: what was measured, or why it could not be; only a signal ends all.
    fn run(&self, case: &Case, variant: Variant, progress: &mut Progress) -> Result<Result<Run, String>> {
        let suffix = if variant == Variant::Lifted { "-lifted" } else { "" };
        let file = self.write(&format!("{}{suffix}.yaml", case.name), &compose_file(case, variant))?;
        let project = project(&[file], &BTreeMap::new(), 1)?;
        let job = job(Todo::Plan(Box::new(self.asked(case, variant))), project, &self.folder, None);
        let (job_ref, stop) = (&job, self.stop.clone());
        let finished = block_on(async { Ok(run::run(job_ref, stop, &mut |event| progress.tell(&event)).await) })?;
        if !finished.leftovers.is_empty() {
            say(format_args!("vscale: left in the engine: {}", finished.leftovers.in_words().join(", ")));
        }
        let mut errors = finished.errors.into_iter();
        match (finished.kept, errors.next()) {
            (_, Some(signal @ Error::Signal(_))) => Err(signal),
            (Some((run, _)), _) => Ok(Ok(run)),
            (None, error) => Ok(Err(error.map_or_else(|| "nothing was measured".into(), |error| error.to_string()))),
        }
    }

    fn asked(&self, case: &Case, variant: Variant) -> Asked {
        let last = case.workers.last().copied().unwrap_or(1);
        let plan = StudyPlan { seed: self.seed, precision: None, budget_us: None, confirm: case.confirm, slo: None };
        let quota = match (variant, &case.lifted) {
            (Variant::Lifted, Some(Side { quota, .. })) => *quota,
            _ => case.quota,
        };
        let (workers, study) = match variant {
            Variant::Limited => (case.workers.clone(), Some(Repeats { blocks: case.blocks, plan })),
            // One visit will do: without a limit that binds there is far more.
            Variant::Lifted => (vec![last], None),
        };
        Asked {
            workers,
            quotas: quota.into_iter().collect(),
            period_us: None,
            cpuset_sizes: Vec::new(),
            memory_bytes: None,
            load: LoadPlan {
                until: Until::RunTime { us: self.run_time_us },
                warm_up: WarmUp::Fixed { us: WARM_UP_US },
                drain_us: 2_000_000,
                ..LoadPlan::new("")
            },
            drives: vec![Drive::UsersPerWorker(case.users_per_worker)],
            spawn_rate_per_s: None,
            baseline: false,
            ready_timeout_us: 20_000_000,
            max_failure_rate: 0.01,
            study,
        }
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        write(&path, text)?;
        Ok(path)
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).and_then(|()| fs::write(path, text)).map_err(Error::file(path))
}

/// Of all visits, valid or not: it is only to be more than with the limit.
fn throughput_rps(run: &Run) -> Option<f64> {
    median(run.visited.iter().filter_map(|it| Some(it.phase(PhaseKind::Target)?.load.throughput_rps())))
}

fn to_json(matrix: &Matrix) -> Result<String> {
    let json = serde_json::to_string_pretty(matrix).map_err(|error| Error::Other(format!("writing JSON: {error}")))?;
    Ok(json + "\n")
}
