//! A service's health check. It is run only until a service that waits for it may start.

use super::fields::duration;
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
    /// Whether there is none, not even the image's.
    pub fn is_off(&self) -> bool {
        self.test.first().is_some_and(|first| first == "NONE")
    }
}
