//! A service's limits, by whichever of Compose's keys they are set, in one form: a quota is time in a period.

use super::{
    Gpus,
    fields::{Field, Keys, Problem},
    inert,
};
use crate::{
    limits::{DEFAULT_PERIOD_US, LEAST_QUOTA_US},
    model::{CpuSet, Limit, LimitValue, Limits},
    units,
};
use serde::{Serializer, ser::SerializeMap};

/// Compose's keys for limits, `deploy.resources.limits` apart.
pub(super) const KEYS: [&str; 8] =
    ["cpus", "cpuset", "cpu_period", "cpu_quota", "deploy", "mem_limit", "memswap_limit", "pids_limit"];

/// What the kernel takes as a period at most. Source: kernel/sched/core.c, tg_set_cfs_bandwidth.
const LONGEST_PERIOD_US: i64 = 1_000_000;

/// The limits that a service's keys ask for.
pub(super) fn read(keys: &Keys<'_>) -> Limits {
    let deployed = keys.get("deploy", deploy).flatten();
    let cpus = either(keys, "cpus", deployed.as_ref(), "cpus", |field| field.parsed(cores));
    let memory = either(keys, "mem_limit", deployed.as_ref(), "memory", Field::bytes);
    let pids = either(keys, "pids_limit", deployed.as_ref(), "pids", Field::integer);
    let mut limits = Limits::default();
    let cpuset = keys.filled("cpuset", |field| field.parsed(str::parse::<CpuSet>));
    limits.set(Limit::Cpuset, cpuset.map(LimitValue::Cpus));
    quota(keys, cpus.filter(|&cores| cores > 0.0), &mut limits);
    let memory = memory.filter(|&bytes| bytes > 0);
    if let Some(bytes) = memory {
        limits.set(Limit::MemoryBytes, Some(LimitValue::Number(bytes)));
        let swap = keys.get("memswap_limit", |field| swap(field, bytes));
        // Without a word about swap there is none: it would hide what the memory limit is to show.
        limits.set(Limit::SwapBytes, Some(swap.unwrap_or(LimitValue::Number(0))));
    } else if matches!(keys.get("memswap_limit", |field| swap(field, 0)), Some(LimitValue::Number(1..)))
        && !keys.has("mem_limit")
    {
        keys.field("memswap_limit").complain("needs `mem_limit` beside it");
    }
    if let Some(count) = pids.filter(|&count| count > 0) {
        limits.set(Limit::Pids, Some(LimitValue::Number(count.unsigned_abs())));
    }
    limits
}

/// Devices and memory that `deploy.resources.reservations` and `mem_reservation` ask for.
pub(super) fn reservations(keys: &Keys<'_>) -> (Vec<Gpus>, Option<u64>) {
    // What is wrong around them is told once, by `deploy` below.
    let resources = keys.field("deploy").child("resources");
    let reserved = keys.has("deploy").then(|| resources.child("reservations").any_keys().ok()).flatten();
    let reserved = reserved.filter(|_| resources.node().get("reservations").is_some());
    let gpus = reserved.as_ref().and_then(|reserved| reserved.get("devices", |field| field.list_of(Gpus::read)));
    let memory = either(keys, "mem_reservation", reserved.as_ref(), "memory", Field::bytes);
    (gpus.unwrap_or_default(), memory.filter(|&bytes| bytes > 0))
}

/// A limit by the service's own key, or by `deploy`'s; both must say the same. Zero is none.
fn either<'a, T: PartialEq + Default>(
    keys: &Keys<'a>,
    own: &str,
    deployed: Option<&Keys<'a>>,
    other: &str,
    read: fn(&Field<'a>) -> Result<T, Problem>,
) -> Option<T> {
    let deployed = deployed.and_then(|deployed| deployed.get(other, read));
    let value = keys.get(own, read).filter(|value| *value != T::default());
    if value.is_some() && deployed.is_some() && value != deployed {
        let part = if own == "mem_reservation" { "reservations" } else { "limits" };
        keys.field(own).complain(format!("differs from deploy.resources.{part}.{other}; keep one"));
    }
    value.or(deployed)
}

/// The keys of `deploy.resources.limits`. The rest of `deploy` is for a swarm, and without effect.
fn deploy<'a>(field: &Field<'a>) -> Result<Option<Keys<'a>>, Problem> {
    const KEYS: [&str; 9] = [
        "endpoint_mode",
        "labels",
        "mode",
        "placement",
        "replicas",
        "resources",
        "restart_policy",
        "rollback_config",
        "update_config",
    ];
    let keys = field.keys(&KEYS)?;
    keys.get("replicas", inert::one);
    keys.filled("mode", |field| match field.text()?.as_str() {
        "replicated" | "global" => Ok(()),
        mode => Err(field.problem(format!("`{mode}` is not supported: replicated"))),
    });
    let resources = keys.get("resources", |field| field.keys(&["limits", "reservations"]));
    let Some(resources) = resources else { return Ok(None) };
    resources.get("reservations", |field| field.keys(&["cpus", "memory", "devices"]));
    Ok(resources.get("limits", |field| field.keys(&["cpus", "memory", "pids"])))
}

/// A number of CPUs, or zero.
fn cores(text: &str) -> Result<f64, String> {
    if text.parse() == Ok(0.0) { Ok(0.0) } else { units::parse_cores(text) }
}

/// Time in a period, from `cpus` or from `cpu_quota`: the engine takes one or the other.
fn quota(keys: &Keys<'_>, cpus: Option<f64>, limits: &mut Limits) {
    // Docker reads both 0 and -1 as no quota.
    let above_zero = |key: &str, most| {
        keys.get(key, |field| if field.integer()? <= 0 { Ok(None) } else { in_range(field, most).map(Some) }).flatten()
    };
    let (own_us, period_us) = (above_zero("cpu_quota", i64::MAX), above_zero("cpu_period", LONGEST_PERIOD_US));
    for (key, _) in
        [("cpu_quota", own_us), ("cpu_period", period_us)].iter().filter(|(_, us)| us.is_some() && cpus.is_some())
    {
        let what = "and `cpus` both set the CPU quota; keep `cpus`, or `cpu_quota` with `cpu_period`";
        keys.field(key).complain(what);
    }
    let quota_us = cpus.map(|cores| (cores * DEFAULT_PERIOD_US as f64).round() as u64).or(own_us);
    limits.set(Limit::CpuQuotaUs, quota_us.map(LimitValue::Number));
    limits.set(Limit::CpuPeriodUs, period_us.or(quota_us.map(|_| DEFAULT_PERIOD_US)).map(LimitValue::Number));
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

/// Limits as Compose's keys.
pub(super) fn as_keys<S: Serializer>(limits: &Limits, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    if let Some(cpus) = limits.cpuset() {
        map.serialize_entry("cpuset", &cpus.to_string())?;
    }
    for (key, limit) in [
        ("cpu_quota", Limit::CpuQuotaUs),
        ("cpu_period", Limit::CpuPeriodUs),
        ("mem_limit", Limit::MemoryBytes),
        ("pids_limit", Limit::Pids),
    ] {
        if let Some(number) = limits.number(limit) {
            map.serialize_entry(key, &number)?;
        }
    }
    match (limits.number(Limit::MemoryBytes), limits.get(Limit::SwapBytes)) {
        (Some(memory), Some(LimitValue::Number(swap))) => map.serialize_entry("memswap_limit", &(memory + swap))?,
        (Some(_), Some(LimitValue::Unlimited)) => map.serialize_entry("memswap_limit", &-1)?,
        _ => {}
    }
    map.end()
}
