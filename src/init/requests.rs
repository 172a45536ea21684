//! Requests that somebody has sent, as a line of a request file. No secret is copied: a variable of the environment stands for
//! it, and a note says which.

use crate::{
    redact::{REDACTED, Redactor, is_secret},
    text::is_form,
};
use serde_json::{Map, Number, Value};
use url::{Url, form_urlencoded};

/// A file of requests that was made of something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestText {
    /// The server that the requests were sent to.
    pub origin: String,
    /// The file.
    pub lines: String,
    /// What whoever uses it must know.
    pub notes: Vec<String>,
}

/// As it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub method: String,
    /// With its query.
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// What was answered, where that is known.
    pub status: Option<u16>,
}

/// What the load generator says itself, what belongs to a connection (RFC 9110, 7.6.1), and what makes an answer depend on a
/// browser's cache (RFC 9110, 13.1).
const LEFT_OUT: [&str; 13] = [
    "host",
    "content-length",
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "te",
    "upgrade",
    "if-none-match",
    "if-modified-since",
    "if-match",
    "if-unmodified-since",
    "if-range",
];

/// How an answer may be compressed, as far as it can be read.
const CODINGS: &str = "gzip, deflate";

impl Sent {
    /// The step of a scenario, or the request, as the file has it.
    pub(super) fn step(&self, secrets: &mut Secrets) -> Map<String, Value> {
        let mut step = Map::new();
        let mut set = |key: &str, value: Value| step.insert(key.to_owned(), value);
        if self.method != if self.body.is_empty() { "GET" } else { "POST" } {
            set("method", self.method.as_str().into());
        }
        set("path", self.path(secrets).into());
        let headers: Map<String, Value> =
            self.headers(secrets).into_iter().map(|(name, value)| (name, value.into())).collect();
        if !headers.is_empty() {
            set("headers", headers.into());
        }
        if !self.body.is_empty() {
            set("body", self.body(secrets));
        }
        // A chat completion must have choices, unless something else is said.
        match self.status {
            Some(status) if status != 200 => drop(set("expect", status.to_string().into())),
            _ => {}
        }
        step
    }

    fn path(&self, secrets: &mut Secrets) -> String {
        with_query(&self.path, secrets)
    }

    fn headers(&self, secrets: &mut Secrets) -> Vec<(String, String)> {
        let mut kept: Vec<(String, String)> = Vec::new();
        for (name, value) in &self.headers {
            let lower = name.to_ascii_lowercase();
            if name.starts_with(':') || LEFT_OUT.contains(&lower.as_str()) {
                continue;
            }
            let value = match lower.as_str() {
                "accept-encoding" if !value.is_empty() && value != "identity" => CODINGS.to_owned(),
                "referer" => with_query(value, secrets),
                _ => secrets.hidden(name, value),
            };
            // A header that is sent twice is a list (RFC 9110, 5.3); the file has each name once.
            match kept.iter_mut().find(|(other, _)| other.eq_ignore_ascii_case(name)) {
                Some((_, list)) => list.extend([if lower == "cookie" { "; " } else { ", " }, &value]),
                None => kept.push((name.clone(), value)),
            }
        }
        kept
    }

    fn body(&self, secrets: &mut Secrets) -> Value {
        // JSON is often sent as what it is not: curl calls all data a form, where nothing else is said.
        match serde_json::from_str::<Value>(&self.body) {
            Ok(json @ (Value::Object(_) | Value::Array(_))) => {
                let mut shown = json.clone();
                secrets.hide_in("", &mut shown);
                match keeps_numbers(&self.body) {
                    true => shown,
                    // As text it is sent as it was.
                    false if shown == json => self.body.as_str().into(),
                    false => {
                        secrets.has_rounded = true;
                        shown
                    }
                }
            }
            _ if self.header("content-type").is_some_and(is_form) => pairs(&self.body, secrets).into(),
            _ => self.body.as_str().into(),
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Path and query, with the names in double braces that a URL encodes.
pub(super) fn path_of(url: &Url) -> String {
    let whole = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    whole.replace("%7B%7B", "{{").replace("%7D%7D", "}}")
}

/// A path or URL, whose query may have a secret.
fn with_query(url: &str, secrets: &mut Secrets) -> String {
    match url.split_once('?') {
        Some((path, query)) => format!("{path}?{}", pairs(query, secrets)),
        None => url.to_owned(),
    }
}

/// `a=1&password=x`, as it is but for what is secret.
fn pairs(text: &str, secrets: &mut Secrets) -> String {
    let shown = text.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) => {
            let decoded: String = form_urlencoded::parse(name.as_bytes()).map(|(name, _)| name.into_owned()).collect();
            format!("{name}={}", secrets.hidden(&decoded, value))
        }
        None => pair.to_owned(),
    });
    shown.collect::<Vec<_>>().join("&")
}

/// Whether the numbers of a JSON text are the same once they have been read as integers of 64 bits or doubles.
fn keeps_numbers(json: &str) -> bool {
    let mut is_in_string = false;
    let mut is_escaped = false;
    let outside = json.split(|character: char| {
        let was_in_string = is_in_string;
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = is_in_string,
            '"' => is_in_string = !is_in_string,
            _ => {}
        }
        was_in_string || is_in_string || !(character.is_ascii_digit() || "+-.eE".contains(character))
    });
    outside.filter(|word| word.contains(|c: char| c.is_ascii_digit())).all(|number| {
        serde_json::from_str::<Number>(number).is_ok_and(|read| decimal(number) == decimal(&read.to_string()))
    })
}

/// Its sign, its digits without the zeros at both ends, and the power of ten of the last of them.
fn decimal(number: &str) -> (bool, String, i64) {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = whole.trim_start_matches('-').to_owned() + fraction;
    let digits = digits.trim_start_matches('0');
    let kept = digits.trim_end_matches('0');
    let zeros = digits.len() as i64 - kept.len() as i64 - fraction.len() as i64;
    let power = exponent.parse::<i64>().unwrap_or(i64::MAX).saturating_add(zeros);
    (number.starts_with('-'), kept.to_owned(), if kept.is_empty() { 0 } else { power })
}

/// What is not copied, and the variables that stand for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets {
    /// Variable, value, and where it came from.
    named: Vec<(String, String, String)>,
    /// Names of numbers, for which no variable can stand.
    numbers: Vec<String>,
    /// A number beside them has lost digits.
    has_rounded: bool,
}

impl Secrets {
    /// The value, or what stands for it if its name says that it is a secret.
    pub(super) fn hidden(&mut self, name: &str, value: &str) -> String {
        if !is_secret(name) {
            return value.to_owned();
        }
        // What stands for a value already, of the environment or of an answer, is none; what is beside it may be.
        let mut shown = String::new();
        let mut rest = value;
        while let Some((before, (inside, after))) =
            rest.split_once("{{").and_then(|(before, rest)| Some((before, rest.split_once("}}")?)))
        {
            shown += &if is_harmless(before) { before.to_owned() } else { self.hide(name, before) };
            shown += &format!("{{{{{inside}}}}}");
            rest = after;
        }
        let is_bare = rest.is_empty() || !shown.is_empty() && is_harmless(rest);
        shown + &if is_bare { rest.to_owned() } else { self.hide(name, rest) }
    }

    fn hide(&mut self, name: &str, value: &str) -> String {
        let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        let base: String = name.chars().map(word).collect();
        let mut names = [base.clone()].into_iter().chain((2..).map(|number| format!("{base}_{number}")));
        let of = |secrets: &Self, name: &str| secrets.named.iter().find(|(known, ..)| known == name).cloned();
        let free = names.find(|name| of(self, name).is_none_or(|(_, known, _)| known == value)).unwrap_or(base);
        if of(self, &free).is_none() {
            self.named.push((free.clone(), value.to_owned(), name.to_owned()));
        }
        format!("{{{{env:{free}}}}}")
    }

    /// Below a name that says so, all is a secret.
    fn hide_in(&mut self, name: &str, json: &mut Value) {
        match json {
            Value::Object(map) => {
                for (inner, value) in map {
                    self.hide_in(if is_secret(name) { name } else { inner }, value);
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|value| self.hide_in(name, value)),
            Value::String(text) => *text = self.hidden(name, text),
            Value::Number(_) if is_secret(name) => self.numbers.push(name.to_owned()),
            _ => {}
        }
    }

    /// What is to be said of them, and of what looks like more of them in the file.
    pub(super) fn notes(&self, file: &Value) -> Vec<String> {
        let named = self.named.iter().map(|(variable, _, name)| {
            format!("the value of {name} is not copied: set {variable} in the environment, as it was sent")
        });
        let numbers =
            self.numbers.iter().map(|name| format!("the value of {name} is a number, and copied: look at it"));
        let mut notes: Vec<String> = named.chain(numbers).collect();
        if self.has_rounded {
            notes.push("a number has more digits than a double has, and was rounded: look at it".into());
        }
        if has_secret(file) {
            notes.push("something in the file still looks like a secret: look at it before you share it".into());
        }
        notes
    }
}

/// Whether what stands beside a name in double braces is no more than a scheme or the name of a cookie: `Bearer `, `; sid=`.
fn is_harmless(text: &str) -> bool {
    text.split([' ', ';', ',']).all(|word| match word.strip_suffix('=') {
        Some(name) => name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)),
        None => word.bytes().all(|byte| byte.is_ascii_alphabetic()),
    })
}

/// Whether a text looks like a secret, whatever its name is: those with a name have been hidden.
fn has_secret(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            let shown = without_names(text);
            Redactor::default().text(&shown) != shown
        }
        Value::Array(list) => list.iter().any(has_secret),
        Value::Object(map) => map.values().any(has_secret),
        _ => false,
    }
}

/// As if what names in double braces stand for had been taken away already.
fn without_names(text: &str) -> String {
    let mut pieces = text.split("{{");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + REDACTED + piece.split_once("}}").map_or(piece, |(_, after)| after))
}

#[cfg(test)]
mod tests {
    use super::keeps_numbers;

    #[test]
    fn numbers_that_are_others_once_they_are_read_are_found() {
        for kept in [
            r#"{"a": 1, "b": -0.5, "c": 1e2, "d": 100.0, "e": 1.50, "f": 18446744073709551615, "g": 0.0, "h": 6.02E23}"#,
            r#"{"text": "12345678901234567890123 \" 0.12345678901234567890123", "true": true, "null": null}"#,
            "[]",
        ] {
            assert!(keeps_numbers(kept), "{kept}");
        }
        for lost in ["[12345678901234567890123]", r#"{"a\"": 0.12345678901234567890123}"#, "[9007199254740993.0]"] {
            assert!(!keeps_numbers(lost), "{lost}");
        }
    }
}
