//! Reads what a success is from its text, and checks answers against it. A body is read once, and nothing of it is kept.

use crate::{
    model::{BodyCheck, Expect, JsonPointer},
    wire::read_json,
};
use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{fmt, str::FromStr};

/// `any`, `201`, `/choices`, `201 /id`: a status (200 where none is given, `any` for every one) and a place that must not
/// be empty.
impl FromStr for Expect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut expect = Self::ok();
        for word in text.split_whitespace() {
            match word.parse() {
                _ if word == "any" => expect.status = None,
                Ok(status @ 200..=599) => expect.status = Some(status),
                Ok(_) => return Err(format!("`{word}` is not a status from 200 to 599")),
                Err(_) => {
                    let pointer = word.parse().map_err(|_| {
                        format!("`{word}` is neither a status nor a JSON pointer: use any, 201 or /choices")
                    })?;
                    expect.body = BodyCheck::NonEmpty(pointer);
                }
            }
        }
        Ok(expect)
    }
}

/// For reading JSON.
impl TryFrom<String> for Expect {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl BodyCheck {
    /// The error is the failure's message.
    pub fn check(&self, body: &[u8]) -> Result<(), String> {
        let Self::NonEmpty(pointer) = self else { return Ok(()) };
        match read_json(body, |body| Ok::<_, serde_json::Error>(pointer.find(body)?.is_some_and(is_something))) {
            Ok(true) => Ok(()),
            Ok(false) => Err(format!("Invalid response format: missing {}", pointer.keys.join("/"))),
            Err(_) => Err("Invalid JSON response".into()),
        }
    }
}

impl FromStr for JsonPointer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let keys = text
            .strip_prefix('/')
            .ok_or_else(|| format!("`{text}` is not a JSON pointer: it starts with /, as in /data/0/id"))?;
        Ok(Self { keys: keys.split('/').map(|key| key.replace("~1", "/").replace("~0", "~")).collect() })
    }
}

/// For reading JSON.
impl TryFrom<String> for JsonPointer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl JsonPointer {
    /// What stands there, as it is written.
    ///
    /// # Errors
    /// When the text is no JSON.
    pub fn find<'a>(&self, json: &'a [u8]) -> serde_json::Result<Option<&'a RawValue>> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let found = Walk { keys: &self.keys }.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(found)
    }
}

/// Whether a value is neither null nor empty.
fn is_something(value: &RawValue) -> bool {
    match value.get() {
        "null" | "\"\"" => false,
        text => !text.strip_prefix(['[', '{']).is_some_and(|inner| inner.trim_ascii_start().starts_with([']', '}'])),
    }
}

/// Follows the keys. Its value is what stands at their end.
struct Walk<'a> {
    keys: &'a [String],
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self.keys {
            [] => <&RawValue>::deserialize(deserializer).map(Some),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        let Some((wanted, keys)) = self.keys.split_first() else { return Ok(None) };
        while let Some(is_wanted) = map.next_key_seed(KeyIs(wanted))? {
            if is_wanted {
                found = map.next_value_seed(Walk { keys })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let Some((wanted, keys)) = self.keys.split_first() else { return Ok(None) };
        let Some(index) = index(wanted) else {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(None);
        };
        for _ in 0..index {
            if list.next_element::<IgnoredAny>()?.is_none() {
                return Ok(None);
            }
        }
        let found = list.next_element_seed(Walk { keys })?.flatten();
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found)
    }
}

/// Of a list's element, without a sign or zeros before it (RFC 6901, 4).
fn index(key: &str) -> Option<usize> {
    let is_index = key == "0" || !key.starts_with(['0', '+']);
    key.parse().ok().filter(|_| is_index)
}

/// Compares an object's key without copying it.
struct KeyIs<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for KeyIs<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyIs<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn check(pointer: &str, body: &str) -> Result<(), String> {
        BodyCheck::NonEmpty(pointer.parse().unwrap()).check(body.as_bytes())
    }

    #[test]
    fn the_seeds_check_and_its_messages() {
        let check = |body: &str| Expect::default().body.check(body.as_bytes());
        assert_eq!(check(r#"{"id": 1, "choices": [{}]}"#), Ok(()));
        let missing = Err("Invalid response format: missing choices".to_string());
        for body in [r#"{"choices": []}"#, r#"{"choices": null}"#, "{}", r#"{"a": {"choices": [1]}}"#, "[]", "1"] {
            assert_eq!(check(body), missing, "{body}");
        }
        let invalid = Err("Invalid JSON response".to_string());
        for body in ["", "choices", r#"{"choices": [1]"#, r#"{"choices": [1]} x"#, &"[".repeat(100_000)] {
            assert_eq!(check(body), invalid, "{body}");
        }
        assert_eq!(BodyCheck::Any.check(b"\xff"), Ok(()));
    }

    #[test]
    fn deeper_pointers() {
        let body = r#"{"a": [{"b~/": "x"}, 0], "e": ""}"#;
        for found in ["/a", "/a/0", "/a/0/b~0~1", "/a/1"] {
            assert_eq!(check(found, body), Ok(()), "{found}");
        }
        for missing in ["/a/2", "/a/x", "/e", "/a/1/x", "/a/0/b~0~1/0", "/a/00", "/a/01", "/a/+1", "/a/-0", "/a/-"] {
            assert!(check(missing, body).is_err(), "{missing}");
        }
        assert!("choices".parse::<JsonPointer>().is_err());
    }

    #[test]
    fn half_a_surrogate_pair_is_text_like_any_other() {
        let body = r#"{"\udead": [], "choices": ["\ud83d"], "text": "\ud83d"}"#;
        for found in ["/choices", "/choices/0", "/text"] {
            assert_eq!(check(found, body), Ok(()), "{found}");
        }
        assert!(check("/text/0", body).is_err());
    }

    #[test]
    fn what_success_is_in_words() {
        let parse = |text: &str| text.parse::<Expect>();
        let with = |status, body| Ok(Expect { status, body });
        assert_eq!(parse("any"), Ok(Expect::any()));
        assert_eq!(parse("any /id"), with(None, BodyCheck::NonEmpty("/id".parse().unwrap())));
        assert_eq!(parse("201"), with(Some(201), BodyCheck::Any));
        assert_eq!(parse("/choices"), Ok(Expect::default()));
        assert_eq!(parse("201 /id"), with(Some(201), BodyCheck::NonEmpty("/id".parse().unwrap())));
        assert_eq!(parse("99"), Err("`99` is not a status from 200 to 599".into()));
        assert_eq!(parse("id"), Err("`id` is neither a status nor a JSON pointer: use any, 201 or /choices".into()));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[ab]{0,2}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("[ab]", inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn agrees_with_the_parsed_document(json in any_json(), pointer in "(/([ab]|[01]{1,2}|\\+1)){1,3}") {
            let expected = match json.pointer(&pointer) {
                None | Some(Value::Null) => false,
                Some(Value::Array(list)) => !list.is_empty(),
                Some(Value::Object(map)) => !map.is_empty(),
                Some(Value::String(text)) => !text.is_empty(),
                Some(_) => true,
            };
            let pointer: JsonPointer = pointer.parse().unwrap();
            for text in [json.to_string(), serde_json::to_string_pretty(&json).unwrap()] {
                prop_assert_eq!(pointer.find(text.as_bytes()).unwrap().is_some_and(is_something), expected);
            }
        }
    }
}
