//! Asked and found, compared: worker counts, limits, and whether the numbers of a level may be believed. Pure.

use crate::{
    model::{Attestation, CgroupLimits, Level, Limits, Phase, Warning},
    text::shortened,
    units::parse_cpu_list,
};

/// Least ratio of what the load generator can do to what the server does.
const LEAST_HEADROOM: f64 = 1.5;

/// As much of a failure's message as a warning shows.
const SHOWN_CHARS: usize = 120;

/// What a level's own evidence says against it.
pub fn warnings(level: &Level) -> Vec<Warning> {
    let mut found = Vec::new();
    let Attestation { workers_before: before, workers_after: after, limits } = &level.attestation;
    if (*before, *after) != (level.workers, level.workers) {
        let (level, asked, before, after) = (level.name.clone(), level.workers, *before, *after);
        found.push(Warning::WorkersNotApplied { level, asked, before, after });
    }
    found.extend(limits.iter().flat_map(|limits| limits_not_applied(&level.name, limits)));
    found.extend([&level.baseline, &level.stack].into_iter().flat_map(|phase| phase_warnings(&level.name, phase)));
    found.extend(loadgen_bound(level));
    found
}

/// A throughput near what the load generator can do at most may be its own.
fn loadgen_bound(level: &Level) -> Option<Warning> {
    let headroom = level.null_rps? / level.stack.load.throughput_rps();
    let is_bound = headroom.is_finite() && headroom < LEAST_HEADROOM;
    is_bound.then(|| Warning::LoadgenBound { level: level.name.clone(), headroom })
}

fn phase_warnings(level: &str, phase: &Phase) -> Vec<Warning> {
    let (level, name, load) = (level.to_owned(), phase.name.to_string(), &phase.load);
    let (requests, failures) = (load.request_count(), load.failure_count());
    let mut found = Vec::new();
    if requests == failures {
        found.push(Warning::NothingMeasured { level: level.clone(), phase: name.clone() });
    }
    if let Some(group) = load.failures.first() {
        let (level, phase, most_often) = (level.clone(), name.clone(), shortened(&group.error, SHOWN_CHARS));
        found.push(Warning::Failures { level, phase, failures, requests, most_often });
    }
    found.extend(load.warnings().into_iter().map(|warning| {
        let (level, phase) = (level.clone(), name.clone());
        Warning::Load { level, phase, warning }
    }));
    found
}

/// Each limit that was asked for and reads otherwise in the engine or inside the container.
fn limits_not_applied(level: &str, limits: &Limits) -> Vec<Warning> {
    let mut found = Vec::new();
    for (place, seen) in [("in the engine", Some(&limits.engine)), ("inside", limits.inside.as_ref())] {
        let Some(seen) = seen else { continue };
        for (what, asked, read) in differences(&limits.asked, seen) {
            found.push(Warning::LimitNotApplied {
                level: level.to_owned(),
                service: limits.service.clone(),
                what: format!("{what} {place}"),
                asked,
                found: read,
            });
        }
    }
    if let Some((asked, seen)) = limits.asked.cpuset.as_ref().zip(limits.cpus_allowed.as_ref())
        && parse_cpu_list(asked) != parse_cpu_list(seen)
    {
        found.push(Warning::LimitNotApplied {
            level: level.to_owned(),
            service: limits.service.clone(),
            what: "cpuset of its processes".into(),
            asked: asked.clone(),
            found: seen.clone(),
        });
    }
    found
}

fn differences(asked: &CgroupLimits, seen: &CgroupLimits) -> Vec<(&'static str, String, String)> {
    let mut found = Vec::new();
    let text = |value: Option<String>| value.unwrap_or_else(|| "not set".into());
    if let Some(asked) = &asked.cpuset
        && seen.cpuset.as_deref().map(parse_cpu_list) != Some(parse_cpu_list(asked))
    {
        found.push(("cpuset", asked.clone(), text(seen.cpuset.clone())));
    }
    if let Some(cores) = asked.cpu_quota_cores
        && seen.cpu_quota_cores.is_none_or(|seen| (seen / cores - 1.0).abs() > 0.01)
    {
        found.push(("cpu quota", cores.to_string(), text(seen.cpu_quota_cores.map(|cores| cores.to_string()))));
    }
    // The kernel rounds a memory limit down to whole pages.
    if let Some(bytes) = asked.memory_bytes
        && seen.memory_bytes.is_none_or(|seen| seen.abs_diff(bytes) > 65_536)
    {
        found.push(("memory", bytes.to_string(), text(seen.memory_bytes.map(|bytes| bytes.to_string()))));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(asked: CgroupLimits, inside: Option<CgroupLimits>) -> Limits {
        Limits { service: "stack".into(), engine: asked.clone(), asked, inside, cpus_allowed: Some("1".into()) }
    }

    fn asked() -> CgroupLimits {
        CgroupLimits {
            cpu_quota_cores: Some(0.5),
            cpu_period_us: Some(10_000),
            cpuset: Some("1".into()),
            memory_bytes: Some(1 << 30),
        }
    }

    #[test]
    fn what_reads_as_asked_is_no_warning() {
        let seen = CgroupLimits { memory_bytes: Some((1 << 30) - 4096), ..asked() };
        assert_eq!(limits_not_applied("w1", &limits(asked(), Some(seen))), []);
        assert_eq!(limits_not_applied("w1", &limits(asked(), None)), []);
    }

    #[test]
    fn a_dropped_quota_and_a_wide_cpuset_are_named() {
        let seen = CgroupLimits { cpu_quota_cores: None, cpuset: Some("0-1".into()), ..asked() };
        let texts: Vec<String> =
            limits_not_applied("w1", &limits(asked(), Some(seen))).iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "w1: invalid: stack: cpuset inside is 0-1, not 1 as asked",
                "w1: invalid: stack: cpu quota inside is not set, not 0.5 as asked"
            ]
        );
    }

    #[test]
    fn processes_that_may_run_elsewhere_are_named() {
        let limits = Limits { cpus_allowed: Some("0-1".into()), ..limits(asked(), None) };
        assert_eq!(limits_not_applied("w1", &limits).len(), 1);
    }
}
