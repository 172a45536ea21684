//! What a person reads first, as tables and sentences: the result, where it comes from, and what limits it. Says it once
//! for every reporter; draws nothing.

use super::{
    cells::{self, NONE, counted},
    findings::{sentence, worst},
    headline::headline,
    study::{self, Answer},
    study_tables,
    table::Table,
    tables, words,
};
use crate::{
    analyse::{Analysis, Study, StudyPoint},
    model::{CpuSet, Finding, Gate, Host, LoadModel, PhaseKind, Run, Severity},
    text::plain,
    units::{format_bytes, format_utc},
};
use serde::Serialize;

/// The first page of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The run's name.
    pub title: String,
    /// The run's id.
    pub id: String,
    /// Whether it is to be believed, in a word or two.
    pub badge: Badge,
    /// The result in a sentence.
    pub headline: String,
    /// Of a study, what that rests on: (name, sentences).
    pub answer: Vec<(String, String)>,
    /// What was done and where: (name, value).
    pub facts: Vec<(String, String)>,
    /// In reading order.
    pub tables: Vec<Table>,
    /// What limits the numbers, what invalidates first.
    pub findings: Vec<Remark>,
    /// How to read the tables.
    pub notes: Vec<String>,
}

/// What stands beside a run's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Badge {
    /// There is a level, and every one measured what it says it measured.
    Valid,
    /// The same, but in open loop the target did not answer all that it was asked.
    Behind,
    /// The same, but not all that was planned was visited.
    Unfinished,
    /// The host was too busy to believe it.
    Busy,
    /// Something is not what it says it is.
    Invalid,
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

impl Badge {
    /// Of a run and what follows from it.
    pub fn of(run: &Run, analysis: &Analysis) -> Self {
        Self::judged(run, analysis, Study::of(run, analysis).as_ref())
    }

    fn judged(run: &Run, analysis: &Analysis, study: Option<&Study>) -> Self {
        if run.visited.is_empty() {
            return Self::Invalid;
        }
        let is_whole = not_visited(run) == 0;
        if study.is_some_and(has_answer) && !is_against_all(analysis) && is_whole {
            return Self::Valid;
        }
        match worst(run, &analysis.findings).first().map(|finding| finding.severity) {
            Some(Severity::Invalid) => Self::Invalid,
            Some(Severity::Spoiled) => Self::Busy,
            _ if !is_whole => Self::Unfinished,
            _ if is_behind(run, analysis) => Self::Behind,
            _ => Self::Valid,
        }
    }

    /// Its words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Behind => "DID NOT KEEP UP",
            Self::Unfinished => "CUT SHORT",
            Self::Busy => "HOST TOO BUSY",
            Self::Invalid => "INVALID",
        }
    }
}

/// The first page of `run`.
pub fn summary(run: &Run, analysis: &Analysis) -> Summary {
    let study = Study::of(run, analysis);
    let answer = study.as_ref().map(|study| Answer::of(run, study));
    let (decided, said) = answer.map_or((None, Vec::new()), |answer| (answer.headline, answer.said));
    let lines = |lines: &[(&str, String)]| lines.iter().map(|(name, text)| ((*name).to_owned(), plain(text))).collect();
    Summary {
        title: plain(&run.plan.name),
        id: plain(&run.id),
        badge: Badge::judged(run, analysis, study.as_ref()),
        headline: cut_short(run, decided.map_or_else(|| headline(run, analysis), |decided| plain(&decided))),
        answer: lines(&said),
        facts: lines(&facts(run)),
        tables: study.as_ref().map_or_else(|| tables::all(run, analysis), |study| study_tables::tables(run, study)),
        findings: if study.is_some() { alike(&analysis.findings) } else { each(&analysis.findings) },
        notes: study
            .as_ref()
            .map_or_else(|| notes(run), |_| study::notes(run))
            .into_iter()
            .chain(unchecked(run))
            .collect(),
    }
}

/// What was not visited is in no result.
fn cut_short(run: &Run, headline: String) -> String {
    match not_visited(run) {
        left if left > 0 && !run.visited.is_empty() => {
            format!("Cut short, with {} left. {headline}", counted(left as u64, "visit"))
        }
        _ => headline,
    }
}

/// A certificate that nobody vouches for is taken, and that is said.
fn unchecked(run: &Run) -> Option<String> {
    let is_unchecked = run.plan.load.insecure && run.plan.tool.is_none();
    is_unchecked.then(|| "TLS: any certificate was taken; x-vscale.ca names who is to vouch for it.".to_owned())
}

/// Whether each point has two valid visits or more, and what is said of the one that is decided for can be believed.
fn has_answer(study: &Study) -> bool {
    let has_interval = |point: &StudyPoint| point.throughput_rps.is_some();
    let is_invalid = |answer: &StudyPoint| answer.judgement.limit.kind.is_invalid();
    study.points.iter().all(has_interval) && !study.answer().is_some_and(is_invalid)
}

/// Whether something speaks against a study as a whole: its single visits are left out where they are not valid.
fn is_against_all(analysis: &Analysis) -> bool {
    analysis.findings.iter().any(|finding| finding.invalidates() && finding.scope.visit.is_none())
}

/// What invalidates first.
fn each(findings: &[Finding]) -> Vec<Remark> {
    let mut remarks: Vec<Remark> = findings.iter().map(Remark::from).collect();
    remarks.sort_by_key(|remark| !remark.bad);
    remarks
}

/// The same, but of the many visits of a study only the first for which something is found.
fn alike(findings: &[Finding]) -> Vec<Remark> {
    let mut groups: Vec<(&Finding, u64)> = Vec::new();
    let is_alike = |a: &Finding, b: &Finding| {
        let place = |finding: &Finding| (finding.scope.visit.is_some(), finding.scope.phase);
        a.gate == b.gate && a.severity == b.severity && place(a) == place(b)
    };
    for finding in findings {
        match groups.iter_mut().find(|(first, _)| is_alike(first, finding)) {
            Some((_, count)) => *count += 1,
            None => groups.push((finding, 1)),
        }
    }
    groups.sort_by_key(|(first, _)| !first.invalidates());
    let remark = |(first, count): (&Finding, u64)| {
        let remark = Remark::from(first);
        if count == 1 {
            remark
        } else {
            Remark { text: format!("{} (and {} more like it)", remark.text, count - 1), ..remark }
        }
    };
    groups.into_iter().map(remark).collect()
}

/// Planned visits that were not made; of a study, those of the blocks that it has begun.
fn not_visited(run: &Run) -> usize {
    let begun = run.visited.iter().map(|visited| visited.block + 1).max().unwrap_or(0);
    let blocks = if run.plan.study.is_some() { begun } else { run.plan.blocks.len() };
    let planned = run.plan.blocks.iter().enumerate().take(blocks);
    let planned = planned.flat_map(|(block, turns)| turns.iter().map(move |turn| (block, *turn)));
    planned.filter(|at| !run.visited.iter().any(|visited| (visited.block, visited.turn()) == *at)).count()
}

/// An open loop whose target was asked for more than it answered.
fn is_behind(run: &Run, analysis: &Analysis) -> bool {
    let behind = [Gate::Unsent, Gate::Unanswered];
    let is_open = run.plan.points.iter().any(|point| matches!(point.load, LoadModel::Open { .. }));
    let of_target = |it: &Finding| it.scope.phase == Some(PhaseKind::Target);
    is_open && analysis.findings.iter().any(|it| behind.contains(&it.gate) && of_target(it))
}

fn facts(run: &Run) -> [(&'static str, String); 6] {
    let (plan, roles, placement) = (&run.plan, &run.plan.roles, run.plan.placement());
    let took = run.finished_unix_us.map(|end| cells::duration(end.saturating_sub(run.started_unix_us)));
    let took = took.map_or_else(|| "not finished".to_owned(), |took| format!("took {took}"));
    let placed = |service: &str, cpus: &CpuSet| format!("{service} on CPU {cpus}");
    let on_cpus = [placed(&roles.target, &placement.target)].into_iter();
    let on_cpus = on_cpus.chain(plan.helpers().map(|(name, cpus)| placed(name, cpus)));
    let on_cpus: Vec<String> = on_cpus.chain([placed(&roles.generator, &placement.generator)]).collect();
    let each_host = |of: fn(&Host) -> String| run.origin.hosts.iter().map(of).collect::<Vec<_>>().join("; ");
    [
        ("run", format!("{}, {took}", format_utc(run.started_unix_us))),
        ("load", load(run)),
        ("CPUs", on_cpus.join(", ")),
        ("limits", format!("CPU quota: {}; memory: {}", words::quotas(plan), words::memories(plan))),
        ("host", each_host(host)),
        ("engine", each_host(engine)),
    ]
}

fn load(run: &Run) -> String {
    let plan = &run.plan;
    let what = if plan.study.is_some() { "visit" } else { "level" };
    let levels = match not_visited(run) {
        0 => counted(run.visited.len() as u64, what),
        left => format!("{} of {}", run.visited.len(), counted((run.visited.len() + left) as u64, what)),
    };
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
    let of_what = match &run.plan.tool {
        None => "of successes only".to_owned(),
        Some(plan) => format!("as {} tells them", plan.tool),
    };
    let mut notes = vec![
        format!("requests/s: successful answers in the counted window, a second; percentiles: {of_what}."),
        format!("{NONE}: not measured, or fewer than ten answers lie beyond that percentile."),
    ];
    if let Some(plan) = &run.plan.tool {
        notes.push(format!(
            "load by {}: what that would show is not shown, and nothing is judged by it.",
            words::load_tool(plan)
        ));
    }
    if let Some(why) = &run.plan.no_baseline {
        notes.push(format!("no baseline: {}.", plain(why)));
    }
    if run.visited.len() > 1 && run.plan.proves_workers() {
        notes.push(
            "speed-up: of the median of a point's valid visits, against that of the fewest workers; efficiency: that over times \
             the workers; 1 is linear."
                .to_owned(),
        );
    }
    notes
}
