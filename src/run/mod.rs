//! A whole run: prepare, carry out one visit after the other, save each, tear down whatever happens. Nothing is decided
//! here: the plan says what, and [`plan::next`] what next.

mod awaited;
mod containers;
mod control;
mod last_words;
mod look_back;
mod phase;
mod prepare;
mod probe;
mod samples;
mod settle;
mod steps;
mod stop;
mod times;
mod tool;
mod visit;

pub use stop::Stop;

use crate::{
    analyse::{Analysis, compare, wanted},
    compose::Project,
    engine::{Cluster, Engine, Leftovers},
    error::{Error, Result},
    events::Event,
    model::{Finding, PhaseKind, Plan, Run, Visited},
    plan::{self, Asked},
    redact::Redactor,
    store::{self, Attached, RunFolder},
    units::{format_utc, now_unix_us},
};
use futures_util::FutureExt;
use prepare::Prepared;
use std::{cmp::Reverse, panic::AssertUnwindSafe, path::PathBuf};
use visit::{Carried, Carrier};

/// What is to be run.
pub struct Job {
    /// What is to be done.
    pub todo: Todo,
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

/// What is to be done.
pub enum Todo {
    /// What the command line asks for, resolved on the host that there is.
    Plan(Box<Asked>),
    /// What was planned for another run.
    Again(Box<Run>),
    /// The rest of a run that was cut short, in its own folder.
    Resume(Box<Run>, RunFolder),
}

/// How a run ended.
#[derive(Default)]
pub struct Finished {
    /// All that was measured, and the folder that has every visit of it that could be saved; once there is a visit.
    pub kept: Option<(Run, RunFolder)>,
    /// What cut it short, and what else went wrong.
    pub errors: Vec<Error>,
    /// What is left in the engine.
    pub leftovers: Leftovers,
}

/// Hears what happens.
pub type Listener<'a> = &'a mut dyn FnMut(Event);

/// Carries out a run. Whatever ends it, what was measured is kept and what was made is removed.
pub async fn run(job: &Job, stop: Stop, tell: Listener<'_>) -> Finished {
    let mut finished = carry_out(job, stop, &mut |event| tell(job.redactor.event(event))).await;
    finished.errors = finished.errors.into_iter().map(|error| job.redactor.error(error)).collect();
    finished
}

async fn carry_out(job: &Job, mut stop: Stop, tell: Listener<'_>) -> Finished {
    let engine = match stop.or(engine(job)).await {
        Ok(engine) => engine,
        Err(error) => return Finished { errors: vec![error], ..Finished::default() },
    };
    let id = run_id();
    let mut session =
        Session { job, cluster: Cluster::new(engine.clone(), &id), engine, id, kept: None, carried: None };
    let outcome = stop.or(going_well(session.all(tell))).await;
    // Before anything is removed: an engine that does not answer must not cost what was measured.
    let saved = session.keep_unfinished();
    tell(Event::Removing);
    let leftovers = session.cluster.remove_all().await;
    tell(Event::Removed { left: leftovers.in_words() });
    session.finish([outcome, saved], leftovers)
}

/// What is needed before anything is done.
async fn engine(job: &Job) -> Result<Engine> {
    let engine = Engine::connect().await?;
    store::check(&job.results)?;
    Ok(engine)
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
    /// The visit under way, as far as it is measured.
    carried: Option<Carried>,
}

impl Session<'_> {
    async fn all(&mut self, tell: Listener<'_>) -> Result<()> {
        let prepared = Prepared::new(self.job, &self.engine, &self.cluster, tell).await?;
        let (plan, run, folder) = self.begin(&prepared, tell)?;
        let (run, folder) = self.kept.insert((run, folder));
        folder.save_run(run)?;
        self.cluster.create_shared(&self.job.project).await?;
        let redactor = &self.job.redactor;
        let mut carrier = Carrier::new(&self.cluster, &self.job.project, &prepared, &plan)?;
        let mut removed = Ok(());
        let mut wants = wanted(run);
        while let Some(visit) = plan::next(&plan, &run.visited, &wants) {
            // What is still there has the name that the next one needs.
            removed?;
            let still_up = carrier.carry_out(&visit, &mut self.carried, tell).await?;
            let carried = self.carried.take().ok_or_else(|| Error::Other("a visit found nothing".into()))?;
            let besides_removed = keep(carried, redactor, &mut run.visited, folder)?;
            let (target_removed, steps) = still_up.take_down().await;
            removed = besides_removed.and(target_removed);
            if let Some(visited) = run.visited.last_mut() {
                visited.steps = steps;
                folder.save_visit(visited, &Attached::default())?;
            }
            wants = wanted(run);
            run.visited
                .last()
                .into_iter()
                .for_each(|visited| tell(saved(run, visited, plan::left(&plan, &run.visited, &wants))));
        }
        // What the last one left is removed with all the rest, or named.
        Ok(())
    }

    /// The plan, with the run and the folder that it is carried out in.
    fn begin(&self, prepared: &Prepared, tell: Listener<'_>) -> Result<(Plan, Run, RunFolder)> {
        let origin = prepared.origin(self.job, &self.engine);
        let plan = match &self.job.todo {
            Todo::Plan(asked) => plan::make(asked, &self.job.project, &prepared.host)?,
            Todo::Again(before) | Todo::Resume(before, _) => {
                for other in compare::origins(&before.origin, &origin) {
                    let [then, now] = [other.a, other.b].map(|value| value.unwrap_or_else(|| "none".into()));
                    tell(Event::Differs { what: format!("{}: {then} then, {now} now", other.key) });
                }
                plan::check(&before.plan, &prepared.host)?;
                before.plan.clone()
            }
        };
        let (run, folder) = match &self.job.todo {
            Todo::Resume(run, folder) => (Run { finished_unix_us: None, ..(**run).clone() }, folder.clone()),
            Todo::Plan(_) | Todo::Again(_) => {
                let folder = RunFolder::create(&self.job.results, &self.id)?;
                folder.save_compose(&self.job.project.to_yaml(&self.job.redactor))?;
                (Run::new(self.id.clone(), now_unix_us(), origin, self.job.redactor.plan(&plan)), folder)
            }
        };
        let blocks = plan.study.as_ref().map(|_| plan.blocks.len());
        let (visits, done) = (plan.blocks.iter().map(Vec::len).sum(), run.visited.len());
        let (name, path) = (run.id.clone(), folder.path().display().to_string());
        tell(Event::Planned { run: name, folder: path, visits, done, blocks, at_most_us: plan::longest_us(&plan) });
        Ok((plan, run, folder))
    }

    /// Of a visit that was cut short, what was measured.
    fn keep_unfinished(&mut self) -> Result<()> {
        let carried = self.carried.take().filter(|carried| !carried.visited.phases.is_empty());
        let (Some(carried), Some((run, folder))) = (carried, &mut self.kept) else { return Ok(()) };
        // What it was given besides is removed with all the rest, or named.
        keep(carried, &self.job.redactor, &mut run.visited, folder).map(drop)
    }

    fn finish(self, outcomes: [Result<()>; 2], leftovers: Leftovers) -> Finished {
        let errors = outcomes.into_iter().filter_map(Result::err).collect();
        let mut finished = Finished { kept: None, errors, leftovers };
        let Some((mut run, folder)) = self.kept else { return finished };
        if run.visited.is_empty() {
            folder.discard();
            return finished;
        }
        run.finished_unix_us = Some(now_unix_us());
        finished.errors.extend(folder.save_run(&run).err());
        finished.kept = Some((run, folder));
        finished
    }
}

/// A visit becomes the run's, without secrets, even if it cannot be saved. Gives whether it was removed.
fn keep(
    carried: Carried,
    redactor: &Redactor,
    all_visited: &mut Vec<Visited>,
    folder: &RunFolder,
) -> Result<Result<()>> {
    let Carried { visited, mut attached, removed } = carried;
    let visited = redactor.visited(visited);
    attached.logs.iter_mut().for_each(|(_, log)| *log = redactor.bytes(log));
    let saved = folder.save_visit(&visited, &attached);
    all_visited.push(visited);
    saved.map(|()| removed)
}

/// What came of a visit of a run, without secrets.
fn saved(run: &Run, visited: &Visited, (visits_left, left_us): (usize, u64)) -> Event {
    let findings = Analysis::of(run).findings.into_iter();
    let is_of = |finding: &Finding| finding.scope.visit.as_ref().is_none_or(|visit| *visit == visited.id);
    let against = findings.filter(|finding| finding.invalidates() && is_of(finding));
    Event::Saved {
        visit: visited.id.clone(),
        took_us: visited.took_us(),
        throughput_rps: visited.phase(PhaseKind::Target).map(|phase| phase.load.throughput_rps()),
        visits_left,
        left_us,
        against: against.min_by_key(|finding| Reverse(finding.severity)).map(Box::new),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_like_others() {
        let outcome = going_well(async { panic!("index {} out of bounds", 3) }).await;
        assert_eq!(outcome.expect_err("it panics").to_string(), "a defect of vscale: index 3 out of bounds");
    }
}
