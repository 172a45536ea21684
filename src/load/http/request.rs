//! The requests of a load, checked and rendered before it starts. Those with places to fill in are rendered each time.

use super::{
    Target,
    template::{Escape, Template, Values},
};
use crate::{
    distribution::{Random, uniform},
    error::{Error, Result},
    model::{Expect, RequestTemplate},
};
use std::io::Write;

/// All requests of a load, ready to be written.
#[derive(Clone, Debug)]
pub struct Requests {
    requests: Vec<Request>,
    lines: Vec<String>,
}

/// One request, ready to be written.
#[derive(Clone, Debug)]
pub struct Request {
    pub expect: Expect,
    /// `HEAD`: its answers have no body.
    pub is_head: bool,
    /// Its method usually has no body: without one, it has no `Content-Length` either.
    is_bodiless: bool,
    content: Content,
    /// Share of the weights, 0 to 1, that it and all requests before it have.
    up_to: f64,
}

#[derive(Clone, Debug)]
enum Content {
    Fixed(Vec<u8>),
    /// `Content-Length` is written between the two, once the body is rendered.
    Templated {
        head: Template,
        body: Template,
    },
}

impl Requests {
    /// # Errors
    /// [`Error::Usage`] for a request that would not be HTTP, or needs a data line where there is none.
    pub fn new(templates: &[RequestTemplate], lines: &[String], target: &Target, keep_alive: bool) -> Result<Self> {
        let total: f64 = templates.iter().map(|template| template.weight).sum();
        let mut up_to = 0.0;
        let mut requests = Vec::new();
        for template in templates {
            up_to += template.weight / total;
            let content = template.content(target, keep_alive)?;
            if content.has_line() && lines.is_empty() {
                return Err(Error::Usage(format!(
                    "{}: {{{{line}}}} needs a data file with at least one line",
                    template.name
                )));
            }
            requests.push(Request { content, up_to, ..template.without_content() });
        }
        if requests.is_empty() || !total.is_finite() || templates.iter().any(|template| template.weight <= 0.0) {
            return Err(Error::Usage("there must be a request, and every weight must be above 0".into()));
        }
        Ok(Self { requests, lines: lines.to_vec() })
    }

    /// The number of a request, drawn by weight.
    #[inline]
    pub fn choose(&self, random: &mut Random) -> usize {
        if self.requests.len() == 1 {
            return 0;
        }
        let at = uniform(random);
        self.requests.iter().position(|request| at < request.up_to).unwrap_or(self.requests.len() - 1)
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

    /// Replaces what `to` holds by the bytes to write this time.
    pub fn render(&self, values: &Values, to: &mut Vec<u8>) {
        to.clear();
        match &self.content {
            Content::Fixed(bytes) => to.extend_from_slice(bytes),
            Content::Templated { head, body } => {
                let mut content = Vec::new();
                body.render(values, Escape::Json, &mut content);
                head.render(values, Escape::Percent, to);
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
    fn has_line(&self) -> bool {
        matches!(self, Self::Templated { head, body } if head.has_line() || body.has_line())
    }
}

impl RequestTemplate {
    fn content(&self, target: &Target, keep_alive: bool) -> Result<Content> {
        let wrong = |why: String| Error::Usage(format!("request {}: {why}", self.name));
        let head = Template::parse(self.head(target, keep_alive)?.as_bytes()).map_err(wrong)?;
        let body = Template::parse(self.body.as_bytes()).map_err(wrong)?;
        let is_fixed = head.is_fixed() && body.is_fixed();
        let content = Content::Templated { head, body };
        if !is_fixed {
            return Ok(content);
        }
        let mut bytes = Vec::new();
        Request { content, ..self.without_content() }.render(&Values { counter: 0, random: 0, line: "" }, &mut bytes);
        Ok(Content::Fixed(bytes))
    }

    fn without_content(&self) -> Request {
        Request {
            expect: self.expect.clone(),
            is_head: self.method == "HEAD",
            is_bodiless: ["GET", "HEAD", "DELETE", "OPTIONS"].contains(&self.method.as_str()),
            content: Content::Fixed(Vec::new()),
            up_to: 1.0,
        }
    }

    /// The request line and all headers but `Content-Length`.
    fn head(&self, target: &Target, keep_alive: bool) -> Result<String> {
        let wrong = |what: &str, text: &str| Error::Usage(format!("`{}` is not a {what}", text.escape_debug()));
        if !is_token(&self.method) {
            return Err(wrong("method", &self.method));
        }
        if !self.path.starts_with('/') || !self.path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong("path (it starts with `/` and has no blanks)", &self.path));
        }
        let mut text = format!("{} {}{} HTTP/1.1\r\n", self.method, target.prefix, self.path);
        let mut header = |name: &str, value: &str| text.extend([name, ": ", value, "\r\n"]);
        let defaults = [
            ("Host", target.authority.as_str()),
            ("User-Agent", concat!("vscale/", env!("CARGO_PKG_VERSION"))),
            ("Accept", "*/*"),
            ("Content-Type", "application/json"),
        ];
        let is_given = |name: &str| self.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        for (name, value) in defaults {
            if !is_given(name) && (name != "Content-Type" || !self.body.is_empty()) {
                header(name, value);
            }
        }
        for (name, value) in &self.headers {
            let is_ours =
                ["content-length", "transfer-encoding", "connection"].contains(&name.to_ascii_lowercase().as_str());
            if !is_token(name) || is_ours {
                return Err(wrong("header that can be set", name));
            }
            if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
                return Err(wrong("header value", value));
            }
            header(name, value);
        }
        if !keep_alive {
            header("Connection", "close");
        }
        Ok(text)
    }
}

/// As in RFC 9110, 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
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
        request.render(&Values { counter: 3, random: 1, line: requests.line(3) }, &mut bytes);
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /api/ask?n=3 HTTP/1.1\r\n"), "{head}");
        assert_eq!(body, r#"{"p":"\"two\" 0000000000000001"}"#);
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{head}");
        let error = self::requests(&[template], &[], true).unwrap_err().to_string();
        assert!(error.contains("{{line}} needs a data file"), "{error}");
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
            RequestTemplate { headers: header("X", "a\r\nY: b"), ..default() },
            RequestTemplate { headers: header("X: a\r\nY", "b"), ..default() },
            RequestTemplate { headers: header("Content-Length", "5"), ..default() },
        ] {
            assert!(matches!(render(&wrong, true), Err(Error::Usage(_))), "{wrong:?}");
        }
    }
}
