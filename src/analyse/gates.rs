//! Every limit by which a result is judged, in one table.

use crate::model::{Finding, Gate, ProbeSample, Scope, Severity, Value};
use Severity::{Invalid, Spoiled, Warning};

/// A gate's limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// What is judged.
    pub gate: Gate,
    /// The number beyond which something is found; `None` where it has none of its own.
    pub limit: Option<f64>,
    /// Of what is measured.
    pub unit: &'static str,
    /// What it means when something is found.
    pub severity: Severity,
}

/// One in a hundred requests may be sent as late as this share of the median latency, if that is more than
/// [`Gate::SendLag`]'s own limit.
pub const SEND_LAG_OF_P50: f64 = 0.05;

/// Fewer answers than so many for each user tell little of what was in flight: at the window's ends part of each is cut off.
pub const ANSWERS_PER_USER: f64 = 20.0;

/// The halves of a window differ where chance makes such a difference more seldom than this.
pub const STATIONARY_P: f64 = 0.01;

/// A target that uses this share of its CPUs is bound by them.
pub const CPU_BOUND: f64 = 0.9;

/// All of them.
pub const TABLE: [Row; 40] = [
    row(Gate::EvidenceRead, None, "", Warning),
    row(Gate::Workers, None, "workers", Invalid),
    row(Gate::LimitApplied, None, "", Invalid),
    row(Gate::NoQuotaUnasked, Some(0.0), "throttled periods", Invalid),
    row(Gate::ContainerLives, None, "", Invalid),
    row(Gate::VisitWhole, None, "", Invalid),
    row(Gate::SomethingMeasured, Some(0.0), "successes", Invalid),
    row(Gate::Failures, Some(0.0), "requests", Warning),
    row(Gate::Served, None, "of the requests", Invalid),
    row(Gate::Complete, None, "", Warning),
    row(Gate::GeneratorCpu, Some(0.8), "of the CPUs it was given", Invalid),
    row(Gate::BackendCpu, Some(0.8), "of the CPUs it was given", Invalid),
    row(Gate::GeneratorPaused, Some(1_000_000.0), "us", Spoiled),
    row(Gate::SendLag, Some(1000.0), "us, p99", Invalid),
    row(Gate::Delayed, Some(0.0), "requests", Warning),
    row(Gate::Unsent, Some(0.0), "requests", Warning),
    row(Gate::Unanswered, Some(0.0), "requests", Warning),
    row(Gate::StreamsDone, Some(0.0), "streams", Warning),
    row(Gate::StreamTokens, Some(0.0), "streams", Warning),
    row(Gate::Amplification, Some(0.005), "of the requests that the backend was to get for each one sent", Invalid),
    row(Gate::BackendTells, None, "", Warning),
    row(Gate::Headroom, Some(1.5), "times the throughput", Warning),
    row(Gate::CpusApart, None, "", Warning),
    row(Gate::CpuForEachWorker, None, "workers", Warning),
    row(Gate::QuotaWithinCpus, None, "CPUs", Warning),
    row(Gate::ForeignCpu, Some(0.1), "CPUs", Spoiled),
    row(Gate::Steal, Some(0.03), "of the time", Spoiled),
    row(Gate::IdleWait, Some(0.05), "of the time", Spoiled),
    row(Gate::SpeedHeld, Some(0.05), "of the time that a piece of work takes", Spoiled),
    row(Gate::SpeedInBlock, Some(0.05), "of the time that a piece of work takes", Spoiled),
    row(Gate::LittlesLaw, Some(0.05), "of what was in flight", Invalid),
    row(Gate::Stationary, Some(0.05), "of the first half's throughput", Invalid),
    row(Gate::SamplesComplete, Some(2.5), "times the distance of samples", Invalid),
    row(Gate::ProcessesWhole, Some(ProbeSample::MOST_PROCESSES as f64), "processes", Invalid),
    row(Gate::MemoryFree, Some(0.9), "of the memory limit", Warning),
    row(Gate::SpeedUpPossible, Some(1.1), "times what workers or CPUs can give", Warning),
    row(Gate::BaselineHeld, Some(0.1), "of the baseline's throughput", Warning),
    row(Gate::ServiceCpu, Some(0.8), "of the CPUs it was given", Warning),
    row(Gate::WorkersProved, None, "workers", Warning),
    row(Gate::BaselineMeans, None, "", Warning),
];

const fn row(gate: Gate, limit: Option<f64>, unit: &'static str, severity: Severity) -> Row {
    Row { gate, limit, unit, severity }
}

/// What a host that is too busy brings about by itself: a visit in which it was is spoiled by these, and visited again, and not
/// invalid.
pub const COMES_OF_A_BUSY_HOST: [Gate; 4] = [Gate::LittlesLaw, Gate::Stationary, Gate::SamplesComplete, Gate::SendLag];

/// A gate's row.
pub fn of(gate: Gate) -> Row {
    TABLE.into_iter().find(|row| row.gate == gate).unwrap_or(row(gate, None, "", Invalid))
}

/// The number beyond which a gate finds something; infinite for one without a number.
pub fn limit(gate: Gate) -> f64 {
    of(gate).limit.unwrap_or(f64::INFINITY)
}

/// A finding by this gate's row, against its own limit.
pub(super) fn found(gate: Gate, scope: &Scope, measured: impl Into<Value>) -> Finding {
    let row = of(gate);
    Finding {
        scope: scope.clone(),
        gate,
        measured: Some(measured.into()),
        limit: row.limit.map(Value::Number),
        note: None,
        severity: row.severity,
    }
}

/// Evidence that is missing is never good news.
pub(super) fn not_read(scope: &Scope, what: &str) -> Finding {
    Finding { measured: None, note: Some(what.to_owned()), ..found(Gate::EvidenceRead, scope, String::new()) }
}

/// The same of evidence without which nothing can be believed.
pub(super) fn not_read_and_needed(scope: &Scope, what: &str) -> Finding {
    Finding { severity: Severity::Invalid, ..not_read(scope, what) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_gate_has_one_row() {
        for row in TABLE {
            assert_eq!(TABLE.iter().filter(|other| other.gate == row.gate).count(), 1, "{:?}", row.gate);
        }
        // A gate that is missing invalidates: it would show at once.
        assert_eq!(TABLE.len(), Gate::BaselineMeans as usize + 1);
    }
}
