//! Whether a baseline can mean anything: the backend, loaded directly with the target's requests.

use crate::{
    compose::Project,
    model::{LoadPlan, is_served_by_mock},
};

/// With it our mock answers whatever it is asked.
const ANY_PATH: &str = "--any-path";

/// Why there can be no baseline; `None` where there can.
pub(super) fn why_none(project: &Project, load: &LoadPlan) -> Option<String> {
    let Some(backend) = &project.vscale.backend else {
        return Some(
            "no backend is named, so it is not known what generator and network do without the target, what the target adds \
             to a request, and how many requests it makes of others"
                .into(),
        );
    };
    let service = &project.services[backend];
    let command = service.command.as_deref().unwrap_or_default();
    let is_mock = service.is_ours() && command.first().is_some_and(|role| role == "mock");
    if !is_mock || command.iter().any(|word| word == ANY_PATH) {
        return None;
    }
    let unknown = load.requests.iter().find(|request| !is_served_by_mock(&request.method, &request.path))?;
    Some(format!(
        "{backend} has no answer to {} {}; with {ANY_PATH} in its command it has one to every request",
        unknown.method, unknown.path
    ))
}
