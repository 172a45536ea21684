//! Asks the mock what it saw: at the borders of our own window, never inside it, where that would be load too.

use super::ask::Asker;
use crate::{
    error::{Error, Result},
    model::{BackendWindow, LoadPlan},
};
use std::time::Duration;

/// Limit on each step: connecting, then all the rest.
const PATIENCE: Duration = Duration::from_secs(5);

/// Closes the window of a plan's mock, if it has one, and returns what that saw since the last one was closed.
///
/// # Errors
/// [`Error::Preflight`] names the URL and what went wrong.
pub fn close_window_of(plan: &LoadPlan) -> Result<Option<BackendWindow>> {
    plan.backend.as_deref().map(|url| close_window(url, plan.backend_token.as_deref())).transpose()
}

/// Closes the mock's current window and returns what it saw since the last one was closed.
///
/// # Errors
/// [`Error::Preflight`] names the URL and what went wrong.
fn close_window(url: &str, token: Option<&str>) -> Result<BackendWindow> {
    let asker = Asker::new(url, PATIENCE)?;
    let wrong = |why: String| {
        Error::Preflight(format!("{url}{}: the backend does not tell what it saw: {why}", BackendWindow::PATH))
    };
    let authorization = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
    let told = asker.ask("POST", BackendWindow::PATH, &authorization).map_err(|error| wrong(error.to_string()))?;
    if told.status != 200 {
        return Err(wrong(format!("HTTP {}", told.status)));
    }
    serde_json::from_slice(&told.body).map_err(|error| wrong(error.to_string()))
}
