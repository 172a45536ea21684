//! `x-vscale.study`: what a study of this project is, where the flags of `vscale study` do not say.

use super::fields::{Field, Problem, duration};
use crate::{model::Drive, threshold::Threshold, units};
use serde::{Serialize, Serializer};
use serde_yaml::Value;
use std::{collections::BTreeMap, time::Duration};

/// What the file says of a study; each key is that of the flag. It is shown in the form in which it is read.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StudyFile {
    /// `workers: [1, 2, 4]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub workers: Vec<u32>,
    /// `cpus: [0.5, 1]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cpus: Vec<f64>,
    /// `cpus_per_worker: 0.2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus_per_worker: Option<f64>,
    /// `cpu_period: 100ms`.
    #[serde(rename = "cpu_period", skip_serializing_if = "Option::is_none", serialize_with = "duration")]
    pub cpu_period_us: Option<u64>,
    /// `cpuset_sizes: [1, 2]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cpuset_sizes: Vec<u32>,
    /// `users_per_worker: 8`, `users: [8, 16]` or `rate: [100, 200]`.
    #[serde(flatten, serialize_with = "as_read")]
    pub drives: Vec<Drive>,
    /// `run_time: 10s`.
    #[serde(rename = "run_time", skip_serializing_if = "Option::is_none", serialize_with = "duration")]
    pub run_time_us: Option<u64>,
    /// `blocks: 5`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocks: Option<u32>,
    /// `precision: 3%`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<f64>,
    /// `budget: 30m`.
    #[serde(rename = "budget", skip_serializing_if = "Option::is_none", serialize_with = "duration")]
    pub budget_us: Option<u64>,
    /// `slo: p99 < 250ms`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slo: Option<String>,
}

const KEYS: [&str; 13] = [
    "workers",
    "cpus",
    "cpus_per_worker",
    "cpu_period",
    "cpuset_sizes",
    "users_per_worker",
    "users",
    "rate",
    "run_time",
    "blocks",
    "precision",
    "budget",
    "slo",
];

impl StudyFile {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn parse(field: &Field<'_>) -> Result<Self, Problem> {
        let mut keys = field.keys(&KEYS)?;
        let time = |field: Field<'_>| {
            Ok::<u64, Problem>(field.parsed(units::parse_duration).map(|time: Duration| time.as_micros())? as u64)
        };
        let slo = |field: Field<'_>| field.parsed(|text| text.parse::<Threshold>().map(|_| text.to_owned()));
        let file = Self {
            workers: list(keys.take("workers"), units::parse_workers)?,
            cpus: list(keys.take("cpus"), units::parse_cores)?,
            cpus_per_worker: keys.take("cpus_per_worker").map(|field| field.parsed(units::parse_cores)).transpose()?,
            cpu_period_us: keys.take("cpu_period").map(time).transpose()?,
            cpuset_sizes: list(keys.take("cpuset_sizes"), units::parse_workers)?,
            drives: [
                list(keys.take("users_per_worker"), |text| units::parse_users(text).map(Drive::UsersPerWorker))?,
                list(keys.take("users"), |text| units::parse_users(text).map(Drive::Users))?,
                list(keys.take("rate"), |text| parse_rate(text).map(Drive::RateRps))?,
            ]
            .concat(),
            run_time_us: keys.take("run_time").map(time).transpose()?,
            blocks: keys.take("blocks").map(|field| field.parsed(units::parse_workers)).transpose()?,
            precision: keys.take("precision").map(|field| field.parsed(units::parse_precision)).transpose()?,
            budget_us: keys.take("budget").map(time).transpose()?,
            slo: keys.take("slo").map(slo).transpose()?,
        };
        if !file.cpus.is_empty() && file.cpus_per_worker.is_some() {
            return Err(field.problem("`cpus` and `cpus_per_worker` are both there; keep one"));
        }
        let kinds = file.drives.iter().map(std::mem::discriminant);
        if kinds.clone().any(|kind| Some(kind) != kinds.clone().next()) {
            return Err(field.problem("of `users_per_worker`, `users` and `rate` only one can be there"));
        }
        Ok(file)
    }
}

fn as_read<S: Serializer>(drives: &[Drive], serializer: S) -> Result<S::Ok, S::Error> {
    let mut lists: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for drive in drives {
        let (key, number) = match *drive {
            Drive::UsersPerWorker(users) => ("users_per_worker", users.into()),
            Drive::Users(users) => ("users", users.into()),
            Drive::RateRps(rate) => ("rate", rate.into()),
        };
        lists.entry(key).or_default().push(number);
    }
    lists.serialize(serializer)
}

/// As the flag takes it.
fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text.trim().parse::<f64>().ok().filter(|rate| (1e-6..=1e7).contains(rate));
    rate.ok_or_else(|| format!("`{text}` is not a rate in requests a second, such as 100"))
}

/// One value, or a list of them.
fn list<T>(field: Option<Field<'_>>, parse: fn(&str) -> Result<T, String>) -> Result<Vec<T>, Problem> {
    let Some(field) = field else { return Ok(Vec::new()) };
    let items = if field.is_sequence() { field.items()? } else { vec![field] };
    items.iter().map(|item| item.parsed(parse)).collect()
}
