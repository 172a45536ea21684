//! `vscale study`: which settings are visited, how often, and what is asked of the answer. What a flag does not say, the
//! compose file's `x-vscale.study` may.

use super::{RunFlags, parse_period};
use crate::{
    compose::{StudyFile, Vscale},
    error::{Error, Result},
    model::{Drive, LoadModel, StudyPlan, Until},
    plan::{Asked, Quota, Repeats},
    threshold::Threshold,
    units,
};
use clap::Args;
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// Blocks where nobody says otherwise.
const BLOCKS: u32 = 5;
/// Users a worker where nobody says otherwise: with one, every server waits for its user.
const USERS_PER_WORKER: u32 = 8;
/// Long enough for a rate of a server that answers a few times a second.
const RUN_TIME: Duration = Duration::from_secs(10);

/// `vscale study`.
#[derive(Debug, Args)]
#[command(mut_arg("users", |arg| arg.help("Closed loop: users, in place of --users-per-worker; several as 8,16,32")))]
#[command(mut_arg("spawn_rate", |arg| arg.help("Users started each second [default: all within 0.2 s]")))]
#[command(mut_arg("run_time", |arg| arg.help("Length of each visit's measured window [default: 10]")))]
#[command(mut_arg("seed", |arg| arg.help("Of the order of visits, Poisson arrivals, think times, the mix of requests and {{random}}")))]
#[command(mut_arg("max_failure_rate", |arg| arg.help("A larger share of failed requests makes a visit invalid: 0.01 or 1%")))]
pub struct StudyArgs {
    /// Worker counts of the server [default: 1,2,4]
    #[arg(long, value_delimiter = ',', value_parser = units::parse_workers, allow_hyphen_values = true)]
    #[arg(help_heading = "Settings", value_name = "N[,N...]")]
    pub workers: Vec<u32>,
    /// CPU quotas of the server, in CPUs, each with every worker count: 0.25,0.5,1
    #[arg(long, value_delimiter = ',', value_parser = units::parse_cores, allow_hyphen_values = true)]
    #[arg(help_heading = "Settings", value_name = "CPUS[,CPUS...]", conflicts_with = "cpus_per_worker")]
    pub cpus: Vec<f64>,
    /// A quota for each worker instead, so that small hosts show scaling too: 0.2
    #[arg(long, value_parser = units::parse_cores, allow_hyphen_values = true, help_heading = "Settings", value_name = "CPUS")]
    pub cpus_per_worker: Option<f64>,
    /// Period of the quotas [default: the compose file's, or the engine's own 100ms]
    #[arg(long, value_parser = parse_period, help_heading = "Settings", value_name = "TIME")]
    pub cpu_period: Option<Duration>,
    /// How many of its CPUs the server gets, each with every other setting: 1,2,4
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..), help_heading = "Settings", value_name = "N[,N...]")]
    pub cpuset_sizes: Vec<u32>,
    /// Closed loop: users for each worker, all started at once; several, or several --users or --rate, are visited with
    /// every other setting [default: 8]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Settings", value_name = "N[,N...]")]
    #[arg(conflicts_with_all = ["users", "rate", "stages", "spawn_rate"])]
    pub users_per_worker: Vec<u32>,
    /// Compare with B, each setting in pairs of visits in random order: another compose file in place of --file, or
    /// another value for a variable of it (TAG=2); may be repeated
    #[arg(long, help_heading = "Answer", value_name = "FILE|NAME=VALUE", conflicts_with_all = ["confirm", "precision"])]
    pub ab: Vec<String>,

    /// How often each setting is visited, in random order within each block [default: 5]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Answer", value_name = "N")]
    pub blocks: Option<u32>,
    /// Go on until every setting's 95 % interval is this wide to each side, by Stein's rule: 3%
    #[arg(long, value_parser = units::parse_precision, help_heading = "Answer", value_name = "SHARE")]
    pub precision: Option<f64>,
    /// Begin no block that would end later than this: 30m
    #[arg(long, value_parser = units::parse_duration, help_heading = "Answer", value_name = "TIME")]
    pub budget: Option<Duration>,
    /// What a setting must keep to be recommended: 'p99 < 250ms'
    #[arg(long, value_parser = parse_slo, help_heading = "Answer", value_name = "CONDITION")]
    pub slo: Option<String>,
    /// Put the verdict to the test: predict, move the limit, compare
    #[arg(long, help_heading = "Answer")]
    pub confirm: bool,

    /// Go on with a study that was cut short, as it was planned
    #[arg(long, value_name = "RUN_DIR", help_heading = "Files")]
    pub resume: Option<PathBuf>,
    /// Go on although the compose file has changed since: with limits, commands and load as they were planned then
    #[arg(long, requires = "resume", help_heading = "Files")]
    pub as_stored: bool,
    /// Begin even what takes longer than four hours
    #[arg(long, help_heading = "Answer")]
    pub yes: bool,
    /// How, and in what
    #[command(flatten)]
    pub run: RunFlags,
}

impl StudyArgs {
    /// What flags and compose file ask for.
    ///
    /// # Errors
    /// Those of [`RunFlags::asked`].
    pub fn asked(&self, project: &Vscale) -> Result<Asked> {
        let file = &project.study;
        let load = &self.run.load;
        let mut asked = self.run.asked(project)?;
        if load.run_time.is_none() && load.stages.is_empty() {
            let us = file.run_time_us.unwrap_or(RUN_TIME.as_micros() as u64);
            asked.load.until = Until::RunTime { us };
        }
        asked.drives = self.drives(file);
        if let (Some(&Drive::RateRps(rate_rps)), true) = (asked.drives.first(), load.rate.is_empty()) {
            let (arrivals, max_in_flight) = (load.arrivals.into(), load.max_in_flight);
            asked.load.model = LoadModel::Open { rate_rps, arrivals, max_in_flight };
        }
        if self.ab.is_empty() {
            load.nothing_compared()?;
        }
        let otherwise: &[u32] = if project.workers.is_some() { &[1, 2, 4] } else { &[1] };
        asked.workers = first_of([&self.workers, &file.workers], otherwise);
        asked.quotas = self.quotas(file);
        asked.cpuset_sizes = first_of([&self.cpuset_sizes, &file.cpuset_sizes], &[]);
        asked.period_us = self.cpu_period.map(|period| period.as_micros() as u64).or(file.cpu_period_us);
        let budget_us = self.budget.map(|budget| budget.as_micros() as u64).or(file.budget_us);
        asked.study = Some(Repeats {
            blocks: self.blocks.or(file.blocks).unwrap_or(BLOCKS) as usize,
            plan: StudyPlan {
                seed: load.seed,
                precision: self.precision.or(file.precision),
                budget_us,
                confirm: self.confirm,
                slo: self.slo.clone().or_else(|| file.slo.clone()),
            },
        });
        if asked.load.window_us().is_none_or(|us| us == 0) {
            return Err(Error::Usage("--run-time must be above 0".into()));
        }
        Ok(asked)
    }

    /// Stages say by themselves how many users there are.
    fn drives(&self, file: &StudyFile) -> Vec<Drive> {
        let load = &self.run.load;
        if !load.stages.is_empty() {
            return Vec::new();
        }
        let each = self.users_per_worker.iter().copied().map(Drive::UsersPerWorker);
        let users = load.users.iter().copied().map(Drive::Users);
        let flags: Vec<Drive> = each.chain(users).chain(load.rate.iter().copied().map(Drive::RateRps)).collect();
        first_of([&flags, &file.drives], &[Drive::UsersPerWorker(USERS_PER_WORKER)])
    }

    /// What B is, where there is one: its compose files, none where it has A's, and its variables.
    pub fn b(&self) -> Option<(Vec<PathBuf>, BTreeMap<String, String>)> {
        let is_name = |name: &str| {
            let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
            name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
        };
        let variable = |text: &String| {
            let (name, value) = text.split_once('=').filter(|(name, _)| is_name(name))?;
            Some((name.to_owned(), value.to_owned()))
        };
        let files = self.ab.iter().filter(|text| variable(text).is_none()).map(PathBuf::from).collect();
        (!self.ab.is_empty()).then(|| (files, self.ab.iter().filter_map(variable).collect()))
    }

    fn quotas(&self, file: &StudyFile) -> Vec<Quota> {
        if let Some(each) = self.cpus_per_worker {
            return vec![Quota::PerWorker(each)];
        }
        if self.cpus.is_empty()
            && let Some(each) = file.cpus_per_worker
        {
            return vec![Quota::PerWorker(each)];
        }
        first_of([&self.cpus, &file.cpus], &[]).into_iter().map(Quota::Whole).collect()
    }
}

/// The first list that says something.
fn first_of<T: Clone>(lists: [&Vec<T>; 2], otherwise: &[T]) -> Vec<T> {
    lists.into_iter().find(|list| !list.is_empty()).cloned().unwrap_or_else(|| otherwise.to_vec())
}

/// A condition that is to hold; it is kept as it is written.
fn parse_slo(text: &str) -> Result<String, String> {
    text.parse::<Threshold>().map(|_| text.to_owned())
}
