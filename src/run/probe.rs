//! The controller's end of a probe: a container of ours in another's PID and network namespaces, which ends that one when we
//! are gone, says when it is ready and then, each time it is asked, what its processes do and what its cgroup has counted.

use super::last_words::fell_silent;
use crate::{
    engine::{Cluster, Container, Output},
    error::{Error, Result},
    model::{CountBy, CpuSet, Endpoint, ProbeEvent, ProbeSample, Ready, Tick},
    probe::{LOOK, TICK},
    text::shortened,
};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// What a probe may take beyond what it waits for: starting, answering.
const GRACE: Duration = Duration::from_secs(30);

/// As much of a line as an error shows.
const SHOWN_CHARS: usize = 200;

/// Longest line of a probe: a sample of the most processes, each with the worst of command lines, has 3 MB.
const LONGEST_LINE_BYTES: usize = 16 << 20;

/// A probe that runs.
pub(super) struct Probe {
    container: Container,
    output: Output,
    /// Samples that it owes us; more are none of its.
    asked: u32,
    /// Whether it owes us a tick. Where it cannot give any, it owes one for ever.
    owes_tick: bool,
}

/// What a probe says when it is asked.
pub(super) enum Answer {
    Sample(ProbeSample),
    Tick(Tick),
}

/// What a probe is to look at.
pub(super) struct Look<'a> {
    pub(super) target: &'a Container,
    /// Where it answers when it is ready; `None` where nobody asks, and the probe only waits for our end.
    pub(super) ready: Option<&'a Endpoint>,
    pub(super) cpus: &'a CpuSet,
    pub(super) timeout: Duration,
    /// What counts as a worker; `None` where nobody counts.
    pub(super) count: Option<&'a CountBy>,
}

impl Look<'_> {
    /// What the probe is told: the target is at its own loopback.
    fn command(&self) -> Vec<String> {
        const HOST: &str = "127.0.0.1";
        let timeout = format!("{}us", self.timeout.as_micros());
        let mut command = ["probe", "--end-target", "--timeout", &timeout].map(str::to_owned).to_vec();
        let Some(endpoint) = self.ready else { return command };
        command.extend(["--ready".to_owned(), endpoint.ready_url(HOST)]);
        if let Ready::Answers(_, statuses) = &endpoint.ready {
            command.extend(["--status".to_owned(), statuses.to_string()]);
        }
        match self.count {
            Some(CountBy::Http { path, pointer }) => {
                let url = endpoint.origin(HOST) + path;
                command.extend(["--workers".to_owned(), url, format!("--pointer={pointer}")]);
            }
            Some(CountBy::Thread(_)) => command.push("--thread-names".to_owned()),
            Some(CountBy::Process(_) | CountBy::None) | None => {}
        }
        command
    }
}

impl Probe {
    /// Starts one of our own image, as the target's user: it could neither read another's cgroup files nor end its
    /// processes.
    pub(super) async fn start(cluster: &Cluster, own_image: &str, look: &Look<'_>) -> Result<Self> {
        let user = look.target.user().await?;
        let container = cluster.create_probe(look.target, own_image, &user, look.cpus, look.command()).await?;
        let output = container.start().await?.with_lines_up_to(LONGEST_LINE_BYTES);
        Ok(Self { container, output, asked: 0, owes_tick: false })
    }

    /// Waits until the target is ready: the time that took. `waiting` hears what the target answers meanwhile.
    ///
    /// # Errors
    /// [`Error::Start`] with the probe's last words; [`Error::Engine`] when the engine has cut it off.
    pub(super) async fn until_ready(&mut self, timeout: Duration, waiting: &mut dyn FnMut(String)) -> Result<u64> {
        let limit = timeout.saturating_add(GRACE);
        let start = Instant::now();
        loop {
            match self.event(limit.saturating_sub(start.elapsed())).await? {
                ProbeEvent::Waiting { last } => waiting(last),
                ProbeEvent::Ready { after_us } => return Ok(after_us),
                ProbeEvent::Sample(_) | ProbeEvent::Tick(_) => return Err(unasked()),
            }
        }
    }

    /// The target's processes now, and what it says of its workers: outside of loads only.
    ///
    /// # Errors
    /// As [`Self::until_ready`].
    pub(super) async fn sample(&mut self) -> Result<ProbeSample> {
        self.ask_for(LOOK).await;
        let start = Instant::now();
        loop {
            let event = self.event(GRACE.saturating_sub(start.elapsed())).await?;
            match self.answered(event)? {
                // Of several that it owes, this one was asked for last.
                Answer::Sample(sample) if self.asked == 0 => return Ok(sample),
                Answer::Sample(_) | Answer::Tick(_) => {}
            }
        }
    }

    /// Asks for a sample, which [`Self::answer`] will bring.
    pub(super) async fn ask(&mut self) {
        self.ask_for("sample").await;
    }

    /// Whether it was asked for a sample that has not come.
    pub(super) fn owes_sample(&self) -> bool {
        self.asked > 0
    }

    async fn ask_for(&mut self, what: &str) {
        self.asked += 1;
        self.output.write(&format!("{what}\n")).await;
    }

    /// Asks for a tick, unless one is awaited: then the probe is late, or cannot give any.
    pub(super) async fn ask_tick(&mut self) {
        if !std::mem::replace(&mut self.owes_tick, true) {
            self.output.write(&format!("{TICK}\n")).await;
        }
    }

    /// The next answer; `None` once the probe has ended. Can be dropped and called again.
    pub(super) async fn answer(&mut self) -> Result<Option<Answer>> {
        match self.output.next_line().await? {
            Some(line) => self.answered(parse(&line)?).map(Some),
            None => Ok(None),
        }
    }

    /// Ends and removes it.
    pub(super) async fn remove(self) -> Result<()> {
        self.container.remove().await
    }

    /// What was asked for, and nothing else.
    fn answered(&mut self, event: ProbeEvent) -> Result<Answer> {
        match event {
            ProbeEvent::Sample(sample) => {
                self.asked = self.asked.checked_sub(1).ok_or_else(unasked)?;
                Ok(Answer::Sample(sample))
            }
            ProbeEvent::Tick(tick) if std::mem::take(&mut self.owes_tick) => Ok(Answer::Tick(tick)),
            _ => Err(unasked()),
        }
    }

    /// Why there are no more answers, after the last one.
    pub(super) async fn why_ended(&self, last: Result<Option<Answer>>) -> Error {
        if let Err(why) = last {
            return why;
        }
        match fell_silent(&self.container, &self.output).await {
            Error::Start(words) => Error::Start(format!("its probe has ended: {words}")),
            other => other,
        }
    }

    async fn event(&mut self, limit: Duration) -> Result<ProbeEvent> {
        let line = timeout(limit, self.output.next_line()).await;
        let line = line.map_err(|_| Error::Start(format!("{} does not answer", self.container.service())))??;
        match line {
            Some(line) => parse(&line),
            None => Err(fell_silent(&self.container, &self.output).await),
        }
    }
}

/// Somebody else writes where the probe does, or it is out of its mind.
fn unasked() -> Error {
    Error::Start("its probe tells what it was not asked".into())
}

fn parse(line: &str) -> Result<ProbeEvent> {
    let wrong = |error| Error::Other(format!("not what a probe says ({error}): {}", shortened(line, SHOWN_CHARS)));
    serde_json::from_str(line).map_err(wrong)
}
