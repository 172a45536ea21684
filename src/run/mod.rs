//! A whole run: prepare, visit each level, save after each, tear down whatever happens, report.

mod attest;
mod level;
mod phase;
mod progress;
mod visit;

pub use phase::progress_in_words;
pub use progress::Progress;

use crate::{
    cli::BenchArgs,
    compose::{self, CountProbe, Project},
    engine::{BaseImage, Cluster, Engine, Leftovers, collect_garbage},
    error::{Error, Result},
    model::{HostFacts, LoadPlan, RunResult, SCHEMA_VERSION, Settings, Until, Warning},
    plan,
    store::{Provenance, RunFolder},
    units::{format_cpu_list, now_unix_us, parse_cpu_list},
};
use futures_util::FutureExt;
use regex_lite::Regex;
use std::{collections::BTreeMap, future::Future, panic::AssertUnwindSafe, path::PathBuf};
use visit::Visit;

/// How a run ended; its folder holds every level that was finished.
pub struct Finished {
    /// All that was measured.
    pub result: RunResult,
    /// Where it is kept.
    pub folder: PathBuf,
    /// What cut it short.
    pub error: Option<Error>,
    /// What is left in the engine.
    pub leftovers: Leftovers,
}

/// Runs a benchmark; `stop` ends it early with the number of a signal.
///
/// # Errors
/// Before anything was started: of usage, compose file, engine or images. What goes wrong later is in
/// [`Finished::error`], so that finished levels are not lost.
pub async fn bench(args: &BenchArgs, stop: impl Future<Output = i32>, progress: &mut Progress) -> Result<Finished> {
    // Whom to load is each phase's own.
    let load = args.load.plan(String::new())?;
    check_window(&load)?;
    let project = read_spec(args)?;
    let settings = settings(args, &load, &project);
    let worker_pattern = worker_pattern(&project)?;
    let id = run_id();
    let folder = RunFolder::create(&args.results, &id)?;
    let engine = Engine::connect().await.inspect_err(|_| folder.discard())?;
    for (run, leftovers) in collect_garbage(&engine, false).await? {
        progress.step(&format!(
            "removed what the killed run {run} had left{}",
            if leftovers.0.is_empty() { "" } else { " (not all)" }
        ));
    }

    let mut cluster = Cluster::new(engine.clone(), &id);
    let mut result = RunResult {
        schema_version: SCHEMA_VERSION,
        id: id.clone(),
        name: project.name.clone(),
        started_unix_us: now_unix_us(),
        finished_unix_us: None,
        settings,
        host: HostFacts::default(),
        engine: engine.facts().clone(),
        placement: Default::default(),
        images: Vec::new(),
        levels: Vec::new(),
        warnings: Vec::new(),
    };
    let outcome = {
        let run = Run { args, project: &project, engine: &engine, worker_pattern: &worker_pattern, load: &load };
        let visiting = AssertUnwindSafe(run.all(&mut cluster, &folder, &mut result, progress)).catch_unwind();
        tokio::select! {
            outcome = visiting => outcome.unwrap_or_else(|panic| Err(Error::Other(format!("a defect of vscale: {}", panic_text(&*panic))))),
            signal = stop => Err(Error::Signal(signal)),
        }
    };
    progress.step("removing containers and network");
    let leftovers = cluster.remove_all().await;
    result.finished_unix_us = Some(now_unix_us());
    if result.levels.is_empty() {
        folder.discard();
        return Err(outcome.err().unwrap_or_else(|| Error::Other("no level was visited".into())));
    }
    folder.save(&result)?;
    folder.publish_newest(&args.results, &result)?;
    progress.step("done");
    Ok(Finished { result, folder: folder.path().to_owned(), error: outcome.err(), leftovers })
}

/// What preparing and visiting need.
struct Run<'a> {
    args: &'a BenchArgs,
    project: &'a Project,
    engine: &'a Engine,
    worker_pattern: &'a Regex,
    load: &'a LoadPlan,
}

impl Run<'_> {
    async fn all(
        &self,
        cluster: &mut Cluster,
        folder: &RunFolder,
        result: &mut RunResult,
        progress: &mut Progress,
    ) -> Result<()> {
        let own_image = self.engine.own_image(&mut |line| progress.live(line)).await?;
        let images = self.images(&own_image, progress).await?;
        for (service, reference) in &images {
            result.images.extend(self.engine.image(service, reference).await?);
        }
        result.host = host_facts(cluster, &own_image).await?;
        let (placement, warnings) = plan::place(&result.host.cpus, self.cpusets_asked(&result.settings)?)?;
        result.placement = placement;
        result.warnings = warnings;
        self.check_target_cpus(result)?;
        folder.save_origin(result, &provenance(), &self.project.to_yaml())?;
        for (key, network) in &self.project.networks {
            cluster.create_network(key, network).await?;
        }
        for level_plan in plan::levels(&result.settings.workers, result.settings.cpus_cores) {
            let visit = Visit {
                cluster,
                project: self.project,
                settings: &result.settings,
                placement: &result.placement,
                images: &images,
                own_image: &own_image,
                worker_pattern: self.worker_pattern,
                load: self.load,
                ready_timeout: self.args.ready_timeout,
            };
            let (level, files) = visit.level(&level_plan, progress).await?;
            result.levels.push(level);
            if let Some(level) = result.levels.last() {
                folder.save_level(result, level, &files)?;
            }
        }
        Ok(())
    }

    /// The image of each service: our own, one that is built, or one that is there or pulled.
    async fn images(&self, own_image: &str, progress: &mut Progress) -> Result<BTreeMap<String, String>> {
        let base = self.args.base_image.as_deref().map_or(BaseImage::Any, BaseImage::Given);
        let mut images = BTreeMap::new();
        for (name, service) in &self.project.services {
            progress.live(&format!("image of {name}"));
            let reference =
                self.engine.service_image(name, service, own_image, base, &mut |line| progress.live(line)).await?;
            images.insert(name.clone(), reference);
        }
        Ok(images)
    }

    fn cpusets_asked(&self, settings: &Settings) -> Result<plan::Roles> {
        let of = |name: &str| -> Result<Option<Vec<u32>>> {
            let list = self.project.services[name].cpuset.as_deref().map(parse_cpu_list).transpose();
            list.map_err(|why| Error::Compose(format!("services.{name}.cpuset: {why}")))
        };
        Ok(plan::Roles { load: of(&settings.load)?, backend: of(&settings.backend)?, target: of(&settings.target)? })
    }

    /// A quota beyond the target's CPUs cannot be used; workers beyond them share.
    fn check_target_cpus(&self, result: &mut RunResult) -> Result<()> {
        let cpus = result.placement.target.len() as u32;
        let list = format_cpu_list(&result.placement.target);
        if let Some(quota) = result.settings.cpus_cores.filter(|&quota| quota > result.host.cpus.len() as f64) {
            return Err(Error::Preflight(format!(
                "--cpus {quota}: this host has {} CPUs, and {} (CPU {list}) can be given to {}",
                result.host.cpus.len(),
                cpus,
                result.settings.target
            )));
        }
        if let Some(quota) = result.settings.cpus_cores.filter(|&quota| quota > f64::from(cpus)) {
            result.warnings.push(Warning::QuotaAboveCpus { quota_cores: quota, cpus });
        }
        if let Some(&workers) = result.settings.workers.iter().max().filter(|&&workers| workers > cpus) {
            result.warnings.push(Warning::WorkersShareCpus { workers, cpus });
        }
        Ok(())
    }
}

/// The compose file with the flags applied: ports and memory by the variables it uses, the rest by service.
fn read_spec(args: &BenchArgs) -> Result<Project> {
    if args.mock_port == args.stack_port {
        return Err(Error::Usage(format!("--mock-port and --stack-port are both {}", args.mock_port)));
    }
    let flags =
        BTreeMap::from([("MOCK_PORT", args.mock_port.to_string()), ("STACK_PORT", args.stack_port.to_string())]);
    let mut project =
        compose::load(&args.files, &|name| flags.get(name).cloned().or_else(|| std::env::var(name).ok()))?;
    let load = &project.vscale.load;
    if project.services[load].command.as_ref().is_some_and(|command| command.as_slice() != ["load"]) {
        // All of them are set by ours, so they would count for nothing.
        return Err(Error::Compose(format!(
            "services.{load}.command: the load generator's flags are `vscale bench`'s; leave it out, or say [load]"
        )));
    }
    let target = project.vscale.target.clone();
    if let Some((bytes, service)) = args.memory.zip(project.services.get_mut(&target)) {
        service.mem_limit_bytes = Some(bytes);
    }
    Ok(project)
}

fn settings(args: &BenchArgs, load: &LoadPlan, project: &Project) -> Settings {
    let target = &project.services[&project.vscale.target];
    Settings {
        workers: args.workers.clone(),
        model: load.model.clone(),
        stages: load.stages.clone(),
        run_time_us: load.window_us().unwrap_or_default(),
        warm_up_us: load.warm_up.longest_us(),
        cpus_cores: args.cpus,
        memory_bytes: target.mem_limit_bytes,
        target: project.vscale.target.clone(),
        backend: project.vscale.backend.clone(),
        load: project.vscale.load.clone(),
    }
}

fn worker_pattern(project: &Project) -> Result<Regex> {
    let CountProbe::Process(pattern) = &project.vscale.workers.count;
    Regex::new(pattern).map_err(|error| Error::Compose(format!("x-vscale.workers.count.process: {error}")))
}

/// Asks a container of ours what the host is.
async fn host_facts(cluster: &Cluster, own_image: &str) -> Result<HostFacts> {
    let container = cluster.create_alone("host", own_image, vec!["host".into()]).await?;
    let mut output = container.start().await?;
    let line = output.next_line().await?;
    let facts = line.as_deref().and_then(|line| serde_json::from_str(line).ok());
    let facts =
        facts.ok_or_else(|| Error::Preflight(format!("the engine's host cannot be read: {}", output.last_words())))?;
    container.remove().await?;
    Ok(facts)
}

fn provenance() -> Provenance {
    Provenance { version: env!("CARGO_PKG_VERSION").into(), arguments: std::env::args().skip(1).collect() }
}

/// `20261124T114421Z-bench-3f9a1c`: sorts by time, unique by process and moment.
fn run_id() -> String {
    let now = now_unix_us();
    let moment = crate::units::format_utc(now).replace(['-', ':'], "");
    let mixed = (now ^ u64::from(std::process::id()) << 20).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{moment}-bench-{:06x}", mixed >> 40)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_else(|| "panicked".into())
}

/// The number of the first of SIGINT, SIGTERM and SIGHUP to come.
///
/// # Errors
/// `Error::Other` when handlers cannot be set.
pub fn stop_signal() -> Result<impl Future<Output = i32>> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind: SignalKind| signal(kind).map_err(|error| Error::Other(format!("signal handler: {error}")));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => 2,
            _ = terminate.recv() => 15,
            _ = hang_up.recv() => 1,
        }
    })
}

/// Only `vscale load` may count requests instead, or have no end.
fn check_window(load: &LoadPlan) -> Result<()> {
    match load.window_us() {
        Some(1..) => Ok(()),
        None if matches!(load.until, Until::Iterations { .. }) => {
            Err(Error::Usage("--iterations: a bench compares windows of equal length; use --run-time".into()))
        }
        _ => Err(Error::Usage("--run-time must be above 0".into())),
    }
}
