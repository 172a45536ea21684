//! What the curves of a study go along, and what all points of one have in common, in words.

use super::cells::{self, counted};
use crate::analyse::{Over, StudyCurve, With};

/// `0.25 CPUs a worker`; with more than that in common, `A: 2 workers, 0.25 CPUs a worker`.
pub fn with(curve: &StudyCurve) -> String {
    let cpus = match curve.with {
        With::CpusPerWorker(cpus) => format!("{} CPUs a worker", cells::cores(cpus)),
        With::Cpus(cpus) => format!("{} CPUs in all", cells::cores(cpus)),
        With::CpusetCpus(cpus) => format!("{} and no quota", counted(cpus as u64, "CPU")),
    };
    let workers = curve.workers.map(|workers| counted(workers.into(), "worker"));
    let drive = curve.drive.map(|drive| drive.to_string());
    let parts = [workers, Some(cpus), drive].into_iter().flatten().collect::<Vec<_>>().join(", ");
    curve.side.map_or_else(|| parts.clone(), |side| format!("{side}: {parts}"))
}

/// `4 workers`.
pub fn at(over: Over, n: f64) -> String {
    match over {
        Over::Workers => counted(n as u64, "worker"),
        Over::Users => counted(n as u64, "user"),
        Over::Rate => format!("{} requests/s asked for", cells::rps(n)),
    }
}

/// The axis and its unit.
pub fn name(over: Over) -> (&'static str, &'static str) {
    match over {
        Over::Workers => ("workers", ""),
        Over::Users => ("users", ""),
        Over::Rate => ("asked for", "requests/s"),
    }
}

/// Of one of them alone, and of several.
pub fn unit(over: Over) -> (&'static str, &'static str) {
    match over {
        Over::Workers => ("a worker alone", "workers"),
        Over::Users => ("a user alone", "users"),
        Over::Rate => ("for each one asked for", "requests/s asked for"),
    }
}
