//! A load by a generator that is not ours: its container lives for one phase, its command has all that it is told, and what
//! it found is read from what it wrote. What only the backend can tell, a witness of ours asks it, at the window's borders.

use super::{
    containers::{Starter, Up},
    control::line,
    last_words::{log_of, shown_log},
};
use crate::{
    engine::{Container, Output},
    error::{Error, Result},
    load_tools::{self, Outputs},
    model::{
        BackendTruth, BackendWindow, ContainerPlan, LimitRow, Limits, LoadPlan, LoadProgress, LoadResult, LoadTool,
        LoadToolPlan, LoadToolRun, PhaseKind, PhasePlan,
    },
    units::now_unix_us,
};
use std::time::Duration;
use tokio::{
    sync::mpsc::UnboundedSender,
    time::{Instant, sleep, timeout},
};

/// Longest wait for what the backend saw.
const WITNESS_LIMIT: Duration = Duration::from_secs(20);
/// Between a container's last word and its end, as the engine has it.
const END_LIMIT: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Longer output is not read: what a script prints is its own.
const OUTPUT_LIMIT_BYTES: usize = 64 << 20;

/// One phase's load generator, ready to be started.
pub(super) struct Tool<'a> {
    container: Container,
    work: Work<'a>,
}

/// What it is to do.
pub(super) struct Work<'a> {
    plan: &'a LoadToolPlan,
    load: &'a LoadPlan,
    /// Where the backend is one to be asked.
    witness: Option<Witness<'a>>,
}

/// What a load generator leaves besides its result.
pub(super) struct Left {
    /// All that it wrote.
    pub(super) log: (String, Vec<u8>),
    /// As asked for and as the engine has them.
    pub(super) limits: Vec<LimitRow>,
}

impl<'a> Tool<'a> {
    /// Makes its container; first it carries out the warm-up, where that takes a run of its own.
    pub(super) async fn make(
        starter: &Starter<'_>,
        run: &'a LoadToolRun,
        phase: &'a PhasePlan,
        script: Option<&[u8]>,
        witness: Option<&'a mut Up>,
    ) -> Result<Self> {
        let files = load_tools::files(&run.plan, &phase.load, script);
        if let Some(command) = &run.warm_up {
            let plan = ContainerPlan { command: Some(command.clone()), ..run.container.clone() };
            let container = starter.tool(&plan, &files).await?;
            let longest = Duration::from_micros(phase.load.longest_us().unwrap_or(u64::MAX));
            heard(run.plan.tool, &container, longest, async |_| {}).await?;
            container.remove().await?;
        }
        let container = starter.tool(&run.container, &files).await?;
        let witness = match (witness, &phase.load.backend) {
            (Some(up), Some(_)) => Some(Witness { up, asks: line(&phase.load)?, windows: Vec::new() }),
            _ => None,
        };
        Ok(Self { container, work: Work { plan: &run.plan, load: &phase.load, witness } })
    }

    /// Its container, and what is to be done with it.
    pub(super) fn parts(&mut self) -> (&Container, &mut Work<'a>) {
        (&self.container, &mut self.work)
    }

    /// Removes it; gives what it leaves.
    pub(super) async fn take_down(self, run: &LoadToolRun, kind: PhaseKind) -> (Left, Result<()>) {
        let log = log_of(&self.container, None).await;
        let name = format!("{}-{}", run.container.name, kind.file_stem());
        let up = Up {
            plan: run.container.clone(),
            container: self.container,
            output: Output::none(&run.container.name),
            networks: 0,
            probe: None,
            seen: None,
            ready_after_us: 0,
            has_completed: false,
        };
        let limits = up.limits(&Limits::default()).await;
        (Left { log: (name, log), limits }, up.take_down().await)
    }
}

impl Work<'_> {
    /// Starts it, tells how it goes, and reads what it found once it has ended.
    pub(super) async fn load(
        &mut self,
        container: &Container,
        longest: Duration,
        progress: UnboundedSender<LoadProgress>,
    ) -> Result<LoadResult> {
        let tool = self.plan.tool;
        if let Some(witness) = &mut self.witness {
            // What the backend saw before is nobody's.
            witness.close_window().await;
            witness.windows.clear();
        }
        let (lines, started_unix_us) = heard(tool, container, longest, async |line| {
            if load_tools::is_border(tool, line)
                && let Some(witness) = &mut self.witness
            {
                witness.close_window().await;
            }
            if let Some(now) = load_tools::progress(tool, line) {
                // Who does not listen any more does not wait for the result either.
                drop(progress.send(now));
            }
        })
        .await?;
        let mut outputs = Outputs { lines, started_unix_us, ..Outputs::default() };
        for (name, path) in load_tools::writes(tool) {
            if let Some(content) = container.file_if_any(&path).await? {
                outputs.files.insert(name.to_owned(), content);
            }
        }
        let mut result = load_tools::read(self.plan, self.load, &outputs)?;
        if let Some(witness) = &mut self.witness {
            witness.close_window().await;
            match witness.truth(self.load) {
                Ok(truth) => result.backend = truth,
                Err(why) => result.backend_error = Some(why),
            }
        }
        Ok(result)
    }
}

/// Starts a container and hears its lines until it has ended well; gives them, and when it had started.
async fn heard(
    tool: LoadTool,
    container: &Container,
    longest: Duration,
    mut hear: impl AsyncFnMut(&str),
) -> Result<(Vec<String>, u64)> {
    let name = container.service();
    let mut output = container.start().await?;
    let started_unix_us = now_unix_us();
    let (start, mut lines, mut bytes) = (Instant::now(), Vec::new(), 0);
    let mut keep = |line: String| {
        bytes += line.len();
        if bytes <= OUTPUT_LIMIT_BYTES {
            lines.push(line);
        }
    };
    loop {
        let silent = |_| Error::Start(format!("{name}: it does not end"));
        let Some(line) =
            timeout(longest.saturating_sub(start.elapsed()), output.next_line()).await.map_err(silent)??
        else {
            break;
        };
        hear(&line).await;
        keep(line);
    }
    output.unended_line().into_iter().for_each(keep);
    let ended = Instant::now();
    let state = loop {
        match container.state().await? {
            state if state.running && ended.elapsed() < END_LIMIT => sleep(LOOK_EVERY).await,
            state => break state,
        }
    };
    if state.running || !load_tools::is_done(tool, state.exit_code) {
        return Err(Error::Start(format!("{name}: {}; {}", state.in_words(), shown_log(container).await)));
    }
    Ok((lines, started_unix_us))
}

/// A role of ours that asks the backend what it saw.
struct Witness<'a> {
    up: &'a mut Up,
    /// What it is told, each time.
    asks: String,
    /// One for each time.
    windows: Vec<Result<BackendWindow, String>>,
}

impl Witness<'_> {
    async fn close_window(&mut self) {
        let answer = match timeout(WITNESS_LIMIT, self.up.output.ask(&self.asks)).await {
            Ok(Ok(Some(line))) => serde_json::from_str(&line).unwrap_or_else(|error| Err(error.to_string())),
            Ok(Ok(None)) => Err(format!("{} has ended: {}", self.up.plan.name, self.up.output.last_words())),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("{} says nothing", self.up.plan.name)),
        };
        self.windows.push(answer);
    }

    /// The window closed last but one is the counted one, where there are borders; without any it is the whole.
    fn truth(&mut self, load: &LoadPlan) -> Result<Option<BackendTruth>, String> {
        let windows = std::mem::take(&mut self.windows).into_iter().collect::<Result<Vec<_>, _>>()?;
        let total_arrivals = windows.iter().map(|window| window.arrivals).sum();
        let window = windows.iter().rev().nth(1).or(windows.last()).cloned();
        let url = load.backend.clone();
        Ok(url.zip(window).map(|(url, window)| BackendTruth { url, window, total_arrivals }))
    }
}
