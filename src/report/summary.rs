//! What a person reads first, as tables and sentences: baseline against stack for each level, growth over workers, what
//! a request costs, what was attested, and the warnings. Says it once for every reporter; draws nothing.

use super::cells::{self, NONE, or_none};
use super::scaling::{is_valid, reference, scaled};
use super::table::Table;
use crate::model::{CgroupLimits, Level, Limits, LoadModel, Phase, RunResult, Stage, Warning};
use crate::text::plain;
use crate::units::{format_bytes, format_cpu_list, format_us, format_utc, parse_cpu_list};
use serde::Serialize;

/// The first page of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The run's name.
    pub title: String,
    /// The run's id.
    pub id: String,
    /// Whether there is a level, and every one measured what it says it measured.
    pub valid: bool,
    /// The result in a sentence.
    pub headline: String,
    /// What was done and where: (name, value).
    pub facts: Vec<(String, String)>,
    /// In reading order.
    pub tables: Vec<Table>,
    /// What limits the numbers.
    pub warnings: Vec<Remark>,
    /// How to read the tables.
    pub notes: Vec<String>,
}

/// A warning as text.
#[derive(Clone, Debug, Serialize)]
pub struct Remark {
    /// In a sentence.
    pub text: String,
    /// Whether it invalidates.
    pub bad: bool,
}

impl From<&Warning> for Remark {
    fn from(warning: &Warning) -> Self {
        Self { text: plain(&warning.to_string()), bad: warning.invalidates() }
    }
}

/// The first page of `run`.
pub fn summary(run: &RunResult) -> Summary {
    let mut tables = Vec::new();
    if run.levels.len() > 1 {
        tables.push(scaling(run));
    }
    if !run.levels.is_empty() {
        tables.push(comparison(run));
        tables.extend([by_clock(run), streams(run)].into_iter().flatten());
        tables.extend([costs(run), attested(run)]);
    }
    Summary {
        title: plain(&run.name),
        id: plain(&run.id),
        valid: !run.levels.is_empty() && run.is_valid(),
        headline: headline(run),
        facts: facts(run).map(|(name, value)| (name.to_owned(), plain(&value))).into(),
        tables,
        warnings: run.all_warnings().map(Remark::from).collect(),
        notes: notes(run),
    }
}

/// Of the valid levels only: an invalid one's throughput is not worth a sentence. Of equals, the first.
fn headline(run: &RunResult) -> String {
    let (target, backend) = (plain(&run.settings.target), plain(&run.settings.backend));
    let valid = scaled(run).into_iter().filter(|scaled| is_valid(scaled.level));
    let Some(best) = valid.rev().max_by(|a, b| throughput(a.level).total_cmp(&throughput(b.level))) else {
        return if run.levels.is_empty() { "No level was completed." } else { "No level is valid." }.to_owned();
    };
    let rate = cells::rps(throughput(best.level));
    let workers = counted(u64::from(best.level.workers), "worker");
    match (best.speed_up, reference(run)) {
        (Some(times), Some(Level { workers: fewest, .. })) if best.level.workers > *fewest => {
            format!("{target}: at most {rate} requests/s, with {workers}: {times:.2} times that of {fewest}.")
        }
        _ => {
            let added = or_none(best.level.overhead_p50_us(), format_us);
            format!(
                "{target}: {rate} requests/s with {workers}; a median request takes {added} longer than at {backend}."
            )
        }
    }
}

fn facts(run: &RunResult) -> [(&'static str, String); 6] {
    let settings = &run.settings;
    let took = run.finished_unix_us.map(|end| cells::duration(end.saturating_sub(run.started_unix_us)));
    let took = took.map_or_else(|| "not finished".to_owned(), |took| format!("took {took}"));
    let placed = |service: &str, cpus: &[u32]| format!("{service} on CPU {}", format_cpu_list(cpus));
    [
        ("run", format!("{}, {took}", format_utc(run.started_unix_us))),
        ("load", levels_in_words(run)),
        (
            "CPUs",
            [
                placed(&settings.target, &run.placement.target),
                placed(&settings.backend, &run.placement.backend),
                placed(&settings.load, &run.placement.load),
            ]
            .join(", "),
        ),
        ("limits", format!("CPU quota: {}; memory: {}", quota(settings.cpus_cores), memory(settings.memory_bytes))),
        (
            "host",
            format!(
                "{}, {} CPUs, {}, Linux {}",
                host_cpu(run),
                run.host.cpus.len(),
                format_bytes(run.host.memory_bytes),
                run.host.kernel
            ),
        ),
        ("engine", format!("{} {}, cgroup v{}", run.engine.name, run.engine.version, run.engine.cgroup_version)),
    ]
}

fn levels_in_words(run: &RunResult) -> String {
    let settings = &run.settings;
    let levels = counted(run.levels.len() as u64, "level");
    let each = cells::duration(settings.run_time_us);
    let load = load_in_words(&settings.model, &settings.stages);
    format!("{levels} of {each} counted, {load}, at most {} warm-up", cells::duration(settings.warm_up_us))
}

/// `16 users, 10 started each second`; with stages, their targets and lengths behind it.
pub fn load_in_words(model: &LoadModel, stages: &[Stage]) -> String {
    let stages = stages.iter().map(|stage| format!(", to {} in {}", stage.target, cells::duration(stage.duration_us)));
    stages.fold(model.to_string(), |text, stage| text + &stage)
}

fn host_cpu(run: &RunResult) -> &str {
    if run.host.cpu_model.is_empty() { "unnamed CPU" } else { &run.host.cpu_model }
}

fn scaling(run: &RunResult) -> Table {
    let title = format!("Growth with workers: {}", run.settings.target);
    let columns = ["level", "#workers", "#requests/s", "#speed-up", "#efficiency", "#p50", "#p95", "#p99", "#failed"];
    let mut table = Table::new(plain(&title), columns);
    for scaled in scaled(run) {
        let mut row = vec![
            scaled.level.name.clone(),
            scaled.level.workers.to_string(),
            cells::rps(throughput(scaled.level)),
            or_none(scaled.speed_up, |times| format!("{times:.2}")),
            or_none(scaled.efficiency, |share| format!("{share:.2}")),
        ];
        row.extend(latencies(&scaled.level.stack));
        table.row(row).bad = !is_valid(scaled.level);
    }
    table
}

fn comparison(run: &RunResult) -> Table {
    let services = services(run);
    let mut columns = ["level", "load on", "#requests/s", "#p50", "#p95", "#p99", "#failed"].map(String::from).to_vec();
    columns.extend(services.iter().map(|service| format!("#{service} CPU")));
    let title = format!("Baseline ({}) against stack ({}); CPU in cores", run.settings.backend, run.settings.target);
    let mut table = Table::new(plain(&title), columns);
    for (level, phase) in phases(run) {
        let mut row = vec![level.name.clone(), phase.name.to_string(), cells::rps(phase.load.throughput_rps())];
        row.extend(latencies(phase));
        row.extend(services.iter().map(|service| cpu(phase, service)));
        table.row(row).bad = phase.load.latency().count() == 0;
    }
    table
}

/// Both clocks, where requests have due times of their own.
fn by_clock(run: &RunResult) -> Option<Table> {
    let columns = ["level", "load on", "#p50", "#p95", "#p99", "#sent late, p99", "#waited to be sent", "#never sent"];
    let mut table = Table::new("Latency from when requests were due", columns);
    for (level, phase) in phases(run) {
        let Some(lag) = phase.load.send_lag() else { continue };
        let (intended, totals) = (phase.load.intended(), &phase.load.totals);
        let mut row = vec![level.name.clone(), phase.name.to_string()];
        row.extend([50.0, 95.0, 99.0].map(|percent| cells::percentile(&intended, percent)));
        row.push(cells::percentile(&lag, 99.0));
        row.extend([totals.delayed, totals.unsent].map(cells::grouped));
        table.row(row);
    }
    (!table.rows.is_empty()).then_some(table)
}

/// Token times, where streams were asked for.
fn streams(run: &RunResult) -> Option<Table> {
    let columns = ["level", "load on", "#tokens/s", "#TTFT p50", "#TTFT p95", "#TTFT p99", "#ITL p50", "#ITL p99"];
    let title = "Streams: time to first token (TTFT), inter-token latency (ITL)";
    let mut table = Table::new(title, columns);
    for (level, phase) in phases(run) {
        let Some(stream) = phase.load.stream() else { continue };
        let mut row = vec![level.name.clone(), phase.name.to_string(), cells::rps(phase.load.tokens_per_s())];
        row.extend([50.0, 95.0, 99.0].map(|percent| cells::percentile(&stream.ttft, percent)));
        row.extend([50.0, 99.0].map(|percent| cells::percentile(&stream.itl, percent)));
        table.row(row);
    }
    (!table.rows.is_empty()).then_some(table)
}

fn phases(run: &RunResult) -> impl Iterator<Item = (&Level, &Phase)> {
    run.levels.iter().flat_map(|level| [(level, &level.baseline), (level, &level.stack)])
}

fn costs(run: &RunResult) -> Table {
    let columns = ["level", "#added to p50", "#CPU a request", "#throttled", "#memory peak", "#ready after"];
    let mut table = Table::new(plain(&format!("What a request through {} costs", run.settings.target)), columns);
    for level in &run.levels {
        let target = level.stack.usage(&run.settings.target);
        table.row([
            level.name.clone(),
            or_none(level.overhead_p50_us(), format_us),
            or_none(level.target_cpu_per_request_us(&run.settings.target), format_us),
            or_none(target.and_then(|usage| usage.throttled_ratio), cells::percent),
            or_none(target, |usage| format_bytes(usage.memory_peak_bytes)),
            format_us(level.ready_after_us as f64),
        ]);
    }
    table
}

fn attested(run: &RunResult) -> Table {
    let title = format!("Read back from {}: a difference from what was asked is spelt out", run.settings.target);
    let mut table = Table::new(plain(&title), ["level", "workers", "CPUs", "CPU quota", "memory", "valid"]);
    for level in &run.levels {
        let valid = is_valid(level);
        let mut row = vec![level.name.clone(), workers(level)];
        let limits = level.attestation.limits.iter().find(|limits| limits.service == run.settings.target);
        row.extend(limits.map_or([NONE; 3].map(String::from), limits_in_words));
        row.push(if valid { "yes" } else { "NO" }.to_owned());
        table.row(row).bad = !valid;
    }
    table
}

fn workers(level: &Level) -> String {
    let [asked, before, after] = [level.workers, level.attestation.workers_before, level.attestation.workers_after]
        .map(|count| count.to_string());
    cells::asked_and_found(&asked, &[&before, &after])
}

fn limits_in_words(limits: &Limits) -> [String; 3] {
    let found: Vec<&CgroupLimits> = [Some(&limits.engine), limits.inside.as_ref()].into_iter().flatten().collect();
    let compare = |of: fn(&CgroupLimits) -> String| {
        let texts: Vec<String> = found.iter().map(|limits| of(limits)).filter(|text| text != NONE).collect();
        cells::asked_and_found(&of(&limits.asked), &texts.iter().map(String::as_str).collect::<Vec<_>>())
    };
    [compare(cpuset), compare(|limits| quota(limits.cpu_quota_cores)), compare(|limits| memory(limits.memory_bytes))]
}

/// A CPU set in the shortest notation.
pub(super) fn cpuset(limits: &CgroupLimits) -> String {
    let shortest = |text: &String| parse_cpu_list(text).map_or_else(|_| text.clone(), |cpus| format_cpu_list(&cpus));
    or_none(limits.cpuset.as_ref(), shortest)
}

/// A CPU quota.
pub(super) fn quota(cores: Option<f64>) -> String {
    cores.map_or_else(|| "no quota".to_owned(), cells::cores)
}

/// A memory limit.
pub(super) fn memory(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "no limit".to_owned(), format_bytes)
}

/// Backend, target and load generator, in the order in which a request is named: who is loaded, then who loads.
pub(super) fn services(run: &RunResult) -> [&str; 3] {
    [&run.settings.backend, &run.settings.target, &run.settings.load].map(String::as_str)
}

/// p50, p95, p99 and the failures of a phase.
fn latencies(phase: &Phase) -> [String; 4] {
    let latency = phase.load.latency();
    let [p50, p95, p99] = [50.0, 95.0, 99.0].map(|percent| cells::percentile(&latency, percent));
    [p50, p95, p99, cells::failed(phase.load.failure_count(), phase.load.failure_ratio())]
}

fn cpu(phase: &Phase, service: &str) -> String {
    or_none(phase.usage(service).and_then(|usage| usage.cpu_cores), cells::cores)
}

fn throughput(level: &Level) -> f64 {
    level.stack.load.throughput_rps()
}

fn notes(run: &RunResult) -> Vec<String> {
    let mut notes = vec![
        "requests/s: successful answers in the counted window, a second; percentiles: of successes only.".to_owned(),
        format!("{NONE}: not measured, or fewer than ten answers lie beyond that percentile."),
    ];
    if run.levels.len() > 1 {
        notes.push(
            "speed-up: against the valid level with the fewest workers; efficiency: that over times the workers; 1 is linear."
                .to_owned(),
        );
    }
    notes
}

/// `1 worker`, `2 workers`.
pub(super) fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", cells::grouped(count), if count == 1 { "" } else { "s" })
}
