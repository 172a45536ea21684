//! Asked and found, compared: worker counts, limits, and containers that should have lived.

use super::gates::{found, not_read, not_read_and_needed};
use crate::{
    limits,
    measure::{Rates, WorkerCounter},
    model::{Finding, Gate, Limit, LimitRow, LimitValue, PhaseKind, ProbeSample, Run, Scope, Severity, Value, Visited},
    text::shortened,
};

/// As much of what a target said as a finding shows.
const SHOWN_CHARS: usize = 120;

/// Long enough for any engine to be read in it.
const LONG_WINDOW_US: u64 = 5_000_000;

/// What a visit's attestation says against it; without `workers` nobody counts these.
pub(super) fn findings(visited: &Visited, target: &str, workers: Option<&WorkerCounter>) -> Vec<Finding> {
    let scope = Scope { visit: Some(visited.id.clone()), ..Scope::default() };
    let limits = visited.attestation.limits.iter().flat_map(|row| limit_findings(row, target, &scope));
    let limits = limits.chain(usage_finding(visited, target, &scope));
    let not_seen = visited.attestation.not_seen.iter().map(|container| {
        let scope = Scope { container: Some(container.clone()), ..scope.clone() };
        not_read_and_needed(&scope, "whether it still ran after the load")
    });
    let ended = visited.ended.iter().map(|ended| {
        let scope = Scope { container: Some(ended.container.clone()), ..scope.clone() };
        found(Gate::ContainerLives, &scope, ended.how.clone())
    });
    let workers = workers.and_then(|workers| worker_finding(visited, workers, &scope));
    // What was lost comes first: the rest may be nothing but its consequence.
    ended.chain(not_seen).chain(workers).chain(limits).collect()
}

/// That a visit was cut short, and by what. All that it should have besides is not there for that.
pub(super) fn cut_short(run: &Run, visited: &Visited) -> Option<Finding> {
    if visited.is_whole() {
        return None;
    }
    let is_the_same = |later: &&Visited| {
        later.sequence > visited.sequence && later.block == visited.block && later.turn() == visited.turn()
    };
    let again = run.visited.iter().filter(is_the_same).find(|later| later.is_whole());
    let lost = visited.ended.iter().map(|ended| format!("{} was lost ({})", ended.container, ended.how));
    let again = again.map(|later| format!("{} is the same once more", later.id));
    let is_measured = visited.phase(PhaseKind::Target).is_some();
    let unseen = is_measured.then(|| "what ran was not looked at after it".to_owned());
    let note: Vec<String> = unseen.into_iter().chain(lost).chain(again.clone()).collect();
    let scope = Scope { visit: Some(visited.id.clone()), ..Scope::default() };
    let phases: Vec<String> = visited.phases.iter().map(|phase| phase.kind.to_string()).collect();
    let cut_short =
        found(Gate::VisitWhole, &scope, if phases.is_empty() { "nothing".into() } else { phases.join(", ") });
    Some(Finding {
        note: (!note.is_empty()).then(|| note.join("; ")),
        severity: if again.is_some() { Severity::Warning } else { cut_short.severity },
        ..cut_short
    })
}

/// Workers before the load, in each sample of it, and after it; where there are more processes than are looked at, that.
fn worker_finding(visited: &Visited, workers: &WorkerCounter, scope: &Scope) -> Option<Finding> {
    let (before, after) = (visited.attestation.workers_before, visited.attestation.workers_after);
    let samples = visited.phase(PhaseKind::Target).map_or(&[][..], |phase| &phase.processes);
    let during: Vec<u32> = samples.iter().filter_map(|sample| workers.count(sample)).collect();
    let all_as_asked = [before, after].iter().all(|count| *count == Some(visited.workers))
        && during.iter().all(|count| *count == visited.workers);
    // Of those that are not looked at, any may be a worker.
    let left_out = samples.iter().map(|sample| sample.processes_left_out).max().unwrap_or(0);
    let are_seen = left_out == 0 || matches!(workers, WorkerCounter::Told);
    if all_as_asked && are_seen {
        return None;
    }
    if !are_seen {
        let processes = ProbeSample::MOST_PROCESSES as f64 + f64::from(left_out);
        return Some(found(Gate::ProcessesWhole, scope, processes));
    }
    let in_words =
        |count: Option<u32>, ran| count.map_or_else(|| "not read".to_owned(), |count| format!("{count}{ran}"));
    let furthest = during.iter().max_by_key(|count| count.abs_diff(visited.workers));
    let why = visited.attestation.workers_not_told.as_ref();
    let why = why.map_or_else(String::new, |why| format!(" ({})", shortened(why, SHOWN_CHARS)));
    let during = match furthest {
        Some(most) if *most > visited.workers => format!(", as many as {most} during it"),
        Some(least) if *least < visited.workers => format!(", as few as {least} during it"),
        _ => String::new(),
    };
    let measured = before.min(after).map(|count| Value::Number(f64::from(count)));
    Some(Finding {
        measured,
        limit: Some(f64::from(visited.workers).into()),
        note: Some(format!(
            "{} before the load and {} after it{during}{why}",
            in_words(before, " ran"),
            in_words(after, "")
        )),
        ..found(Gate::Workers, scope, 0.0)
    })
}

/// The engine's counters of the target: that none could be read is no sign that nothing was used.
fn usage_finding(visited: &Visited, target: &str, scope: &Scope) -> Option<Finding> {
    let phase = visited.phase(PhaseKind::Target)?;
    let readings = phase.usage(target).map_or(0, |usage| usage.samples.len());
    let scope = Scope { container: Some(target.to_owned()), phase: Some(phase.kind), ..scope.clone() };
    match Rates::of(phase, target).cpu_cores {
        // Of one nothing is known to have grown.
        _ if readings < 2 => Some(not_read_and_needed(&scope, "the engine's counters of CPU and memory")),
        // A slow engine's may all lie beside a short window, but not beside a long one.
        None if phase.load.window.duration_us >= LONG_WINDOW_US => {
            Some(not_read_and_needed(&scope, "the engine's counters of CPU in the window"))
        }
        None => Some(not_read(&scope, "the engine's counters of CPU in the window")),
        Some(_) => None,
    }
}

/// A limit that was asked for and reads otherwise in the engine or inside the container, or that could not be read. The
/// engine's word is needed; where the target runs as another user than ours may look as, inside is a closed place.
fn limit_findings(row: &LimitRow, target: &str, scope: &Scope) -> Vec<Finding> {
    let Some(asked) = &row.asked else { return Vec::new() };
    let scope = Scope { container: Some(row.container.clone()), limit: Some(row.limit), ..scope.clone() };
    let words = |value: &LimitValue| Value::Text(limits::in_words(row.limit, value));
    let places = [("in the engine", &row.engine), ("inside", &row.inside)];
    let differs = places.into_iter().filter_map(|(place, read)| Some((place, read.as_ref()?)));
    let wrong = differs.filter(|(_, read)| !limits::agree(row.limit, asked, read)).map(|(place, read)| Finding {
        limit: Some(words(asked)),
        note: Some(place.to_owned()),
        ..found(Gate::LimitApplied, &scope, words(read))
    });
    let name = limits::name(row.limit);
    let is_engine_s = row.limit != Limit::Affinity;
    let missing = (is_engine_s && row.engine.is_none())
        .then(|| not_read_and_needed(&scope, &format!("{name} in the engine")))
        .or_else(|| {
            let is_closed = row.inside.is_none() && row.container == target;
            is_closed.then(|| not_read(&scope, &format!("{name} inside")))
        });
    wrong.chain(missing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(limit: Limit, asked: u64, inside: Option<LimitValue>) -> LimitRow {
        let asked = Some(LimitValue::Number(asked));
        LimitRow { container: "stack".into(), limit, engine: asked.clone(), asked, inside }
    }

    fn notes(row: &LimitRow) -> Vec<(Option<Value>, Option<String>)> {
        limit_findings(row, "stack", &Scope::default()).into_iter().map(|it| (it.measured, it.note)).collect()
    }

    #[test]
    fn what_reads_as_asked_is_no_finding() {
        let rounded = LimitValue::Number((1 << 30) - 4096);
        assert_eq!(notes(&row(Limit::MemoryBytes, 1 << 30, Some(rounded))), []);
    }

    #[test]
    fn what_could_not_be_read_is_said_and_the_engine_s_word_is_needed() {
        let closed = row(Limit::MemoryBytes, 1 << 30, None);
        let found = limit_findings(&closed, "stack", &Scope::default());
        assert_eq!((found[0].gate, found[0].severity), (Gate::EvidenceRead, Severity::Warning));
        assert_eq!(limit_findings(&closed, "mock", &Scope::default()), [], "nobody looks into the mock");
        let silent = LimitRow { engine: None, ..closed };
        let found = limit_findings(&silent, "stack", &Scope::default());
        assert_eq!((found.len(), found[0].severity), (1, Severity::Invalid));
        assert_eq!(found[0].note.as_deref(), Some("memory in the engine"));
    }

    #[test]
    fn a_dropped_quota_and_a_wide_cpuset_are_named() {
        let quota = row(Limit::CpuQuotaUs, 50_000, Some(LimitValue::Unlimited));
        assert_eq!(notes(&quota), [(Some(Value::Text("unlimited".into())), Some("inside".into()))]);
        let cpus = |text: &str| LimitValue::Cpus(text.parse().expect("a list"));
        let mut cpuset = row(Limit::Cpuset, 0, Some(cpus("0-1")));
        (cpuset.asked, cpuset.engine) = (Some(cpus("1")), Some(cpus("1")));
        assert_eq!(notes(&cpuset), [(Some(Value::Text("0-1".into())), Some("inside".into()))]);
    }
}
