//! A request to send, as the user gives it.

use super::{Capture, Expect};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A request. Path, header values and body may hold `{{counter}}`, `{{random}}`, `{{line}}`, and the names of what earlier
/// steps of its scenario have captured; they are filled in for each one that is sent.
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
    /// How often it is sent, beside the other requests' weights; above 0. A step has the weight of its scenario.
    pub weight: f64,
    /// Whether it is a step that goes on with the scenario of the request before it in the list: the same user sends it, once
    /// that one has succeeded.
    #[serde(default, skip_serializing_if = "is_false")]
    pub follows: bool,
    /// Whether a user for whom it has succeeded leaves it out from then on.
    #[serde(default, skip_serializing_if = "is_false")]
    pub once: bool,
    /// What its answer gives to the steps after it, by the name that stands for it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capture: BTreeMap<String, Capture>,
    /// Whether it sends the cookies that its user has been given, and keeps those of its answer.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cookies: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
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
            follows: false,
            once: false,
            capture: BTreeMap::new(),
            cookies: false,
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
