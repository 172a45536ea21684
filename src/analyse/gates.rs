//! Every limit by which a result is judged, in one table.

use crate::model::{Finding, Gate, Scope, Value};

/// A gate's limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// What is judged.
    pub gate: Gate,
    /// What the number beyond which it is found; `None` where it has none of its own.
    pub limit: Option<f64>,
    /// Of what is measured.
    pub unit: &'static str,
    /// Whether what is found against it must not be believed.
    pub invalidates: bool,
}

/// One in a hundred requests may be sent as late as this share of the median latency, if that is more than
/// [`Gate::SendLag`]'s own limit.
pub const SEND_LAG_OF_P50: f64 = 0.05;

/// Seen beside the target, a mock answers at once when its mean service time is below this.
pub const AT_ONCE_US: f64 = 200.0;

/// All of them.
pub const TABLE: [Row; 19] = [
    row(Gate::Workers, None, "workers", true),
    row(Gate::LimitApplied, None, "", true),
    row(Gate::ContainerLives, None, "", true),
    row(Gate::SomethingMeasured, Some(0.0), "successes", true),
    row(Gate::Failures, Some(0.0), "requests", false),
    row(Gate::Complete, None, "", false),
    row(Gate::GeneratorCpu, Some(0.8), "of the CPUs it was given", false),
    row(Gate::SendLag, Some(1000.0), "us, p99", false),
    row(Gate::Delayed, Some(0.0), "requests", false),
    row(Gate::Unsent, Some(0.0), "requests", false),
    row(Gate::Unanswered, Some(0.0), "requests", false),
    row(Gate::StreamsDone, Some(0.0), "streams", false),
    row(Gate::StreamTokens, Some(0.0), "streams", false),
    row(Gate::Amplification, Some(0.005), "of 1 request at the backend for each one sent", false),
    row(Gate::BackendTells, None, "", false),
    row(Gate::Headroom, Some(1.5), "times the throughput", false),
    row(Gate::CpusApart, None, "", false),
    row(Gate::CpuForEachWorker, None, "workers", false),
    row(Gate::QuotaWithinCpus, None, "CPUs", false),
];

const fn row(gate: Gate, limit: Option<f64>, unit: &'static str, invalidates: bool) -> Row {
    Row { gate, limit, unit, invalidates }
}

/// A gate's row.
pub fn of(gate: Gate) -> Row {
    TABLE.into_iter().find(|row| row.gate == gate).unwrap_or(row(gate, None, "", true))
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
        invalidates: row.invalidates,
    }
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
        assert_eq!(TABLE.len(), Gate::QuotaWithinCpus as usize + 1);
    }
}
