//! What a container that is not as it should be says of itself: whether it has ended, and its last lines.

use crate::{
    engine::{Call, Container, EngineError, Output},
    error::Error,
    probe::REAPING,
    text::last_lines,
};

/// Lines of a container's log that an error shows.
const SHOWN_LINES: usize = 15;
/// With this a role of ours ends when its controller is gone, or so it seems to it.
const CUT_OFF: i64 = 129;

/// All that a container wrote since then; where that cannot be read, it says so in its place.
pub(super) async fn log_of(container: &Container, since_unix_s: Option<u64>) -> Vec<u8> {
    let log = container.logs(since_unix_s).await;
    log.unwrap_or_else(|error| format!("not read: {error}\n").into_bytes())
}

/// Why a container is not ready: that it has ended, or what was found; with its own last log lines. An engine that cannot
/// be asked is the one to blame.
pub(super) async fn not_ready(container: &Container, found: Error) -> Error {
    let name = container.service();
    let why = match container.state().await {
        Err(error) => return error,
        Ok(state) if !state.running => format!("it has ended ({})", state.in_words()),
        Ok(_) if matches!(found, Error::Engine(_)) => return found,
        Ok(_) => found.to_string(),
    };
    Error::Start(format!("{name}: {why}; {}", shown_log(container).await))
}

/// The end of its log, for an error.
pub(super) async fn shown_log(container: &Container) -> String {
    let log = container.logs(None).await.unwrap_or_default();
    match last_lines(&log, SHOWN_LINES) {
        lines if lines.is_empty() => "it wrote nothing".into(),
        lines => format!("its last lines:\n  {}", lines.replace('\n', "\n  ")),
    }
}

/// Why a container did not come up, with those that have ended meanwhile: one that it needs may be among them.
pub(super) async fn with_ended(error: Error, others: impl Iterator<Item = &Container>) -> Error {
    let Error::Start(mut why) = error else { return error };
    for container in others {
        if let Ok(state) = container.state().await
            && !state.running
        {
            let ended = not_ready(container, Error::Start(String::new())).await;
            why = format!("{why}\n{ended}");
        }
    }
    Error::Start(why)
}

/// Why a role of ours says nothing more: that its connection to us was cut, or its own last words.
pub(super) async fn fell_silent(role: &Container, output: &Output) -> Error {
    let is_reaping = async || {
        let log = role.logs(None).await.unwrap_or_default();
        last_lines(&log, 1) == REAPING
    };
    match role.state().await {
        Err(error) => error,
        Ok(state) if state.running || state.exit_code == CUT_OFF || is_reaping().await => {
            let why = "the engine has closed the connection, or was started anew";
            EngineError::other(Call::ReadOutput, &format!("container {}", role.service()), why).into()
        }
        Ok(state) => {
            let words = output.last_words();
            let words = words.trim().trim_start_matches("vscale: ");
            Error::Start(if words.is_empty() { state.in_words() } else { words.to_owned() })
        }
    }
}
