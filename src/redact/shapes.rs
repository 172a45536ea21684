//! What is a secret by its form, whatever it says: the password of a URL (RFC 3986, 3.2.1), credentials of a scheme (RFC 9110,
//! 11.4), and a value beside a name that says so, as programs write them: `NAME=value`, `name: value`, `"name": "value"`,
//! `--name value`, `?name=value&`.
//!
//! Logs are large and whoever writes them is not trusted, so this reads each byte a fixed number of times.

use super::{REDACTED, is_secret, names::is_only};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::ops::Range;

/// Names of which all that follows on the line is the value.
const WHOLE_LINE: [&str; 2] = ["AUTHORIZATION", "COOKIE"];

/// In too many texts that are about no secret: `key: value`, `auth: denied`.
const COMMON: [&str; 2] = ["KEY", "AUTH"];

/// A name that ends so is a file's, and after its colon comes what is wrong with it, or where.
const FILES: [&str; 8] = [".csv", ".env", ".har", ".json", ".jsonl", ".txt", ".yaml", ".yml"];

/// Says that there is no secret, in several languages.
const NOTHING: [&str; 6] = ["None", "null", "nil", "true", "false", "undefined"];

/// Where the secrets are, in order.
pub(super) fn spans(text: &[u8]) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let found = match text[at] {
            b':' if text[at..].starts_with(b"://") => user_info(text, at),
            b':' | b'=' => named(text, at),
            b' ' => after_flag(text, at).or_else(|| after_scheme(text, at)),
            _ => None,
        };
        match found.filter(|span| !says_nothing(&text[span.clone()])) {
            Some(span) => {
                at = span.end;
                spans.push(span);
            }
            None => at += 1,
        }
    }
    spans
}

/// `scheme://user:PASSWORD@host`; where there is no colon, the user may be a token.
fn user_info(text: &[u8], at: usize) -> Option<Range<usize>> {
    let start = at + "://".len();
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || b"/?#\"'`<>\\,;".contains(byte);
    let end = end_of(text, start, is_end);
    let authority = &text[start..end];
    let info = &authority[..authority.iter().rposition(|&byte| byte == b'@')?];
    let password = info.iter().position(|&byte| byte == b':').map_or(0, |colon| colon + 1);
    Some(start + password..start + info.len())
}

/// The value after `NAME=`, `name: ` or `"name": `.
fn named(text: &[u8], at: usize) -> Option<Range<usize>> {
    let name = name_before(trimmed_end(text, at))?;
    let is_file = text[at] == b':' && FILES.iter().any(|extension| name.ends_with(extension));
    if is_only(name, &COMMON) || is_file || !is_secret(name) {
        return None;
    }
    let upper = name.to_ascii_uppercase();
    value(text, at + 1, WHOLE_LINE.iter().any(|word| upper.ends_with(word)))
}

/// The text before `at` without spaces and the quote that closes a name.
fn trimmed_end(text: &[u8], at: usize) -> &[u8] {
    let before = text[..at].trim_ascii_end();
    let unquoted = before.strip_suffix(b"\"").or_else(|| before.strip_suffix(b"'")).unwrap_or(before);
    unquoted.strip_suffix(b"\\").unwrap_or(unquoted)
}

/// The name that a text ends with.
fn name_before(text: &[u8]) -> Option<&str> {
    const LONGEST: usize = 100;
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let length = text.iter().rev().take(LONGEST).take_while(|&byte| is_part(byte)).count();
    std::str::from_utf8(&text[text.len() - length..]).ok().filter(|name| !name.is_empty())
}

/// The value after `--name `.
fn after_flag(text: &[u8], at: usize) -> Option<Range<usize>> {
    let name = name_before(&text[..at]).filter(|name| name.starts_with("--"))?;
    if !is_secret(name) || text[at..].trim_ascii_start().starts_with(b"-") {
        return None;
    }
    value(text, at, false)
}

/// What follows `Bearer `, and `Basic ` where it is a name and a password.
fn after_scheme(text: &[u8], at: usize) -> Option<Range<usize>> {
    let scheme = name_before(&text[..at])?;
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    let start = end_of(text, at, |byte| *byte != b' ');
    let span = start..end_of(text, start, |byte| !is_token(byte));
    let is_secret = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => true,
        "basic" => STANDARD.decode(&text[span.clone()]).is_ok_and(|plain| plain.contains(&b':')),
        _ => false,
    };
    is_secret.then_some(span).filter(|span| !span.is_empty())
}

/// From `start` on: in quotes up to the other one, or up to where a value ends in the texts of programs.
fn value(text: &[u8], start: usize, whole_line: bool) -> Option<Range<usize>> {
    let start = end_of(text, start, |byte| !b" \t".contains(byte));
    let quote = [&b"\\\""[..], b"\\'", b"\"", b"'"].into_iter().find(|quote| text[start..].starts_with(quote));
    if let Some(quote) = quote {
        let start = start + quote.len();
        let mut line = (start..text.len()).take_while(|&at| !is_line_end(&text[at]));
        if let Some(end) = line.find(|&at| text[at..].starts_with(quote)) {
            return Some(start..end).filter(|span| !span.is_empty());
        }
    }
    let start = start + quote.map_or(0, <[u8]>::len);
    if is_redacted(&text[start..]) {
        return None;
    }
    let is_end = |byte: &u8| match whole_line {
        true => is_line_end(byte) || b"\"'\\".contains(byte),
        false => byte.is_ascii_whitespace() || b"&,;\"'`)}]<>\\".contains(byte),
    };
    Some(start..end_of(text, start, is_end)).filter(|span| !span.is_empty())
}

fn is_line_end(byte: &u8) -> bool {
    b"\r\n".contains(byte)
}

fn says_nothing(value: &[u8]) -> bool {
    is_redacted(value) || NOTHING.iter().any(|word| word.as_bytes() == value)
}

/// What was redacted before stays as it is, its bracket too.
fn is_redacted(value: &[u8]) -> bool {
    value.starts_with(REDACTED.as_bytes())
}

fn end_of(text: &[u8], start: usize, is_end: impl Fn(&u8) -> bool) -> usize {
    text[start..].iter().position(is_end).map_or(text.len(), |length| start + length)
}

#[cfg(test)]
mod tests {
    use super::super::Redactor;

    #[test]
    fn each_form() {
        for (text, expected) in [
            ("postgres://user:hunter2@db:5432/x", "postgres://user:[redacted]@db:5432/x"),
            ("https://ghp_abc@github.com/a?b=c", "https://[redacted]@github.com/a?b=c"),
            ("http_proxy=http://u:p@ss@proxy:3128", "http_proxy=http://u:[redacted]@proxy:3128"),
            ("http://host:80/a@b, see x@y.z", "http://host:80/a@b, see x@y.z"),
            ("GET /v1?api_key=abc&x=1&token=d HTTP", "GET /v1?api_key=[redacted]&x=1&token=[redacted] HTTP"),
            ("Authorization: Bearer abc.def", "Authorization: [redacted]"),
            ("  cookie: a=b; c=d\r\nHost: x", "  cookie: [redacted]\r\nHost: x"),
            ("sent 'bearer abc' to", "sent 'bearer [redacted]' to"),
            ("Basic dXNlcjpwYXNz and basic auth", "Basic [redacted] and basic auth"),
            (r#"{"api_key": "a b", "n": 1}"#, r#"{"api_key": "[redacted]", "n": 1}"#),
            (r#"{\"password\":\"ab\",\"n\":1}"#, r#"{\"password\":\"[redacted]\",\"n\":1}"#),
            ("Config(api_key='abc', port=80)", "Config(api_key='[redacted]', port=80)"),
            ("Config(api_key=None, token=abc)", "Config(api_key=None, token=[redacted])"),
            ("serve --api-key abc --port 80", "serve --api-key [redacted] --port 80"),
            ("serve --api-key=abc --max-tokens 80", "serve --api-key=[redacted] --max-tokens 80"),
            ("PASSWORD = \"abc\"", "PASSWORD = \"[redacted]\""),
            ("password: 'not closed", "password: '[redacted] closed"),
            ("TOKEN=", "TOKEN="),
            ("key: value, max_tokens: 50, KeyError: 'key'", "key: value, max_tokens: 50, KeyError: 'key'"),
            ("auth: denied, REDIS_AUTH=abc", "auth: denied, REDIS_AUTH=[redacted]"),
            ("ü secret=ä ü", "ü secret=[redacted] ü"),
            ("/x/secret.yaml:3:4: `/x/secrets`: is no list", "/x/secret.yaml:3:4: `/x/secrets`: is no list"),
            ("token.txt: Permission denied", "token.txt: Permission denied"),
            ("PASSWORD_FILE: /x/y.txt, pass.txt=a", "PASSWORD_FILE: [redacted], pass.txt=a"),
        ] {
            assert_eq!(Redactor::default().text(text), expected, "{text}");
        }
    }

    #[test]
    fn a_hostile_log_is_read_in_one_go() {
        // Were each value read to its end from each of its names, this would take hours.
        for piece in ["token='", "token=", "token=\\\"", "://", "--token ", "Bearer ", "token:", "\" :", "   :"] {
            let log = piece.repeat(1 << 20);
            assert!(!Redactor::default().bytes(log.as_bytes()).is_empty());
        }
    }
}
