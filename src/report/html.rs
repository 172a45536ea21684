//! The HTML reports: one file each, no script, no network. Templates and style are part of the binary; everything that
//! is not theirs is escaped, and a content security policy forbids whatever might slip through.
//!
//! The policy names the style by its hash, so the style's text and the hash are made from the same constant.

use super::cells;
use super::chart::Chart;
use super::clocks;
use super::details;
use super::scaling::is_valid;
use super::summary::{Remark, Summary, counted, load_in_words, summary};
use super::table::Table;
use super::{charts, timeline};
use crate::model::{Cpu, Level, LoadResult, Phase, PhaseName, RunResult};
use crate::text::plain;
use crate::units::{format_us, format_utc};
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
    ])
    .expect("the templates are constants, and the tests render each");
    tera
});

/// `report.html`: the whole run, and the compose file that it was made from, as resolved.
pub fn run(run: &RunResult, compose: &str) -> String {
    let page = RunPage {
        title: format!("{}: {}", plain(&run.name), plain(&run.id)),
        summary: summary(run),
        charts: run_charts(run),
        levels: run.levels.iter().map(|level| level_section(run, level)).collect(),
        cpus: cpu_map(run),
        placement: plain(&run.placement.reason),
        images: details::images(run),
        environment: details::environment(run),
        compose: compose.lines().map(plain_line).collect::<Vec<_>>().join("\n"),
    };
    render("run.html", &page)
}

/// `baseline.html` or `stack.html`: one load phase, as Locust's report has it.
pub fn load(name: PhaseName, load: &LoadResult) -> String {
    let host = plain(&load.host);
    let page = LoadPage {
        title: format!("{name}: {host}"),
        phase: details::phase_class(name),
        facts: load_facts(load),
        figures: details::figures(load),
        times: [Some(clocks::times(load)), clocks::backend(load)].into_iter().flatten().collect(),
        failures: details::failures(load),
        charts: [
            timeline::throughput(load),
            timeline::latency(load),
            charts::percentile_plot("Latency by percentile", &[("latency", details::phase_class(name), load)]),
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
    charts: Vec<Chart>,
    levels: Vec<LevelSection>,
    cpus: Vec<CpuBox>,
    placement: String,
    images: Table,
    environment: Table,
    compose: String,
}

#[derive(Serialize)]
struct LoadPage {
    title: String,
    phase: &'static str,
    facts: Vec<(String, String)>,
    figures: Table,
    times: Vec<Table>,
    failures: Option<Table>,
    charts: Vec<Chart>,
}

#[derive(Serialize)]
struct LevelSection {
    name: String,
    about: String,
    valid: bool,
    warnings: Vec<Remark>,
    charts: Vec<Chart>,
    tables: Vec<Table>,
}

/// One CPU of the host and who may run there.
#[derive(Serialize)]
struct CpuBox {
    id: u32,
    place: String,
    roles: Vec<String>,
    class: &'static str,
}

/// With several levels, first how it grows; with one, baseline beside stack.
fn run_charts(run: &RunResult) -> Vec<Chart> {
    let percentiles = run.levels.last().and_then(|level| {
        let title = format!("Latency by percentile, {}", plain(&level.name));
        let loads = [("stack", "stack", &level.stack.load), ("baseline", "baseline", &level.baseline.load)];
        charts::percentile_plot(&title, &loads)
    });
    let beside = charts::baseline_beside_stack(run);
    let charts = match run.levels.len() {
        0 | 1 => vec![beside, percentiles],
        _ => vec![charts::throughput_by_workers(run), charts::latency_by_workers(run), percentiles, beside],
    };
    charts.into_iter().flatten().collect()
}

fn level_section(run: &RunResult, level: &Level) -> LevelSection {
    let stack = &level.stack;
    let ready = format_us(level.ready_after_us as f64);
    let at_most = level.null_rps.map_or_else(String::new, |rps| {
        format!("; against a mock that answers at once, the load generator does {} requests/s", cells::rps(rps))
    });
    LevelSection {
        name: plain(&level.name),
        about: format!("{}, ready after {ready}{at_most}", counted(u64::from(level.workers), "worker")),
        valid: is_valid(level),
        warnings: level.warnings.iter().map(Remark::from).collect(),
        charts: level_charts(stack, &run.settings.target),
        tables: level_tables(level),
    }
}

fn level_charts(stack: &Phase, target: &str) -> Vec<Chart> {
    let charts = [
        timeline::throughput(&stack.load),
        timeline::latency(&stack.load),
        timeline::cpu(stack, target),
        timeline::processes(stack),
        timeline::throttling(stack, target),
    ];
    charts.into_iter().flatten().collect()
}

fn level_tables(level: &Level) -> Vec<Table> {
    let failed = [&level.baseline, &level.stack].into_iter().filter_map(|phase| {
        let mut table = details::failures(&phase.load)?;
        table.title = format!("Failures, load on {}", phase.name);
        Some(table)
    });
    let times = [&level.baseline, &level.stack].into_iter().flat_map(|phase| {
        let on_phase = |mut table: Table| {
            table.title = format!("{}, load on {}", table.title, phase.name);
            table
        };
        [Some(clocks::times(&phase.load)), clocks::backend(&phase.load)].into_iter().flatten().map(on_phase)
    });
    let always = [details::usage(level), details::generator(level), details::limits(level)];
    failed.chain(times).chain(always).chain(details::processes(&level.stack)).collect()
}

fn cpu_map(run: &RunResult) -> Vec<CpuBox> {
    let (placement, settings) = (&run.placement, &run.settings);
    let roles = [
        (&placement.target, &settings.target, "stack"),
        (&placement.backend, &settings.backend, "baseline"),
        (&placement.load, &settings.load, "load"),
    ];
    let cpu_box = |cpu: &Cpu| {
        let here: Vec<_> = roles.iter().filter(|(cpus, ..)| cpus.contains(&cpu.id)).collect();
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
    run.host.cpus.iter().map(cpu_box).collect()
}

fn load_facts(load: &LoadResult) -> Vec<(String, String)> {
    let window = &load.window;
    [
        ("target", load.host.clone()),
        ("counted from", format_utc(window.start_unix_us)),
        (
            "window",
            format!("{} after {} of warm-up", cells::duration(window.duration_us), cells::duration(window.warm_up_us)),
        ),
        ("load", load_in_words(&load.model, &load.stages)),
    ]
    .map(|(name, value)| (name.to_owned(), plain(&value)))
    .into()
}

/// A line of the compose file, its indentation kept.
fn plain_line(line: &str) -> String {
    let indent = line.len() - line.trim_start_matches(' ').len();
    format!("{}{}", &line[..indent], plain(&line[indent..]))
}
