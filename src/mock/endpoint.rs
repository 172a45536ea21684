//! Which endpoint a request line names.

use crate::model::BackendWindow;

/// Longest part of a path that an error repeats.
const SHOWN_CHARACTERS: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Chat,
    Health,
    Models,
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

impl Endpoint {
    /// A query in `path` is ignored.
    pub fn of(method: &str, path: &str) -> Self {
        let place = path.split('?').next().unwrap_or(path);
        let line = || format!("{method} {path}").chars().take(SHOWN_CHARACTERS).collect();
        let (endpoint, allowed) = match place {
            "/v1/chat/completions" => (Self::Chat, "POST"),
            "/v1/health" => (Self::Health, "GET, HEAD"),
            "/v1/models" => (Self::Models, "GET, HEAD"),
            BackendWindow::PATH => {
                return Self::Window(Asked { line: line(), is_post: method == "POST", token: None });
            }
            _ => return Self::Unknown(line()),
        };
        if allowed.split(", ").any(|allowed| allowed == method) { endpoint } else { Self::WrongMethod(allowed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_methods() {
        assert_eq!(Endpoint::of("POST", "/v1/chat/completions?x=/v1/health"), Endpoint::Chat);
        assert_eq!(Endpoint::of("HEAD", "/v1/health"), Endpoint::Health);
        assert_eq!(Endpoint::of("GET", "/v1/chat/completions"), Endpoint::WrongMethod("POST"));
        assert_eq!(Endpoint::of("GET", "/v1/"), Endpoint::Unknown("GET /v1/".into()));
    }
}
