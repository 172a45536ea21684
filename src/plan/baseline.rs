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
    if !is_mock {
        return None;
    }
    let mut unknown = load.requests.iter().filter(|request| !is_served_by_mock(&request.method, &request.path));
    if command.iter().any(|word| word == ANY_PATH) {
        let captured = unknown.flat_map(|request| request.capture.keys()).next()?;
        return Some(format!(
            "{backend} does not give {{{{{captured}}}}}, which is captured from an answer of the target"
        ));
    }
    let unknown = unknown.next()?;
    Some(format!(
        "{backend} has no answer to {} {}; with {ANY_PATH} in its command it has one to every request",
        unknown.method, unknown.path
    ))
}
