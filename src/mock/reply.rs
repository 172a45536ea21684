//! A completion as a schedule: parts of an answer, each with the moment when it is due. These follow from the arrival and
//! the times drawn, never from when a timer happened to ring, so lateness does not add up.

use super::{
    completions::{LAST_CHUNK, Rendered, Texts, stream_tokens},
    config::MockConfig,
    request::Client,
    routes::{Form, StreamForm},
};
use crate::distribution::Random;
use bytes::Bytes;
use std::{rc::Rc, time::Instant};

/// Bytes to write, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub due: Instant,
    pub bytes: Bytes,
}

/// The parts still to come.
#[derive(Debug)]
pub enum Reply {
    /// No more: the first part was all.
    Whole,
    Stream(Stream),
}

#[derive(Debug)]
pub struct Stream {
    texts: Rc<Texts>,
    /// When the last part was due.
    due: Instant,
    /// Words written so far, and in all.
    word: u32,
    words: u32,
    is_chunked: bool,
    with_usage: bool,
}

impl Reply {
    /// The first part of a reply whose service time starts at `begin`, and the rest.
    pub fn begin(
        form: Form,
        client: Client,
        begin: Instant,
        config: &MockConfig,
        rendered: &Rendered,
        random: &mut Random,
    ) -> (Part, Self) {
        let texts = rendered.texts(form.api, config);
        let Some(StreamForm { with_usage }) = form.stream else {
            let bytes = if client.keep_alive {
                texts.kept_whole.clone()
            } else {
                texts.whole.render(&rendered.date, false, false)
            };
            return (Part { due: begin + config.service_time.sample(random), bytes }, Self::Whole);
        };
        let is_chunked = client.is_http11;
        let due = begin + config.ttft.as_ref().unwrap_or(&config.service_time).sample(random);
        let (texts, words) = (Rc::clone(texts), stream_tokens(config));
        let head = rendered.stream_head(client.keep_alive, is_chunked);
        let role = texts.begin.as_ref().map(|event| event.bytes(is_chunked)).unwrap_or_default();
        let mut stream = Stream { texts, due, word: 0, words, is_chunked, with_usage };
        let first = stream.next_words().unwrap_or_default();
        (Part { due, bytes: [head.as_bytes(), &role, &first].concat().into() }, Self::Stream(stream))
    }

    /// The next part; `None` after the last.
    pub fn next(&mut self, config: &MockConfig, random: &mut Random) -> Option<Part> {
        let Self::Stream(stream) = self else { return None };
        let bytes = stream.next_words()?;
        stream.due += config.itl.sample(random);
        Some(Part { due: stream.due, bytes })
    }
}

impl Stream {
    /// The next word; the last one with all that ends the stream.
    fn next_words(&mut self) -> Option<Bytes> {
        if self.word == self.words {
            return None;
        }
        let (texts, is_chunked) = (&self.texts, self.is_chunked);
        let word = texts.words[self.word as usize % texts.words.len()].bytes(is_chunked);
        self.word += 1;
        if self.word < self.words {
            return Some(word);
        }
        let mut bytes = word.to_vec();
        bytes.extend_from_slice(&texts.finish.bytes(is_chunked));
        if self.with_usage {
            bytes.extend_from_slice(&texts.usage.bytes(is_chunked));
        }
        bytes.extend_from_slice(&texts.done.bytes(is_chunked));
        if is_chunked {
            bytes.extend_from_slice(LAST_CHUNK);
        }
        Some(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::completions::Api, *};
    use std::time::Duration;

    const KEPT: Client = Client { keep_alive: true, is_http11: true, is_head: false };
    const OLD: Client = Client { keep_alive: false, is_http11: false, is_head: false };

    /// How long after `begin` each part is due, with its text.
    fn schedule(config: &MockConfig, form: Form, client: Client) -> Vec<(Duration, String)> {
        let begin = Instant::now();
        let (rendered, mut random) = (Rendered::new(0), crate::distribution::random(0, 0));
        let (first, mut reply) = Reply::begin(form, client, begin, config, &rendered, &mut random);
        let rest = std::iter::from_fn(|| reply.next(config, &mut random));
        let text = |part: Part| (part.due - begin, String::from_utf8(part.bytes.to_vec()).unwrap());
        std::iter::once(first).chain(rest).map(text).collect()
    }

    fn stream(with_usage: bool) -> Form {
        Form { api: Api::Chat, stream: Some(StreamForm { with_usage }) }
    }

    #[test]
    fn a_stream_is_on_time_to_the_last_word() {
        let config = MockConfig {
            ttft: Some("30ms".parse().unwrap()),
            itl: "10ms".parse().unwrap(),
            tokens: Some(3),
            ..MockConfig::default()
        };
        let parts = schedule(&config, stream(true), KEPT);
        assert_eq!(parts.iter().map(|part| part.0.as_millis()).collect::<Vec<_>>(), [30, 40, 50]);
        assert!(parts[0].1.starts_with("HTTP/1.1 200 OK\r\n") && parts[0].1.contains("\"role\":\"assistant\""));
        let [first, second, last] = [0, 1, 2].map(|part: usize| parts[part].1.as_str());
        assert!(first.contains("\"This \"") && second.contains("\"is \"") && last.contains("\"a \""));
        let order = ["\"stop\"", "\"completion_tokens\":3", "[DONE]", "\r\n0\r\n\r\n"].map(|text| last.find(text));
        assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{last}");
        let one = MockConfig { tokens: Some(1), ..config };
        assert_eq!(schedule(&one, stream(false), KEPT).len(), 1);
    }

    #[test]
    fn without_times_of_its_own_a_stream_begins_after_the_service_time() {
        let config = MockConfig { service_time: "7ms".parse().unwrap(), ..MockConfig::default() };
        let parts = schedule(&config, stream(false), KEPT);
        assert_eq!((parts.len(), parts[8].0.as_millis()), (9, 7));
        assert_eq!(schedule(&config, Form { api: Api::Chat, stream: None }, KEPT)[0].0.as_millis(), 7);
    }

    #[test]
    fn an_old_client_gets_no_chunks() {
        let parts = schedule(&MockConfig::default(), stream(false), OLD);
        let text: String = parts.into_iter().map(|part| part.1).collect();
        assert!(text.contains("connection: close\r\n") && !text.contains("chunked") && text.ends_with("[DONE]\n\n"));
    }
}
