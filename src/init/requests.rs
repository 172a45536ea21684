//! Requests that somebody has sent, as a line of a request file. No secret is copied: a variable of the environment stands for
//! it, and a note says which.

use crate::{
    redact::{REDACTED, Redactor, is_secret},
    text::is_form,
};
use serde_json::{Map, Value};
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
            Ok(mut json @ (Value::Object(_) | Value::Array(_))) => {
                secrets.hide_in("", &mut json);
                json
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

/// What is not copied, and the variables that stand for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets {
    /// Variable, value, and where it came from.
    named: Vec<(String, String, String)>,
    /// Names of numbers, for which no variable can stand.
    numbers: Vec<String>,
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
