//! What a browser has recorded as a scenario: every request to one server, in its order. What an answer gave and a later request
//! sent again is taken from the answer; cookies that the server set are each user's own.

use super::{
    curl::parse_url,
    har::{Entry, Har},
    requests::{RequestText, Secrets, Sent, path_of},
};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use url::{Url, form_urlencoded};

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
    let log = Har::read(text)?.log;
    let chosen = match origin {
        Some(origin) => parse_url(origin)?.origin(),
        None => log.first_origin().ok_or("no request to an HTTP server is recorded in it")?,
    };
    let is_of_firefox = log.is_of_firefox();
    let mut left_out = LeftOut::default();
    let mut exchanges = Vec::new();
    for entry in log.entries {
        match entry.reached(&chosen, is_of_firefox) {
            Ok(url) => exchanges.push(Exchange::of(entry, &url)),
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
    fn of(entry: Entry, url: &Url) -> Self {
        let Entry { request, response, .. } = entry;
        let mut headers: Vec<(String, String)> =
            request.headers.into_iter().map(|header| (header.name, header.value)).collect();
        let mut body = String::new();
        if let Some(data) = request.post_data {
            let pairs = data.params.iter().map(|param| (&param.name, &param.value));
            let form = || form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            body = if data.text.is_empty() { form() } else { data.text };
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) && !data.mime_type.is_empty()
            {
                headers.push(("Content-Type".into(), data.mime_type));
            }
        }
        // What the browser had kept would have been sent whole.
        let status = match response.status {
            304 => 200,
            status => u16::try_from(status).unwrap_or(200),
        };
        let cookies = response.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("set-cookie"));
        // Several in one header are on lines of their own.
        let names = cookies
            .flat_map(|header| header.value.lines())
            .filter_map(|line| Some(line.split_once('=')?.0.trim().to_owned()));
        let mut told = Vec::new();
        if let Some(answer) = response.text()
            && let Ok(json) = serde_json::from_str::<Value>(&answer)
        {
            strings(&json, String::new(), &mut told);
        }
        Self {
            sets_cookies: names.collect(),
            sent: Sent { method: request.method, path: path_of(url), headers, body, status: Some(status) },
            told,
        }
    }

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
#[path = "session_tests.rs"]
mod tests;
