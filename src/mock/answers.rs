//! What the mock answers at once, in the form of OpenAI's API, and what all its answers have. Does no I/O.

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;
use std::fmt::Write;

/// The model's name in the list of models; a stack puts its provider's name, `openai/`, before it.
const LISTED_MODEL: &str = "mock-chat-model";

/// The model's name in every completion, whatever was asked for.
pub const MODEL: &str = "openai/mock-chat-model";

pub const HEALTH: &str = r#"{"status":"ok"}"#;

/// An answer that is not rendered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: Bytes,
    /// Which methods are allowed, if another was used.
    pub allow: Option<&'static str>,
}

impl Answer {
    pub fn ok(body: impl Into<Bytes>) -> Self {
        Self { status: 200, body: body.into(), allow: None }
    }

    pub fn render(&self, date: &str, keep_alive: bool, is_head: bool) -> Bytes {
        let mut text = head(self.status, "application/json", date, keep_alive);
        let _ = write!(text, "content-length: {}\r\n", self.body.len());
        if let Some(methods) = self.allow {
            let _ = write!(text, "allow: {methods}\r\n");
        }
        text.push_str("\r\n");
        let body = if is_head { &b""[..] } else { &self.body };
        [text.as_bytes(), body].concat().into()
    }
}

/// `GET /v1/models`.
pub fn models() -> Answer {
    Answer::ok(json!({"object": "list", "data": [model_object(LISTED_MODEL)]}).to_string())
}

/// `GET /v1/models/{id}`.
pub fn model(id: &str) -> Answer {
    if [LISTED_MODEL, MODEL].contains(&id) {
        return Answer::ok(model_object(id).to_string());
    }
    error(404, &format!("there is no model `{id}`"), Some("model"), Some("model_not_found"))
}

fn model_object(id: &str) -> serde_json::Value {
    json!({"id": id, "object": "model", "created": 0, "owned_by": "vscale"})
}

/// `GET /version`, as vLLM has it.
pub fn version() -> Answer {
    Answer::ok(json!({"version": env!("CARGO_PKG_VERSION")}).to_string())
}

/// An error in the form of OpenAI's API.
///
/// Source: <https://platform.openai.com/docs/guides/error-codes>, and the API's own answers.
pub fn error(status: u16, message: &str, param: Option<&str>, code: Option<&str>) -> Answer {
    let kind = match status {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    };
    let body = json!({"error": {"message": message, "type": kind, "param": param, "code": code}});
    Answer { status, body: body.to_string().into(), allow: None }
}

/// The status line and the headers that all answers have, without the empty line at the end.
pub fn head(status: u16, content_type: &str, date: &str, keep_alive: bool) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
    let close = if keep_alive { "" } else { "connection: close\r\n" };
    format!("HTTP/1.1 {status} {reason}\r\ncontent-type: {content_type}\r\ndate: {date}\r\n{close}")
}

/// `Wed, 25 Nov 2026 03:34:22 GMT` (RFC 9110, 5.6.7).
pub fn http_date(second: u64) -> String {
    let moment = jiff::Timestamp::from_second(second as i64).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&moment).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn a_model_by_either_name() {
        assert_eq!(["mock-chat-model", "openai/mock-chat-model", "gpt"].map(|id| model(id).status), [200, 200, 404]);
    }
}
