//! A request to send, as the user gives it.

use super::Expect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A request. Path, header values and body may hold `{{counter}}`, `{{random}}` and `{{line}}`, which are filled in for
/// each one that is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestTemplate {
    /// `POST`.
    pub method: String,
    /// `/v1/chat/completions`, with its query if any.
    pub path: String,
    /// What the statistics call it; usually the path.
    pub name: String,
    /// Besides `Host`, `User-Agent`, `Accept`, `Content-Type` and `Content-Length`, or in place of the first four.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// Empty for none.
    pub body: String,
    /// What counts as a success.
    pub expect: Expect,
    /// How often it is sent, beside the other requests' weights; above 0.
    pub weight: f64,
}

impl Default for RequestTemplate {
    /// The chat completion of the Llama Stack vertical-scaling benchmark.
    fn default() -> Self {
        let body = r#"{"model": "openai/mock-chat-model", "messages": [{"role": "user", "content": "Hello, how are you?"}], "max_tokens": 50}"#;
        Self {
            method: "POST".into(),
            path: "/v1/chat/completions".into(),
            name: "/v1/chat/completions".into(),
            headers: Vec::new(),
            body: body.into(),
            expect: Expect::default(),
            weight: 1.0,
        }
    }
}

impl RequestTemplate {
    /// The same chat completion, as a stream.
    pub fn streamed() -> Self {
        let body = r#"{"model": "openai/mock-chat-model", "messages": [{"role": "user", "content": "Hello, how are you?"}], "max_tokens": 50, "stream": true}"#;
        Self { body: body.into(), ..Self::default() }
    }
}
