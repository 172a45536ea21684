//! `result.json`, all numbers of a run in one file, and `manifest.json`, what one needs to run it again and to tell whether
//! two runs may be compared.

use crate::{
    analyse::{Analysis, Scaling},
    error::{Error, Result},
    model::{
        EngineFacts, Finding, HostFacts, HostPlan, ImageFacts, LoadPlan, Plan, Point, Roles, Run, Stage, Until, WarmUp,
        WorkersPlan,
    },
};
use serde::Serialize;

/// The text of `result.json`.
pub fn result(run: &Run, analysis: &Analysis) -> Result<String> {
    pretty(&ResultFile { run, findings: &analysis.findings, scaling: &analysis.scaling })
}

/// What was measured, and behind it what follows.
#[derive(Serialize)]
struct ResultFile<'a> {
    #[serde(flatten)]
    run: &'a Run,
    findings: &'a [Finding],
    scaling: &'a Scaling,
}

/// The text of `manifest.json`.
pub fn manifest(run: &Run) -> Result<String> {
    let (origin, host) = (&run.origin, run.host());
    pretty(&Manifest {
        schema_version: run.schema_version,
        id: &run.id,
        name: &run.plan.name,
        started_unix_us: run.started_unix_us,
        vscale_version: &origin.vscale_version,
        arguments: &origin.arguments,
        plan: PlanSummary::of(&run.plan),
        host: &host.facts,
        engine: &host.engine,
        images: &origin.images,
    })
}

#[derive(Serialize)]
struct Manifest<'a> {
    schema_version: u32,
    id: &'a str,
    name: &'a str,
    started_unix_us: u64,
    vscale_version: &'a str,
    arguments: &'a [String],
    plan: PlanSummary<'a>,
    host: &'a HostFacts,
    engine: &'a EngineFacts,
    images: &'a [ImageFacts],
}

/// The plan without what is sent: that may be large, and secret.
#[derive(Serialize)]
struct PlanSummary<'a> {
    roles: &'a Roles,
    workers: &'a WorkersPlan,
    hosts: &'a [HostPlan],
    points: &'a [Point],
    blocks: &'a [Vec<usize>],
    load: LoadSummary<'a>,
}

#[derive(Serialize)]
struct LoadSummary<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stages: &'a [Stage],
    until: Until,
    warm_up: WarmUp,
    drain_us: u64,
    timeout_us: u64,
    seed: u64,
    stream: bool,
    keep_alive: bool,
    requests: Vec<RequestSummary<'a>>,
}

#[derive(Serialize)]
struct RequestSummary<'a> {
    method: &'a str,
    name: &'a str,
    weight: f64,
}

impl<'a> PlanSummary<'a> {
    fn of(plan: &'a Plan) -> Self {
        Self {
            roles: &plan.roles,
            workers: &plan.workers,
            hosts: &plan.hosts,
            points: &plan.points,
            blocks: &plan.blocks,
            load: LoadSummary::of(&plan.load),
        }
    }
}

impl<'a> LoadSummary<'a> {
    fn of(load: &'a LoadPlan) -> Self {
        let requests = load.requests.iter();
        Self {
            stages: &load.stages,
            until: load.until,
            warm_up: load.warm_up,
            drain_us: load.drain_us,
            timeout_us: load.timeout_us,
            seed: load.seed,
            stream: load.stream,
            keep_alive: load.keep_alive,
            requests: requests
                .map(|request| RequestSummary { method: &request.method, name: &request.name, weight: request.weight })
                .collect(),
        }
    }
}

fn pretty(value: &impl Serialize) -> Result<String> {
    let json = serde_json::to_string_pretty(value).map_err(|error| Error::Other(format!("writing JSON: {error}")))?;
    Ok(json + "\n")
}
