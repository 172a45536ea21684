//! What a successful answer is, as data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A status, and what the body must hold. In JSON it is its text: `200`, `201 /id`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Expect {
    /// The only status that is a success.
    pub status: u16,
    /// Whole answers only: streams are judged by their events.
    pub body: BodyCheck,
}

/// What the body of an answer must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyCheck {
    /// Anything, or nothing.
    Any,
    /// JSON with something at this place that is neither null nor empty.
    NonEmpty(JsonPointer),
}

/// A place in a JSON document (RFC 6901): `/choices/0/message`. In JSON it is its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct JsonPointer {
    /// Unescaped.
    pub(crate) keys: Vec<String>,
}

impl Expect {
    /// Status 200, whatever the body holds.
    pub fn ok() -> Self {
        Self { status: 200, body: BodyCheck::Any }
    }
}

impl Default for Expect {
    /// A chat completion with at least one choice.
    fn default() -> Self {
        Self { status: 200, body: BodyCheck::NonEmpty(JsonPointer { keys: vec!["choices".into()] }) }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        let BodyCheck::NonEmpty(pointer) = &self.body else { return Ok(()) };
        write!(f, " {pointer}")
    }
}

impl fmt::Display for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.keys.iter().try_for_each(|key| write!(f, "/{}", key.replace('~', "~0").replace('/', "~1")))
    }
}

impl From<Expect> for String {
    fn from(expect: Expect) -> Self {
        expect.to_string()
    }
}

impl From<JsonPointer> for String {
    fn from(pointer: JsonPointer) -> Self {
        pointer.to_string()
    }
}
