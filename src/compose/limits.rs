//! A service's limits, by whichever of Compose's keys they are set, in one form: a quota is time in a period.

use super::fields::{Field, Keys, Problem};
use crate::{
    limits::{DEFAULT_PERIOD_US, LEAST_QUOTA_US},
    model::{CpuSet, Limit, LimitValue, Limits},
    units,
};

/// Compose's keys for limits, `deploy.resources.limits` apart.
pub(super) const KEYS: [&str; 8] =
    ["cpus", "cpuset", "cpu_period", "cpu_quota", "deploy", "mem_limit", "memswap_limit", "pids_limit"];

/// What the kernel takes as a period at most. Source: kernel/sched/core.c, tg_set_cfs_bandwidth.
const LONGEST_PERIOD_US: i64 = 1_000_000;

/// The limits that a service's keys ask for.
pub(super) fn parse(keys: &mut Keys<'_>) -> Result<Limits, Problem> {
    let deploy = keys.take("deploy").map(|field| deploy_limits(&field)).transpose()?.flatten();
    let mut deploy = deploy.map(|field| field.keys(&["cpus", "memory", "pids"])).transpose()?;
    let mut either = |key: &str, deploy_key: &str| {
        let (own, other) = (keys.take(key), deploy.as_mut().and_then(|deploy| deploy.take(deploy_key)));
        match (own, other) {
            (Some(own), Some(other)) if own.string()? != other.string()? => {
                Err(own.problem(format!("differs from deploy.resources.limits.{deploy_key}; keep one")))
            }
            (own, other) => Ok(own.or(other)),
        }
    };
    let (cpus, memory, pids) = (either("cpus", "cpus")?, either("mem_limit", "memory")?, either("pids_limit", "pids")?);
    let mut limits = Limits::default();
    if let Some(field) = keys.take("cpuset") {
        limits.set(Limit::Cpuset, Some(LimitValue::Cpus(field.parsed(str::parse::<CpuSet>)?)));
    }
    quota(cpus, keys.take("cpu_quota"), keys.take("cpu_period"), &mut limits)?;
    if let Some(bytes) = memory.map(|field| field.bytes()).transpose()?.filter(|&bytes| bytes > 0) {
        limits.set(Limit::MemoryBytes, Some(LimitValue::Number(bytes)));
        let swap = keys.take("memswap_limit").map(|field| swap(&field, bytes)).transpose()?;
        // Without a word about swap there is none: it would hide what the memory limit is to show.
        limits.set(Limit::SwapBytes, Some(swap.unwrap_or(LimitValue::Number(0))));
    } else if let Some(field) = keys.take("memswap_limit") {
        return Err(field.problem("needs `mem_limit` beside it"));
    }
    if let Some(count) = pids.map(|field| field.integer()).transpose()?.filter(|&count| count > 0) {
        limits.set(Limit::Pids, Some(LimitValue::Number(count.unsigned_abs())));
    }
    Ok(limits)
}

/// `deploy.resources.limits`.
fn deploy_limits<'a>(deploy: &Field<'a>) -> Result<Option<Field<'a>>, Problem> {
    let Some(resources) = deploy.keys(&["resources"])?.take("resources") else { return Ok(None) };
    Ok(resources.keys(&["limits"])?.take("limits"))
}

/// Time in a period, from `cpus` or from `cpu_quota`: the engine takes one or the other.
fn quota(
    cpus: Option<Field<'_>>,
    quota: Option<Field<'_>>,
    period: Option<Field<'_>>,
    limits: &mut Limits,
) -> Result<(), Problem> {
    if let Some((field, _)) = quota.as_ref().or(period.as_ref()).zip(cpus.as_ref()) {
        return Err(field.problem("and `cpus` both set the CPU quota; keep `cpus`, or `cpu_quota` with `cpu_period`"));
    }
    let period_us = period.map(|field| in_range(&field, LONGEST_PERIOD_US)).transpose()?;
    let quota_us = match (&cpus, &quota) {
        (Some(field), _) => Some((field.parsed(units::parse_cores)? * DEFAULT_PERIOD_US as f64).round() as u64),
        // Docker reads both 0 and -1 as no quota.
        (None, Some(field)) if field.integer()? <= 0 => None,
        (None, Some(field)) => Some(in_range(field, i64::MAX)?),
        (None, None) => None,
    };
    limits.set(Limit::CpuQuotaUs, quota_us.map(LimitValue::Number));
    limits.set(Limit::CpuPeriodUs, period_us.or(quota_us.map(|_| DEFAULT_PERIOD_US)).map(LimitValue::Number));
    Ok(())
}

fn in_range(field: &Field<'_>, most: i64) -> Result<u64, Problem> {
    let us = field.integer()?;
    if (LEAST_QUOTA_US as i64..=most).contains(&us) {
        Ok(us.unsigned_abs())
    } else if most == i64::MAX {
        Err(field.problem(format!("{us} us: the kernel takes at least {LEAST_QUOTA_US}")))
    } else {
        Err(field.problem(format!("{us} us: the kernel takes {LEAST_QUOTA_US} to {most}")))
    }
}

/// Compose's `memswap_limit` is memory and swap together; -1 is as much swap as there is.
fn swap(field: &Field<'_>, memory_bytes: u64) -> Result<LimitValue, Problem> {
    if field.string()? == "-1" {
        return Ok(LimitValue::Unlimited);
    }
    match field.bytes()? {
        0 => Ok(LimitValue::Number(0)),
        both if both < memory_bytes => {
            Err(field.problem("is less than `mem_limit`, and counts memory and swap together"))
        }
        both => Ok(LimitValue::Number(both - memory_bytes)),
    }
}

pub(super) fn as_keys<S: serde::Serializer>(limits: &Limits, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map([("limits", limits)])
}
