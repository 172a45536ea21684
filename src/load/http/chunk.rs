//! What one chunk of a streamed completion says, in all the forms in which OpenAI and the servers that speak its API send it.

use crate::wire::without_lone_surrogates;
use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use std::fmt;

/// Where servers put what a model has written: text, thoughts, refusals, calls of tools, spoken words.
const CONTENT: [&str; 18] = [
    "content",
    "text",
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "thinking",
    "summary",
    "refusal",
    "tool_calls",
    "function_call",
    "function",
    "custom",
    "name",
    "arguments",
    "input",
    "audio",
    "transcript",
    "data",
];

/// A choice that ends for one of these has failed.
const FAILED: [&str; 2] = [r#""error""#, r#""abort""#];

/// Most choices of a completion that are told apart: OpenAI allows as many.
const MAX_CHOICES: u32 = u128::BITS;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Whether any choice goes on by something that a model has written.
    pub has_content: bool,
    /// The choices in it, a bit each.
    pub choices: u128,
    /// Those that end in it, with a reason.
    pub finished: u128,
    /// What the server says has gone wrong.
    pub error: Option<String>,
}

impl Chunk {
    /// From an event's data; `None` if that is not a chunk.
    pub fn of(data: &str) -> Option<Self> {
        // Serde would read a struct from an array too.
        if !data.trim_start().starts_with('{') {
            return None;
        }
        Self::read(data).or_else(|| Self::read(std::str::from_utf8(&without_lone_surrogates(data.as_bytes())?).ok()?))
    }

    fn read(data: &str) -> Option<Self> {
        let raw: RawChunk = serde_json::from_str(data).ok()?;
        let mut chunk = Self {
            error: raw.error.filter(|error| is_said(error)).map(|error| error.get().to_owned()),
            ..Self::default()
        };
        if raw.object.is_some_and(|object| object.get() == r#""error""#) {
            chunk.error.get_or_insert_with(|| data.to_owned());
        }
        for choice in raw.choices.into_iter().flatten() {
            let bit = 1 << choice.index.unwrap_or(0).min(MAX_CHOICES - 1);
            chunk.choices |= bit;
            chunk.has_content |= choice.text.0 || choice.delta.0;
            if let Some(reason) = choice.finish_reason.filter(|reason| is_said(reason)) {
                chunk.finished |= bit;
                if FAILED.contains(&reason.get()) {
                    chunk.error.get_or_insert_with(|| format!("finish_reason {}", reason.get()));
                }
            }
        }
        Some(chunk)
    }
}

#[derive(Deserialize)]
struct RawChunk<'a> {
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    /// `error` where the whole chunk is one.
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: Option<u32>,
    #[serde(default)]
    delta: HasContent,
    /// Where `/v1/completions` has its content.
    #[serde(default)]
    text: HasContent,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
}

/// Whether a value says anything.
fn is_said(value: &RawValue) -> bool {
    !matches!(value.get(), "null" | "false" | "\"\"" | "{}")
}

/// Whether a value is text that is not empty, or has such text where content is.
#[derive(Clone, Copy, Debug, Default)]
struct HasContent(bool);

impl<'de> Deserialize<'de> for HasContent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor).map(Self)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, text: &str) -> Result<bool, E> {
        Ok(!text.is_empty())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(HasContent(has_content)) = list.next_element()? {
            found |= has_content;
        }
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(IsContent(is_content)) = map.next_key()? {
            if is_content {
                found |= map.next_value::<HasContent>()?.0;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Whether a key is one of [`CONTENT`].
struct IsContent(bool);

impl<'de> Deserialize<'de> for IsContent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl Visitor<'_> for KeyVisitor {
            type Value = bool;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, key: &str) -> Result<bool, E> {
                Ok(CONTENT.contains(&key))
            }
        }

        deserializer.deserialize_str(KeyVisitor).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_delta(delta: &str) -> Chunk {
        Chunk::of(&format!(r#"{{"object":"chat.completion.chunk","choices":[{{"index":0,"delta":{delta}}}]}}"#))
            .unwrap()
    }

    #[test]
    fn what_a_model_writes_is_content() {
        for delta in [
            r#"{"content":"a"}"#,
            r#"{"content":" "}"#,
            r#"{"role":"assistant","content":"a\"b\u00e9"}"#,
            r#"{"content":[{"type":"text","text":"a"}]}"#,
            r#"{"content":null,"reasoning":"a"}"#,
            r#"{"content":"","reasoning_content":"a"}"#,
            r#"{"reasoning_details":[{"type":"reasoning.text","text":"a"}]}"#,
            r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"a"}]}]}"#,
            r#"{"refusal":"no"}"#,
            r#"{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"a"}}]}"#,
            r#"{"function_call":{"arguments":"1"}}"#,
            r#"{"tool_calls":[{"index":0,"custom":{"input":"1"}}]}"#,
            r#"{"audio":{"id":"audio_1","transcript":"hello"}}"#,
            r#"{"content":"\ud83d"}"#,
            r#"{"\ude00":null,"reasoning":"\ude00"}"#,
        ] {
            assert!(of_delta(delta).has_content, "{delta}");
        }
        assert!(Chunk::of(r#"{"choices":[{"text":"a"}]}"#).unwrap().has_content);
    }

    #[test]
    fn what_surrounds_it_is_not() {
        for delta in [
            "null",
            "{}",
            r#"{"role":"assistant"}"#,
            r#"{"role":"assistant","content":""}"#,
            r#"{"role":"assistant","content":null,"refusal":null,"reasoning_content":null,"tool_calls":null}"#,
            r#"{"content":[],"tool_calls":[]}"#,
            r#"{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"arguments":""}}]}"#,
            r#"{"audio":{"id":"audio_1","expires_at":1}}"#,
        ] {
            assert!(!of_delta(delta).has_content, "{delta}");
        }
        for chunk in [
            "{}",
            r#"{"choices":null,"usage":{"completion_tokens":3}}"#,
            r#"{"choices":[],"usage":{"completion_tokens":3},"error":null}"#,
        ] {
            assert_eq!(Chunk::of(chunk), Some(Chunk::default()), "{chunk}");
        }
    }

    #[test]
    fn a_reason_ends_its_choice() {
        let finished = |reason: &str| {
            let chunk = Chunk::of(&format!(r#"{{"choices":[{{"index":1,"finish_reason":{reason}}}]}}"#)).unwrap();
            assert_eq!(chunk.choices, 0b10);
            (chunk.finished, chunk.error)
        };
        assert_eq!(finished(r#""stop""#), (0b10, None));
        assert_eq!((finished("null"), finished(r#""""#)), ((0, None), (0, None)));
        assert_eq!(finished(r#""error""#), (0b10, Some(r#"finish_reason "error""#.into())));
        assert_eq!(Chunk::of(r#"{"choices":[{"index":4000}]}"#).unwrap().choices, 1 << 127);
    }

    #[test]
    fn errors_come_in_several_forms() {
        let error = |data: &str| Chunk::of(data).unwrap().error;
        assert_eq!(error(r#"{"error":{"message":"no"}}"#).as_deref(), Some(r#"{"message":"no"}"#));
        assert_eq!(error(r#"{"error":"no","choices":[]}"#).as_deref(), Some(r#""no""#));
        let whole = r#"{"object":"error","message":"no","code":500}"#;
        assert_eq!(error(whole).as_deref(), Some(whole));
        for none in [r#"{"error":null}"#, r#"{"error":""}"#, r#"{"error":{}}"#, r#"{"error":false}"#] {
            assert_eq!(error(none), None, "{none}");
        }
    }

    #[test]
    fn other_data_is_no_chunk() {
        for data in
            ["", "what", "<html>", "[]", "[null]", "1", "\"a\"", "{", r#"{"choices":1}"#, r#"{"choices":["a"]}"#]
        {
            assert_eq!(Chunk::of(data), None, "{data}");
        }
    }
}
