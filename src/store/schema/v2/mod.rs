//! Version 2, whose `result.json` has the whole run. Where it came from is in `manifest.json`, and how workers are counted
//! in the compose file.
//!
//! What it kept of the phase against a mock that answers at once is one number and no phase, so that is left out, as are
//! its warnings: findings are made anew of what was measured. What the engine warned of has no place any more.

mod level;
mod limits;

use self::{level::Level, limits::CgroupLimits};
use super::{V2_RESULT, not_a_runs, read};
use crate::{
    error::{Error, Result},
    limits::DEFAULT_PERIOD_US,
    model::{
        BackendRequests, CountBy, CpuSet, EngineFacts, Host, HostFacts, HostPlan, ImageFacts, Limit, LimitValue,
        Limits, LoadModel, LoadPlan, Origin, Placement, Plan, Point, Roles, Run, Side, Stage, Turn, Until, WarmUp,
        WorkersPlan,
    },
    store::COMPOSE,
};
use serde::Deserialize;
use std::{fs, io::ErrorKind, path::Path};

pub(super) const SCHEMA_VERSION: u32 = 2;

const MANIFEST: &str = "manifest.json";

/// `result.json`.
#[derive(Deserialize)]
struct Written {
    id: String,
    name: String,
    started_unix_us: u64,
    finished_unix_us: Option<u64>,
    settings: Settings,
    host: HostFacts,
    engine: EngineFacts,
    placement: Placed,
    images: Vec<ImageFacts>,
    levels: Vec<Level>,
}

#[derive(Deserialize)]
struct Settings {
    workers: Vec<u32>,
    model: LoadModel,
    #[serde(default)]
    stages: Vec<Stage>,
    run_time_us: u64,
    warm_up_us: u64,
    cpus_cores: Option<f64>,
    memory_bytes: Option<u64>,
    target: String,
    backend: String,
    load: String,
}

#[derive(Deserialize)]
struct Placed {
    load: Vec<u32>,
    backend: Vec<u32>,
    target: Vec<u32>,
    reason: String,
}

/// What is read of `manifest.json`; a run that was cut short early has none.
#[derive(Default, Deserialize)]
struct Manifest {
    vscale_version: String,
    arguments: Vec<String>,
}

/// What is read of the compose file.
#[derive(Deserialize)]
struct Compose {
    #[serde(rename = "x-vscale")]
    vscale: Vscale,
}

#[derive(Deserialize)]
struct Vscale {
    workers: WorkersPlan,
}

pub(super) fn load(dir: &Path) -> Result<Run> {
    let mut written: Written = read(&dir.join(V2_RESULT))?;
    let manifest = if_there(read::<Manifest>(&dir.join(MANIFEST)))?.unwrap_or_default();
    let workers = if_there(read_workers(&dir.join(COMPOSE)))?.unwrap_or_else(|| {
        // Nobody can tell any more which of the processes were workers. How many were counted before and after the load
        // is there still.
        written.levels.iter_mut().for_each(Level::forget_processes);
        WorkersPlan { env: None, count: CountBy::Process(String::new()) }
    });
    Ok(to_run(written, manifest, workers))
}

fn read_workers(path: &Path) -> Result<WorkersPlan> {
    let text = fs::read_to_string(path).map_err(Error::file(path))?;
    let compose: Compose = serde_yaml::from_str(&text).map_err(|error| not_a_runs(path, error))?;
    Ok(compose.vscale.workers)
}

fn if_there<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Err(Error::File { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn to_run(written: Written, manifest: Manifest, workers: WorkersPlan) -> Run {
    let plan = to_plan(&written, workers);
    let order = plan.blocks[0].clone();
    let origin = Origin {
        hosts: vec![Host { facts: written.host, engine: written.engine }],
        images: written.images,
        vscale_version: manifest.vscale_version,
        arguments: manifest.arguments,
    };
    let levels = written.levels.into_iter().zip(order).enumerate();
    Run {
        finished_unix_us: written.finished_unix_us,
        visited: levels.map(|(sequence, (level, turn))| level.into_visited(sequence, turn.point)).collect(),
        ..Run::new(written.id, written.started_unix_us, origin, plan)
    }
}

/// What the containers were to run is in the compose file alone, and how long one was waited for nowhere.
fn to_plan(written: &Written, workers: WorkersPlan) -> Plan {
    let settings = &written.settings;
    let cpus = |list: &[u32]| list.iter().copied().collect::<CpuSet>();
    let placement = Placement {
        generator: cpus(&written.placement.load),
        backend: cpus(&written.placement.backend),
        target: cpus(&written.placement.target),
        reason: written.placement.reason.clone(),
    };
    let limits = target_limits(written, &placement);
    let (counts, order) = points_of(&visits_of(written));
    let point = |workers| Point { workers, limits: limits.clone(), load: settings.model.clone(), side: Side::A };
    Plan {
        at_workers: Vec::new(),
        name: written.name.clone(),
        roles: Roles {
            target: settings.target.clone(),
            backend: Some(settings.backend.clone()),
            generator: settings.load.clone(),
        },
        workers: Some(workers),
        containers: Vec::new(),
        hosts: vec![HostPlan { placement }],
        load: load_plan(written),
        tool: None,
        points: counts.into_iter().map(point).collect(),
        blocks: vec![order.into_iter().map(Turn::plain).collect()],
        study: None,
        ab: None,
        baseline: true,
        no_baseline: None,
        ready_timeout_us: 0,
        max_failure_rate: 1.0,
        // Nobody said.
        backend_requests: BackendRequests::Any,
    }
}

/// Workers of each visit: those that were, and then those that were still to come.
fn visits_of(written: &Written) -> Vec<u32> {
    let visited = written.levels.iter().map(|level| level.workers);
    visited.chain(written.settings.workers.iter().copied().skip(written.levels.len())).collect()
}

/// Each worker count once, and which of them each visit has.
fn points_of(visits: &[u32]) -> (Vec<u32>, Vec<usize>) {
    let mut counts = Vec::new();
    let mut order = Vec::new();
    for workers in visits {
        order.push(counts.iter().position(|known| known == workers).unwrap_or(counts.len()));
        if !counts.contains(workers) {
            counts.push(*workers);
        }
    }
    (counts, order)
}

/// What is in `settings`, or else what the compose file asked of the target, as the first level has it. The quota was asked
/// for in CPUs; the period is the one that the engine was found to have.
fn target_limits(written: &Written, placement: &Placement) -> Limits {
    let settings = &written.settings;
    let first = written.levels.first().and_then(|level| level.limits_of(&settings.target));
    let in_file = first.map(|limits| &limits.asked);
    let asked = CgroupLimits {
        cpu_quota_cores: settings.cpus_cores.or(in_file.and_then(|limits| limits.cpu_quota_cores)),
        cpu_period_us: None,
        cpuset: Some(placement.target.clone()),
        memory_bytes: settings.memory_bytes.or(in_file.and_then(|limits| limits.memory_bytes)),
    };
    let period_us = first.map_or(DEFAULT_PERIOD_US, |limits| limits.period_us());
    let mut limits = asked.as_asked(period_us);
    if limits.number(Limit::CpuQuotaUs).is_some() {
        limits.set(Limit::CpuPeriodUs, Some(LimitValue::Number(period_us)));
    }
    limits
}

/// What version 2 did not keep (the requests, their time limit, the drain, seed, threads, whether connections were kept) is
/// at its default here, and says nothing of the run.
fn load_plan(written: &Written) -> LoadPlan {
    let settings = &written.settings;
    let loads = || written.levels.iter().map(|level| &level.stack.load);
    let host = loads().next().map_or_else(|| format!("http://{}", settings.target), |load| load.host.clone());
    LoadPlan {
        model: settings.model.clone(),
        stages: settings.stages.clone(),
        until: Until::RunTime { us: settings.run_time_us },
        // Whether it was to end once the throughput was steady was not kept: all that is known is the longest.
        warm_up: WarmUp::Steady { at_most_us: settings.warm_up_us },
        stream: loads().flat_map(|load| &load.requests).any(|stats| stats.stream.is_some()),
        backend: loads().find_map(|load| Some(load.backend.as_ref()?.url.clone())),
        ..LoadPlan::new(host)
    }
}
