//! What is taken out of an answer, to be sent later.

use super::JsonPointer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where in an answer a value stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Capture {
    /// At a place in the JSON of the body (RFC 6901): `/access_token`.
    Json(JsonPointer),
    /// In a header; the first of its name.
    Header(String),
    /// In a cookie that the answer sets.
    Cookie(String),
    /// What the first group of a regular expression matches in the body, or the whole of it where it has no group.
    Regex(String),
}
