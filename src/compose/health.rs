//! A service's health check. It is run only until a service that waits for it may start.

use super::fields::{Field, Problem, duration};
use serde::Serialize;

/// How a container says that it is well. A check that is off has the test `NONE`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Healthcheck {
    /// `CMD` and its arguments, `CMD-SHELL` and a line, or `NONE`; empty is the image's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<String>,
    /// Between the end of a check and the next.
    #[serde(rename = "interval", skip_serializing_if = "Option::is_none", serialize_with = "duration")]
    pub interval_us: Option<u64>,
    /// Of one check.
    #[serde(rename = "timeout", skip_serializing_if = "Option::is_none", serialize_with = "duration")]
    pub timeout_us: Option<u64>,
    /// Failures in a row that make it unhealthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<u64>,
    /// From the start on, failures do not count so long.
    #[serde(rename = "start_period", skip_serializing_if = "Option::is_none", serialize_with = "duration")]
    pub start_period_us: Option<u64>,
    /// Between checks meanwhile.
    #[serde(rename = "start_interval", skip_serializing_if = "Option::is_none", serialize_with = "duration")]
    pub start_interval_us: Option<u64>,
}

impl Healthcheck {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, Problem> {
        let keys =
            field.keys(&["test", "interval", "timeout", "retries", "start_period", "start_interval", "disable"])?;
        let time = |key: &str| keys.get(key, Field::duration_us);
        let mut test = keys.or_default("test", |field| {
            let words = field.strings()?;
            match words.first().map(String::as_str) {
                None | Some("CMD" | "CMD-SHELL" | "NONE") => Ok(words),
                Some(first) => Err(field.problem(format!("begins with `{first}`: CMD, CMD-SHELL or NONE"))),
            }
        });
        if keys.or_default("disable", Field::boolean) {
            test = vec!["NONE".into()];
        }
        let retries = keys.get("retries", |field| {
            let retries = field.integer()?;
            u64::try_from(retries).map_err(|_| field.problem(format!("{retries} is below 0")))
        });
        Ok(Self {
            test,
            interval_us: time("interval"),
            timeout_us: time("timeout"),
            retries,
            start_period_us: time("start_period"),
            start_interval_us: time("start_interval"),
        })
    }

    /// Whether there is none, not even the image's.
    pub fn is_off(&self) -> bool {
        self.test.first().is_some_and(|first| first == "NONE")
    }
}
