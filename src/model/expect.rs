//! What a successful answer is, as data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A status, and what the body must hold. In JSON it is its text: `200`, `201 /id`, `any`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Expect {
    /// The only status that is a success; `None` where every answer is one.
    pub status: Option<u16>,
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
        Self { status: Some(200), body: BodyCheck::Any }
    }

    /// Whatever is answered.
    pub fn any() -> Self {
        Self { status: None, body: BodyCheck::Any }
    }

    /// Whether an answer of this status is a success, as far as that goes.
    pub fn takes(&self, status: u16) -> bool {
        self.status.is_none_or(|wanted| wanted == status)
    }
}

impl Default for Expect {
    /// A chat completion with at least one choice.
    fn default() -> Self {
        Self { status: Some(200), body: BodyCheck::NonEmpty(JsonPointer { keys: vec!["choices".into()] }) }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "{status}")?,
            None => f.write_str("any")?,
        }
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
