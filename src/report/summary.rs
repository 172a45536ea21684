//! What a person reads first, as tables and sentences: the result, where it comes from, and what limits it. Says it once
//! for every reporter; draws nothing.

use super::{
    cells::{self, NONE, counted, or_none},
    findings::sentence,
    table::Table,
    tables, words,
};
use crate::{
    analyse::{self, Analysis},
    model::{CpuSet, Finding, Host, Run},
    text::plain,
    units::{format_bytes, format_us, format_utc},
};
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
    pub findings: Vec<Remark>,
    /// How to read the tables.
    pub notes: Vec<String>,
}

/// A finding as text.
#[derive(Clone, Debug, Serialize)]
pub struct Remark {
    /// In a sentence.
    pub text: String,
    /// Whether it invalidates.
    pub bad: bool,
}

impl From<&Finding> for Remark {
    fn from(finding: &Finding) -> Self {
        Self { text: sentence(finding), bad: finding.invalidates() }
    }
}

/// The first page of `run`.
pub fn summary(run: &Run, analysis: &Analysis) -> Summary {
    Summary {
        title: plain(&run.plan.name),
        id: plain(&run.id),
        valid: analysis.is_run_valid(run),
        headline: headline(run, analysis),
        facts: facts(run).map(|(name, value)| (name.to_owned(), plain(&value))).into(),
        tables: tables::all(run, analysis),
        findings: analysis.findings.iter().map(Remark::from).collect(),
        notes: notes(run),
    }
}

/// Of the valid levels only: an invalid one's throughput is not worth a sentence. Of equals, the first.
fn headline(run: &Run, analysis: &Analysis) -> String {
    let (target, backend) = (plain(&run.plan.roles.target), plain(&run.plan.roles.backend));
    let rows = run.visited.iter().zip(&analysis.scaling.rows);
    let valid = rows.filter(|(visited, _)| analysis.is_valid(visited));
    let loaded = valid.filter_map(|(visited, scaled)| Some((visited, scaled, scaled.throughput_rps?)));
    let Some((best, scaled, rps)) = loaded.rev().max_by(|(.., a), (.., b)| a.total_cmp(b)) else {
        return if run.visited.is_empty() { "No level was completed." } else { "No level is valid." }.to_owned();
    };
    let rate = cells::rps(rps);
    let workers = counted(u64::from(best.workers), "worker");
    let fewest = analysis.scaling.reference.map(|index| run.visited[index].workers);
    match (scaled.speed_up, fewest) {
        (Some(times), Some(fewest)) if best.workers > fewest => {
            format!("{target}: at most {rate} requests/s, with {workers}: {times:.2} times that of {fewest}.")
        }
        _ => {
            let added = or_none(analyse::overhead_p50_us(best), format_us);
            format!(
                "{target}: {rate} requests/s with {workers}; a median request takes {added} longer than at {backend}."
            )
        }
    }
}

fn facts(run: &Run) -> [(&'static str, String); 6] {
    let (plan, roles, placement) = (&run.plan, &run.plan.roles, run.plan.placement());
    let took = run.finished_unix_us.map(|end| cells::duration(end.saturating_sub(run.started_unix_us)));
    let took = took.map_or_else(|| "not finished".to_owned(), |took| format!("took {took}"));
    let placed = |service: &str, cpus: &CpuSet| format!("{service} on CPU {cpus}");
    let each_host = |of: fn(&Host) -> String| run.origin.hosts.iter().map(of).collect::<Vec<_>>().join("; ");
    [
        ("run", format!("{}, {took}", format_utc(run.started_unix_us))),
        ("load", load(run)),
        (
            "CPUs",
            [
                placed(&roles.target, &placement.target),
                placed(&roles.backend, &placement.backend),
                placed(&roles.generator, &placement.generator),
            ]
            .join(", "),
        ),
        ("limits", format!("CPU quota: {}; memory: {}", words::quotas(plan), words::memories(plan))),
        ("host", each_host(host)),
        ("engine", each_host(engine)),
    ]
}

fn load(run: &Run) -> String {
    let plan = &run.plan;
    let levels = counted(run.visited.len() as u64, "level");
    let (window, warm_up) = (words::counted_window(&plan.load), words::warm_up(&plan.load.warm_up));
    format!("{levels} of {window} counted, {}, {warm_up} warm-up", words::loads(plan))
}

fn host(host: &Host) -> String {
    let facts = &host.facts;
    let cpu = if facts.cpu_model.is_empty() { "unnamed CPU" } else { &facts.cpu_model };
    format!("{cpu}, {} CPUs, {}, Linux {}", facts.cpus.len(), format_bytes(facts.memory_bytes), facts.kernel)
}

fn engine(host: &Host) -> String {
    let engine = &host.engine;
    format!("{} {}, cgroup v{}", engine.name, engine.version, engine.cgroup_version)
}

fn notes(run: &Run) -> Vec<String> {
    let mut notes = vec![
        "requests/s: successful answers in the counted window, a second; percentiles: of successes only.".to_owned(),
        format!("{NONE}: not measured, or fewer than ten answers lie beyond that percentile."),
    ];
    if run.visited.len() > 1 {
        notes.push(
            "speed-up: against the valid level with the fewest workers; efficiency: that over times the workers; 1 is linear."
                .to_owned(),
        );
    }
    notes
}
