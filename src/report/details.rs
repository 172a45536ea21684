//! The tables that only the HTML report has room for: what was asked, read back, used and run, one by one.

use super::{
    cells::{self, NONE, or_none},
    table::Table,
    words,
};
use crate::{
    limits,
    measure::{Rates, busiest, process_cores},
    model::{LimitValue, LoadResult, Phase, PhaseKind, Plan, Run, StopCause, Visited},
    text::{plain, shortened},
    units::{format_bytes, format_us, format_utc},
};

const MOST_ERROR_CHARACTERS: usize = 300;
const MOST_PROCESSES: usize = 64;

/// Locust's statistics table, with the percentiles that have ten samples beyond them.
pub fn figures(load: &LoadResult) -> Table {
    let columns = [
        "method",
        "name",
        "#requests",
        "#failed",
        "#req/s",
        "#mean",
        "#p50",
        "#p90",
        "#p95",
        "#p99",
        "#p99.9",
        "#min",
        "#max",
    ];
    let title = match load.told_by {
        None => "Successful answers by name; latency from sending to the whole answer".to_owned(),
        Some(tool) => format!("Answers by name; latencies as {tool} tells them"),
    };
    let mut table = Table::new(title, columns);
    let seconds = load.window.duration_us as f64 / 1e6;
    let all = load.latencies();
    let named = load
        .requests
        .iter()
        .map(|stats| ([stats.method.as_str(), stats.name.as_str()], stats.requests, stats.failures, stats.latencies()));
    for (who, requests, failures, latency) in
        named.chain([(["", "all"], load.request_count(), load.failure_count(), all)])
    {
        let successes = requests.saturating_sub(failures) as f64;
        let mut row: Vec<String> = who.map(String::from).into();
        row.push(cells::grouped(requests));
        row.push(cells::failed(failures, failures as f64 / requests.max(1) as f64));
        row.push(cells::rps(if seconds > 0.0 { successes / seconds } else { 0.0 }));
        let when_any = |us: f64| if latency.count() > 0 { format_us(us) } else { NONE.to_owned() };
        row.push(when_any(latency.mean_us()));
        let percentile = |percent| or_none(latency.supported_percentile_us(percent), |us| format_us(us as f64));
        row.extend([50.0, 90.0, 95.0, 99.0, 99.9].map(percentile));
        row.extend([latency.min_us(), latency.max_us()].map(|us| when_any(us as f64)));
        table.row(row);
    }
    table
}

/// Failures by what went wrong; `None` without any.
pub fn failures(load: &LoadResult) -> Option<Table> {
    let columns = ["method", "name", "error", "#occurrences", "first seen", "last seen"];
    let mut table = Table::new("Failures", columns);
    for group in &load.failures {
        table.row([
            group.method.clone(),
            group.name.clone(),
            shortened(&plain(&group.error), MOST_ERROR_CHARACTERS),
            cells::grouped(group.occurrences),
            format_utc(group.first_seen_unix_us),
            format_utc(group.last_seen_unix_us),
        ]);
    }
    (!table.rows.is_empty()).then_some(table)
}

/// What each container used, phase by phase.
pub fn usage(visited: &Visited) -> Table {
    let columns =
        ["load on", "container", "#CPU (cores)", "#throttled", "#memory peak", "#received/s", "#sent/s", "#samples"];
    let mut table = Table::new("What each container used in the counted window", columns);
    for phase in &visited.phases {
        for usage in &phase.usage {
            let used = Rates::over(usage, &phase.load.window);
            let rate = |bytes_per_s: Option<f64>| or_none(bytes_per_s, |rate| format_bytes(rate as u64));
            table.row([
                phase.kind.to_string(),
                usage.container.clone(),
                or_none(used.cpu_cores, cells::cores),
                or_none(used.throttled_ratio, cells::percent),
                or_none(used.memory_peak_bytes, format_bytes),
                rate(used.received_bytes_per_s),
                rate(used.sent_bytes_per_s),
                usage.samples.len().to_string(),
            ]);
        }
    }
    table
}

/// The load generator's own use, phase by phase; of several, what they used together.
pub fn generator(visited: &Visited) -> Table {
    let columns = ["load on", "#threads", "#CPU a request", "#memory peak", "#connections", "#sent again", "ended by"];
    let mut table = Table::new("The load generator itself", columns);
    for phase in &visited.phases {
        let (load, totals) = (&phase.load, &phase.load.totals);
        let is_ours = load.told_by.is_none();
        let of_ours = |text: String| if is_ours { text } else { NONE.to_owned() };
        table.row([
            phase.kind.to_string(),
            of_ours(load.generator_threads().to_string()),
            or_none(load.generator_cpu_per_request_us().filter(|_| is_ours), format_us),
            of_ours(format_bytes(load.generator_memory_bytes())),
            or_none(totals.connections_opened, cells::grouped),
            or_none(totals.retries, cells::grouped),
            match load.stopped_by {
                StopCause::RunTime => "run time",
                StopCause::Signal => "a signal",
                StopCause::Iterations => "iterations",
            }
            .to_owned(),
        ]);
    }
    table
}

/// The target's processes as last seen, the busiest first; `None` where none were watched.
pub fn processes(phase: &Phase) -> Option<Table> {
    let last = phase.processes.last()?;
    let order = busiest(&phase.processes);
    let rank = |pid: u32| order.iter().position(|other| *other == pid).unwrap_or(usize::MAX);
    let mut processes: Vec<_> = last.processes.iter().collect();
    processes.sort_by_key(|process| (rank(process.pid), process.pid));
    let columns = ["#pid", "#parent", "command", "#threads", "#CPU (cores)", "#memory", "may run on CPU"];
    let mut table = Table::new("Processes of the target, as last seen", columns);
    for process in processes.into_iter().take(MOST_PROCESSES) {
        table.row([
            process.pid.to_string(),
            process.ppid.to_string(),
            shortened(&plain(&process.command_line), 100),
            process.threads.to_string(),
            or_none(process_cores(&phase.processes, process.pid), cells::cores),
            format_bytes(process.rss_bytes),
            process.cpus_allowed.to_string(),
        ]);
    }
    Some(table)
}

/// The limits of every container, as asked for, as the engine says, as seen inside.
pub fn limits(visited: &Visited) -> Table {
    let columns = ["container", "what", "asked for", "engine says", "seen inside"];
    let mut table = Table::new("Limits: asked for, set, seen", columns);
    for row in &visited.attestation.limits {
        let words = |value: &Option<LimitValue>| or_none(value.as_ref(), |value| limits::in_words(row.limit, value));
        let what = limits::name(row.limit).to_owned();
        table.row([row.container.clone(), what, words(&row.asked), words(&row.engine), words(&row.inside)]);
    }
    table
}

/// The images that ran.
pub fn images(run: &Run) -> Table {
    let mut table = Table::new("Images", ["service", "reference", "id", "#size"]);
    for image in &run.origin.images {
        table.row([image.service.clone(), image.reference.clone(), image.id.clone(), format_bytes(image.size_bytes)]);
    }
    table
}

/// Hosts and their engines, and what was asked for: name and value.
pub fn environment(run: &Run) -> Table {
    let mut table = Table::new("Host, engine and settings", ["what", "value"]);
    for host in &run.origin.hosts {
        let (facts, engine) = (&host.facts, &host.engine);
        for (what, value) in [
            ("CPU", if facts.cpu_model.is_empty() { "unnamed".to_owned() } else { facts.cpu_model.clone() }),
            ("CPUs online", facts.cpus.len().to_string()),
            ("frequency governor", facts.governor.clone().unwrap_or_else(|| "none shown (virtual machine)".to_owned())),
            ("memory", format_bytes(facts.memory_bytes)),
            ("kernel", facts.kernel.clone()),
            ("engine", format!("{} {} (API {})", engine.name, engine.version, engine.api_version)),
            ("cgroup", format!("v{}", engine.cgroup_version)),
            ("storage driver", engine.storage_driver.clone()),
        ] {
            table.row([what.to_owned(), value]);
        }
    }
    let plan = &run.plan;
    let workers: Vec<String> = plan.points.iter().map(|point| point.workers.to_string()).collect();
    let workers = match (&plan.workers, plan.proves_workers()) {
        (None, _) => "as the server has them".to_owned(),
        (Some(_), true) => workers.join(", "),
        (Some(_), false) => format!("{}, not proved", workers.join(", ")),
    };
    for (what, value) in [
        ("workers", workers),
        ("load", words::loads(plan)),
        ("counted window", words::counted_window(&plan.load)),
        ("warm-up", words::warm_up(&plan.load.warm_up)),
        ("CPU quota", words::quotas(plan)),
        ("memory limit", words::memories(plan)),
        ("roles", in_words(plan)),
    ] {
        table.row([what.to_owned(), value]);
    }
    if let Some(tool) = &plan.tool {
        table.row(["load generator".to_owned(), words::load_tool(tool)]);
    }
    table
}

/// Who does what.
fn in_words(plan: &Plan) -> String {
    let roles = &plan.roles;
    let behind: Vec<&str> = plan.helpers().map(|(name, _)| name).collect();
    let behind = match &behind[..] {
        [] => String::new(),
        [one] => format!("{one} is behind it, "),
        several => format!("{} are behind it, ", several.join(" and ")),
    };
    format!("{} is measured, {behind}{} loads", roles.target, roles.generator)
}

/// The CSS class of a phase.
pub fn phase_class(kind: PhaseKind) -> &'static str {
    match kind {
        PhaseKind::Baseline | PhaseKind::Null => "baseline",
        PhaseKind::Target => "target",
    }
}
