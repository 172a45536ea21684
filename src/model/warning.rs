//! What a reader must know before believing a number. Warnings are values; every reporter shows them.

use super::LoadWarning;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing that limits what a result says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Warning {
    /// The worker count in the container is not the one asked for; invalidates.
    WorkersNotApplied {
        /// Level's name.
        level: String,
        /// Asked for.
        asked: u32,
        /// Found before the load.
        before: u32,
        /// Found after it.
        after: u32,
    },
    /// A limit read back is not the one asked for; invalidates.
    LimitNotApplied {
        /// Level's name.
        level: String,
        /// Service.
        service: String,
        /// `cpuset`, `cpu quota`, `memory`.
        what: String,
        /// Asked for.
        asked: String,
        /// Found.
        found: String,
    },
    /// More workers than the target has CPUs.
    WorkersShareCpus {
        /// Largest count asked for.
        workers: u32,
        /// CPUs of the target.
        cpus: u32,
    },
    /// The target's CPU quota is larger than its CPUs.
    QuotaAboveCpus {
        /// Asked for.
        quota_cores: f64,
        /// CPUs of the target.
        cpus: u32,
    },
    /// Not enough CPUs to keep the roles apart.
    SharedCpus {
        /// Who shares with whom.
        who: String,
    },
    /// Some requests failed.
    Failures {
        /// Level's name.
        level: String,
        /// `baseline` or `stack`.
        phase: String,
        /// How many.
        failures: u64,
        /// Of how many.
        requests: u64,
        /// The most frequent error, as it was counted.
        #[serde(default)]
        most_often: String,
    },
    /// No request succeeded; invalidates.
    NothingMeasured {
        /// Level's name.
        level: String,
        /// `baseline` or `stack`.
        phase: String,
    },
    /// What a load phase's own evidence says.
    Load {
        /// Level's name.
        level: String,
        /// `baseline` or `stack`.
        phase: String,
        /// What.
        warning: LoadWarning,
    },
    /// The server did not do much less than a mock that answers at once: the load generator may be the limit of both.
    LoadgenBound {
        /// Level's name.
        level: String,
        /// Throughput against that mock to that of the server.
        headroom: f64,
    },
    /// A container ended while it was being measured; invalidates.
    ContainerEnded {
        /// Level's name.
        level: String,
        /// Service.
        service: String,
        /// Exit status, and whether the kernel ended it for its memory.
        how: String,
    },
    /// The engine gave a warning when a container was made.
    Engine {
        /// Its words.
        message: String,
    },
}

impl Warning {
    /// Whether the level (or run) must not be believed.
    pub fn invalidates(&self) -> bool {
        matches!(
            self,
            Self::WorkersNotApplied { .. }
                | Self::LimitNotApplied { .. }
                | Self::NothingMeasured { .. }
                | Self::ContainerEnded { .. }
        )
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WorkersNotApplied { level, asked, before, after } => {
                write!(
                    f,
                    "{level}: invalid: {asked} workers were asked for, {before} ran before the load and {after} after it"
                )
            }
            Self::LimitNotApplied { level, service, what, asked, found } => {
                write!(f, "{level}: invalid: {service}: {what} is {found}, not {asked} as asked")
            }
            Self::WorkersShareCpus { workers, cpus } => {
                write!(f, "{workers} workers share {cpus} CPU{}", if *cpus == 1 { "" } else { "s" })
            }
            Self::QuotaAboveCpus { quota_cores, cpus } => write!(
                f,
                "the quota of {quota_cores} CPUs does not bind: the target has {cpus} CPU{}",
                if *cpus == 1 { "" } else { "s" }
            ),
            Self::SharedCpus { who } => write!(f, "too few CPUs to keep all apart: {who}"),
            Self::Failures { level, phase, failures, requests, most_often } => {
                write!(f, "{level}: {phase}: {failures} of {requests} requests failed, most often: {most_often}")
            }
            Self::NothingMeasured { level, phase } => write!(f, "{level}: invalid: {phase}: no request succeeded"),
            Self::Load { level, phase, warning } => write!(f, "{level}: {phase}: {warning}"),
            Self::LoadgenBound { level, headroom } => write!(
                f,
                "{level}: loadgen-bound: against a mock that answers at once the load generator does only {headroom:.2} \
                 times as much, so it may be the limit"
            ),
            Self::ContainerEnded { level, service, how } => {
                write!(f, "{level}: invalid: {service} ended while it was measured ({how})")
            }
            Self::Engine { message } => write!(f, "engine: {message}"),
        }
    }
}
