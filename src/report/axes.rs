//! What the curves of a study go along, and what all points of one have in common, in words.

use super::{
    cells::{self, counted},
    workers::Workers,
};
use crate::analyse::{Over, StudyCurve, With};

/// `0.25 CPUs a worker`; with more than that in common, `A: 2 workers, 0.25 CPUs a worker`.
pub fn with(curve: &StudyCurve, workers: &Workers) -> String {
    let cpus = match curve.with {
        With::CpusPerWorker(cpus) => format!("{} CPUs {}", cells::cores(cpus), workers.each()),
        With::Cpus(cpus) => format!("{} CPUs in all", cells::cores(cpus)),
        With::CpusetCpus(cpus) => format!("{} and no quota", counted(cpus as u64, "CPU")),
    };
    let many = curve.workers.and_then(|n| workers.many(n));
    let drive = curve.drive.map(|drive| workers.drive(drive));
    let parts = [many, Some(cpus), drive].into_iter().flatten().collect::<Vec<_>>().join(", ");
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
