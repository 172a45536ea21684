//! What a browser has recorded (HAR 1.2) as a scenario: every request to one server, in its order. What an answer gave and a later
//! request sent again is taken from the answer; cookies that the server set are each user's own.

use super::curl::parse_url;
use super::requests::{RequestText, Secrets, Sent, path_of};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use url::{Origin, Url};

/// As far as it is read.
#[derive(Deserialize)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    request: Request,
    response: Response,
    /// Chromium: `memory` or `disk`, where the server was not asked.
    #[serde(default, rename = "_fromCache")]
    from_cache: Option<String>,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Named>,
    #[serde(default, rename = "postData")]
    post_data: Option<PostData>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct PostData {
    #[serde(default, rename = "mimeType")]
    mime_type: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    params: Vec<Param>,
}

#[derive(Deserialize)]
struct Param {
    name: String,
    #[serde(default)]
    value: Option<String>,
}

#[derive(Deserialize)]
struct Response {
    status: i64,
    #[serde(default)]
    headers: Vec<Named>,
    #[serde(default)]
    content: Content,
}

#[derive(Default, Deserialize)]
struct Content {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    encoding: Option<String>,
}

/// Values that are looked for in later requests: long enough that none is there by chance.
const LEAST_BYTES: usize = 12;
const MOST_BYTES: usize = 4096;

/// A request that reached the server, and what came back.
struct Exchange {
    sent: Sent,
    sets_cookies: BTreeSet<String>,
    /// By JSON pointer.
    told: Vec<(String, String)>,
}

/// A scenario of all requests to `origin`; without one, to the server of the first. The error says what is wrong with the text.
pub fn from_har(text: &str, origin: Option<&str>) -> Result<RequestText, String> {
    let har: Har =
        serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| format!("no HAR: {error}"))?;
    let chosen = match (origin, har.log.entries.first()) {
        (Some(origin), _) => parse_url(origin)?.origin(),
        (None, Some(first)) => parse_url(&first.request.url)?.origin(),
        (None, None) => return Err("nothing is recorded in it".into()),
    };
    let mut left_out = LeftOut::default();
    let mut exchanges = Vec::new();
    for entry in har.log.entries {
        match entry.reached(&chosen) {
            Ok(url) => exchanges.push(entry.exchange(&url)),
            Err(why) => left_out.add(why),
        }
    }
    let (origin, left_out) = (chosen.ascii_serialization(), left_out.in_words());
    if exchanges.is_empty() {
        return Err(format!("no request reached {origin}; there are {left_out}"));
    }
    let mut secrets = Secrets::default();
    let captures = take_from_answers(&mut exchanges);
    let mut jar = BTreeSet::new();
    let mut steps: Vec<Value> = Vec::new();
    for (exchange, captures) in exchanges.iter_mut().zip(captures) {
        let has_jar = exchange.leave_cookies_to(&jar);
        let mut step = exchange.sent.step(&mut secrets);
        if !captures.is_empty() {
            let places = captures.into_iter().map(|(name, pointer)| (name, json!({ "json": pointer })));
            step.insert("capture".into(), places.collect::<Map<_, _>>().into());
        }
        if has_jar {
            step.insert("cookies".into(), true.into());
            jar.append(&mut exchange.sets_cookies);
        }
        steps.push(step.into());
    }
    let scenario = json!({ "steps": steps });
    let mut notes: Vec<String> =
        if left_out.is_empty() { Vec::new() } else { vec![format!("left out: requests {left_out}")] };
    notes.extend(secrets.notes(&scenario));
    Ok(RequestText { origin, lines: format!("{scenario}\n"), notes })
}

impl Exchange {
    /// Takes its cookies away where every one was set by an earlier answer, so that each user sends its own; those that were there
    /// before the recording stay. True if its user's cookies are to be sent and kept.
    fn leave_cookies_to(&mut self, jar: &BTreeSet<String>) -> bool {
        let is_cookie = |name: &str| name.eq_ignore_ascii_case("cookie");
        let sent = self.sent.headers.iter().filter(|(name, _)| is_cookie(name)).flat_map(|(_, value)| value.split(';'));
        let mut names = sent.map(|pair| pair.split('=').next().unwrap_or_default().trim()).peekable();
        if names.peek().is_none() {
            return !self.sets_cookies.is_empty();
        }
        let are_known = names.all(|name| jar.contains(name));
        if are_known {
            self.sent.headers.retain(|(name, _)| !is_cookie(name));
        }
        are_known
    }
}

/// Requests that are not in the scenario, by why.
#[derive(Default)]
struct LeftOut {
    counts: BTreeMap<String, usize>,
}

impl LeftOut {
    fn add(&mut self, why: String) {
        *self.counts.entry(why).or_default() += 1;
    }

    /// `3 to https://cdn.example, 1 that the browser answered itself`.
    fn in_words(&self) -> String {
        let each: Vec<String> = self.counts.iter().map(|(why, count)| format!("{count} {why}")).collect();
        each.join(", ")
    }
}

impl Entry {
    /// The URL, if the server was asked. The error says why it is left out.
    fn reached(&self, chosen: &Origin) -> Result<Url, String> {
        let Ok(url) = parse_url(&self.request.url) else {
            let scheme = self.request.url.split(':').next().unwrap_or_default();
            return Err(format!("of {scheme}:"));
        };
        match self.response.status {
            _ if url.origin() != *chosen => Err(format!("to {}", url.origin().ascii_serialization())),
            _ if self.from_cache.is_some() => Err("that the browser's cache answered".into()),
            _ if self.request.sends_files() => {
                Err("that send files (multipart), which the load generator cannot".into())
            }
            101 => Err("that became WebSockets".into()),
            200..=599 => Ok(url),
            _ => Err("that were not answered".into()),
        }
    }

    fn exchange(self, url: &Url) -> Exchange {
        let mut headers: Vec<(String, String)> =
            self.request.headers.into_iter().map(|header| (header.name, header.value)).collect();
        let mut body = String::new();
        if let Some(data) = self.request.post_data {
            let pairs = data.params.iter().map(|param| (&param.name, param.value.as_deref().unwrap_or_default()));
            let form = || url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            body = data.text.filter(|text| !text.is_empty()).unwrap_or_else(form);
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) && !data.mime_type.is_empty()
            {
                headers.push(("Content-Type".into(), data.mime_type));
            }
        }
        // What the browser had kept would have been sent whole.
        let status = match self.response.status {
            304 => 200,
            status => u16::try_from(status).unwrap_or(200),
        };
        let cookies = self.response.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("set-cookie"));
        // Several in one header are on lines of their own.
        let names = cookies
            .flat_map(|header| header.value.lines())
            .filter_map(|line| Some(line.split_once('=')?.0.trim().to_owned()));
        let mut told = Vec::new();
        if let Some(answer) = self.response.content.text()
            && let Ok(json) = serde_json::from_str::<Value>(&answer)
        {
            strings(&json, String::new(), &mut told);
        }
        Exchange {
            sets_cookies: names.collect(),
            sent: Sent { method: self.request.method, path: path_of(url), headers, body, status: Some(status) },
            told,
        }
    }
}

impl Request {
    fn sends_files(&self) -> bool {
        self.post_data.as_ref().is_some_and(|data| data.mime_type.to_ascii_lowercase().starts_with("multipart/"))
    }
}

impl Content {
    fn text(self) -> Option<String> {
        let text = self.text?;
        match self.encoding.as_deref() {
            Some("base64") => String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok(),
            _ => Some(text),
        }
    }
}

/// All strings in a document that may be worth taking, by JSON pointer.
fn strings(json: &Value, pointer: String, found: &mut Vec<(String, String)>) {
    match json {
        Value::String(text) => {
            let is_token = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~-+/=".contains(&byte));
            if is_token && (LEAST_BYTES..=MOST_BYTES).contains(&text.len()) {
                found.push((pointer, text.clone()));
            }
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, value)| strings(value, format!("{pointer}/{index}"), found));
        }
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            strings(value, format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), found);
        }),
        _ => {}
    }
}

/// Puts a name in the place of what an earlier answer gave, in every request that sent it again. By exchange: names, and where
/// in the answer their values are. What was sent before any answer had it is not the server's.
fn take_from_answers(exchanges: &mut [Exchange]) -> Vec<BTreeMap<String, String>> {
    let mut captures = vec![BTreeMap::new(); exchanges.len()];
    let mut names = BTreeSet::new();
    for giver in 0..exchanges.len() {
        for (pointer, value) in std::mem::take(&mut exchanges[giver].told) {
            if exchanges[..=giver].iter().any(|exchange| exchange.sent.has(&value)) {
                continue;
            }
            let placeholder = name_for(&pointer, &names);
            let mut is_used = false;
            for later in &mut exchanges[giver + 1..] {
                is_used |= later.sent.replace(&value, &format!("{{{{{placeholder}}}}}"));
            }
            if is_used {
                names.insert(placeholder.clone());
                captures[giver].insert(placeholder, pointer);
            }
        }
    }
    captures
}

/// The last key of a pointer, and a number where another has that name.
fn name_for(pointer: &str, taken: &BTreeSet<String>) -> String {
    let keys = pointer.rsplit('/').filter(|key| key.parse::<usize>().is_err());
    let word = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let base: String =
        keys.map(|key| key.chars().map(word).collect::<String>()).find(|key| !key.is_empty()).unwrap_or_default();
    let is_free = |name: &String| {
        !name.is_empty() && !taken.contains(name) && !["counter", "random", "line"].contains(&name.as_str())
    };
    let numbered = (1..).map(|number| format!("{base}_{number}"));
    [base.clone()].into_iter().chain(numbered).find(is_free).unwrap_or(base)
}

impl Sent {
    fn has(&self, value: &str) -> bool {
        let headers = self.headers.iter().map(|(_, value)| value);
        [&self.path, &self.body].into_iter().chain(headers).any(|text| text.contains(value))
    }

    /// True if it was there.
    fn replace(&mut self, value: &str, placeholder: &str) -> bool {
        // In a path some characters may be written in several ways.
        let is_unreserved = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
        let path = Some(&mut self.path).filter(|_| is_unreserved);
        let texts = self.headers.iter_mut().map(|(_, value)| value).chain(path).chain([&mut self.body]);
        let mut was_there = false;
        for text in texts.filter(|text| text.contains(value)) {
            *text = text.replace(value, placeholder);
            was_there = true;
        }
        was_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(method: &str, url: &str, request: Value, status: u16, answer: Value) -> Value {
        let mut entry = json!({"request": {"method": method, "url": url}, "response": {"status": status}});
        for (key, fields) in [("request", request), ("response", answer)] {
            for (name, value) in fields.as_object().unwrap() {
                entry[key][name] = value.clone();
            }
        }
        entry
    }

    fn header(name: &str, value: &str) -> Value {
        json!({"name": name, "value": value})
    }

    fn har(entries: &[Value]) -> String {
        json!({"log": {"version": "1.2", "entries": entries}}).to_string()
    }

    fn steps(made: &RequestText) -> Vec<Value> {
        serde_json::from_str::<Value>(&made.lines).unwrap()["steps"].as_array().unwrap().clone()
    }

    #[test]
    fn a_session_becomes_a_scenario_without_its_secrets() {
        let token = "eyJhbGciOi.abc123.def-456";
        let recorded = har(&[
            entry(
                "GET",
                "https://shop.example/",
                json!({}),
                200,
                json!({"headers": [header("Set-Cookie", "sid=s-e-c-r-e-t; Path=/")]}),
            ),
            entry(
                "POST",
                "https://shop.example/login?next=%2F",
                json!({
                    "headers": [header(":authority", "shop.example"), header("Cookie", "sid=s-e-c-r-e-t"), header("content-type", "application/json"), header("If-None-Match", "x")],
                    "postData": {"mimeType": "application/json", "text": r#"{"user": "ann", "password": "hunter22"}"#}
                }),
                201,
                json!({"content": {"text": json!({"data": {"access_token": token, "name": "Ann"}}).to_string()}}),
            ),
            entry("GET", "https://cdn.example/a.js", json!({}), 200, json!({})),
            entry(
                "GET",
                "https://shop.example/me",
                json!({"headers": [header("Authorization", &format!("Bearer {token}")), header("cookie", "sid=s-e-c-r-e-t")]}),
                304,
                json!({}),
            ),
        ]);
        let made = from_har(&recorded, None).unwrap();
        assert_eq!(made.origin, "https://shop.example");
        assert_eq!(
            steps(&made),
            [
                json!({"path": "/", "cookies": true}),
                json!({
                    "path": "/login?next=%2F", "headers": {"content-type": "application/json"},
                    "body": {"user": "ann", "password": "{{env:PASSWORD}}"}, "expect": "201",
                    "capture": {"access_token": {"json": "/data/access_token"}}, "cookies": true
                }),
                json!({"path": "/me", "headers": {"Authorization": "Bearer {{access_token}}"}, "cookies": true}),
            ]
        );
        assert_eq!(
            made.notes,
            [
                "left out: requests 1 to https://cdn.example",
                "the value of password is not copied: set PASSWORD in the environment, as it was sent"
            ]
        );
    }

    #[test]
    fn cookies_of_before_the_recording_are_the_environments() {
        let sets = json!({"headers": [header("set-cookie", "new=1")]});
        let sends = |cookies: &str| json!({"headers": [header("Cookie", cookies)]});
        let recorded = har(&[
            entry("GET", "http://a:1/1", sends("old=1"), 200, sets),
            entry("GET", "http://a:1/2", sends("old=1; new=1"), 200, json!({})),
        ]);
        let made = from_har(&recorded, None).unwrap();
        assert_eq!(
            steps(&made),
            [
                json!({"path": "/1", "headers": {"Cookie": "{{env:COOKIE}}"}}),
                json!({"path": "/2", "headers": {"Cookie": "{{env:COOKIE_2}}"}}),
            ]
        );
    }

    #[test]
    fn what_did_not_reach_the_server_is_left_out_and_said() {
        let mut cached = entry("GET", "http://a/1", json!({}), 200, json!({}));
        cached["_fromCache"] = "disk".into();
        let recorded = har(&[
            cached,
            entry("GET", "http://a/ws", json!({}), 101, json!({})),
            entry("GET", "http://a/gone", json!({}), 0, json!({})),
            entry("GET", "data:text/css,x", json!({}), 200, json!({})),
            entry(
                "POST",
                "http://a/up",
                json!({"postData": {"mimeType": "multipart/form-data; boundary=x", "text": "x"}}),
                200,
                json!({}),
            ),
            entry("GET", "http://a:80/kept", json!({}), 200, json!({})),
        ]);
        let made = from_har(&recorded, Some("http://a")).unwrap();
        assert_eq!(steps(&made), [json!({"path": "/kept"})]);
        assert_eq!(
            made.notes,
            [
                "left out: requests 1 of data:, 1 that became WebSockets, 1 that send files (multipart), which the load generator cannot, 1 that the browser's cache answered, 1 that were not answered"
            ]
        );
        for (text, origin, why) in [
            ("{}", None, "no HAR: missing field `log`"),
            (r#"{"log": {"entries": []}}"#, None, "nothing is recorded"),
            (&recorded, Some("https://b"), "no request reached https://b; there are "),
        ] {
            let error = from_har(text, origin).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
