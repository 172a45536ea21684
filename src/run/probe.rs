//! The controller's end of a probe: a container of ours in another's PID and network namespaces, which says when that one
//! is ready and then, each time it is asked, what its processes do.

use crate::{
    engine::{Cluster, Container, Output},
    error::{Error, Result},
    model::{CpuSet, Endpoint, ProbeEvent, ProbeSample},
    text::shortened,
};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

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
}

/// What a probe is to look at.
pub(super) struct Look<'a> {
    pub(super) target: &'a Container,
    pub(super) ready: &'a Endpoint,
    pub(super) cpus: &'a CpuSet,
    pub(super) timeout: Duration,
}

impl Probe {
    /// Starts one of our own image, as the target's user: another's cgroup files could not be read.
    pub(super) async fn start(cluster: &Cluster, own_image: &str, look: &Look<'_>) -> Result<Self> {
        let url = format!("http://127.0.0.1:{}{}", look.ready.port, look.ready.ready);
        let timeout = format!("{}us", look.timeout.as_micros());
        let command = ["probe", "--ready", &url, "--timeout", &timeout].map(str::to_owned).to_vec();
        let user = numeric_user(&look.target.user().await?);
        let container = cluster.create_probe(look.target, own_image, &user, look.cpus, command).await?;
        let output = container.start().await?.with_lines_up_to(LONGEST_LINE_BYTES);
        Ok(Self { container, output, asked: 0 })
    }

    /// Waits until the target is ready: the time that took, or the probe's last words as the error. `waiting` hears what
    /// the target answers meanwhile.
    pub(super) async fn until_ready(
        &mut self,
        timeout: Duration,
        waiting: &mut dyn FnMut(String),
    ) -> Result<Result<u64, String>> {
        let deadline = Instant::now() + timeout + GRACE;
        loop {
            match self.event(deadline).await? {
                Some(ProbeEvent::Waiting { last }) => waiting(last),
                Some(ProbeEvent::Ready { after_us }) => return Ok(Ok(after_us)),
                Some(ProbeEvent::Sample(_)) => return Err(unasked()),
                None => return Ok(Err(self.last_words())),
            }
        }
    }

    /// The target's processes now.
    ///
    /// # Errors
    /// [`Error::Start`] when the probe has ended or does not answer.
    pub(super) async fn sample(&mut self) -> Result<ProbeSample> {
        self.ask().await;
        match self.event(Instant::now() + GRACE).await? {
            Some(ProbeEvent::Sample(sample)) => self.answered(sample),
            _ => Err(Error::Start(format!("its probe has ended: {}", self.last_words()))),
        }
    }

    /// Asks for a sample, which [`Self::answer`] will bring.
    pub(super) async fn ask(&mut self) {
        self.asked += 1;
        self.output.write("sample\n").await;
    }

    /// The next sample that was asked for; `None` once the probe has ended. Can be dropped and called again.
    pub(super) async fn answer(&mut self) -> Result<Option<ProbeSample>> {
        match self.output.next_line().await? {
            Some(line) => match parse(&line)? {
                ProbeEvent::Sample(sample) => self.answered(sample).map(Some),
                _ => Err(Error::Other("a probe says that its target is ready, and was not asked".into())),
            },
            None => Ok(None),
        }
    }

    /// Ends and removes it.
    pub(super) async fn remove(self) -> Result<()> {
        self.container.remove().await
    }

    /// One of those that were asked for.
    fn answered(&mut self, sample: ProbeSample) -> Result<ProbeSample> {
        self.asked = self.asked.checked_sub(1).ok_or_else(unasked)?;
        Ok(sample)
    }

    async fn event(&mut self, deadline: Instant) -> Result<Option<ProbeEvent>> {
        let line = timeout_at(deadline, self.output.next_line()).await;
        let line = line.map_err(|_| Error::Start(format!("{} does not answer", self.container.service())))??;
        line.as_deref().map(parse).transpose()
    }

    fn last_words(&self) -> String {
        self.output.last_words()
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

/// `10001:10001` as it is; a name means nothing in our image, so then nobody.
fn numeric_user(user: &str) -> String {
    const NOBODY: &str = "65534:65534";
    let is_numeric = !user.is_empty() && user.chars().all(|c| c.is_ascii_digit() || c == ':');
    if is_numeric { user.to_owned() } else { NOBODY.to_owned() }
}
