//! Which endpoint a request line names: those that clients of vLLM, llama.cpp and OGX ask for.

use super::completions::Api;
use crate::model::{BackendWindow, MOCK_PLACES, READ, SEND};
use percent_encoding::percent_decode_str;

/// Longest part of a path that an error repeats.
const SHOWN_CHARACTERS: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Completion(Api),
    Health,
    Version,
    Models,
    /// The one of this name.
    Model(String),
    /// The control path: with what it was asked, and as whom.
    Window(Asked),
    /// The path exists, but only for these methods.
    WrongMethod(&'static str),
    /// The path does not exist; method and path as they came.
    Unknown(String),
}

/// A request to the control path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Method and path as they came.
    pub line: String,
    pub is_post: bool,
    /// Of its `Authorization: Bearer`.
    pub token: Option<String>,
}

/// What is at each of [`MOCK_PLACES`].
static THERE: [Endpoint; MOCK_PLACES.len()] = [
    Endpoint::Completion(Api::Chat),
    Endpoint::Completion(Api::Text),
    Endpoint::Models,
    Endpoint::Health,
    Endpoint::Health,
    Endpoint::Health,
    Endpoint::Version,
    Endpoint::Version,
];

impl Endpoint {
    /// A query in `target` is ignored, and so are scheme and host.
    pub fn of(method: &str, target: &str) -> Self {
        let path = path(target);
        let line = || format!("{method} {target}").chars().take(SHOWN_CHARACTERS).collect();
        if path == BackendWindow::PATH {
            return Self::Window(Asked { line: line(), is_post: method == SEND, token: None });
        }
        let place = MOCK_PLACES.iter().zip(&THERE).find(|((place, _), _)| *place == path);
        let (endpoint, allowed) = match (place, path.strip_prefix("/v1/models/")) {
            (Some(((_, allowed), endpoint)), _) => (endpoint.clone(), *allowed),
            (None, Some(id)) if !id.is_empty() => {
                (Self::Model(percent_decode_str(id).decode_utf8_lossy().chars().take(SHOWN_CHARACTERS).collect()), READ)
            }
            _ => return Self::Unknown(line()),
        };
        if allowed.split(", ").any(|allowed| allowed == method) { endpoint } else { Self::WrongMethod(allowed) }
    }
}

/// Of a request target in origin form or absolute form (RFC 9112, 3.2).
fn path(target: &str) -> &str {
    let origin = match target.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('/') => rest.find(['/', '?']).map_or("", |at| &rest[at..]),
        _ => target,
    };
    match origin.split_once('?').map_or(origin, |(path, _)| path) {
        "" => "/",
        path => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::is_served_by_mock;

    #[test]
    fn paths_and_methods() {
        assert_eq!(Endpoint::of("POST", "/v1/chat/completions?x=/v1/health"), Endpoint::Completion(Api::Chat));
        assert_eq!(Endpoint::of("POST", "http://mock:80/v1/completions?x"), Endpoint::Completion(Api::Text));
        assert_eq!(Endpoint::of("HEAD", "/v1/health"), Endpoint::Health);
        assert_eq!(Endpoint::of("GET", "/v1/chat/completions"), Endpoint::WrongMethod("POST"));
        assert_eq!(Endpoint::of("GET", "http://mock/health?u=/x"), Endpoint::Health);
        for unknown in
            ["/v1/", "/", "http://mock", "http://mock?u=/health", "/v1/models/", "/x?u=http://y/health", "?u=/health"]
        {
            assert_eq!(Endpoint::of("GET", unknown), Endpoint::Unknown(format!("GET {unknown}")));
        }
    }

    #[test]
    fn a_plan_knows_what_the_mock_serves() {
        for method in ["GET", "HEAD", "POST", "PUT"] {
            for path in
                MOCK_PLACES.map(|(path, _)| path).into_iter().chain(["/v1/models/a", "/v1/models/", "/x", "/ping?y"])
            {
                let refuses = matches!(Endpoint::of(method, path), Endpoint::Unknown(_) | Endpoint::WrongMethod(_));
                assert_eq!(is_served_by_mock(method, path), !refuses, "{method} {path}");
            }
        }
    }

    #[test]
    fn names_of_models_are_decoded() {
        for (path, name) in [("a", "a"), ("openai/a", "openai/a"), ("openai%2Fa%3a", "openai/a:"), ("%zz%f", "%zz%f")] {
            assert_eq!(Endpoint::of("GET", &format!("/v1/models/{path}")), Endpoint::Model(name.into()));
        }
        assert_eq!(Endpoint::of("DELETE", "/v1/models/a"), Endpoint::WrongMethod("GET, HEAD"));
    }
}
