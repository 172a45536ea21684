//! A request's first line and its headers, and what may stand in them: nothing can be smuggled in.

use super::Target;
use crate::{
    error::{Error, Result},
    model::RequestTemplate,
    text::{is_form, is_uri_text},
};

impl RequestTemplate {
    /// Whether its body is a form as browsers send them; otherwise it is taken for JSON.
    pub(super) fn is_form(&self) -> bool {
        self.headers.iter().any(|(name, value)| name.eq_ignore_ascii_case("content-type") && is_form(value))
    }

    pub(super) fn request_line(&self, target: &Target) -> Result<String> {
        if !is_token(&self.method) {
            return Err(is_no("method", &self.method));
        }
        if !self.path.starts_with('/') || !is_path_and_query(&self.path) {
            return Err(is_no(
                "path (it starts with `/`; blanks, `#`, `\"` and a bare `%` are percent-encoded)",
                &self.path,
            ));
        }
        Ok(format!("{} {}{} HTTP/1.1\r\n", self.method, target.prefix, self.path))
    }

    /// All headers but `Content-Length`.
    pub(super) fn headers(&self, target: &Target, keep_alive: bool) -> Result<String> {
        let mut text = String::new();
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
                return Err(is_no("header that can be set", name));
            }
            if !is_field_value(value) {
                return Err(is_no("header value", value));
            }
            if self.cookies && name.eq_ignore_ascii_case("cookie") {
                return Err(Error::Usage(format!("{}: `cookies` sends the header Cookie: give only one", self.name)));
            }
            header(name, value);
        }
        if !keep_alive {
            header("Connection", "close");
        }
        Ok(text)
    }
}

fn is_no(what: &str, text: &str) -> Error {
    Error::Usage(format!("`{}` is not a {what}", text.escape_debug()))
}

/// As in RFC 9110, 5.5: no control characters but the tab.
pub(super) fn is_field_value(text: impl AsRef<[u8]>) -> bool {
    !text.as_ref().iter().any(|&byte| byte.is_ascii_control() && byte != b'\t')
}

/// As in RFC 3986, 3.3 and 3.4, and also the brackets and braces that queries and templates are full of.
fn is_path_and_query(text: &str) -> bool {
    is_uri_text(text, b"/?[]{}|")
}

/// As in RFC 9110, 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
