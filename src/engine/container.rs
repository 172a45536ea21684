//! One container: started, listened to, sampled, updated, removed.

use super::{Call, Engine, EngineError, Output, limits, stats, user};
use crate::{
    error::{Error, Result},
    model::{ContainerSample, Limits},
    units::now_unix_us,
};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, DownloadFromContainerOptionsBuilder, LogsOptionsBuilder,
    RemoveContainerOptionsBuilder, StatsOptionsBuilder, UploadToContainerOptionsBuilder, WaitContainerOptionsBuilder,
};
use futures_util::StreamExt;
use std::{collections::VecDeque, io::Read, time::Duration};

/// A container's log is cut here when it is stored.
const LOG_LIMIT_BYTES: usize = 64 << 20;
/// Longest file that is read out of a container.
const FILE_LIMIT_BYTES: usize = 4 << 20;
/// Before a removal is tried once more.
const REMOVE_PAUSE: Duration = Duration::from_secs(1);

/// Before an engine that went away is asked again whether a container has ended.
const WAIT_PAUSE: Duration = Duration::from_secs(1);

/// A container of this run.
pub struct Container {
    pub(super) engine: Engine,
    pub(super) service: String,
    pub(super) id: String,
    piped: bool,
}

/// How a container stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Whether it runs.
    pub running: bool,
    /// Its first process, as numbered on the engine's host.
    pub pid: Option<u32>,
    /// Its exit status, once it has ended.
    pub exit_code: i64,
    /// Whether the kernel ended it for its memory.
    pub oom_killed: bool,
    /// What the engine says about it, mostly nothing.
    pub error: String,
    /// In how many networks it is.
    pub networks: usize,
}

/// What comes of asking for a container's counters.
#[derive(Clone, Debug)]
pub enum Sampled {
    /// They are these.
    Now(Box<ContainerSample>),
    /// It runs no more.
    Ended,
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
            let attached = self.ask(Call::Attach, docker.attach_container(&self.id, Some(options))).await?;
            Output::new(&self.service, attached.output, Some(attached.input))
        } else {
            Output::none(&self.service)
        };
        let started = self.ask(Call::Start, docker.start_container(&self.id, None)).await;
        started.map_err(|error| Error::Start(error.to_string()))?;
        Ok(output)
    }

    /// How it stands.
    pub async fn state(&self) -> Result<State> {
        let inspected = self.inspect().await?;
        let state = inspected.state.unwrap_or_default();
        let networks = inspected.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
        Ok(State {
            running: state.running.unwrap_or(false),
            pid: state.pid.and_then(|pid| u32::try_from(pid).ok()).filter(|&pid| pid > 0),
            exit_code: state.exit_code.unwrap_or(0),
            oom_killed: state.oom_killed.unwrap_or(false),
            error: state.error.unwrap_or_default(),
            networks: networks.len(),
        })
    }

    /// Comes back once it runs no more.
    pub async fn ended(&self) {
        loop {
            let options = WaitContainerOptionsBuilder::new().condition("not-running").build();
            let mut answers = self.engine.docker.wait_container(&self.id, Some(options));
            // An exit status is an error here, as a broken connection is: how it stands says which.
            let _ = self.engine.ask_next(Call::Wait, &self.service, answers.next()).await;
            match self.inspect().await {
                Ok(found) if found.state.as_ref().is_some_and(|state| state.running != Some(true)) => return,
                Err(error) if error.is_not_found() => return,
                _ => tokio::time::sleep(WAIT_PAUSE).await,
            }
        }
    }

    /// The limits as the engine says they are set.
    pub async fn limits(&self) -> Result<Limits> {
        Ok(limits::read(&self.inspect().await?.host_config.unwrap_or_default()))
    }

    /// The user it runs as, by numbers: `10001:10001`, `0:0`.
    pub async fn user(&self) -> Result<String> {
        let named = self.inspect().await?.config.and_then(|config| config.user).unwrap_or_default();
        if user::is_complete(&named) {
            return Ok(named);
        }
        // Without one, names cannot have a meaning, and the engine starts nothing by a name.
        let passwd = self.file("/etc/passwd").await.unwrap_or_default();
        Ok(user::by_numbers(&named, &String::from_utf8_lossy(&passwd)))
    }

    /// Puts files into its root filesystem, by their paths from the root, and makes an empty folder that anybody may write to.
    pub async fn put_at_root(&self, files: &[(String, Vec<u8>)], writable: &str) -> Result<()> {
        let object = format!("files of container {}", self.service);
        let wrong = |error: std::io::Error| EngineError::other(Call::PutFiles, &object, error.to_string());
        let mut tar = tar::Builder::new(Vec::new());
        let header = |kind, mode, size: usize| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(mode);
            header.set_size(size as u64);
            header
        };
        tar.append_data(&mut header(tar::EntryType::Directory, 0o1777, 0), format!("{writable}/"), &[][..])
            .map_err(wrong)?;
        for (path, content) in files {
            let mut header = header(tar::EntryType::Regular, 0o644, content.len());
            tar.append_data(&mut header, path, content.as_slice()).map_err(wrong)?;
        }
        let body = bollard::body_full(tar.into_inner().map_err(wrong)?.into());
        let options = UploadToContainerOptionsBuilder::new().path("/").build();
        let uploaded = self.engine.docker.upload_to_container(&self.id, Some(options), body);
        Ok(self.engine.ask(Call::PutFiles, &object, uploaded).await?)
    }

    /// A file of its root filesystem; `None` where there is none.
    pub async fn file_if_any(&self, path: &str) -> Result<Option<Vec<u8>>> {
        match self.file(path).await {
            Ok(content) => Ok(Some(content)),
            Err(Error::Engine(error)) if error.downcast_ref().is_some_and(EngineError::is_not_found) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A file of its root filesystem.
    async fn file(&self, path: &str) -> Result<Vec<u8>> {
        let options = DownloadFromContainerOptionsBuilder::new().path(path).build();
        let mut pieces = self.engine.docker.download_from_container(&self.id, Some(options));
        let object = format!("{path} of container {}", self.service);
        let mut tar = Vec::new();
        while let Some(piece) = self.engine.ask_next(Call::ReadFile, &object, pieces.next()).await? {
            tar.extend_from_slice(&piece);
            if tar.len() > FILE_LIMIT_BYTES {
                return Err(EngineError::other(Call::ReadFile, &object, "it is too long").into());
            }
        }
        let wrong = |error: std::io::Error| EngineError::other(Call::ReadFile, &object, error.to_string());
        let mut content = Vec::new();
        for entry in tar::Archive::new(&tar[..]).entries().map_err(wrong)? {
            entry.and_then(|mut entry| entry.read_to_end(&mut content)).map_err(wrong)?;
        }
        Ok(content)
    }

    /// Sets its limits while it runs: all of them, as a few alone could change others.
    pub async fn set_limits(&self, limits: &Limits) -> Result<()> {
        let updated = self.engine.docker.update_container(&self.id, limits::update(limits));
        Ok(self.ask(Call::Update, updated).await?)
    }

    /// The engine's counters now.
    ///
    /// # Errors
    /// When they cannot be read, which says nothing about the container.
    pub async fn sample(&self) -> Result<Sampled, EngineError> {
        let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
        let mut answers = self.engine.docker.stats(&self.id, Some(options));
        let object = format!("container {}", self.service);
        let asked_unix_us = now_unix_us();
        match self.engine.ask_next(Call::Sample, &object, answers.next()).await {
            Ok(Some(answer)) => Ok(stats::sample(answer, asked_unix_us..=now_unix_us())),
            Ok(None) => Err(EngineError::other(Call::Sample, &object, "the engine says nothing")),
            Err(error) if error.is_not_found() => Ok(Sampled::Ended),
            Err(error) => Err(error),
        }
    }

    /// All that it has written, stdout and stderr together, the newest 64 MiB of it; from a moment on, in seconds since
    /// 1970 UTC, if one is given.
    pub async fn logs(&self, since_unix_s: Option<u64>) -> Result<Vec<u8>> {
        let since = since_unix_s.map_or(0, |since| i32::try_from(since).unwrap_or(i32::MAX));
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).since(since).build();
        let mut pieces = self.engine.docker.logs(&self.id, Some(options));
        let object = format!("container {}", self.service);
        let mut log: VecDeque<u8> = VecDeque::new();
        while let Some(piece) = self.engine.ask_next(Call::ReadLog, &object, pieces.next()).await? {
            log.extend(piece.into_bytes());
            log.drain(..log.len().saturating_sub(LOG_LIMIT_BYTES));
        }
        Ok(log.into())
    }

    /// Ends and removes it, with its anonymous volumes. Tries again once: an engine may be busy with it.
    pub async fn remove(&self) -> Result<()> {
        let mut outcome = self.remove_now().await;
        if outcome.is_err() {
            tokio::time::sleep(REMOVE_PAUSE).await;
            outcome = self.remove_now().await;
        }
        Ok(outcome?)
    }

    async fn remove_now(&self) -> Result<(), EngineError> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        match self.ask(Call::Remove, self.engine.docker.remove_container(&self.id, Some(options))).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    async fn inspect(&self) -> Result<bollard::models::ContainerInspectResponse, EngineError> {
        self.ask(Call::Inspect, self.engine.docker.inspect_container(&self.id, None)).await
    }

    pub(super) async fn ask<T>(
        &self,
        call: Call,
        answer: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, EngineError> {
        self.engine.ask(call, &format!("container {}", self.service), answer).await
    }
}
