//! Renders a [`RequestTemplate`] to the bytes that are written for every request.

use super::{RequestTemplate, target::Target};
use crate::error::{Error, Result};

impl RequestTemplate {
    /// The whole request. [`Error::Usage`] for a method, path or header that would not be HTTP.
    pub(super) fn render(&self, target: &Target, keep_alive: bool) -> Result<Vec<u8>> {
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
        if !self.body.is_empty() || !["GET", "HEAD", "DELETE", "OPTIONS"].contains(&self.method.as_str()) {
            header("Content-Length", &self.body.len().to_string());
        }
        if !keep_alive {
            header("Connection", "close");
        }
        text.push_str("\r\n");
        Ok([text.as_bytes(), &self.body].concat())
    }
}

/// RFC 9110, 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(template: &RequestTemplate, keep_alive: bool) -> Result<String> {
        let target = Target::parse("http://mock:8080/api/")?;
        Ok(String::from_utf8(template.render(&target, keep_alive)?).unwrap())
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
            body: Vec::new(),
            headers: vec![("host".into(), "other".into()), ("Authorization".into(), "Bearer x".into())],
            ..RequestTemplate::default()
        };
        let text = render(&template, false).unwrap();
        assert!(text.contains("host: other\r\n") && !text.contains("Host: mock"));
        assert!(text.contains("Authorization: Bearer x\r\n") && text.contains("Connection: close\r\n"));
        assert!(!text.contains("Content-Length") && !text.contains("Content-Type"));
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
