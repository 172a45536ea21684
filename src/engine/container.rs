//! One container: started, listened to, sampled, updated, removed.

use super::{Engine, failed, stats};
use crate::{
    error::{Error, Result},
    model::{CgroupLimits, ContainerSample},
    text::last_lines,
};
use bollard::{
    container::LogOutput,
    models::ContainerUpdateBody,
    query_parameters::{
        AttachContainerOptionsBuilder, LogsOptionsBuilder, RemoveContainerOptionsBuilder, StatsOptionsBuilder,
    },
};
use futures_util::{Stream, StreamExt};
use std::{collections::VecDeque, pin::Pin};
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// A line of a container's output is cut here.
const LINE_LIMIT_BYTES: usize = 64 << 20;
/// Lines of stderr that are kept.
const KEPT_LINES: usize = 20;
/// A container's log is cut here when it is stored.
const LOG_LIMIT_BYTES: usize = 64 << 20;

/// A container of this run.
pub struct Container {
    engine: Engine,
    service: String,
    id: String,
    piped: bool,
}

/// How a container stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Whether it runs.
    pub running: bool,
    /// Its exit status, once it has ended.
    pub exit_code: i64,
    /// Whether the kernel ended it for its memory.
    pub oom_killed: bool,
    /// What the engine says about it, mostly nothing.
    pub error: String,
}

impl State {
    /// In words: `exit status 3`, `killed by the kernel: out of memory (exit status 137)`.
    pub fn in_words(&self) -> String {
        match self {
            Self { running: true, .. } => "still running".into(),
            Self { oom_killed: true, exit_code, .. } => {
                format!("killed by the kernel: out of memory (exit status {exit_code})")
            }
            Self { error, exit_code, .. } if !error.is_empty() => format!("exit status {exit_code}: {error}"),
            Self { exit_code, .. } => format!("exit status {exit_code}"),
        }
    }
}

impl Container {
    pub(super) fn new(engine: Engine, service: &str, id: String, piped: bool) -> Self {
        Self { engine, service: service.to_owned(), id, piped }
    }

    /// Name of its service.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The engine's id of it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Starts it; what it writes from its first byte on is in the answer (nothing when it was not made `piped`).
    ///
    /// # Errors
    /// `Error::Start` with the engine's words, as for a command that is not in the image.
    pub async fn start(&self) -> Result<Output> {
        let docker = &self.engine.docker;
        let output = if self.piped {
            let options =
                AttachContainerOptionsBuilder::new().stream(true).stdin(true).stdout(true).stderr(true).build();
            let attached = docker.attach_container(&self.id, Some(options)).await;
            let attached = attached.map_err(|error| failed(&format!("attaching to {}", self.service), &error))?;
            Output::new(attached.output, Some(attached.input))
        } else {
            Output::new(Box::pin(futures_util::stream::empty()), None)
        };
        let started = docker.start_container(&self.id, None).await;
        started.map_err(|error| Error::Start(failed(&format!("starting {}", self.service), &error).to_string()))?;
        Ok(output)
    }

    /// How it stands.
    pub async fn state(&self) -> Result<State> {
        let inspected = self.inspect().await?;
        let state = inspected.state.unwrap_or_default();
        Ok(State {
            running: state.running.unwrap_or(false),
            exit_code: state.exit_code.unwrap_or(0),
            oom_killed: state.oom_killed.unwrap_or(false),
            error: state.error.unwrap_or_default(),
        })
    }

    /// The limits as the engine says they are set.
    pub async fn limits(&self) -> Result<CgroupLimits> {
        let host = self.inspect().await?.host_config.unwrap_or_default();
        let positive = |value: Option<i64>| value.filter(|&value| value > 0);
        let period_us = positive(host.cpu_period).unwrap_or(100_000);
        let quota_cores = positive(host.nano_cpus)
            .map(|nanos| nanos as f64 / 1e9)
            .or_else(|| positive(host.cpu_quota).map(|quota_us| quota_us as f64 / period_us as f64));
        Ok(CgroupLimits {
            cpu_quota_cores: quota_cores,
            cpu_period_us: quota_cores.map(|_| period_us as u64),
            cpuset: host.cpuset_cpus.filter(|list| !list.is_empty()),
            memory_bytes: positive(host.memory).map(|bytes| bytes as u64),
        })
    }

    /// The user it runs as, as its image or its service says; empty for root.
    pub async fn user(&self) -> Result<String> {
        Ok(self.inspect().await?.config.and_then(|config| config.user).unwrap_or_default())
    }

    /// Sets a CPU quota while it runs.
    ///
    /// # Errors
    /// `Error::Engine` when the engine refuses.
    pub async fn set_cpu_quota(&self, cores: f64) -> Result<()> {
        let period_us = quota_period_us(cores);
        let body = ContainerUpdateBody {
            cpu_period: Some(period_us),
            cpu_quota: Some((cores * period_us as f64).round() as i64),
            ..Default::default()
        };
        let updated = self.engine.docker.update_container(&self.id, body).await;
        updated.map_err(|error| failed(&format!("setting the CPU quota of {}", self.service), &error))
    }

    /// The engine's counters now; `None` once it has ended.
    pub async fn sample(&self) -> Option<ContainerSample> {
        let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
        let answer = self.engine.docker.stats(&self.id, Some(options)).next().await?;
        stats::sample(answer.ok()?)
    }

    /// All that it has written so far, stdout and stderr together, the newest 64 MiB of it.
    pub async fn logs(&self) -> Result<Vec<u8>> {
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).build();
        let mut lines = self.engine.docker.logs(&self.id, Some(options));
        let mut log: VecDeque<u8> = VecDeque::new();
        while let Some(line) = lines.next().await {
            let line = line.map_err(|error| failed(&format!("reading the log of {}", self.service), &error))?;
            log.extend(line.into_bytes());
            log.drain(..log.len().saturating_sub(LOG_LIMIT_BYTES));
        }
        Ok(log.into())
    }

    /// Ends and removes it, with its anonymous volumes.
    pub async fn remove(&self) -> Result<()> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        let removed = self.engine.docker.remove_container(&self.id, Some(options)).await;
        removed.map_err(|error| failed(&format!("removing {}", self.service), &error))
    }

    async fn inspect(&self) -> Result<bollard::models::ContainerInspectResponse> {
        let inspected = self.engine.docker.inspect_container(&self.id, None).await;
        inspected.map_err(|error| failed(&format!("inspecting {}", self.service), &error))
    }
}

/// 10 ms for fine-grained throttling; 100 ms where a quota of 10 ms would be under the kernel's least, 1 ms.
fn quota_period_us(cores: f64) -> i64 {
    if cores >= 0.1 { 10_000 } else { 100_000 }
}

/// What a piped container writes, line by line. While this lives, the container's stdin is open.
pub struct Output {
    stream: Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>,
    stdin: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    stdout: Vec<u8>,
    lines: VecDeque<String>,
    stderr: Vec<u8>,
}

impl Output {
    fn new(
        stream: Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>,
        stdin: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    ) -> Self {
        Self { stream, stdin, stdout: Vec::new(), lines: VecDeque::new(), stderr: Vec::new() }
    }

    /// The next whole line of stdout; `None` once it has ended. Can be dropped and called again.
    ///
    /// # Errors
    /// `Error::Engine` when the connection breaks or a line has no end.
    pub async fn next_line(&mut self) -> Result<Option<String>> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Ok(Some(line));
            }
            match self.stream.next().await {
                None => return Ok(None),
                Some(Ok(LogOutput::StdErr { message })) => {
                    self.stderr.extend_from_slice(&message);
                    let excess = self.stderr.len().saturating_sub(64 * 1024);
                    self.stderr.drain(..excess);
                }
                Some(Ok(other)) => self.take(&other.into_bytes())?,
                Some(Err(error)) => return Err(failed("reading a container's output", &error)),
            }
        }
    }

    /// Writes to its stdin. A container that has ended, or does not read, is no error here: its last words say more.
    pub async fn write(&mut self, text: &str) {
        if let Some(stdin) = &mut self.stdin {
            let written = async {
                stdin.write_all(text.as_bytes()).await?;
                stdin.flush().await
            };
            let _: std::io::Result<()> = written.await;
        }
    }

    /// The last lines of stderr, for an error message.
    pub fn last_words(&self) -> String {
        last_lines(&self.stderr, KEPT_LINES)
    }

    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        let mut parts = bytes.split(|&byte| byte == b'\n');
        let mut part = parts.next().unwrap_or_default();
        for next in parts {
            self.stdout.extend_from_slice(part);
            self.lines.push_back(String::from_utf8_lossy(&self.stdout).into_owned());
            self.stdout.clear();
            part = next;
        }
        self.stdout.extend_from_slice(part);
        if self.stdout.len() > LINE_LIMIT_BYTES {
            return Err(Error::Engine("a container's output has a line of more than 64 MiB".into()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output() -> Output {
        Output::new(Box::pin(futures_util::stream::empty()), None)
    }

    #[test]
    fn lines_are_joined_from_any_pieces() {
        let mut output = output();
        for piece in ["on", "e\ntwo", "\n", "\nthree"] {
            output.take(piece.as_bytes()).expect("short");
        }
        assert_eq!(output.lines, ["one", "two", ""]);
    }

    #[test]
    fn quotas_are_whole_milliseconds_at_least() {
        assert_eq!([2.0, 0.1, 0.05].map(quota_period_us), [10_000, 10_000, 100_000]);
    }
}
