//! The mock's bodies, as OpenAI's API has them, and as the Llama Stack vertical-scaling benchmark's mock sent them; and
//! what is written to a connection, rendered once a second. Pure.

use super::config::MockConfig;
use bytes::Bytes;
use hyper::StatusCode;
use serde_json::{Value, json};
use std::{fmt::Write, ops::Range};

/// The model's name where it is listed; the stack puts its provider's name, `openai/`, before it.
pub const LISTED_MODEL: &str = "mock-chat-model";

/// What every completion says, again and again where it is to say more.
pub const TEXT: &str = "This is a mock response from the benchmark server.";

/// The body of `GET /v1/health`.
pub const HEALTH: &str = r#"{"status":"ok"}"#;

/// A completion's.
const ID: &str = "chatcmpl-mock123";
const MODEL: &str = "openai/mock-chat-model";
const PROMPT_TOKENS: u32 = 10;
/// What the seed's mock says, though its text has nine words.
const COMPLETION_TOKENS: u32 = 20;

/// What is answered, before it is rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: Bytes,
    /// The methods that are allowed, where another was used.
    pub allow: Option<&'static str>,
}

impl Answer {
    pub fn ok(body: impl Into<Bytes>) -> Self {
        Self { status: 200, body: body.into(), allow: None }
    }

    /// Head and body, to be written.
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

/// The body of `GET /v1/models`.
pub fn models() -> String {
    let model = json!({"id": LISTED_MODEL, "object": "model", "created": 0, "owned_by": "vscale"});
    json!({"object": "list", "data": [model]}).to_string()
}

/// An error as OpenAI's API has it.
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

/// A server-sent event, ready to be written.
#[derive(Clone, Debug)]
pub struct Event {
    /// As a chunk of the chunked transfer coding.
    chunk: Bytes,
    /// Where in it the event lies.
    event: Range<usize>,
}

impl Event {
    fn new(data: &str) -> Self {
        let event = format!("data: {data}\n\n");
        let size = format!("{:x}\r\n", event.len());
        let start = size.len();
        Self { event: start..start + event.len(), chunk: format!("{size}{event}\r\n").into() }
    }

    /// What to write: HTTP/1.0 knows no chunks.
    pub fn bytes(&self, is_chunked: bool) -> Bytes {
        if is_chunked { self.chunk.clone() } else { self.chunk.slice(self.event.clone()) }
    }
}

/// Ends a chunked body.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// All that is written often, as of one second.
#[derive(Debug)]
pub struct Rendered {
    /// Seconds since 1970 UTC.
    pub second: u64,
    /// The `date` header's value.
    pub date: String,
    /// A whole completion.
    pub completion: Answer,
    /// The same with its head, on a kept connection.
    pub kept_completion: Bytes,
    /// The role, with which a stream begins.
    pub role: Event,
    /// The text, word by word; after the last comes the first.
    pub words: Vec<Event>,
    /// The finish reason.
    pub finish: Event,
    /// For those who asked for it.
    pub usage: Event,
    /// The end.
    pub done: Event,
}

impl Rendered {
    pub fn new(config: &MockConfig, second: u64) -> Self {
        let date = http_date(second);
        let completion = Answer::ok(completion(config, second));
        let chunk = |choices: Value, usage: Option<Value>| {
            let object = "chat.completion.chunk";
            let mut chunk = json!({"id": ID, "object": object, "created": second, "model": MODEL, "choices": choices});
            if let Some(usage) = usage {
                chunk["usage"] = usage;
            }
            Event::new(&chunk.to_string())
        };
        let choice = |delta: Value, reason: Option<&str>| {
            chunk(json!([{"index": 0, "delta": delta, "finish_reason": reason}]), None)
        };
        Self {
            second,
            kept_completion: completion.render(&date, true, false),
            completion,
            date,
            role: choice(json!({"role": "assistant", "content": ""}), None),
            words: words().map(|word| choice(json!({"content": word}), None)).collect(),
            finish: choice(json!({}), Some("stop")),
            usage: chunk(json!([]), Some(usage(stream_tokens(config)))),
            done: Event::new("[DONE]"),
        }
    }

    /// The head of a stream's answer.
    pub fn stream_head(&self, keep_alive: bool, is_chunked: bool) -> String {
        let mut text = head(200, "text/event-stream", &self.date, keep_alive);
        text.push_str(if is_chunked { "transfer-encoding: chunked\r\n\r\n" } else { "\r\n" });
        text
    }
}

/// Words of a stream.
pub fn stream_tokens(config: &MockConfig) -> u32 {
    config.tokens.unwrap_or_else(|| words().count() as u32)
}

fn words() -> impl Iterator<Item = &'static str> + Clone {
    TEXT.split_inclusive(' ')
}

fn usage(completion_tokens: u32) -> Value {
    let total = PROMPT_TOKENS + completion_tokens;
    json!({"prompt_tokens": PROMPT_TOKENS, "completion_tokens": completion_tokens, "total_tokens": total})
}

/// The body of a whole completion.
fn completion(config: &MockConfig, created_s: u64) -> String {
    let render = |text: &str| {
        let completion = json!({
            "id": ID,
            "object": "chat.completion",
            "created": created_s,
            "model": MODEL,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": usage(config.tokens.unwrap_or(COMPLETION_TOKENS)),
        });
        completion.to_string()
    };
    // Between the last word and the first stands a blank.
    let endless = || words().chain([" "]).cycle();
    let mut text = match config.tokens {
        Some(tokens) => endless().filter(|word| *word != " ").take(tokens as usize).collect(),
        None => TEXT.to_owned(),
    };
    let body = render(&text);
    let missing = config.body_bytes.saturating_sub(body.len());
    if missing == 0 {
        return body;
    }
    let wanted = text.len() + missing;
    text.extend(std::iter::once(" ").chain(endless()).take(missing));
    text.truncate(wanted);
    render(&text)
}

/// Status line and the headers that all answers have; without the empty line.
fn head(status: u16, content_type: &str, date: &str, keep_alive: bool) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
    let close = if keep_alive { "" } else { "connection: close\r\n" };
    format!("HTTP/1.1 {status} {reason}\r\ncontent-type: {content_type}\r\ndate: {date}\r\n{close}")
}

/// `Wed, 25 Nov 2026 03:34:22 GMT` (RFC 9110, 5.6.7).
fn http_date(second: u64) -> String {
    let moment = jiff::Timestamp::from_second(second as i64).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&moment).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(config: MockConfig) -> (usize, Value) {
        let text = completion(&config, 1);
        (text.len(), serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn as_many_words_as_asked_for() {
        let (_, json) = body(MockConfig { tokens: Some(11), ..MockConfig::default() });
        assert_eq!(json["choices"][0]["message"]["content"], format!("{TEXT}This is "));
        assert_eq!((&json["usage"]["completion_tokens"], &json["usage"]["total_tokens"]), (&11.into(), &21.into()));
    }

    #[test]
    fn a_body_is_as_large_as_asked_for() {
        for body_bytes in [1000, 1001, 1 << 20] {
            let (length, json) = body(MockConfig { body_bytes, ..MockConfig::default() });
            assert_eq!(length, body_bytes);
            let text = json["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
            assert!(text.starts_with(&format!("{TEXT} {TEXT} ")), "{}", &text[..120]);
        }
        assert_eq!(body(MockConfig { body_bytes: 1, ..MockConfig::default() }), body(MockConfig::default()));
    }

    #[test]
    fn dates_and_events() {
        assert_eq!(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
        let event = Event::new("[DONE]");
        assert_eq!(&event.bytes(true)[..], b"e\r\ndata: [DONE]\n\n\r\n");
        assert_eq!(&event.bytes(false)[..], b"data: [DONE]\n\n");
    }
}
