//! Every call to the engine: what it is called in an error, how long an answer may take, and what went wrong when there
//! is none that is any good.

use super::Engine;
use crate::error::Error;
use bollard::errors::Error as DockerError;
use std::{fmt, time::Duration};

/// What is asked of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Agreeing on a version, and what the engine is.
    Greet,
    /// The state of a container or an image.
    Inspect,
    /// Containers, networks or volumes by label.
    List,
    /// A container.
    Create,
    /// A network.
    CreateNetwork,
    /// A volume.
    CreateVolume,
    /// A container into a network.
    Connect,
    /// Files into a container.
    PutFiles,
    /// A command in a container.
    Execute,
    /// A container's end.
    Wait,
    /// A container's streams.
    Attach,
    /// A container.
    Start,
    /// A container's limits.
    Update,
    /// A container's counters.
    Sample,
    /// A container's log, its next piece.
    ReadLog,
    /// A container's output.
    ReadOutput,
    /// A file in a container, its next piece.
    ReadFile,
    /// A container, a network or a volume.
    Remove,
    /// An image, its next line of progress.
    Build,
    /// An image, its next line of progress.
    Pull,
    /// An image out of a root filesystem, its next line of progress.
    Import,
}

impl Call {
    /// What is done, for an error, and the longest wait for an answer or for its next piece: `None` where silence is
    /// nothing unusual.
    fn row(self) -> (&'static str, Option<Duration>) {
        const fn seconds(seconds: u64) -> Option<Duration> {
            Some(Duration::from_secs(seconds))
        }
        match self {
            Self::Greet => ("greeting", seconds(20)),
            Self::Inspect => ("inspecting", seconds(20)),
            Self::List => ("listing", seconds(20)),
            Self::Create => ("creating", seconds(60)),
            Self::CreateNetwork => ("creating", seconds(30)),
            Self::CreateVolume => ("creating", seconds(60)),
            Self::PutFiles => ("putting secrets and configs into", seconds(60)),
            Self::Execute => ("running a command in", seconds(20)),
            Self::Wait => ("waiting for the end of", None),
            Self::Connect => ("connecting", seconds(30)),
            Self::Attach => ("attaching to", seconds(20)),
            Self::Start => ("starting", seconds(60)),
            Self::Update => ("setting the limits of", seconds(20)),
            // An engine of version 20 takes up to two seconds for one.
            Self::Sample => ("sampling", seconds(10)),
            Self::ReadLog => ("reading the log of", seconds(20)),
            Self::ReadOutput => ("reading the output of", None),
            Self::ReadFile => ("reading", seconds(20)),
            Self::Remove => ("removing", seconds(30)),
            // A package index may be slow, and says nothing meanwhile.
            Self::Build => ("building", seconds(600)),
            Self::Pull => ("pulling", seconds(300)),
            Self::Import => ("importing", seconds(600)),
        }
    }

    fn name(self) -> &'static str {
        self.row().0
    }
}

/// A call that did not go well.
#[derive(Debug)]
pub struct EngineError {
    call: Call,
    object: String,
    cause: Cause,
    source: Option<Box<DockerError>>,
}

/// Why it did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The engine answered with this status and these words.
    Refused {
        /// HTTP status.
        status: u16,
        /// The engine's own words.
        message: String,
    },
    /// What was asked for is not there (any more).
    NotFound,
    /// The connection to the engine could not be made, or broke.
    Disconnected(String),
    /// No answer in this time.
    TimedOut(Duration),
    /// An answer that makes no sense, or a request that could not be made.
    Other(String),
}

impl EngineError {
    /// Of an answer of the engine's.
    pub(super) fn new(call: Call, object: &str, error: DockerError) -> Self {
        let cause = match &error {
            DockerError::DockerResponseServerError { status_code: 404, message } if !says_more(message) => {
                Cause::NotFound
            }
            DockerError::DockerResponseServerError { status_code, message } => {
                Cause::Refused { status: *status_code, message: message.trim().to_owned() }
            }
            DockerError::RequestTimeoutError => Cause::TimedOut(call.row().1.unwrap_or_default()),
            DockerError::HyperResponseError { .. }
            | DockerError::HyperLegacyError { .. }
            | DockerError::SocketNotFoundError(_)
            | DockerError::IOError { .. } => Cause::Disconnected(with_causes(&error)),
            other => Cause::Other(with_causes(other)),
        };
        Self { call, object: object.to_owned(), cause, source: Some(Box::new(error)) }
    }

    /// Of an answer that never came.
    pub(super) fn timed_out(call: Call, object: &str, after: Duration) -> Self {
        Self { call, object: object.to_owned(), cause: Cause::TimedOut(after), source: None }
    }

    /// Of an answer that is not what was asked for.
    pub fn other(call: Call, object: &str, why: impl Into<String>) -> Self {
        Self { call, object: object.to_owned(), cause: Cause::Other(why.into()), source: None }
    }

    /// Why.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// Whether the engine works and takes none such as was asked for: a runtime that it does not know, a driver without
    /// such an option.
    fn is_about_what_was_asked(&self) -> bool {
        matches!(self.call, Call::Create | Call::CreateNetwork | Call::CreateVolume | Call::Update)
            && matches!(self.cause, Cause::Refused { status: 400, .. })
    }

    /// Whether the engine may have done what it was asked for, or may yet.
    pub(super) fn is_unanswered(&self) -> bool {
        matches!(self.cause, Cause::Disconnected(_) | Cause::TimedOut(_))
    }

    /// Whether the engine says that there is no such thing.
    pub fn is_not_found(&self) -> bool {
        matches!(self.cause, Cause::NotFound | Cause::Refused { status: 404, .. })
    }
}

/// A 404 at a start or a creation names what is missing: an image, a network, a command.
fn says_more(message: &str) -> bool {
    !message.to_ascii_lowercase().contains("no such container")
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.call.name(), self.object)?;
        match &self.cause {
            Cause::Refused { message, status } if message.is_empty() => write!(f, "the engine refused it ({status})"),
            Cause::Refused { message, .. } => f.write_str(message),
            Cause::NotFound => f.write_str("it is not there"),
            Cause::Disconnected(why) => write!(f, "the connection to the engine is lost: {why}"),
            Cause::TimedOut(after) => write!(f, "no answer from the engine in {} s", after.as_secs_f64()),
            Cause::Other(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for EngineError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|error| error as _)
    }
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        match error.is_about_what_was_asked() {
            true => Self::Preflight(error.to_string()),
            false => Self::Engine(Box::new(error)),
        }
    }
}

impl Engine {
    /// Waits for an answer, but not for ever.
    pub(super) async fn ask<T>(
        &self,
        call: Call,
        object: &str,
        answer: impl Future<Output = Result<T, DockerError>>,
    ) -> Result<T, EngineError> {
        self.limited(call, object, answer).await?.map_err(|error| EngineError::new(call, object, error))
    }

    /// Waits for the next piece of an answer that comes in pieces; `None` at its end.
    pub(super) async fn ask_next<T>(
        &self,
        call: Call,
        object: &str,
        piece: impl Future<Output = Option<Result<T, DockerError>>>,
    ) -> Result<Option<T>, EngineError> {
        let piece = self.limited(call, object, piece).await?;
        piece.transpose().map_err(|error| EngineError::new(call, object, error))
    }

    pub(super) async fn limited<T>(
        &self,
        call: Call,
        object: &str,
        answer: impl Future<Output = T>,
    ) -> Result<T, EngineError> {
        let Some(limit) = call.row().1.map(|limit| limit.min(self.longest_wait)) else { return Ok(answer.await) };
        tokio::time::timeout(limit, answer).await.map_err(|_| EngineError::timed_out(call, object, limit))
    }
}

/// An error with its sources: bollard's own text often stops at "client error (Connect)".
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    fn refused(status_code: u16, message: &str) -> EngineError {
        let error = DockerError::DockerResponseServerError { status_code, message: message.into() };
        EngineError::new(Call::Remove, "container stack", error)
    }

    #[test]
    fn an_error_says_what_was_done_to_what_and_why() {
        let error = refused(409, "removal is already in progress\n");
        assert_eq!(error.to_string(), "removing container stack: removal is already in progress");
        assert_eq!(error.cause(), &Cause::Refused { status: 409, message: "removal is already in progress".into() });
        assert!(error.source().is_some());
        assert_eq!(refused(500, "").to_string(), "removing container stack: the engine refused it (500)");
        let late = EngineError::timed_out(Call::List, "containers", Duration::from_secs(20));
        assert_eq!(late.to_string(), "listing containers: no answer from the engine in 20 s");
    }

    #[test]
    fn what_is_gone_is_told_from_what_is_missing() {
        assert_eq!(refused(404, "No such container: 3f9a").cause(), &Cause::NotFound);
        let image = refused(404, "No such image: nginx:latest");
        assert!(image.is_not_found());
        assert_eq!(image.to_string(), "removing container stack: No such image: nginx:latest");
    }

    #[test]
    fn a_broken_connection_is_one() {
        let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        let error = EngineError::new(Call::Inspect, "container mock", DockerError::IOError { err: broken });
        assert!(matches!(error.cause(), Cause::Disconnected(_)), "{error}");
    }
}
