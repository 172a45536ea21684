//! Times the tokens of a streamed completion: server-sent events ([`super::sse`]) that carry OpenAI's chunks
//! ([`super::chunk`]). A token is a chunk in which something comes that the model has written.
//!
//! A stream is complete when `[DONE]` has come. Some servers never send it (OGX 1.5.0), but end each choice with a finish
//! reason: that is complete too, and counted apart.

use super::{
    chunk::Chunk,
    sse::{Event, EventReader},
};
use crate::model::FailureKind;
use std::time::Instant;

const DONE: &str = "[DONE]";
/// Room for more gaps is freed between two streams.
const KEPT_GAPS: usize = 16 << 10;
/// How a line of an event stream begins: by a field's name, or as a comment; the first one by a byte order mark, too.
const LINE_STARTS: [&str; 6] = ["data", "event", "id", "retry", ":", "\u{feff}"];
/// Of what is no event stream, so much is shown.
const SHOWN_BYTES: usize = 200;

/// Follows one stream after another.
#[derive(Debug, Default)]
pub struct TokenStream {
    /// When the first token came.
    pub first: Option<Instant>,
    /// Between two tokens.
    pub gaps_us: Vec<u32>,
    /// Of the body, so far.
    pub bytes: usize,
    /// The first of them.
    beginning: Vec<u8>,
    reader: EventReader,
    said: Said,
}

/// What the events have said so far, besides tokens.
#[derive(Debug, Default)]
struct Said {
    /// When the last token came.
    last: Option<Instant>,
    is_done: bool,
    /// The choices that have begun, and those that have ended: a bit each.
    choices: u128,
    finished: u128,
    /// Of the first event that was no chunk for its type.
    other_kind: Option<String>,
    error: Option<String>,
}

impl TokenStream {
    /// To be called before each stream.
    pub fn reset(&mut self) {
        self.reader.reset();
        self.gaps_us.clear();
        self.gaps_us.shrink_to(KEPT_GAPS);
        self.beginning.clear();
        (self.first, self.bytes, self.said) = (None, 0, Said::default());
    }

    /// Bytes kept until the stream is complete.
    pub fn held_bytes(&self) -> usize {
        self.reader.held_bytes() + size_of_val(self.gaps_us.as_slice())
    }

    /// Takes the next bytes of the body, which were read at `now`.
    pub fn feed(&mut self, bytes: &[u8], now: Instant) {
        self.bytes += bytes.len();
        let Self { first, gaps_us, beginning, reader, said, .. } = self;
        if said.error.is_some() || said.is_done {
            return;
        }
        beginning.extend(bytes.iter().take(SHOWN_BYTES - beginning.len()));
        let read = reader.feed(bytes, |event| {
            if said.take(event) {
                match said.last.replace(now) {
                    None => *first = Some(now),
                    Some(last) => gaps_us.push(u32::try_from((now - last).as_micros()).unwrap_or(u32::MAX)),
                }
            }
        });
        if let Err(why) = read {
            said.error = Some(why.into());
        }
    }

    /// Whether the stream is complete; otherwise the kind of failure and the message.
    pub fn outcome(&self) -> Result<(), (FailureKind, String)> {
        let Said { is_done, choices, finished, .. } = self.said;
        match (&self.said.error, &self.said.other_kind) {
            (Some(error), _) => Err((FailureKind::Body, error.clone())),
            (None, _) if choices != 0 && (is_done || choices == finished) => Ok(()),
            (None, Some(kind)) if choices == 0 => {
                let message =
                    format!("the stream's events are no completion chunks, but `{kind}`: their tokens are not known");
                Err((FailureKind::Body, message))
            }
            (None, None) if is_done => {
                Err((FailureKind::Body, "no chunk of the stream has a choice: its tokens are not known".into()))
            }
            _ if choices == 0 && self.is_no_event_stream() => {
                let beginning = String::from_utf8_lossy(&self.beginning);
                Err((FailureKind::Body, format!("the answer is no event stream, but begins with: {beginning}")))
            }
            _ => {
                let message = "the stream ended without [DONE] or a finish reason";
                Err((FailureKind::Truncated, message.into()))
            }
        }
    }

    /// Whether what came is something else: JSON, say, from a server that does not stream.
    fn is_no_event_stream(&self) -> bool {
        let beginning = self.beginning.trim_ascii_start();
        !beginning.is_empty() && !LINE_STARTS.iter().any(|start| beginning.starts_with(start.as_bytes()))
    }

    /// Whether `[DONE]` has come.
    pub fn is_done(&self) -> bool {
        self.said.is_done
    }
}

impl Said {
    /// Takes the next event. True if it is a token.
    fn take(&mut self, event: &Event) -> bool {
        let data = event.data.trim();
        if self.is_done || self.error.is_some() || data.is_empty() {
            return false;
        }
        match &*event.kind {
            "" | "message" => {}
            "error" => {
                self.error = Some(format!("the stream says: {}", error_in(data)));
                return false;
            }
            other => {
                self.other_kind.get_or_insert_with(|| other.to_owned());
                return false;
            }
        }
        match data {
            DONE => self.is_done = true,
            "null" => {}
            _ => match Chunk::of(data) {
                Some(Chunk { error: Some(error), .. }) => self.error = Some(format!("the stream says: {error}")),
                Some(chunk) => {
                    self.choices |= chunk.choices;
                    self.finished |= chunk.finished;
                    return chunk.has_content;
                }
                None => self.error = Some("an event of the stream is not a completion chunk".into()),
            },
        }
        false
    }
}

/// What an event of the type `error` says: its error object if it has one.
fn error_in(data: &str) -> String {
    Chunk::of(data).and_then(|chunk| chunk.error).unwrap_or_else(|| data.to_owned())
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
        "event: message\ndata:{\"choices\":[{\"delta\":{\"reasoning_content\":\"c\"}}]}\r\n\r\n",
        "data: {\"choices\":[{\"text\":\"d\"}]}\n\n",
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        "data: {\"choices\":[],\"usage\":{\"completion_tokens\":3}}\n\n",
        "data: [DONE]\n\n",
    );

    const TOKEN: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    const STOP: &str = "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n";

    /// Tokens and outcome.
    fn read(text: &str) -> (usize, Result<(), (FailureKind, String)>) {
        let mut stream = TokenStream::default();
        stream.feed(text.as_bytes(), Instant::now());
        (usize::from(stream.first.is_some()) + stream.gaps_us.len(), stream.outcome())
    }

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
        assert_eq!(stream.held_bytes(), 8);
        stream.reset();
        assert!(stream.outcome().is_err() && stream.first.is_none() && stream.gaps_us.is_empty() && stream.bytes == 0);
    }

    #[test]
    fn errors_are_kept() {
        let error = |text: &str| read(text).1.unwrap_err().1;
        assert_eq!(error("data: {\"error\":{\"message\":\"no\"}}\n\n"), "the stream says: {\"message\":\"no\"}");
        assert_eq!(
            error("event: error\ndata: {\"error\":{\"message\":\"no\"}}\n\n"),
            "the stream says: {\"message\":\"no\"}"
        );
        assert_eq!(error("event: error\ndata: busy\n\n"), "the stream says: busy");
        assert_eq!(error("data: what\n\n"), "an event of the stream is not a completion chunk");
        assert_eq!(error(&"x".repeat((1 << 20) + 1)), "a line of the stream is longer than 1 MiB");
        assert_eq!(error(""), "the stream ended without [DONE] or a finish reason");
        let json = "{\n  \"choices\": [],\n\n  \"object\": \"chat.completion\"\n}";
        assert_eq!(error(json), format!("the answer is no event stream, but begins with: {json}"));
        for late in [STOP, "data: [DONE]\n\n"] {
            let failed = format!("{TOKEN}data: {{\"error\":\"no\"}}\n\n{late}");
            assert_eq!(error(&failed), "the stream says: \"no\"", "what comes later does not mend it");
        }
    }

    #[test]
    fn streams_as_servers_send_them() {
        let cases = [
            (
                "nothing in it is a token",
                0,
                "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n".to_owned() + STOP,
            ),
            ("no choices", 1, format!("data: {{\"choices\":null}}\n\n{TOKEN}data: {{\"choices\":null}}\n\n{STOP}")),
            ("no data", 1, format!("data: null\n\ndata:\n\n{TOKEN}data: null\n\n{STOP}")),
            ("other events between chunks", 1, format!("event: ping\ndata: {{}}\n\n{TOKEN}event: x\n{TOKEN}{STOP}")),
            ("comments, ids, retries", 1, format!(": OPENROUTER PROCESSING\n\nid: 1\nretry: 5\n{TOKEN}{STOP}")),
            ("what comes after the end", 1, format!("{TOKEN}data: [DONE]\n\n{TOKEN}data: what\n\n")),
            ("a usage in each chunk", 1, format!("{}{STOP}", TOKEN.replace("}\n\n", ",\"usage\":{\"x\":1}}\n\n"))),
        ];
        for (what, tokens, text) in cases {
            assert_eq!(read(&text), (tokens, Ok(())), "{what}");
        }
    }

    #[test]
    fn what_is_cut_is_a_failure() {
        let cut = |text: &str| assert_eq!(read(text).1.unwrap_err().0, FailureKind::Truncated, "{text}");
        cut(TOKEN);
        cut(&STOP.replace("stop", ""));
        cut(&STOP[..STOP.len() - 1]);
        cut("\n: wait\n\n");
        cut(&format!("{TOKEN}data: [DONE]\n"));
        // The second choice goes on.
        cut(&format!("{TOKEN}{}{STOP}", TOKEN.replace("\"delta\"", "\"index\":1,\"delta\"")));
    }

    #[test]
    fn chunks_that_are_not_known_are_told() {
        let (kind, message) = read("event: response.created\ndata: {}\n\nevent: x\ndata: {}\n\n").1.unwrap_err();
        assert_eq!(kind, FailureKind::Body);
        assert_eq!(
            message,
            "the stream's events are no completion chunks, but `response.created`: their tokens are not known"
        );
        let (kind, message) = read("data: {\"token\":\"a\"}\n\ndata: [DONE]\n\n").1.unwrap_err();
        assert_eq!(
            (kind, &*message),
            (FailureKind::Body, "no chunk of the stream has a choice: its tokens are not known")
        );
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
