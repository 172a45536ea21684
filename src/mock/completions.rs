//! The completions of both of OpenAI's forms, with the words of the Llama Stack vertical-scaling benchmark's mock; rendered to
//! bytes once a second. Does no I/O.

use super::{
    answers::{Answer, MODEL, head, http_date},
    config::MockConfig,
};
use bytes::Bytes;
use serde_json::{Value, json};
use std::{cell::OnceCell, ops::Range, rc::Rc};

/// The text of every completion, repeated where it is to be longer.
pub const TEXT: &str = "This is a mock response from the benchmark server.";

const PROMPT_TOKENS: u32 = 10;
/// As the replaced mock has it, though its text has nine words.
const COMPLETION_TOKENS: u32 = 20;

/// The form of a completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// `/v1/chat/completions`
    Chat,
    /// `/v1/completions`
    Text,
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

/// All that is written often; it names the time, so it is made anew each second, each form when it is first asked for.
#[derive(Debug)]
pub struct Rendered {
    /// Seconds since 1970 UTC.
    pub second: u64,
    /// The `date` header's value.
    pub date: String,
    chat: OnceCell<Rc<Texts>>,
    text: OnceCell<Rc<Texts>>,
}

/// A completion in one form.
#[derive(Debug)]
pub struct Texts {
    pub whole: Answer,
    /// With its head, for a connection that is kept.
    pub kept_whole: Bytes,
    /// Begins a stream, where the form wants that.
    pub begin: Option<Event>,
    /// The text, to be repeated as often as it takes.
    pub words: Vec<Event>,
    pub finish: Event,
    /// Only for clients who ask for it.
    pub usage: Event,
    pub done: Event,
}

impl Rendered {
    pub fn new(second: u64) -> Self {
        Self { second, date: http_date(second), chat: OnceCell::new(), text: OnceCell::new() }
    }

    /// `config` is always the same.
    pub fn texts(&self, api: Api, config: &MockConfig) -> &Rc<Texts> {
        let cell = match api {
            Api::Chat => &self.chat,
            Api::Text => &self.text,
        };
        cell.get_or_init(|| Rc::new(Texts::new(api, config, self.second, &self.date)))
    }

    pub fn stream_head(&self, keep_alive: bool, is_chunked: bool) -> String {
        let mut text = head(200, "text/event-stream", &self.date, keep_alive);
        text.push_str(if is_chunked { "transfer-encoding: chunked\r\n\r\n" } else { "\r\n" });
        text
    }
}

impl Texts {
    fn new(api: Api, config: &MockConfig, second: u64, date: &str) -> Self {
        let whole = Answer::ok(completion(api, config, second));
        let chunk = |choices: Value, usage: Option<Value>| {
            let mut chunk = api.object(true, second, choices);
            if let Some(usage) = usage {
                chunk["usage"] = usage;
            }
            Event::new(&chunk.to_string())
        };
        let choice = |content: Value, reason: Option<&str>| chunk(json!([api.choice(true, content, reason)]), None);
        let word = |word: &str| match api {
            Api::Chat => json!({"content": word}),
            Api::Text => word.into(),
        };
        Self {
            kept_whole: whole.render(date, true, false),
            whole,
            begin: (api == Api::Chat).then(|| choice(json!({"role": "assistant", "content": ""}), None)),
            words: words().map(|text| choice(word(text), None)).collect(),
            finish: choice(if api == Api::Chat { json!({}) } else { "".into() }, Some("stop")),
            usage: chunk(json!([]), Some(usage(stream_tokens(config)))),
            done: Event::new("[DONE]"),
        }
    }
}

impl Api {
    /// A completion, or a chunk of one.
    fn object(self, is_chunk: bool, created_s: u64, choices: Value) -> Value {
        let (id, object) = match (self, is_chunk) {
            (Self::Chat, false) => ("chatcmpl-mock123", "chat.completion"),
            (Self::Chat, true) => ("chatcmpl-mock123", "chat.completion.chunk"),
            (Self::Text, _) => ("cmpl-mock123", "text_completion"),
        };
        json!({"id": id, "object": object, "created": created_s, "model": MODEL, "choices": choices})
    }

    /// `content` is the message, the delta or the text.
    fn choice(self, is_chunk: bool, content: Value, reason: Option<&str>) -> Value {
        match self {
            Self::Text => json!({"index": 0, "text": content, "logprobs": null, "finish_reason": reason}),
            Self::Chat if is_chunk => json!({"index": 0, "delta": content, "finish_reason": reason}),
            Self::Chat => json!({"index": 0, "message": content, "finish_reason": reason}),
        }
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
fn completion(api: Api, config: &MockConfig, created_s: u64) -> String {
    let render = |text: &str| {
        let content = match api {
            Api::Chat => json!({"role": "assistant", "content": text}),
            Api::Text => text.into(),
        };
        let mut completion = api.object(false, created_s, json!([api.choice(false, content, Some("stop"))]));
        completion["usage"] = usage(config.tokens.unwrap_or(COMPLETION_TOKENS));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn body(config: MockConfig) -> (usize, Value) {
        let text = completion(Api::Chat, &config, 1);
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
    fn events() {
        let event = Event::new("[DONE]");
        assert_eq!(&event.bytes(true)[..], b"e\r\ndata: [DONE]\n\n\r\n");
        assert_eq!(&event.bytes(false)[..], b"data: [DONE]\n\n");
    }
}
