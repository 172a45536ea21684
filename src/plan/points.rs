//! The points of a plan: every worker count with every quota, every number of CPUs and every load asked for.

use super::Asked;
use crate::{
    error::{Error, Result},
    limits::{DEFAULT_PERIOD_US, LEAST_QUOTA_US},
    model::{Arrivals, Distribution, Drive, HostFacts, Limit, LimitValue, Limits, LoadModel, Placement, Point, Side},
};
use std::fmt;

/// All users of a study start within a fifth of a second: that comes before every window.
const SPAWN_RATE_PER_USER: f64 = 5.0;
/// As the flag's default.
const MAX_IN_FLIGHT: u32 = 1000;

/// A CPU quota as it is asked for, in CPUs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quota {
    /// For the target.
    Whole(f64),
    /// For each of its workers.
    PerWorker(f64),
}

/// Points, and the order in which they were asked for: a setting that stands there twice is one point.
pub(super) struct Points {
    pub(super) points: Vec<Point>,
    pub(super) order: Vec<usize>,
}

impl Points {
    fn add(&mut self, point: Point) {
        let known = self.points.iter().position(|known| *known == point);
        self.order.push(known.unwrap_or(self.points.len()));
        if known.is_none() {
            self.points.push(point);
        }
    }
}

/// Of what is asked for, over what the compose file says for a worker count.
pub(super) fn make<'a>(
    asked: &Asked,
    file: &dyn Fn(u32) -> &'a Limits,
    side: Side,
    placement: &Placement,
    host: &HostFacts,
) -> Result<Points> {
    let quotas: Vec<Option<Quota>> = one_or_each(&asked.quotas);
    let sizes: Vec<Option<u32>> = one_or_each(&asked.cpuset_sizes);
    let drives: Vec<Option<Drive>> = one_or_each(&asked.drives);
    let mut made = Points { points: Vec::new(), order: Vec::new() };
    for &size in &sizes {
        for &quota in &quotas {
            for &workers in &asked.workers {
                let mut limits =
                    target_limits(asked, quota.map(|quota| (quota, workers)), file(workers), placement, host)?;
                if let Some(size) = size {
                    limits.set(Limit::Cpuset, Some(first_cpus(size, placement)?));
                }
                for &drive in &drives {
                    let load = drive.map_or_else(|| asked.load.model.clone(), |drive| load(asked, drive, workers));
                    made.add(Point { workers, limits: limits.clone(), load, side });
                }
            }
        }
    }
    Ok(made)
}

fn one_or_each<T: Copy>(values: &[T]) -> Vec<Option<T>> {
    if values.is_empty() { vec![None] } else { values.iter().copied().map(Some).collect() }
}

/// The load of the flags, but with so many users or at that rate.
pub(super) fn load(asked: &Asked, drive: Drive, workers: u32) -> LoadModel {
    let users = match drive {
        Drive::Users(users) => users,
        Drive::UsersPerWorker(each) => each.saturating_mul(workers),
        Drive::RateRps(rate_rps) => {
            return match asked.load.model {
                LoadModel::Open { arrivals, max_in_flight, .. } => {
                    LoadModel::Open { rate_rps, arrivals, max_in_flight }
                }
                LoadModel::Closed { .. } => {
                    LoadModel::Open { rate_rps, arrivals: Arrivals::Constant, max_in_flight: MAX_IN_FLIGHT }
                }
            };
        }
    };
    let think_time = match &asked.load.model {
        LoadModel::Closed { think_time, .. } => think_time.clone(),
        LoadModel::Open { .. } => Distribution::zero(),
    };
    let spawn_rate_per_s = asked.spawn_rate_per_s.unwrap_or(SPAWN_RATE_PER_USER * f64::from(users));
    LoadModel::Closed { users, spawn_rate_per_s, think_time }
}

fn first_cpus(count: u32, placement: &Placement) -> Result<LimitValue> {
    if count as usize > placement.target.len() {
        return Err(Error::Preflight(format!(
            "--cpuset-sizes {count}: {} CPUs ({}) can be given to the target on this host",
            placement.target.len(),
            placement.target
        )));
    }
    Ok(LimitValue::Cpus(placement.target.iter().take(count as usize).collect()))
}

/// The target's limits: the compose file's, and the flags' over them.
fn target_limits(
    asked: &Asked,
    quota: Option<(Quota, u32)>,
    file: &Limits,
    placement: &Placement,
    host: &HostFacts,
) -> Result<Limits> {
    let cpus = file.cpuset().unwrap_or(&placement.target).clone();
    let mut limits = file.clone().with(Limit::Cpuset, LimitValue::Cpus(cpus));
    let asked_cores = quota.map(|(quota, workers)| quota.cores(workers));
    let flag = quota.map_or_else(|| "--cpu-period".to_owned(), |(quota, workers)| quota.in_words(workers));
    if asked_cores.is_some_and(|cores| cores > host.cpus.len() as f64) {
        return Err(Error::Preflight(format!(
            "{flag}: this host has {} CPUs, and {} (CPU {}) can be given to the target",
            host.cpus.len(),
            placement.target.len(),
            placement.target
        )));
    }
    // A period alone is that of the file's quota.
    let cores = asked_cores.or_else(|| asked.period_us.and(file.quota_cores()));
    if let Some(cores) = cores {
        let period_us = asked.period_us.or(file.number(Limit::CpuPeriodUs)).unwrap_or(DEFAULT_PERIOD_US);
        let quota_us = (cores * period_us as f64).round() as u64;
        if quota_us < LEAST_QUOTA_US {
            return Err(Error::Usage(format!(
                "{flag}: {quota_us} us in each period of {period_us} us: the kernel's least is {LEAST_QUOTA_US} us"
            )));
        }
        limits.set(Limit::CpuQuotaUs, Some(LimitValue::Number(quota_us)));
        limits.set(Limit::CpuPeriodUs, Some(LimitValue::Number(period_us)));
    } else if asked.period_us.is_some() {
        return Err(Error::Usage("--cpu-period: a period without a quota does nothing; add --cpus".into()));
    }
    if let Some(bytes) = asked.memory_bytes {
        limits.set(Limit::MemoryBytes, Some(LimitValue::Number(bytes)));
        // Without a word about swap there is none: it would hide what the memory limit is to show.
        limits.set(Limit::SwapBytes, Some(file.get(Limit::SwapBytes).cloned().unwrap_or(LimitValue::Number(0))));
    }
    Ok(limits)
}

impl Quota {
    fn cores(self, workers: u32) -> f64 {
        match self {
            Self::Whole(cores) => cores,
            Self::PerWorker(cores) => cores * f64::from(workers),
        }
    }

    fn in_words(self, workers: u32) -> String {
        match self {
            Self::Whole(_) => self.to_string(),
            Self::PerWorker(_) => format!("{self} with {workers} workers"),
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(cores) => write!(f, "--cpus {cores}"),
            Self::PerWorker(cores) => write!(f, "--cpus-per-worker {cores}"),
        }
    }
}
