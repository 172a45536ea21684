//! `result.json`, all numbers of a run in one file, and `manifest.json`, what one needs to run it again and to tell whether
//! two runs may be compared.

use crate::{
    analyse::{Analysis, Scaling, Study},
    error::{Error, Result},
    model::{
        EngineFacts, Finding, HostFacts, HostPlan, ImageFacts, LoadPlan, Plan, Point, Roles, Run, Stage, StudyPlan,
        Turn, Until, WarmUp, WorkersPlan,
    },
};
use schemars::JsonSchema;
use serde::Serialize;

/// The text of `result.json`.
pub fn result(run: &Run, analysis: &Analysis) -> Result<String> {
    let study = Study::of(run, analysis);
    pretty(&ResultFile { run, findings: &analysis.findings, scaling: &analysis.scaling, study })
}

/// What was measured, and behind it what follows.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Result")]
pub(super) struct ResultFile<'a> {
    #[serde(flatten)]
    run: &'a Run,
    /// What limits what the numbers say.
    findings: &'a [Finding],
    /// How throughput grows with workers.
    scaling: &'a Scaling,
    /// A study's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    study: Option<Study>,
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

/// What one needs to run it again.
#[derive(Serialize, JsonSchema)]
pub(super) struct Manifest<'a> {
    /// Of a run's files.
    schema_version: u32,
    /// The run's.
    id: &'a str,
    /// The compose file's project name.
    name: &'a str,
    /// Microseconds since 1970 UTC.
    started_unix_us: u64,
    /// Version of this program.
    vscale_version: &'a str,
    /// Its arguments, secrets redacted.
    arguments: &'a [String],
    /// What was to be done.
    plan: PlanSummary<'a>,
    /// Kernel, CPUs, memory.
    host: &'a HostFacts,
    /// The engine on it.
    engine: &'a EngineFacts,
    /// By service.
    images: &'a [ImageFacts],
}

/// The plan without what is sent: that may be large, and secret.
#[derive(Serialize, JsonSchema)]
struct PlanSummary<'a> {
    /// Which service is which.
    roles: &'a Roles,
    /// How a worker count reaches the target, and how it is proved; absent where the target is taken as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    workers: Option<&'a WorkersPlan>,
    /// Who runs where on each host.
    hosts: &'a [HostPlan],
    /// The settings to visit.
    points: &'a [Point],
    /// The order of visits.
    blocks: &'a [Vec<Turn>],
    /// How it goes on beyond these blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    study: &'a Option<StudyPlan>,
    /// How the target is loaded, but for the model, which each point has.
    load: LoadSummary<'a>,
}

/// A load without what is sent.
#[derive(Serialize, JsonSchema)]
struct LoadSummary<'a> {
    /// How the users, or the rate, change.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stages: &'a [Stage],
    /// What ends the load, where there are no stages.
    until: Until,
    /// What comes before the counted window.
    warm_up: WarmUp,
    /// Longest wait for answers after the load's end.
    drain_us: u64,
    /// For each request.
    timeout_us: u64,
    /// Of all that is random.
    seed: u64,
    /// Whether answers are streams, timed token by token.
    stream: bool,
    /// Whether a connection serves more than one request.
    keep_alive: bool,
    /// What is sent, chosen by weight.
    requests: Vec<RequestSummary<'a>>,
}

/// A request without its headers and its body.
#[derive(Serialize, JsonSchema)]
struct RequestSummary<'a> {
    /// `POST`.
    method: &'a str,
    /// Under which its answers are counted.
    name: &'a str,
    /// How often it is sent beside the others.
    weight: f64,
}

impl<'a> PlanSummary<'a> {
    fn of(plan: &'a Plan) -> Self {
        Self {
            roles: &plan.roles,
            workers: plan.workers.as_ref(),
            hosts: &plan.hosts,
            points: &plan.points,
            blocks: &plan.blocks,
            study: &plan.study,
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
