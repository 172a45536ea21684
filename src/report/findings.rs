//! A finding in a sentence, the same wherever it is shown.

use super::cells::{self, counted};
use crate::{
    limits,
    model::{Finding, Gate, Limit, LoadModel, Run, Severity, Value},
    text::plain,
    units::format_us,
};

const NOT_READ: &str = "not read";

/// The worst of what speaks against a run. That an open loop asked for more than the target can do does not: it has found
/// just that.
pub fn worst<'a>(run: &Run, findings: &'a [Finding]) -> Vec<&'a Finding> {
    let against = findings.iter().filter(|finding| !asks_for_too_much(run, finding));
    let worst = against.clone().map(|finding| finding.severity).max();
    against.filter(|finding| Some(finding.severity) == worst).collect()
}

/// Whether requests were due that were not answered, and no more failed than may.
fn asks_for_too_much(run: &Run, finding: &Finding) -> bool {
    let visited = run.visited.iter().find(|visited| finding.scope.visit.as_ref() == Some(&visited.id));
    let phase = visited.zip(finding.scope.phase).and_then(|(visited, kind)| visited.phase(kind));
    finding.gate == Gate::Served
        && phase.is_some_and(|phase| {
            let is_open = matches!(phase.load.model, LoadModel::Open { .. });
            is_open && phase.load.failure_ratio() <= run.plan.max_failure_rate
        })
}

/// `w2: invalid: 2 workers were asked for, 1 ran before the load and 1 after it`.
pub fn sentence(finding: &Finding) -> String {
    with(
        finding,
        match finding.severity {
            Severity::Warning => None,
            Severity::Spoiled => Some("spoiled"),
            Severity::Invalid => Some("invalid"),
        },
    )
}

/// The same for where it is said what it means: `w2: 2 workers were asked for, 1 ran before the load and 1 after it`.
pub fn reason(finding: &Finding) -> String {
    with(finding, None)
}

fn with(finding: &Finding, severity: Option<&str>) -> String {
    let scope = &finding.scope;
    let (phase, said) = (scope.phase.map(|phase| phase.to_string()), said(finding));
    let parts = [scope.visit.as_deref(), severity, phase.as_deref(), Some(&said)];
    plain(&parts.into_iter().flatten().collect::<Vec<_>>().join(": "))
}

fn said(finding: &Finding) -> String {
    let measured = || words(finding.measured.as_ref());
    let limit = || words(finding.limit.as_ref());
    let note = finding.note.as_deref();
    match finding.gate {
        Gate::Workers => {
            let were = if finding.limit == Some(Value::Number(1.0)) { "was" } else { "were" };
            format!("{} {were} asked for, {}", many(finding.limit.as_ref(), "worker"), note.unwrap_or(NOT_READ))
        }
        Gate::LimitApplied => {
            let name = limits::name(finding.scope.limit.unwrap_or(Limit::Cpuset));
            let place = note.map_or_else(String::new, |place| format!(" {place}"));
            format!("{}: {name}{place} is {}, not {} as asked", container(finding), measured(), limit())
        }
        Gate::ContainerLives => format!("{} was lost while it was measured ({})", container(finding), measured()),
        Gate::VisitWhole => {
            let why = note.map_or_else(String::new, |note| format!(": {note}"));
            format!("incomplete: it was cut short after {}{why}", measured())
        }
        Gate::SomethingMeasured => "no request succeeded".into(),
        Gate::Failures => format!("{} {}", measured(), note.unwrap_or("requests failed")),
        Gate::Served => {
            let [unserved, limit] =
                [&finding.measured, &finding.limit].map(|value| number(value.as_ref(), cells::percent));
            format!("{unserved} of the requests asked for were not answered as expected; the limit is {limit}")
        }
        Gate::Complete => format!("the load was {}", measured()),
        Gate::GeneratorCpu => {
            let share = number(finding.measured.as_ref(), cells::percent);
            match note {
                Some(with) => format!("the load generator used {share} {with}; the throughput may be their limit"),
                None => format!(
                    "the load generator used {share} of the CPU that it was given; the throughput may be its limit"
                ),
            }
        }
        Gate::BackendCpu => {
            let share = number(finding.measured.as_ref(), cells::percent);
            format!("the backend used {share} of the CPU that it was given; the throughput may be its limit")
        }
        Gate::ServiceCpu => {
            let share = number(finding.measured.as_ref(), cells::percent);
            format!("{} used {share} of the CPU that it was given; the throughput may be its limit", container(finding))
        }
        Gate::WorkersProved => {
            format!("workers not proved: nothing counts those of {}, so nothing is claimed of them", container(finding))
        }
        Gate::BaselineMeans => format!("no baseline: {}", measured()),
        Gate::SendLag => {
            let late = number(finding.measured.as_ref(), format_us);
            format!("the load generator did not keep up: one request in a hundred was sent {late} late or more")
        }
        Gate::Delayed => {
            let requests = many(finding.measured.as_ref(), "request");
            format!("the server did not keep up: {requests} had to wait for others to be answered before being sent")
        }
        Gate::Unsent => {
            let requests = many(finding.measured.as_ref(), "request");
            format!("the server did not keep up: {requests} could not be sent before the end")
        }
        Gate::Unanswered => {
            format!("{} had no answer when the drain was over", many(finding.measured.as_ref(), "request"))
        }
        Gate::StreamsDone => {
            let streams = many(finding.measured.as_ref(), "stream");
            format!("{streams} ended after the finish reason, but without [DONE]")
        }
        Gate::StreamTokens => format!("{} had no token that is known", many(finding.measured.as_ref(), "stream")),
        Gate::Amplification => {
            let factor = number(finding.measured.as_ref(), |factor| format!("{factor:.3}"));
            let expected = match &finding.limit {
                Some(Value::Number(expected)) if *expected != 1.0 => format!(", not {expected}"),
                _ => String::new(),
            };
            format!("{factor} requests reached the backend for each one sent{expected}")
        }
        Gate::BackendTells => measured(),
        Gate::Headroom => {
            let times = number(finding.measured.as_ref(), |times| format!("{times:.2}"));
            format!(
                "loadgen-bound: against a mock the load generator does only {times} times as much, so it may be the limit"
            )
        }
        Gate::CpusApart => format!("too few CPUs to keep all apart: {}", measured()),
        Gate::CpuForEachWorker => format!("{} workers share {}", measured(), many(finding.limit.as_ref(), "CPU")),
        Gate::QuotaWithinCpus => {
            let cpus = many(finding.limit.as_ref(), "CPU");
            format!("the quota of {} CPUs does not bind: the target has {cpus}", measured())
        }
        Gate::EvidenceRead => {
            let of = finding.scope.container.as_ref().map_or_else(String::new, |container| format!("{container}: "));
            format!("{of}{}: {NOT_READ}", note.unwrap_or("evidence"))
        }
        Gate::NoQuotaUnasked => {
            let periods = many(finding.measured.as_ref(), "period");
            let which = note.map_or_else(String::new, |which| format!(" ({which})"));
            format!("a quota that nobody asked for{which} held the target back in {periods}")
        }
        Gate::ForeignCpu => {
            let cores = number(finding.measured.as_ref(), cells::cores);
            format!("others used {cores} CPUs of the target's own")
        }
        Gate::Steal => {
            let share = number(finding.measured.as_ref(), cells::percent);
            format!("the hypervisor took {share} of the target's CPU time for somebody else")
        }
        Gate::IdleWait => {
            let share = number(finding.measured.as_ref(), cells::percent);
            format!(
                "the target waited for a CPU for {share} of the time or more while its CPUs idled: a quota above its container?"
            )
        }
        Gate::SpeedHeld => {
            let change = number(finding.measured.as_ref(), change);
            format!(
                "the same piece of work took {change} time after the load than before it: the machine's speed changed"
            )
        }
        Gate::SpeedInBlock => {
            let change = number(finding.measured.as_ref(), change);
            format!("the same piece of work took {change} time than in the middle of its block's visits")
        }
        Gate::GeneratorPaused => {
            let paused = number(finding.measured.as_ref(), format_us);
            format!("the load generator was kept from running for {paused}")
        }
        Gate::LittlesLaw => {
            let off = number(finding.measured.as_ref(), change);
            format!("throughput times latency is {off} than what was in flight: one of the three is wrong")
        }
        Gate::Stationary => {
            let off = number(finding.measured.as_ref(), change);
            format!("a second of the window's second half had {off} answers than one of its first")
        }
        Gate::SamplesComplete => {
            let times = number(finding.measured.as_ref(), |times| format!("{times:.1}"));
            format!("for {times} times the distance of two samples nobody looked at the target")
        }
        Gate::ProcessesWhole => {
            let [found, limit] = [&finding.measured, &finding.limit]
                .map(|value| number(value.as_ref(), |count| cells::grouped(count as u64)));
            format!(
                "the target has {found} processes, more than the {limit} that are looked at: what is among them is not known"
            )
        }
        Gate::MemoryFree => {
            let share = number(finding.measured.as_ref(), cells::percent);
            let who = finding.scope.container.as_deref().unwrap_or("a container");
            format!("{who} used {share} of its memory limit: beyond it the kernel ends a process of it")
        }
        Gate::SpeedUpPossible => {
            let times = number(finding.measured.as_ref(), |times| format!("{times:.2}"));
            format!(
                "a speed-up of {times} times what its workers or CPUs can give: one of the two measurements is wrong"
            )
        }
        Gate::BaselineHeld => {
            let moved = number(finding.measured.as_ref(), cells::percent);
            format!("the baseline moved by {moved} between visits")
        }
    }
}

/// `12.0 % more`, `3.0 % less`.
fn change(ratio: f64) -> String {
    format!("{} {}", cells::percent(ratio.abs()), if ratio > 0.0 { "more" } else { "less" })
}

fn container(finding: &Finding) -> &str {
    finding.scope.container.as_deref().unwrap_or("a container")
}

fn words(value: Option<&Value>) -> String {
    number(value, |number| number.to_string())
}

fn many(value: Option<&Value>, what: &str) -> String {
    number(value, |count| counted(count as u64, what))
}

/// A number as `f` has it; words stay.
fn number(value: Option<&Value>, f: impl Fn(f64) -> String) -> String {
    match value {
        Some(Value::Number(number)) => f(*number),
        Some(Value::Text(text)) => text.clone(),
        None => NOT_READ.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PhaseKind, Scope};

    fn finding(gate: Gate, measured: Option<Value>, limit: Option<Value>, note: &str) -> Finding {
        let scope = Scope { visit: Some("w1".into()), ..Scope::default() };
        let note = (!note.is_empty()).then(|| note.to_owned());
        Finding { scope, gate, measured, limit, note, severity: Severity::Warning }
    }

    fn text(text: &str) -> Option<Value> {
        Some(Value::Text(text.into()))
    }

    #[test]
    fn one_sentence_a_gate() {
        let n = |number: f64| Some(Value::Number(number));
        let sentences = [
            finding(Gate::Workers, n(1.0), n(2.0), "1 ran before the load and 1 after it"),
            finding(Gate::Workers, None, n(1.0), "not read before the load and 1 after it"),
            finding(Gate::ContainerLives, text("exit status 1"), None, ""),
            finding(Gate::VisitWhole, text("baseline"), None, "loadgen was lost (exit status 137)"),
            finding(Gate::SomethingMeasured, n(0.0), n(0.0), ""),
            finding(Gate::Failures, n(6.0), n(0.0), "of 1780 requests failed, most often: HTTP 503: \u{1b}[31mbusy"),
            finding(Gate::Complete, text("stopped before its time"), None, ""),
            finding(Gate::GeneratorCpu, n(0.954), n(0.8), ""),
            finding(Gate::GeneratorCpu, n(0.85), n(0.8), "with the backend, of CPU 0 that they share"),
            finding(Gate::BackendCpu, n(0.9), n(0.8), ""),
            finding(Gate::LittlesLaw, n(-0.12), n(0.05), ""),
            finding(Gate::Stationary, n(0.2), n(0.05), ""),
            finding(Gate::SamplesComplete, n(3.0), n(2.5), ""),
            finding(Gate::ProcessesWhole, n(2100.0), n(2048.0), ""),
            finding(Gate::Amplification, n(1.5), n(2.0), ""),
            finding(Gate::SendLag, n(2345.0), n(1000.0), ""),
            finding(Gate::Delayed, n(12.0), n(0.0), ""),
            finding(Gate::Unsent, n(1.0), n(0.0), ""),
            finding(Gate::Unanswered, n(2.0), n(0.0), ""),
            finding(Gate::StreamsDone, n(3.0), n(0.0), ""),
            finding(Gate::StreamTokens, n(2.0), n(0.0), ""),
            finding(Gate::Amplification, n(1.5), n(1.0), ""),
            finding(Gate::Amplification, None, n(1.0), ""),
            finding(Gate::BackendTells, text("http://mock:8080: connection refused"), None, ""),
            finding(Gate::Headroom, n(1.2), n(1.5), ""),
            finding(Gate::CpusApart, text("load generator and backend share CPU 0"), None, ""),
            finding(Gate::CpuForEachWorker, n(4.0), n(2.0), ""),
            finding(Gate::QuotaWithinCpus, n(1.5), n(1.0), ""),
            finding(Gate::MemoryFree, n(0.96), n(0.9), ""),
        ];
        let sentences: Vec<String> = sentences.iter().map(sentence).collect();
        insta::assert_snapshot!(sentences.join("\n"), @r"
        w1: 2 workers were asked for, 1 ran before the load and 1 after it
        w1: 1 worker was asked for, not read before the load and 1 after it
        w1: a container was lost while it was measured (exit status 1)
        w1: incomplete: it was cut short after baseline: loadgen was lost (exit status 137)
        w1: no request succeeded
        w1: 6 of 1780 requests failed, most often: HTTP 503: busy
        w1: the load was stopped before its time
        w1: the load generator used 95.4 % of the CPU that it was given; the throughput may be its limit
        w1: the load generator used 85.0 % with the backend, of CPU 0 that they share; the throughput may be their limit
        w1: the backend used 90.0 % of the CPU that it was given; the throughput may be its limit
        w1: throughput times latency is 12.0 % less than what was in flight: one of the three is wrong
        w1: a second of the window's second half had 20.0 % more answers than one of its first
        w1: for 3.0 times the distance of two samples nobody looked at the target
        w1: the target has 2,100 processes, more than the 2,048 that are looked at: what is among them is not known
        w1: 1.500 requests reached the backend for each one sent, not 2
        w1: the load generator did not keep up: one request in a hundred was sent 2.35 ms late or more
        w1: the server did not keep up: 12 requests had to wait for others to be answered before being sent
        w1: the server did not keep up: 1 request could not be sent before the end
        w1: 2 requests had no answer when the drain was over
        w1: 3 streams ended after the finish reason, but without [DONE]
        w1: 2 streams had no token that is known
        w1: 1.500 requests reached the backend for each one sent
        w1: not read requests reached the backend for each one sent
        w1: http://mock:8080: connection refused
        w1: loadgen-bound: against a mock the load generator does only 1.20 times as much, so it may be the limit
        w1: too few CPUs to keep all apart: load generator and backend share CPU 0
        w1: 4 workers share 2 CPUs
        w1: the quota of 1.5 CPUs does not bind: the target has 1 CPU
        w1: a container used 96.0 % of its memory limit: beyond it the kernel ends a process of it
        ");
    }

    #[test]
    fn the_scope_comes_first() {
        let mut quota = finding(Gate::LimitApplied, text("unlimited"), text("50000 us"), "inside");
        quota.severity = Severity::Invalid;
        quota.scope.container = Some("stack".into());
        quota.scope.limit = Some(Limit::CpuQuotaUs);
        assert_eq!(sentence(&quota), "w1: invalid: stack: CPU quota inside is unlimited, not 50000 us as asked");
        let mut nothing = finding(Gate::SomethingMeasured, None, None, "");
        nothing.severity = Severity::Invalid;
        nothing.scope.phase = Some(PhaseKind::Target);
        assert_eq!(sentence(&nothing), "w1: invalid: target: no request succeeded");
        nothing.scope = Scope::default();
        assert_eq!(sentence(&nothing), "invalid: no request succeeded");
    }
}
