//! Reads the tokens of a streamed completion: server-sent events (WHATWG HTML, 9.2) of OpenAI's chunks.
//!
//! A stream is complete when `[DONE]` has come. Some servers never send it (OGX 1.5.0), but end the last choice with a
//! finish reason: that is complete too, and counted apart.

use crate::model::FailureKind;
use serde::Deserialize;
use std::{borrow::Cow, time::Instant};

/// A stream with a longer line has failed.
const MAX_LINE_BYTES: usize = 1 << 20;

/// Follows one stream after another.
#[derive(Debug, Default)]
pub struct TokenStream {
    /// When the first event with content came.
    pub first: Option<Instant>,
    /// Between two events with content.
    pub gaps_us: Vec<u32>,
    /// Of the body, so far.
    pub bytes: usize,
    last: Option<Instant>,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    is_done: bool,
    is_finished: bool,
    error: Option<String>,
}

/// The parts of a chunk that matter: content, wherever servers put it.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    choices: Vec<Choice<'a>>,
    #[serde(default)]
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    /// Where `/v1/completions` has its content.
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    reasoning_content: Option<Cow<'a, str>>,
}

impl TokenStream {
    /// To be called before each stream.
    pub fn reset(&mut self) {
        let (mut gaps_us, mut line) = (std::mem::take(&mut self.gaps_us), std::mem::take(&mut self.line));
        gaps_us.clear();
        line.clear();
        *self = Self { gaps_us, line, ..Self::default() };
    }

    /// Takes the next bytes of the body, which were read at `now`.
    pub fn feed(&mut self, mut bytes: &[u8], now: Instant) {
        self.bytes += bytes.len();
        while let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) {
            if self.line.is_empty() {
                self.take_line(&bytes[..end], now);
            } else {
                self.line.extend_from_slice(&bytes[..end]);
                let line = std::mem::take(&mut self.line);
                self.take_line(&line, now);
                self.line = line;
                self.line.clear();
            }
            bytes = &bytes[end + 1..];
        }
        if self.line.len() + bytes.len() > MAX_LINE_BYTES {
            self.error.get_or_insert_with(|| "a line of the stream is longer than 1 MiB".into());
            self.line.clear();
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    /// Whether the stream is complete; otherwise the kind of failure and the message.
    pub fn outcome(&self) -> Result<(), (FailureKind, String)> {
        match &self.error {
            Some(error) => Err((FailureKind::Body, error.clone())),
            None if self.is_done || self.is_finished => Ok(()),
            None => {
                let message = "the stream ended without [DONE] or a finish reason";
                Err((FailureKind::Truncated, message.into()))
            }
        }
    }

    /// Whether `[DONE]` has come.
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    fn take_line(&mut self, line: &[u8], now: Instant) {
        // OpenAI's events have one data line each; comments and other fields say nothing here.
        let Some(data) = line.strip_prefix(b"data:") else { return };
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            self.is_done = true;
            return;
        }
        match serde_json::from_slice::<Chunk>(data) {
            Ok(Chunk { error: Some(error), .. }) => {
                self.error.get_or_insert_with(|| format!("the stream says: {error}"));
            }
            Ok(chunk) => {
                self.is_finished |= chunk.choices.iter().any(|choice| choice.finish_reason.is_some());
                if chunk.has_content() {
                    self.take_token(now);
                }
            }
            Err(_) => {
                self.error.get_or_insert_with(|| "an event of the stream is not a completion chunk".into());
            }
        }
    }

    fn take_token(&mut self, now: Instant) {
        match self.last {
            None => self.first = Some(now),
            Some(last) => self.gaps_us.push(u32::try_from((now - last).as_micros()).unwrap_or(u32::MAX)),
        }
        self.last = Some(now);
    }
}

impl Chunk<'_> {
    fn has_content(&self) -> bool {
        let says = |text: &Option<Cow<str>>| text.as_ref().is_some_and(|text| !text.is_empty());
        self.choices.iter().any(|choice| {
            says(&choice.text)
                || choice.delta.as_ref().is_some_and(|delta| says(&delta.content) || says(&delta.reasoning_content))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    const STREAM: &str = concat!(
        ": a comment\r\n\r\n",
        "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\\\"b\"}}]}\n\n",
        "event: x\ndata:{\"choices\":[{\"delta\":{\"reasoning_content\":\"c\"}}]}\r\n\r\n",
        "data: {\"choices\":[{\"text\":\"d\"}]}\n\n",
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        "data: {\"choices\":[],\"usage\":{\"completion_tokens\":3}}\n\n",
        "data: [DONE]\n\n",
    );

    #[test]
    fn events_with_content_are_tokens() {
        let (mut stream, start) = (TokenStream::default(), Instant::now());
        for (second, part) in STREAM.split_inclusive("\n\n").enumerate() {
            assert_eq!(stream.outcome().is_ok(), part.contains("usage") || part.contains("DONE"), "before {part}");
            stream.feed(part.as_bytes(), start + Duration::from_secs(second as u64));
        }
        assert_eq!((stream.outcome(), stream.bytes), (Ok(()), STREAM.len()));
        assert!(stream.is_done());
        assert_eq!(stream.first, Some(start + Duration::from_secs(1)));
        assert_eq!(stream.gaps_us, [1_000_000, 0], "the last two came together");
        stream.reset();
        assert!(stream.outcome().is_err() && stream.first.is_none() && stream.gaps_us.is_empty() && stream.bytes == 0);
    }

    #[test]
    fn errors_are_kept() {
        let error = |text: &str| {
            let mut stream = TokenStream::default();
            stream.feed(text.as_bytes(), Instant::now());
            stream.outcome().unwrap_err().1
        };
        assert_eq!(error("data: {\"error\":{\"message\":\"no\"}}\n"), "the stream says: {\"message\":\"no\"}");
        assert_eq!(error("data: what\n"), "an event of the stream is not a completion chunk");
        assert_eq!(error(&"x".repeat(MAX_LINE_BYTES + 1)), "a line of the stream is longer than 1 MiB");
        assert_eq!(error("nothing"), "the stream ended without [DONE] or a finish reason");
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same(cuts in proptest::collection::vec(0..STREAM.len(), 0..12)) {
            let mut cuts = cuts;
            cuts.extend([0, STREAM.len()]);
            cuts.sort_unstable();
            let mut stream = TokenStream::default();
            for cut in cuts.windows(2) {
                stream.feed(&STREAM.as_bytes()[cut[0]..cut[1]], Instant::now());
            }
            prop_assert_eq!((stream.outcome(), stream.gaps_us.len(), stream.bytes), (Ok(()), 2, STREAM.len()));
        }

        #[test]
        fn rubbish_never_panics(bytes: Vec<u8>) {
            let mut stream = TokenStream::default();
            stream.feed(&bytes, Instant::now());
            prop_assert!(stream.gaps_us.is_empty() || stream.first.is_some());
        }
    }
}
