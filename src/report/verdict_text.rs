//! Verdicts, ceilings, the decision and the rules of thumb in sentences, the same wherever they are shown.

use super::{
    cells::{self, counted},
    workers::Workers,
};
use crate::{
    analyse::verdict::{
        Answer, Ceiling, Confidence, Figure, Judgement, Kind, Lever, Missing, Next, Number, Resource, Rule,
        RuleOfThumb, Verdict,
        decision::{Choice, Chosen, Decision, EqualCpus, Ratio, WorkersLever},
    },
    model::Drive,
    units::format_bytes,
};

/// What limits a point, what carries that, what would move it and what comes next; how throughput grows.
pub fn judgement(judgement: &Judgement) -> Vec<String> {
    let limit = verdict(&judgement.limit);
    limit.into_iter().chain(judgement.growth.iter().flat_map(verdict)).collect()
}

/// A verdict: its sentence, its evidence, its lever, and what is behind it.
pub fn verdict(verdict: &Verdict) -> Vec<String> {
    let numbers = joined(verdict.numbers.iter().map(number), ", ");
    let evidence = numbers.map(|numbers| format!("Evidence: {numbers}."));
    let levers = joined(verdict.levers.iter().map(|it| lever(*it).to_owned()), " and ");
    let levers = levers.map(|levers| format!("What would move it: {levers}."));
    let missing = joined(verdict.missing.iter().map(|it| missing(*it).to_owned()), "; ");
    let missing = missing.map(|missing| format!("What is missing: {missing}."));
    [Some(headline(verdict)), evidence, levers, verdict.next.as_ref().map(next), missing]
        .into_iter()
        .flatten()
        .collect()
}

/// `cpu-throttled (observed, high confidence): the target used up its CPU quota.`
fn headline(verdict: &Verdict) -> String {
    let said = match verdict.kind {
        Kind::CoLimited => {
            let together = joined(verdict.together.iter().map(|kind| name(*kind).to_owned()), " and ");
            format!("two limits lie within 5 % of each other: {}", together.unwrap_or_default())
        }
        Kind::Inconclusive if verdict.missing.is_empty() => {
            "all that is watched was read, and none of it is near its limit".into()
        }
        kind => meaning(kind).into(),
    };
    let sure = match verdict.kind {
        Kind::Inconclusive => "",
        kind if kind.is_invalid() => " (invalid)",
        _ => confidence(verdict.confidence),
    };
    format!("{}{sure}: {said}.", name(verdict.kind))
}

/// How it is known, as it stands behind a verdict's name.
pub fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Low => " (observed, low confidence)",
        Confidence::Moderate => " (observed, moderate confidence)",
        Confidence::High => " (observed, high confidence)",
    }
}

/// The ceiling behind the one that binds, and how far away it is.
pub fn next(next: &Next) -> String {
    let name = resources(&next.resources);
    let rps = cells::rps(next.rps);
    if next.times > 1.0 {
        format!("Behind it: {name} at {rps} requests/s, {:.2} times what was measured.", next.times)
    } else {
        format!("Beside it: {name} at {rps} requests/s.")
    }
}

/// `CPU quota: 100 requests/s, 98.0 % of it used (0.50 CPUs / 5.00 ms of CPU a request).`
pub fn ceiling(ceiling: &Ceiling) -> String {
    let between = ceiling
        .interval
        .map_or_else(String::new, |[low, high]| format!(" (95 %: {} to {})", cells::rps(low), cells::rps(high)));
    let used = cells::percent(ceiling.utilisation);
    let (name, rps) = (resources(&ceiling.resources), cells::rps(ceiling.rps));
    format!("{name}: {rps} requests/s{between}, {used} of it used ({}).", ceiling.arithmetic)
}

/// What to run, first; then what it was compared with.
pub fn decision(decision: &Decision, workers: &Workers, is_all: bool) -> Vec<String> {
    let mut said = vec![match &decision.chosen {
        Some(chosen) => run(chosen, workers, is_all),
        None => "No setting that was visited keeps the limit for latency.".into(),
    }];
    if let Some(bytes) = decision.chosen.as_ref().and_then(|chosen| chosen.setting.worker_memory_bytes) {
        said.push(format!("A worker takes {} of memory.", format_bytes(bytes as u64)));
    }
    let slo =
        [(&decision.beyond_slo, "beyond the limit for latency"), (&decision.slo_unknown, "not known well enough")];
    for (points, what) in slo.into_iter().filter(|(points, _)| !points.is_empty()) {
        said.push(format!("{} left out: {what}.", counted(points.len() as u64, "setting")));
    }
    said.extend(decision.equal_cpus.iter().map(|group| equal_cpus(group, workers)));
    said.extend(workers_lever(decision.workers).map(str::to_owned));
    said
}

fn run(chosen: &Chosen, workers: &Workers, is_all: bool) -> String {
    let setting = |choice: &Choice| setting(choice, workers);
    let (what, rps) = (setting(&chosen.setting), cells::rps(chosen.throughput_rps));
    let best = match &chosen.of_best {
        None if is_all => "the most of all settings".to_owned(),
        None => "the most of the settings that have a valid visit".to_owned(),
        Some(ratio) => format!("{} of the most, which {} do", share(ratio), setting(&chosen.best)),
    };
    match chosen.undecided.first() {
        None => format!("Run {what}: {rps} requests/s, {best}."),
        Some(smallest) => format!(
            "Run {what}: {rps} requests/s, {best}. {} may do as well: these visits do not tell.",
            capitalised(&setting(smallest))
        ),
    }
}

fn equal_cpus(group: &EqualCpus, workers: &Workers) -> String {
    let many = |choice: &Choice| workers.many(choice.workers).unwrap_or_default();
    let others = group.others.iter().map(|other| {
        let of_best = other.of_best.as_ref().map_or_else(|| "too few visits to compare".into(), share);
        format!("{}: {of_best}", many(&other.setting))
    });
    let (cpus, best) = (cells::cores(group.cpus), many(&group.best));
    let others = joined(others, ", ").unwrap_or_default();
    let drive = group.best.drive.map_or_else(String::new, |drive| format!(", {}", workers.drive(drive)));
    format!(
        "On {cpus} CPUs{drive}, the most is {} requests/s with {best}; of that, {others}.",
        cells::rps(group.best_rps)
    )
}

fn workers_lever(lever: WorkersLever) -> Option<&'static str> {
    match lever {
        WorkersLever::NotTried => None,
        WorkersLever::NotTheLever => {
            Some("More workers are not your lever: on the same CPUs, the fewest do as well as any, within 5 %.")
        }
        WorkersLever::Lever => Some("More workers on the same CPUs do more."),
        WorkersLever::Undecided => Some("Whether more workers on the same CPUs do more, these visits do not tell."),
    }
}

/// `96.2 % (95 %: 95.4 % or more)`.
fn share(ratio: &Ratio) -> String {
    format!("{} (95 %: {} or more)", cells::percent(ratio.estimate), cells::percent(ratio.low))
}

/// `2 workers on 0.50 CPUs`; where these are not all that differs, `A: 2 workers on 0.50 CPUs with 16 users`.
pub fn setting(choice: &Choice, workers: &Workers) -> String {
    let cpus = choice.cpus.map(|cpus| format!("{} CPUs", cells::cores(cpus)));
    let what = joined([workers.many(choice.workers), cpus].into_iter().flatten(), " on ");
    let what = what.unwrap_or_else(|| "the target as it is".to_owned());
    let drive = choice.drive.map_or_else(String::new, |drive| {
        let how = if let Drive::RateRps(_) = drive { "at" } else { "with" };
        format!(" {how} {}", workers.drive(drive))
    });
    let side = choice.side.map_or_else(String::new, |side| format!("{side}: "));
    format!("{side}{what}{drive}")
}

/// A rule of thumb and what the evidence says to it.
pub fn rule_of_thumb(rule: &RuleOfThumb) -> String {
    let (rule, answer) = (rule_name(rule.rule), rule.answer);
    match answer {
        Answer::NotSeen => format!("{rule}: not seen."),
        Answer::NotRead => format!("{rule}: cannot be looked for, as latency, failures or CPU were not read."),
        Answer::Holds => format!("{rule}: seen, and the evidence agrees."),
        Answer::OtherwiseLimited(kind) => format!("{rule}: it looks like it, but {} ({}).", meaning(kind), name(kind)),
        Answer::Open => format!("{rule}: it looks like it, but the evidence does not carry it."),
    }
}

fn rule_name(rule: Rule) -> &'static str {
    match rule {
        Rule::GoodScaling => "Good vertical scaling",
        Rule::CpuBound => "CPU-bound",
        Rule::IoBound => "I/O-bound",
        Rule::Gil => "GIL",
    }
}

/// A verdict's name, as files have it.
pub fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::SweepNotApplied => "sweep-not-applied",
        Kind::LoadgenBound => "loadgen-bound",
        Kind::MockBound => "mock-bound",
        Kind::Erroring => "erroring",
        Kind::HostContended => "host-contended",
        Kind::Unstable => "unstable",
        Kind::Linear => "linear",
        Kind::CpuBound => "cpu-bound",
        Kind::CpuThrottled => "cpu-throttled",
        Kind::WorkerSaturated => "worker-saturated",
        Kind::BlockingWorkers => "blocking-workers",
        Kind::Serialised => "serialised",
        Kind::BackendBound => "backend-bound",
        Kind::PoolBound => "pool-bound",
        Kind::Imbalanced => "imbalanced",
        Kind::MemoryBound => "memory-bound",
        Kind::DiskBound => "disk-bound",
        Kind::NetworkBound => "network-bound",
        Kind::UnderDriven => "under-driven",
        Kind::CoLimited => "co-limited",
        Kind::Alternating => "alternating",
        Kind::Retrograde => "retrograde",
        Kind::TwoModes => "two-modes",
        Kind::Inconclusive => "inconclusive",
    }
}

fn meaning(kind: Kind) -> &'static str {
    match kind {
        Kind::SweepNotApplied => "workers or limits are not what was asked for",
        Kind::LoadgenBound => "the load generator was the limit",
        Kind::MockBound => "the mock's CPU was the limit",
        Kind::Erroring => "too many requests failed",
        Kind::HostContended => "others used the machine, or its speed changed",
        Kind::Unstable => "throughput moved while it was measured",
        Kind::Linear => "throughput grows as the workers do, and is not known beyond",
        Kind::CpuBound => "the target's CPUs are full",
        Kind::CpuThrottled => "the target uses up its CPU quota",
        Kind::WorkerSaturated => "one thread in each worker is busy all the time while CPUs idle",
        Kind::BlockingWorkers => "each worker waits with a request in hand, so only more workers take more",
        Kind::Serialised => "a lock, or another part of the work that only one does at a time",
        Kind::BackendBound => "the backend answers as many requests at once as it can",
        Kind::PoolBound => "all connections to the backend are in use while it idles",
        Kind::Imbalanced => "one worker is full while others idle",
        Kind::MemoryBound => "memory is full, and waited for",
        Kind::DiskBound => "a disk is waited for",
        Kind::NetworkBound => "the network is full",
        Kind::UnderDriven => "the users do not ask for more",
        Kind::CoLimited => "two limits lie within 5 % of each other",
        Kind::Alternating => "two limits take turns, so neither is full on average",
        Kind::Retrograde => "throughput falls as the workers grow",
        Kind::TwoModes => "visits of this one setting fall into two clusters, and their mean is neither",
        Kind::Inconclusive => "the evidence does not carry an answer",
    }
}

fn lever(lever: Lever) -> &'static str {
    match lever {
        Lever::Quota => "a higher CPU quota",
        Lever::Cpus => "more CPUs",
        Lever::Workers => "more workers",
        Lever::FewerWorkers => "fewer workers",
        Lever::BackendSlots => "a backend that answers more at once",
        Lever::PoolSize => "more connections to the backend",
        Lever::Balance => "work spread evenly over the workers",
        Lever::Lock => "less of the work under the lock",
        Lever::Memory => "more memory",
        Lever::Disk => "a faster disk, or less use of it",
        Lever::Network => "a faster network, or fewer bytes",
        Lever::Users => "more users",
    }
}

/// What a ceiling comes from.
pub fn resources(of: &[Resource]) -> String {
    let name = |resource: &Resource| match resource {
        Resource::Quota => "CPU quota",
        Resource::Cpuset => "CPUs",
        Resource::Workers => "workers",
        Resource::BusiestWorker => "the busiest worker",
        Resource::Backend => "the backend's slots",
        Resource::Pool => "connections to the backend",
        Resource::Network => "the network",
        Resource::Users => "users",
        Resource::Mock => "the mock's CPU",
        Resource::Generator => "the load generator",
    };
    joined(of.iter().map(|it| name(it).to_owned()), " and ").unwrap_or_default()
}

/// What is missing, and how to get it.
fn missing(missing: Missing) -> &'static str {
    match missing {
        Missing::Throughput => "a valid visit with successful requests",
        Missing::RequiredEvidence => "evidence that a gate requires; the findings name it",
        Missing::Visits => "more visits of each setting (vscale study --blocks 5 or more)",
        Missing::CpuTime => "the target's CPU time",
        Missing::Throttling => "how long the quota held the target back",
        Missing::ThreadTimes => "CPU time of the target's threads, with x-vscale.workers naming its workers",
        Missing::RunQueueWait => "how long its threads waited for a CPU",
        Missing::Switches => "how often its threads gave up their CPU",
        Missing::BackendTruth => "requests and processing time at the backend (vscale's own mock tells them)",
        Missing::WorkingSet => "the target's memory",
        Missing::MemoryPressure => "time waited for memory (PSI, which this kernel does not tell)",
        Missing::IoPressure => "time waited for a disk (PSI, which this kernel does not tell)",
        Missing::NetworkLimit => "the most that this network can carry",
        Missing::DoubledUsers => "the same with twice the users (vscale study --users-per-worker, doubled)",
        Missing::WorkerSweep => "other worker counts (vscale study --workers 1,2,4,8)",
    }
}

/// `98.0 % of the quota used (near from 90.0 %)`.
pub fn number(number: &Number) -> String {
    let (value, percent) = (number.value, cells::percent(number.value));
    let limit = |text: fn(f64) -> String| number.limit.map_or_else(String::new, |it| format!(" (limit {})", text(it)));
    let plain = |value: f64| format!("{value:.2}");
    match number.figure {
        Figure::QuotaUse => format!("{percent} of the quota used{}", limit(cells::percent)),
        Figure::ThrottledPeriods => format!("{percent} of its periods throttled{}", limit(cells::percent)),
        Figure::ThrottledTime => format!("{percent} of the time throttled{}", limit(cells::percent)),
        Figure::CpusetUse => format!("{percent} of the CPUs used{}", limit(cells::percent)),
        Figure::RunQueueWait => format!("threads waited for {percent} of the CPUs' time{}", limit(cells::percent)),
        Figure::BusiestThreads => format!("busiest threads at {percent} of a CPU{}", limit(cells::percent)),
        Figure::BusiestWorker => format!("busiest worker at {percent} of a CPU{}", limit(cells::percent)),
        Figure::Imbalance => format!("it does {} times the mean{}", plain(value), limit(plain)),
        Figure::SlotUse => format!("{percent} of the backend's slots used{}", limit(cells::percent)),
        Figure::BackendInFlight => format!("{} requests at the backend{}", plain(value), limit(plain)),
        Figure::Connections => format!("{value:.0} connections to it, always"),
        Figure::BackendQueueing => format!("they take {} times their processing{}", plain(value), limit(plain)),
        Figure::NetworkUse => format!("{percent} of the network's most{}", limit(cells::percent)),
        Figure::MemoryUse => format!("{percent} of the memory limit in use{}", limit(cells::percent)),
        Figure::MemoryPressure => format!("memory waited for {percent} of the time{}", limit(cells::percent)),
        Figure::MajorFaults => format!("{value:.0} pages a second read back{}", limit(|it| format!("{it:.0}"))),
        Figure::IoPressure => format!("a disk waited for {percent} of the time{}", limit(cells::percent)),
        Figure::DoubledUsers => format!("{} times as much with twice the users{}", plain(value), limit(plain)),
        Figure::MoreWorkers => format!("{} times as much with more workers{}", plain(value), limit(plain)),
        Figure::VoluntarySwitches => {
            format!("{} times a request a thread gave up its CPU{}", plain(value), limit(plain))
        }
        Figure::Efficiency => format!("efficiency {}{}", plain(value), limit(plain)),
        Figure::Sigma => format!("serialised share {}{}", plain(value), limit(plain)),
        Figure::Knee => format!("nothing gained beyond {value:.1} workers"),
        Figure::TicksAtLimit => format!("at the CPU limit in {percent} of 100 ms ticks{}", limit(cells::percent)),
        Figure::TicksFarBelow => format!("far below it in {percent}{}", limit(cells::percent)),
        Figure::LowerMode => format!("{} requests/s in the lower cluster", cells::rps(value)),
        Figure::UpperMode => format!("{} requests/s in the upper", cells::rps(value)),
        Figure::LastOverBest => format!("the last point does {percent} of the best"),
        Figure::BestWorkers => format!("the best has {}", counted(value as u64, "worker")),
        Figure::LastWorkers => format!("up to {}", counted(value as u64, "worker")),
    }
}

fn joined(parts: impl Iterator<Item = String>, between: &str) -> Option<String> {
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| parts.join(between))
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests;
