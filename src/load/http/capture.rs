//! Takes values out of answers, for the later steps of a scenario.

use super::{
    Answer,
    head::is_field_value,
    response::headers,
    set_cookie::set_cookies,
    template::{NAMES, is_name},
};
use crate::{
    model::{Capture, JsonPointer},
    wire::read_json,
};
use regex_lite::Regex;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Longest value: every user keeps its own.
const MAX_VALUE_BYTES: usize = 64 << 10;

/// One value to take.
#[derive(Clone, Debug)]
pub struct Taken {
    name: String,
    place: Place,
    /// Its number among all that are captured.
    pub slot: usize,
    /// Whether it stands in a header of a later step.
    pub is_for_header: bool,
}

#[derive(Clone, Debug)]
enum Place {
    Json(JsonPointer),
    Header(String),
    Cookie(String),
    Regex(Regex),
}

impl Taken {
    /// The error says what is wrong with the name or the pattern.
    pub fn new(name: &str, capture: &Capture, slot: usize) -> Result<Self, String> {
        if !is_name(name) {
            return Err(format!("`{name}` cannot be captured: names have letters, digits and _"));
        }
        if NAMES.contains(&name) {
            return Err(format!("`{name}` cannot be captured: {{{{{name}}}}} stands for something already"));
        }
        let place = match capture.clone() {
            Capture::Json(pointer) => Place::Json(pointer),
            Capture::Header(header) => Place::Header(header),
            Capture::Cookie(cookie) => Place::Cookie(cookie),
            Capture::Regex(pattern) => {
                let regex = Regex::new(&pattern);
                Place::Regex(regex.map_err(|error| format!("`{pattern}` is not a regular expression: {error}"))?)
            }
        };
        Ok(Self { name: name.to_owned(), place, slot, is_for_header: false })
    }

    /// The value in an answer, whose body is given decoded. The error is the failure's message.
    fn of(&self, head: &[u8], body: &Body) -> Result<Vec<u8>, String> {
        let none = |what: String| Err(format!("no value for {{{{{}}}}}: {what}", self.name));
        let found = match &self.place {
            Place::Json(pointer) => match read_json(&body.bytes, |json| pointer.find(json)?.map(text_of).transpose()) {
                Ok(found) => found.map(String::into_bytes),
                Err(_) => return none("the answer is not JSON".into()),
            },
            Place::Header(name) => {
                headers(head).find(|(given, _)| given.eq_ignore_ascii_case(name.as_bytes())).map(|(_, it)| it.to_vec())
            }
            Place::Cookie(name) => {
                set_cookies(head).find(|cookie| cookie.name == name.as_bytes()).map(|it| it.value.to_vec())
            }
            Place::Regex(regex) => {
                let found = regex.captures(&body.text);
                found.and_then(|found| Some(found.get(1).or(found.get(0))?.as_str().as_bytes().to_vec()))
            }
        };
        match found.filter(|value| !value.is_empty()) {
            None => none(format!("the answer has nothing {}", self.place.in_words())),
            Some(value) if value.len() > MAX_VALUE_BYTES => none("it is longer than 64 KiB".into()),
            Some(value) if self.is_for_header && !is_field_value(&value) => {
                none("it has control characters, which no header may have".into())
            }
            Some(value) => Ok(value),
        }
    }
}

/// Puts all values of an answer where they belong. The error is the failure's message.
pub fn take(all: &[Taken], answer: &Answer, values: &mut [Vec<u8>]) -> Result<(), String> {
    let body = Body::of(answer, all)?;
    for one in all {
        values[one.slot] = one.of(answer.head, &body)?;
    }
    Ok(())
}

/// As far as it is needed.
#[derive(Default)]
struct Body<'a> {
    bytes: Cow<'a, [u8]>,
    text: String,
}

impl<'a> Body<'a> {
    fn of(answer: &Answer<'a>, all: &[Taken]) -> Result<Self, String> {
        let any = |is_one: fn(&Place) -> bool| all.iter().any(|one| is_one(&one.place));
        let is_json = any(|place| matches!(place, Place::Json(_)));
        let is_text = any(|place| matches!(place, Place::Regex(_)));
        if !is_json && !is_text {
            return Ok(Self::default());
        }
        let bytes = answer.coding.decode(answer.body)?;
        let text = if is_text { String::from_utf8_lossy(&bytes).into_owned() } else { String::new() };
        Ok(Self { bytes, text })
    }
}

impl Place {
    fn in_words(&self) -> String {
        match self {
            Self::Json(pointer) => format!("at {pointer}"),
            Self::Header(name) => format!("in a header {name}"),
            Self::Cookie(name) => format!("in a cookie {name}"),
            Self::Regex(regex) => format!("that matches {}", regex.as_str()),
        }
    }
}

/// A string as it is, what is null or empty as nothing, anything else as it is written: a number keeps its digits.
fn text_of(value: &RawValue) -> serde_json::Result<String> {
    if value.get().starts_with('"') {
        return serde_json::from_str(value.get());
    }
    let json = compact(value.get());
    Ok(if ["null", "[]", "{}"].contains(&json.as_str()) { String::new() } else { json })
}

/// JSON without the blanks between its tokens.
fn compact(json: &str) -> String {
    let (mut is_text, mut is_escaped) = (false, false);
    let is_kept = |character: &char| {
        is_text ^= *character == '"' && !is_escaped;
        is_escaped = *character == '\\' && !is_escaped;
        is_text || !character.is_ascii_whitespace()
    };
    json.chars().filter(is_kept).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::Coding, *};

    const HEAD: &[u8] = b"HTTP/1.1 201 Created\r\nlocation: /threads/7\r\nX-Id:  a \r\nx-id: b\r\n\
        Set-Cookie: theme=dark\r\nSet-Cookie: sid=s1; Path=/; HttpOnly\r\nX-Control: a\tb\r\n\r\n";
    const BODY: &str = r#"{
        "token": "t \"1\"\n", "n": 7, "list": [ ], "none": null, "a/b": [{"c": true}], "half": "\ud83d",
        "o": { "p" : 1.10, "q r" : [ "\" \\", " : 1" ] }, "big": 18446744073709551616, "f": 1.10, "e": [1e2]
    }"#;

    fn taken(capture: &str, is_for_header: bool) -> Result<String, String> {
        let capture: Capture = serde_json::from_str(capture).unwrap();
        let one = Taken { is_for_header, ..Taken::new("it", &capture, 0)? };
        let answer =
            Answer { status: 201, head: HEAD, body: BODY.as_bytes(), coding: Coding::Identity, keep_alive: true };
        let mut values = vec![Vec::new()];
        take(&[one], &answer, &mut values).map(|()| String::from_utf8(values.remove(0)).unwrap())
    }

    #[test]
    fn values_by_place() {
        for (capture, value) in [
            (r#"{"json": "/token"}"#, "t \"1\"\n"),
            (r#"{"json": "/n"}"#, "7"),
            (r#"{"json": "/a~1b/0/c"}"#, "true"),
            (r#"{"json": "/o"}"#, r#"{"p":1.10,"q r":["\" \\"," : 1"]}"#),
            (r#"{"json": "/big"}"#, "18446744073709551616"),
            (r#"{"json": "/f"}"#, "1.10"),
            (r#"{"json": "/e/0"}"#, "1e2"),
            (r#"{"json": "/half"}"#, "\u{fffd}"),
            (r#"{"header": "Location"}"#, "/threads/7"),
            (r#"{"header": "x-ID"}"#, "a"),
            (r#"{"cookie": "sid"}"#, "s1"),
            (r#"{"regex": "\"n\": ([0-9]+)"}"#, "7"),
            (r#"{"regex": "n.: [0-9]+"}"#, "n\": 7"),
        ] {
            assert_eq!(taken(capture, false), Ok(value.to_owned()), "{capture}");
        }
    }

    #[test]
    fn of_a_head_octets_are_taken() {
        let head = b"HTTP/1.1 200 OK\r\nX-Id: \xe9\r\nSet-Cookie: sid=\xe9t\xc3\xa9; Path=/\r\n\r\n";
        let answer = Answer { status: 200, head, body: b"", coding: Coding::Identity, keep_alive: true };
        let captures = [Capture::Header("X-Id".into()), Capture::Cookie("sid".into())];
        let all: Vec<Taken> = (0..).zip(&captures).map(|(slot, it)| Taken::new("it", it, slot).unwrap()).collect();
        let mut values = vec![Vec::new(); 2];
        take(&all, &answer, &mut values).unwrap();
        assert_eq!(values, [b"\xe9".to_vec(), b"\xe9t\xc3\xa9".to_vec()]);
    }

    #[test]
    fn what_is_not_there_is_said() {
        for (capture, message) in [
            (r#"{"json": "/list"}"#, "no value for {{it}}: the answer has nothing at /list"),
            (r#"{"json": "/none"}"#, "no value for {{it}}: the answer has nothing at /none"),
            (r#"{"json": "/x/0"}"#, "no value for {{it}}: the answer has nothing at /x/0"),
            (r#"{"header": "Etag"}"#, "no value for {{it}}: the answer has nothing in a header Etag"),
            (r#"{"cookie": "SID"}"#, "no value for {{it}}: the answer has nothing in a cookie SID"),
            (r#"{"regex": "x+y"}"#, "no value for {{it}}: the answer has nothing that matches x+y"),
            (r#"{"regex": "("}"#, "`(` is not a regular expression"),
        ] {
            let error = taken(capture, false).unwrap_err();
            assert!(error.starts_with(message), "{capture}: {error}");
        }
        assert!(taken(r#"{"json": "/token"}"#, true).unwrap_err().contains("control characters"));
        for (name, message) in [("a-b", "names have letters"), ("", "names have"), ("line", "stands for something")] {
            let error = Taken::new(name, &Capture::Header("x".into()), 0).unwrap_err();
            assert!(error.contains(message), "{name}: {error}");
        }
    }
}
