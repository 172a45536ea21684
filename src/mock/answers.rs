//! What the mock answers, in the form of OpenAI's API and with the words of the Llama Stack vertical-scaling benchmark's
//! mock; rendered to bytes once a second. Does no I/O.

use super::config::MockConfig;
use bytes::Bytes;
use hyper::StatusCode;
use serde_json::{Value, json};
use std::{fmt::Write, ops::Range};

/// The model's name in the list of models; a stack puts its provider's name, `openai/`, before it.
pub const LISTED_MODEL: &str = "mock-chat-model";

/// The text of every completion, repeated where it is to be longer.
pub const TEXT: &str = "This is a mock response from the benchmark server.";

pub const HEALTH: &str = r#"{"status":"ok"}"#;

/// Of every completion.
const ID: &str = "chatcmpl-mock123";
const MODEL: &str = "openai/mock-chat-model";
const PROMPT_TOKENS: u32 = 10;
/// As the replaced mock has it, though its text has nine words.
const COMPLETION_TOKENS: u32 = 20;

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

/// The body of `GET /v1/models`.
pub fn models() -> String {
    let model = json!({"id": LISTED_MODEL, "object": "model", "created": 0, "owned_by": "vscale"});
    json!({"object": "list", "data": [model]}).to_string()
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

/// A server-sent event, ready to write.
#[derive(Clone, Debug)]
pub struct Event {
    /// In the chunked transfer coding.
    chunk: Bytes,
    /// Where the event itself is in it.
    event: Range<usize>,
}

impl Event {
    fn new(data: &str) -> Self {
        let event = format!("data: {data}\n\n");
        let size = format!("{:x}\r\n", event.len());
        let start = size.len();
        Self { event: start..start + event.len(), chunk: format!("{size}{event}\r\n").into() }
    }

    /// HTTP/1.0 knows no chunks.
    pub fn bytes(&self, is_chunked: bool) -> Bytes {
        if is_chunked { self.chunk.clone() } else { self.chunk.slice(self.event.clone()) }
    }
}

pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// All that is written often; it names the time, so it is made anew each second.
#[derive(Debug)]
pub struct Rendered {
    /// Seconds since 1970 UTC.
    pub second: u64,
    /// The `date` header's value.
    pub date: String,
    pub completion: Answer,
    /// The completion with its head, for a connection that is kept.
    pub kept_completion: Bytes,
    /// Begins a stream.
    pub role: Event,
    /// The text, to be repeated as often as it takes.
    pub words: Vec<Event>,
    pub finish: Event,
    /// Only for clients who ask for it.
    pub usage: Event,
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

    pub fn stream_head(&self, keep_alive: bool, is_chunked: bool) -> String {
        let mut text = head(200, "text/event-stream", &self.date, keep_alive);
        text.push_str(if is_chunked { "transfer-encoding: chunked\r\n\r\n" } else { "\r\n" });
        text
    }
}

/// How many words a stream has.
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

/// The body of a completion that is not streamed.
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
    // When the text is repeated, there is a blank between its last word and its first.
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

/// The status line and the headers that all answers have, without the empty line at the end.
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
