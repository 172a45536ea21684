//! The HTML reports: one file each, no script, no network. Templates and style are part of the binary; everything that
//! is not theirs is escaped, and a content security policy forbids whatever might slip through.
//!
//! The policy names the style by its hash, so the style's text and the hash are made from the same constant.

use super::{
    cells::{self, counted},
    chart::Chart,
    charts, clocks, details,
    file_names::worth_opening,
    study, study_charts, study_tables,
    summary::{Remark, Summary, summary},
    table::Table,
    tables, timeline, words,
    workers::Workers,
};
use crate::{
    analyse::{Analysis, Study},
    model::{Cpu, LoadResult, Phase, PhaseKind, Run, Visited},
    text::plain,
    units::{format_us, format_utc},
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;
use tera::{Context, Tera};

const STYLE: &str = include_str!("templates/style.css");

static TEMPLATES: LazyLock<Tera> = LazyLock::new(|| {
    let mut tera = Tera::default();
    tera.add_raw_templates([
        ("components.html", include_str!("templates/components.html")),
        ("page.html", include_str!("templates/page.html")),
        ("load.html", include_str!("templates/load.html")),
        ("run.html", include_str!("templates/run.html")),
        ("level.html", include_str!("templates/level.html")),
    ])
    .expect("the templates are constants, and the tests render each");
    tera
});

/// With more levels than this, each has a page of its own, and the run's page only leads there.
pub const MOST_LEVELS_INSIDE: usize = 20;

/// `report.html`: the whole run, and the compose file that it was made from, as resolved.
pub fn run(run: &Run, analysis: &Analysis, compose: &str) -> String {
    let is_inside = !has_level_pages(run);
    let summary = summary(run, analysis);
    let study = Study::of(run, analysis);
    let (first, more) = summary.findings.split_at(summary.findings.len().min(MOST_WARNINGS));
    let page = RunPage {
        title: format!("{}: {}", plain(&run.plan.name), plain(&run.id)),
        warnings: match summary.findings.len() as u64 {
            0 => String::new(),
            count => counted(count, "warning"),
        },
        first_warnings: first.to_vec(),
        more_warnings: more.to_vec(),
        charts: match &study {
            Some(study) => study_charts::all(run, analysis, study),
            None => run_charts(run, analysis),
        },
        evidence: study.as_ref().and_then(|study| study_tables::evidence(run, study)),
        gaps: study.as_ref().map(|study| study::gaps(run, study)).unwrap_or_default(),
        last_loads: last_loads(run),
        each_visit: study.as_ref().map(|_| tables::of_visits(run, analysis)).unwrap_or_default(),
        is_study: study.is_some(),
        visits: run.visited.iter().map(|visited| visit_section(run, analysis, visited, is_inside)).collect(),
        cpus: cpu_map(run),
        placement: plain(&run.plan.placement().reason),
        images: details::images(run),
        environment: details::environment(run),
        compose: compose.lines().map(plain_line).collect::<Vec<_>>().join("\n"),
        summary,
    };
    render("run.html", &page)
}

fn last_loads(run: &Run) -> Vec<(String, &'static str)> {
    let last = run.visited.last();
    let has = |kind: &PhaseKind| last.is_some_and(|visited| visited.phase(*kind).is_some());
    let kinds = [PhaseKind::Baseline, PhaseKind::Target].into_iter().filter(has);
    kinds.map(|kind| (kind.to_string(), kind.file_stem())).collect()
}

/// So many stand above the charts; the others are one click away.
const MOST_WARNINGS: usize = 8;

/// Whether the run has too many levels for one page.
pub fn has_level_pages(run: &Run) -> bool {
    run.visited.len() > MOST_LEVELS_INSIDE
}

/// `levels/<id>/report.html`: a level of a run that has many.
pub fn level(run: &Run, analysis: &Analysis, visited: &Visited) -> String {
    let page = LevelPage {
        title: format!("{}: {}", plain(&run.plan.name), plain(&visited.id)),
        run: plain(&run.id),
        visit: visit_section(run, analysis, visited, true),
    };
    render("level.html", &page)
}

/// `baseline.html` or `stack.html`: one load phase, as Locust's report has it; or, without a phase, a load by hand.
pub fn load(kind: Option<PhaseKind>, load: &LoadResult) -> String {
    let host = plain(&load.host);
    let page = LoadPage {
        title: kind.map_or_else(|| format!("load: {host}"), |kind| format!("{kind}: {host}")),
        phase: kind.map(|kind| kind.to_string()),
        facts: load_facts(load),
        figures: details::figures(load),
        times: [Some(clocks::times(load)), clocks::backend(load)].into_iter().flatten().collect(),
        failures: details::failures(load),
        never_answered: match load.totals.never_answered() {
            None | Some(0) => String::new(),
            Some(count) => format!("{} never answered.", counted(count, "request")),
        },
        charts: [
            timeline::throughput(load),
            timeline::latency(load),
            charts::percentile_plot(
                "Latency by percentile",
                &[("latency".to_owned(), details::phase_class(kind.unwrap_or(PhaseKind::Target)), load)],
            ),
            timeline::users(load),
        ]
        .into_iter()
        .flatten()
        .collect(),
    };
    render("load.html", &page)
}

fn render(template: &str, page: &impl Serialize) -> String {
    let mut context = Context::from_serialize(page).expect("a page is a struct of strings, numbers and lists");
    context.insert("style", STYLE);
    context.insert("style_hash", &BASE64.encode(Sha256::digest(STYLE)));
    TEMPLATES.render(template, &context).expect("the templates name only what the pages have, as the tests show")
}

#[derive(Serialize)]
struct RunPage {
    title: String,
    summary: Summary,
    warnings: String,
    first_warnings: Vec<Remark>,
    more_warnings: Vec<Remark>,
    charts: Vec<Chart>,
    is_study: bool,
    /// Of a study: behind its verdicts.
    evidence: Option<Table>,
    /// Of a study: what was not shown, and why.
    gaps: Vec<String>,
    /// What the last visit loaded, and what the page of that is called.
    last_loads: Vec<(String, &'static str)>,
    /// Of a study, whose first tables have a row a setting: a row a visit.
    each_visit: Vec<Table>,
    visits: Vec<VisitSection>,
    cpus: Vec<CpuBox>,
    placement: String,
    images: Table,
    environment: Table,
    compose: String,
}

#[derive(Serialize)]
struct LevelPage {
    title: String,
    run: String,
    visit: VisitSection,
}

#[derive(Serialize)]
struct LoadPage {
    title: String,
    phase: Option<String>,
    facts: Vec<(String, String)>,
    figures: Table,
    times: Vec<Table>,
    failures: Option<Table>,
    never_answered: String,
    charts: Vec<Chart>,
}

#[derive(Serialize)]
struct VisitSection {
    name: String,
    about: String,
    valid: bool,
    findings: Vec<Remark>,
    /// Empty where the details are on a page of their own.
    charts: Vec<Chart>,
    tables: Vec<Table>,
    /// Whether the details are here.
    inside: bool,
    /// Its files in the run's folder.
    files: Vec<String>,
}

/// One CPU of the host and who may run there.
#[derive(Serialize)]
struct CpuBox {
    id: u32,
    place: String,
    roles: Vec<String>,
    class: &'static str,
}

/// With several levels, first how it grows; with one, how its latency lies beside the baseline's.
fn run_charts(run: &Run, analysis: &Analysis) -> Vec<Chart> {
    let percentiles = run.visited.last().and_then(percentiles);
    let charts = match analysis.scaling.points.len() {
        0 | 1 => vec![percentiles],
        _ => vec![
            charts::throughput_by_workers(run, analysis),
            charts::latency_by_workers(run, analysis),
            charts::costs_by_workers(run, analysis),
            charts::baseline_and_target(run, analysis),
            percentiles,
        ],
    };
    charts.into_iter().flatten().collect()
}

fn percentiles(visited: &Visited) -> Option<Chart> {
    let load = |kind: PhaseKind| Some((kind.to_string(), details::phase_class(kind), &visited.phase(kind)?.load));
    let loads: Vec<_> = [PhaseKind::Target, PhaseKind::Baseline].into_iter().filter_map(load).collect();
    charts::percentile_plot(&format!("Latency by percentile, {}", plain(&visited.id)), &loads)
}

fn visit_section(run: &Run, analysis: &Analysis, visited: &Visited, inside: bool) -> VisitSection {
    let ready = format_us(visited.ready_after_us as f64);
    let at_most = visited.phase(PhaseKind::Null).map_or_else(String::new, |phase| {
        let rps = cells::rps(phase.load.throughput_rps());
        format!("; against a mock that answers at once, the load generator does {rps} requests/s")
    });
    let target = visited.phase(PhaseKind::Target);
    VisitSection {
        name: plain(&visited.id),
        about: {
            let many = Workers::of(&run.plan).many(visited.workers);
            format!("{}ready after {ready}{at_most}", many.map_or_else(String::new, |many| format!("{many}, ")))
        },
        valid: analysis.is_valid(visited),
        findings: analysis.of_visit(visited).map(Remark::from).collect(),
        charts: target.filter(|_| inside).map_or_else(Vec::new, |phase| visit_charts(phase, &run.plan.roles.target)),
        tables: if inside { visit_tables(visited) } else { Vec::new() },
        inside,
        files: worth_opening(run, visited),
    }
}

fn visit_charts(phase: &Phase, target: &str) -> Vec<Chart> {
    let charts = [
        timeline::throughput(&phase.load),
        timeline::latency(&phase.load),
        timeline::cpu(phase, target),
        timeline::processes(phase),
        timeline::throttling(phase, target),
    ];
    charts.into_iter().flatten().collect()
}

fn visit_tables(visited: &Visited) -> Vec<Table> {
    let of_phase = |phase: &Phase, mut table: Table| {
        table.title = format!("{}, load on {}", table.title, phase.kind);
        table
    };
    let failures = visited.phases.iter().filter_map(|phase| Some(of_phase(phase, details::failures(&phase.load)?)));
    let times = visited.phases.iter().flat_map(|phase| {
        let tables = [Some(clocks::times(&phase.load)), clocks::backend(&phase.load)];
        tables.into_iter().flatten().map(move |table| of_phase(phase, table))
    });
    let always = [details::usage(visited), details::generator(visited), details::limits(visited)];
    let processes = visited.phase(PhaseKind::Target).and_then(details::processes);
    failures.chain(times).chain(always).chain(processes).collect()
}

/// Of the first host.
fn cpu_map(run: &Run) -> Vec<CpuBox> {
    let (placement, names) = (run.plan.placement(), &run.plan.roles);
    let roles = [(&placement.target, names.target.as_str(), "target")].into_iter();
    let roles = roles.chain(run.plan.helpers().map(|(name, cpus)| (cpus, name, "baseline")));
    let roles: Vec<_> = roles.chain([(&placement.generator, names.generator.as_str(), "generator")]).collect();
    let cpu_box = |cpu: &Cpu| {
        let here: Vec<_> = roles.iter().filter(|(cpus, ..)| cpus.contains(cpu.id)).collect();
        CpuBox {
            id: cpu.id,
            place: format!("core {}, socket {}, node {}", cpu.core, cpu.package, cpu.node),
            class: match here.as_slice() {
                [] => "free",
                [(_, _, class)] => class,
                _ => "shared",
            },
            roles: here.iter().map(|(_, name, _)| plain(name)).collect(),
        }
    };
    run.host().facts.cpus.iter().map(cpu_box).collect()
}

fn load_facts(load: &LoadResult) -> Vec<(String, String)> {
    let window = &load.window;
    [
        ("loaded", load.host.clone()),
        ("counted from", format_utc(window.start_unix_us)),
        (
            "window",
            format!("{} after {} of warm-up", cells::duration(window.duration_us), cells::duration(window.warm_up_us)),
        ),
        ("load", words::load(&load.model, &load.stages)),
    ]
    .map(|(name, value)| (name.to_owned(), plain(&value)))
    .into()
}

/// A line of the compose file, its indentation kept.
fn plain_line(line: &str) -> String {
    let indent = line.len() - line.trim_start_matches(' ').len();
    format!("{}{}", &line[..indent], plain(&line[indent..]))
}
