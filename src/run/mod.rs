//! A whole run: prepare, carry out one visit after the other, save each, tear down whatever happens. Nothing is decided
//! here: the plan says what, and [`plan::next`] what next.

mod containers;
mod control;
mod phase;
mod prepare;
mod probe;
mod samples;
mod settle;
mod steps;
mod stop;
mod visit;

pub use stop::Stop;

use crate::{
    compose::Project,
    engine::{Cluster, Engine, Leftovers},
    error::{Error, Result},
    events::Event,
    model::Run,
    plan::{self, Asked},
    redact::Redactor,
    store::{self, RunFolder},
    units::{format_utc, now_unix_us},
};
use futures_util::FutureExt;
use prepare::Prepared;
use std::{panic::AssertUnwindSafe, path::PathBuf};
use visit::Carrier;

/// What is to be run.
pub struct Job {
    /// What the command line asks for.
    pub asked: Asked,
    /// The compose file, variables filled in.
    pub project: Project,
    /// Where runs are kept.
    pub results: PathBuf,
    /// Base image for Dockerfiles that take one; `None` for whatever can be had.
    pub base_image: Option<String>,
    /// This program's arguments.
    pub arguments: Vec<String>,
    /// Knows the secrets of all these: what a run keeps and tells has none.
    pub redactor: Redactor,
}

/// How a run ended; its folder holds every visit that was finished.
pub struct Finished {
    /// All that was measured.
    pub run: Run,
    /// Where it is kept.
    pub folder: RunFolder,
    /// What cut it short.
    pub error: Option<Error>,
    /// What is left in the engine.
    pub leftovers: Leftovers,
}

/// Hears what happens.
pub type Listener<'a> = &'a mut dyn FnMut(Event);

/// Carries out a run; a signal ends it early, a second one its tearing down.
///
/// # Errors
/// Before a visit was finished. What goes wrong later is in [`Finished::error`], so that finished visits are not lost.
pub async fn run(job: &Job, stop: &mut Stop, tell: Listener<'_>) -> Result<Finished> {
    let clean = |error| job.redactor.error(error);
    let finished = carry_out(job, stop, &mut |event| tell(job.redactor.event(event))).await.map_err(clean)?;
    Ok(Finished { error: finished.error.map(clean), ..finished })
}

async fn carry_out(job: &Job, stop: &mut Stop, tell: Listener<'_>) -> Result<Finished> {
    store::check(&job.results)?;
    let engine = stop.or(Engine::connect()).await?;
    let id = run_id();
    let mut session = Session { job, cluster: Cluster::new(engine.clone(), &id), engine, id, kept: None };
    let outcome = stop.or(going_well(session.all(tell))).await;
    tell(Event::Removing);
    let torn_down = stop.or(async { Ok(session.cluster.remove_all().await) }).await;
    let (outcome, leftovers) = match torn_down {
        Ok(leftovers) => (outcome, leftovers),
        Err(signal) => (Err(signal), Leftovers::unknown()),
    };
    tell(Event::Removed { left: leftovers.in_words() });
    session.finish(outcome, leftovers)
}

/// A defect of ours must not keep the run from being torn down.
async fn going_well(work: impl Future<Output = Result<()>>) -> Result<()> {
    let outcome = AssertUnwindSafe(work).catch_unwind().await;
    outcome.unwrap_or_else(|panic| Err(Error::Other(format!("a defect of vscale: {}", panic_text(&*panic)))))
}

/// A run under way.
struct Session<'a> {
    job: &'a Job,
    engine: Engine,
    cluster: Cluster,
    id: String,
    /// Once there is a plan.
    kept: Option<(Run, RunFolder)>,
}

impl Session<'_> {
    async fn all(&mut self, tell: Listener<'_>) -> Result<()> {
        let started_unix_us = now_unix_us();
        let prepared = Prepared::new(self.job, &self.engine, &self.cluster, tell).await?;
        let plan = plan::make(&self.job.asked, &self.job.project, &prepared.host)?;
        let redactor = &self.job.redactor;
        let origin = prepared.origin(self.job, &self.engine);
        let folder = RunFolder::create(&self.job.results, &self.id)?;
        let visits = plan.blocks.iter().map(Vec::len).sum();
        tell(Event::Planned { run: self.id.clone(), folder: folder.path().display().to_string(), visits });
        let run = Run::new(self.id.clone(), started_unix_us, origin, redactor.plan(&plan));
        let (run, folder) = self.kept.insert((run, folder));
        folder.save_compose(&self.job.project.to_yaml(redactor))?;
        folder.save_run(run)?;
        for (key, network) in &self.job.project.networks {
            self.cluster.create_network(key, network).await?;
        }
        let mut carrier = Carrier::new(&self.cluster, &self.job.project, &prepared, &plan)?;
        while let Some(visit) = plan::next(&plan, &run.visited) {
            let (visited, mut attached, taken_down) = carrier.carry_out(&visit, tell).await?;
            let visited = redactor.visited(visited);
            attached.logs.iter_mut().for_each(|(_, log)| *log = redactor.bytes(log));
            folder.save_visit(&visited, &attached)?;
            tell(Event::Saved { visit: visit.id, took_us: visited.took_us() });
            run.visited.push(visited);
            taken_down?;
        }
        Ok(())
    }

    /// What was measured is kept, whatever else went wrong.
    fn finish(self, outcome: Result<()>, leftovers: Leftovers) -> Result<Finished> {
        let Some((mut run, folder)) = self.kept else {
            return Err(outcome.err().unwrap_or_else(|| Error::Other("nothing was planned".into())));
        };
        if run.visited.is_empty() {
            folder.discard();
            return Err(outcome.err().unwrap_or_else(|| Error::Other("nothing was visited".into())));
        }
        run.finished_unix_us = Some(now_unix_us());
        let saved = folder.save_run(&run);
        Ok(Finished { run, folder, error: outcome.and(saved).err(), leftovers })
    }
}

/// `20261124T114421Z-bench-3f9a1c`: sorts by time, unique by process and moment.
fn run_id() -> String {
    let now = now_unix_us();
    let moment = format_utc(now).replace(['-', ':'], "");
    let mixed = (now ^ u64::from(std::process::id()) << 20).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{moment}-bench-{:06x}", mixed >> 40)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_else(|| "panicked".into())
}
