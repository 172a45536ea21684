//! The requests of a load, checked and rendered before it starts. Those with places to fill in are rendered each time.

use super::{
    Answer, Jar, Target,
    capture::{self, Taken},
    head::is_field_value,
    scope::slots,
    template::{Escape, Slots, Template, Values},
};
use crate::{
    distribution::{Random, uniform},
    error::{Error, Result},
    model::{Expect, RequestTemplate},
};
use std::{collections::BTreeSet, io::Write};

/// All requests of a load, ready to be written.
#[derive(Clone, Debug)]
pub struct Requests {
    requests: Vec<Request>,
    lines: Vec<String>,
    /// What users capture, by number.
    captured: Vec<String>,
    /// The last request with a weight of its own.
    last_first: usize,
}

/// One request, ready to be written.
#[derive(Clone, Debug)]
pub struct Request {
    pub expect: Expect,
    /// `HEAD`: its answers have no body.
    pub is_head: bool,
    /// Its method has the same effect when it is carried out twice (RFC 9110, 9.2.2).
    pub is_idempotent: bool,
    /// Its method usually has no body: without one, it has no `Content-Length` either.
    is_bodiless: bool,
    /// Whether it goes on with the scenario of the request before it.
    pub follows: bool,
    /// Whether a user for whom it has succeeded leaves it out.
    pub once: bool,
    /// Whether it sends and keeps cookies.
    pub cookies: bool,
    captures: Vec<Taken>,
    content: Content,
    /// How values are written in the body.
    escape: Escape,
    /// Share of the weights, 0 to 1, that it and all requests before it have.
    up_to: f64,
}

#[derive(Clone, Debug)]
enum Content {
    Fixed(Vec<u8>),
    /// `Content-Length` is written before the body, once that is rendered.
    Templated {
        request_line: Template,
        headers: Template,
        body: Template,
    },
}

impl Requests {
    /// # Errors
    /// [`Error::Usage`] for a request that would not be HTTP, or needs a data line where there is none, and for a scenario
    /// that has no first step or nothing to go on with.
    pub fn new(templates: &[RequestTemplate], lines: &[String], target: &Target, keep_alive: bool) -> Result<Self> {
        let firsts = || templates.iter().filter(|template| !template.follows);
        let total: f64 = firsts().map(|template| template.weight).sum();
        if !total.is_finite() || firsts().any(|template| template.weight <= 0.0) {
            return Err(Error::Usage("every weight must be above 0".into()));
        }
        let mut up_to = 0.0;
        let mut requests: Vec<Request> = Vec::new();
        let mut captured: Vec<String> = Vec::new();
        for (template, slots) in templates.iter().zip(slots(templates)) {
            let wrong = |why: String| Error::Usage(format!("{}: {why}", template.name));
            if !template.follows {
                up_to += template.weight / total;
            }
            let content = template.content(target, keep_alive, &slots.before)?;
            if let Some(why) = content.no_line(lines) {
                return Err(wrong(format!("{{{{line}}}} {why}")));
            }
            let mut request = Request { content, up_to, ..template.without_content() };
            for (name, from) in &template.capture {
                let slot = slots.after[name];
                request.captures.push(Taken::new(name, from, slot).map_err(wrong)?);
                captured.resize(captured.len().max(slot + 1), String::new());
                captured[slot].clone_from(name);
            }
            requests.push(request);
        }
        match requests.first() {
            None => return Err(Error::Usage("there must be a request".into())),
            Some(first) if first.follows => return Err(Error::Usage("the first request follows none".into())),
            _ => {}
        }
        if let Some((_, template)) =
            scenarios(&requests).zip(firsts()).find(|(steps, _)| steps.iter().all(|it| it.once))
        {
            let why = "every step is sent once: there is nothing to go on with";
            return Err(Error::Usage(format!("{}: {why}", template.name)));
        }
        let in_headers: BTreeSet<usize> = requests.iter().flat_map(Request::captured_in_headers).collect();
        for taken in requests.iter_mut().flat_map(|request| &mut request.captures) {
            taken.is_for_header = in_headers.contains(&taken.slot);
        }
        let last_first = requests.iter().rposition(|request| !request.follows).unwrap_or_default();
        Ok(Self { requests, lines: lines.to_vec(), captured, last_first })
    }

    /// Whether users know something from one request to the next.
    pub fn have_users(&self) -> bool {
        self.requests
            .iter()
            .any(|request| request.follows || request.once || request.cookies || !request.captures.is_empty())
    }

    /// The names of what users capture, by number.
    pub fn captured(&self) -> &[String] {
        &self.captured
    }

    /// The request after this one, if it goes on with its scenario.
    pub fn after(&self, index: usize) -> Option<usize> {
        self.requests.get(index + 1).filter(|next| next.follows).map(|_| index + 1)
    }

    /// The number of a request, drawn by weight.
    #[inline]
    pub fn choose(&self, random: &mut Random) -> usize {
        if self.requests.len() == 1 {
            return 0;
        }
        let at = uniform(random);
        self.requests.iter().position(|request| at < request.up_to).unwrap_or(self.last_first)
    }

    pub fn get(&self, index: usize) -> &Request {
        &self.requests[index]
    }

    pub fn iter(&self) -> impl Iterator<Item = &Request> {
        self.requests.iter()
    }

    /// The data line for this `{{counter}}`.
    pub fn line(&self, counter: u64) -> &str {
        match self.lines.len() as u64 {
            0 => "",
            count => &self.lines[(counter % count) as usize],
        }
    }
}

impl Request {
    /// The bytes to write, if they are the same each time.
    #[inline]
    pub fn fixed(&self) -> Option<&[u8]> {
        if let Content::Fixed(bytes) = &self.content { Some(bytes) } else { None }
    }

    /// Whether its answer is read whole, also where answers are streams: a value is taken out of it.
    pub fn is_whole(&self) -> bool {
        !self.captures.is_empty()
    }

    /// Takes out of its answer what is sent later. The error is the failure's message.
    pub fn take(&self, answer: &Answer, captured: &mut [Vec<u8>]) -> Result<(), String> {
        if self.captures.is_empty() { Ok(()) } else { capture::take(&self.captures, answer, captured) }
    }

    fn captured_in_headers(&self) -> Vec<usize> {
        match &self.content {
            Content::Templated { headers, .. } => headers.captured().collect(),
            Content::Fixed(_) => Vec::new(),
        }
    }

    /// Replaces what `to` holds by the bytes to write this time. `jar` has the user's cookies, and the time.
    pub fn render(&self, values: &Values, jar: Option<(&Jar, i64)>, to: &mut Vec<u8>) {
        to.clear();
        match &self.content {
            Content::Fixed(bytes) => to.extend_from_slice(bytes),
            Content::Templated { request_line, headers, body } => {
                let mut content = Vec::new();
                body.render(values, self.escape, &mut content);
                request_line.render(values, Escape::Percent, to);
                if let (true, Some((jar, now_us))) = (self.cookies, jar) {
                    let cookies = jar.value(path_of(to), now_us);
                    if !cookies.is_empty() {
                        [b"Cookie: ", &cookies[..], b"\r\n"].into_iter().for_each(|piece| to.extend_from_slice(piece));
                    }
                }
                headers.render(values, Escape::Nothing, to);
                if !content.is_empty() || !self.is_bodiless {
                    write!(to, "Content-Length: {}\r\n", content.len()).expect("a Vec takes all");
                }
                to.extend_from_slice(b"\r\n");
                to.extend_from_slice(&content);
            }
        }
    }
}

impl Content {
    /// Why the places for lines cannot be filled, if they cannot.
    fn no_line(&self, lines: &[String]) -> Option<String> {
        let Self::Templated { request_line, headers, body } = self else { return None };
        let needs_one = [request_line, headers, body].into_iter().any(Template::has_line);
        if needs_one && lines.is_empty() {
            return Some("needs a data file with at least one line".into());
        }
        let mut unfit = lines.iter().enumerate().filter(|(_, line)| headers.has_line() && !is_field_value(line));
        unfit.next().map(|(number, _)| format!("in a header: line {} has a control character", number + 1))
    }
}

impl RequestTemplate {
    fn content(&self, target: &Target, keep_alive: bool, slots: &Slots) -> Result<Content> {
        let request_line = Template::parse(self.request_line(target)?.as_bytes(), slots);
        let headers = Template::parse(self.headers(target, keep_alive)?.as_bytes(), slots);
        let body = Template::parse(self.body.as_bytes(), slots);
        let is_fixed = [&request_line, &headers, &body].into_iter().all(Template::is_fixed);
        let content = Content::Templated { request_line, headers, body };
        if !is_fixed || self.cookies {
            return Ok(content);
        }
        let mut bytes = Vec::new();
        let nothing = Values { counter: 0, random: 0, line: "", captured: &[] };
        Request { content, ..self.without_content() }.render(&nothing, None, &mut bytes);
        Ok(Content::Fixed(bytes))
    }

    fn without_content(&self) -> Request {
        Request {
            expect: self.expect.clone(),
            is_head: self.method == "HEAD",
            is_idempotent: ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"].contains(&self.method.as_str()),
            is_bodiless: ["GET", "HEAD", "DELETE", "OPTIONS"].contains(&self.method.as_str()),
            follows: self.follows,
            once: self.once,
            cookies: self.cookies,
            captures: Vec::new(),
            content: Content::Fixed(Vec::new()),
            escape: if self.is_form() { Escape::Percent } else { Escape::Json },
            up_to: 1.0,
        }
    }
}

/// Requests that follow each other.
fn scenarios(requests: &[Request]) -> impl Iterator<Item = &[Request]> {
    requests.chunk_by(|_, next| next.follows)
}

/// The path in a request that has been written.
pub fn path_of(request: &[u8]) -> &str {
    let path = request.split(|byte| b" ?".contains(byte)).nth(1).unwrap_or_default();
    std::str::from_utf8(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::random;

    fn requests(templates: &[RequestTemplate], lines: &[&str], keep_alive: bool) -> Result<Requests> {
        let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        Requests::new(templates, &lines, &Target::parse("http://mock:8080/api/")?, keep_alive)
    }

    fn render(template: &RequestTemplate, keep_alive: bool) -> Result<String> {
        let requests = requests(std::slice::from_ref(template), &[], keep_alive)?;
        Ok(String::from_utf8(requests.get(0).fixed().unwrap().to_vec()).unwrap())
    }

    #[test]
    fn the_default_is_the_seeds_chat_completion() {
        let text = render(&RequestTemplate::default(), true).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(
            head.lines().collect::<Vec<_>>(),
            [
                "POST /api/v1/chat/completions HTTP/1.1",
                "Host: mock:8080",
                concat!("User-Agent: vscale/", env!("CARGO_PKG_VERSION")),
                "Accept: */*",
                "Content-Type: application/json",
                &format!("Content-Length: {}", body.len()),
            ]
        );
        let json: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(json["model"], "openai/mock-chat-model");
        assert_eq!(json["messages"][0]["content"], "Hello, how are you?");
        assert_eq!(json["max_tokens"], 50);
    }

    #[test]
    fn given_headers_replace_the_defaults() {
        let template = RequestTemplate {
            method: "GET".into(),
            body: String::new(),
            headers: vec![("host".into(), "other".into()), ("Authorization".into(), "Bearer x".into())],
            ..RequestTemplate::default()
        };
        let text = render(&template, false).unwrap();
        assert!(text.contains("host: other\r\n") && !text.contains("Host: mock"));
        assert!(text.contains("Authorization: Bearer x\r\n") && text.contains("Connection: close\r\n"));
        assert!(!text.contains("Content-Length") && !text.contains("Content-Type"));
    }

    #[test]
    fn places_are_filled_and_the_length_follows() {
        let template = RequestTemplate {
            path: "/ask?n={{counter}}".into(),
            body: r#"{"p":"{{line}} {{random}}"}"#.into(),
            ..RequestTemplate::default()
        };
        let requests = requests(std::slice::from_ref(&template), &["one", "\"two\""], true).unwrap();
        let mut bytes = Vec::new();
        let request = requests.get(0);
        assert_eq!(request.fixed(), None);
        request.render(&Values { counter: 3, random: 1, line: requests.line(3), captured: &[] }, None, &mut bytes);
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /api/ask?n=3 HTTP/1.1\r\n"), "{head}");
        assert_eq!(body, r#"{"p":"\"two\" 0000000000000001"}"#);
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{head}");
        let error = self::requests(&[template], &[], true).unwrap_err().to_string();
        assert!(error.contains("{{line}} needs a data file"), "{error}");
    }

    #[test]
    fn a_line_is_as_it_is_in_a_header_and_encoded_in_a_path() {
        let template = RequestTemplate {
            path: "/{{line}}".into(),
            headers: vec![("Authorization".into(), "Bearer {{line}}".into())],
            body: "{{user}} {{line}}".into(),
            ..RequestTemplate::default()
        };
        let requests = requests(std::slice::from_ref(&template), &["a/b=\u{e9} \"c\""], true).unwrap();
        let mut bytes = Vec::new();
        let values = Values { counter: 0, random: 0, line: requests.line(0), captured: &[] };
        requests.get(0).render(&values, None, &mut bytes);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("POST /api/a%2Fb%3D%C3%A9%20%22c%22 HTTP/1.1\r\n"), "{text}");
        assert!(text.contains("\r\nAuthorization: Bearer a/b=\u{e9} \"c\"\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\n{{user}} a/b=\u{e9} \\\"c\\\""), "{text}");
        assert_eq!(super::super::names_left(std::slice::from_ref(&template)), ["user"]);
        let error = self::requests(&[template], &["fine", "a\rX: smuggled"], true).unwrap_err().to_string();
        assert!(error.contains("{{line}} in a header: line 2 has a control character"), "{error}");
    }

    #[test]
    fn weights_are_shares() {
        let of_weight = |weight| RequestTemplate { weight, ..RequestTemplate::default() };
        let requests = requests(&[of_weight(3.0), of_weight(1.0)], &[], true).unwrap();
        let mut random = random(1, 0);
        let first = (0..10_000).filter(|_| requests.choose(&mut random) == 0).count();
        assert!((7300..7700).contains(&first), "{first}");
        assert!(self::requests(&[of_weight(0.0)], &[], true).is_err());
        assert!(self::requests(&[], &[], true).is_err());
    }

    #[test]
    fn nothing_can_be_smuggled_into_the_request() {
        let default = RequestTemplate::default;
        let header = |name: &str, value: &str| vec![(name.to_string(), value.to_string())];
        for wrong in [
            RequestTemplate { method: "GET /".into(), ..default() },
            RequestTemplate { path: "/a b".into(), ..default() },
            RequestTemplate { path: "no-slash".into(), ..default() },
            RequestTemplate { path: "/a#fragment".into(), ..default() },
            RequestTemplate { path: "/a?q=100%".into(), ..default() },
            RequestTemplate { path: "/ä".into(), ..default() },
            RequestTemplate { path: "/a\"b".into(), ..default() },
            RequestTemplate { headers: header("X", "a\r\nY: b"), ..default() },
            RequestTemplate { headers: header("X: a\r\nY", "b"), ..default() },
            RequestTemplate { headers: header("Content-Length", "5"), ..default() },
        ] {
            assert!(matches!(render(&wrong, true), Err(Error::Usage(_))), "{wrong:?}");
        }
    }
}
