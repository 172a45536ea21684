//! What is a secret by its form, whatever it says: credentials of a scheme (RFC 9110, 11.4), and a value beside a name that says
//! so, as programs write them: `NAME=value`, `name: value`, `"name": "value"`, `--name value`, `?name=value&`; and what `pairs`,
//! `logins` and `forms` know.
//!
//! Logs are large and whoever writes them is not trusted, so this reads each byte a bounded number of times.

use super::{
    REDACTED,
    before::{name_before, trimmed_end},
    forms,
    harmless::{is_harmless, is_redacted, says_nothing},
    is_secret,
    logins::{self, Client},
    names::{is_common, is_only, takes_secret},
    pairs, queries,
    values::{self, Kind, Reading, end_of, value},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use memchr::memmem;
use std::ops::Range;

/// Names of which all that follows on the line is the value.
const WHOLE_LINE: [&str; 2] = ["AUTHORIZATION", "COOKIE"];

/// Beside a plain number these are of what is counted or measured: `s/token: 0.012`, `PASS: 12`.
const COUNTED: [&str; 4] = ["TOKEN", "PASS", "SALT", "KEY"];

/// A name that ends so is a file's, and after its colon comes what is wrong with it, or where.
const FILES: [&str; 8] = [".csv", ".env", ".har", ".json", ".jsonl", ".txt", ".yaml", ".yml"];

/// How a type begins, between a name and its value.
const TYPES: [&str; 9] = ["str", "string", "String", "bytes", "Optional", "Option", "SecretStr", "Union", "Annotated"];

/// Types, where a text says of which a value is.
const ONLY_TYPES: [&str; 5] = ["str", "string", "String", "bytes", "SecretStr"];

/// A secret in a text.
pub(super) struct Found {
    pub span: Range<usize>,
    /// Else it may as well be a word of a sentence.
    pub is_sure: bool,
}

/// Where the secrets are, in order.
pub(super) fn find(text: &[u8]) -> Vec<Found> {
    let mut all = Vec::new();
    let mut client = None;
    let mut at = 0;
    while at < text.len() {
        client = match text[at] {
            b'\n' | b';' | b'|' => None,
            b'a'..=b'z' => Client::at(text, at).or(client),
            _ => client,
        };
        let (reading, is_sure) = at_byte(text, at, client);
        // What is in a list is not looked at again; what is said of nothing may be a name.
        let end = reading.as_ref().filter(|reading| reading.kind == Kind::Nested).map_or(0, |reading| reading.end);
        let spans = reading.into_iter().flat_map(|reading| reading.spans);
        at = end.max(at + 1);
        for span in spans {
            let secret = &text[span.clone()];
            if is_redacted(secret) {
                at = at.max(span.start + REDACTED.len());
            } else if !says_nothing(secret) && !ONLY_TYPES.iter().any(|name| name.as_bytes() == secret) {
                at = at.max(span.end);
                all.push(Found { span, is_sure });
            }
        }
    }
    all
}

/// What begins at this byte, and whether it is sure.
fn at_byte(text: &[u8], at: usize, client: Option<&Client>) -> (Option<Reading>, bool) {
    let one = |span: Option<Range<usize>>| span.map(Reading::of);
    match text[at] {
        b':' if text[at..].starts_with(b"://") => (one(logins::user_info(text, at)), true),
        // `secrets::learn` is a place in a program.
        b':' if text[at + 1..].starts_with(b":") || text[..at].ends_with(b":") => (None, false),
        b':' | b'=' => named(text, at),
        b',' => (one(pairs::after_comma(text, at, client)), true),
        b'<' => (one(pairs::element(text, at)), true),
        b' ' => {
            let of_client = client.and_then(|client| value(text, client.value(text, at)?, false));
            match of_client.or_else(|| after_flag(text, at)) {
                Some(reading) => (Some(reading), true),
                None => after_scheme(text, at).map_or((None, false), |(span, is_sure)| (one(Some(span)), is_sure)),
            }
        }
        _ => (one(forms::at(text, at)), true),
    }
}

/// The value after `NAME=`, `name: ` or `"name": `.
fn named(text: &[u8], at: usize) -> (Option<Reading>, bool) {
    let before = trimmed_end(text, at);
    let Some(name) = name_before(before) else { return (None, false) };
    let is_assigned = text[at] == b'=';
    if let Some(reading) = pairs::of_pair(text, at, name) {
        return (Some(reading), true);
    }
    let start = after_operator(text, at);
    if !is_secret(name) || is_common(name) {
        let in_query = is_assigned && queries::is_in_query(before, name);
        let span = if in_query { queries::value(text, start) } else { password(text, start, name) };
        let span = span.or_else(|| is_only(name, &["AUTH"]).then(|| login_in_base64(text, start))?);
        return (span.map(Reading::of), !in_query);
    }
    // A message that names a place, and quotes what is wrong there.
    let is_quoted = text[start..].trim_ascii_start().starts_with(b"`");
    let is_place = FILES.iter().any(|extension| name.ends_with(extension)) || is_quoted && name.contains('.');
    if !is_assigned && is_place {
        return (None, false);
    }
    let upper = name.to_ascii_uppercase();
    let whole_line = WHOLE_LINE.iter().any(|word| upper.ends_with(word));
    if let Some(reading) = after_type(text, start).filter(|_| !is_assigned) {
        return (Some(reading), true);
    }
    let Some(mut reading) = value(text, start, whole_line) else { return (None, false) };
    reading.spans.retain(|span| !is_harmless(name, &text[span.clone()]));
    let is_counted = is_only(name, &COUNTED) && !name.starts_with("--") && !queries::is_in_url(before, name);
    if is_counted && reading.kind != Kind::Quoted {
        reading.spans.retain(|span| !is_number(&text[span.clone()]));
    }
    let is_sure = is_assigned
        || whole_line
        || reading.kind != Kind::Bare
        || !text.get(start).is_some_and(u8::is_ascii_whitespace);
    (Some(reading), is_sure)
}

/// Where the value may begin after `=`, `:`, `:=`, `==` or `=>`.
fn after_operator(text: &[u8], at: usize) -> usize {
    let operator: &[u8] = if text[at] == b'=' { b"=>" } else { b"=" };
    at + 1 + text[at + 1..].iter().take(2).take_while(|byte| operator.contains(byte)).count()
}

/// `api_key: str = "value"`: what is after the type. What is none that is known may be a secret as well.
fn after_type(text: &[u8], start: usize) -> Option<Reading> {
    let start = end_of(text, start, |byte| !b" \t".contains(byte));
    if let Some(length) = type_length(&text[start..]) {
        return value(text, start + length, false);
    }
    let redacted = is_redacted(&text[start..]).then(|| start + REDACTED.len());
    let end = redacted.unwrap_or_else(|| end_of(text, start, values::is_end));
    if end == start || !text[end..].starts_with(b" = ") {
        return None;
    }
    let mut reading = value(text, end + " = ".len(), false)?;
    reading.spans.insert(0, start..end);
    Some(reading)
}

/// How long a known type and the `=` after it are.
fn type_length(text: &[u8]) -> Option<usize> {
    const LONGEST: usize = 64;
    let text = &text[..text.len().min(LONGEST)];
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.[], |&<>'".contains(byte);
    let length = end_of(text, 0, |byte| !is_part(byte));
    let first = &text[..end_of(text, 0, |byte| !byte.is_ascii_alphanumeric())];
    let is_type = text.starts_with(b"&") || TYPES.iter().any(|name| name.as_bytes() == first);
    let is_assigned = text[length..].starts_with(b"=") && !text[length..].starts_with(b"==");
    let is_one = is_type && is_assigned && memmem::find(&text[..length], REDACTED.as_bytes()).is_none();
    is_one.then_some(length + 1)
}

/// The password behind a user, if the name says that there may be one.
fn password(text: &[u8], start: usize, name: &str) -> Option<Range<usize>> {
    let start = start + text[start..].iter().take(2).take_while(|byte| b" \"'".contains(byte)).count();
    let span = logins::password(name, &text[start..])?;
    Some(start + span.start..start + span.end)
}

/// `"auth": "dXNlcjpwYXNzd29yZA=="`, as Docker keeps logins.
fn login_in_base64(text: &[u8], start: usize) -> Option<Range<usize>> {
    values::quoted(text, start).filter(|span| is_login(&text[span.clone()]))
}

/// Whether it is `user:password` in base64.
fn is_login(text: &[u8]) -> bool {
    STANDARD.decode(text).is_ok_and(|plain| plain.contains(&b':'))
}

/// The value after `--name `, `-u user:` and `--proxy user:`.
fn after_flag(text: &[u8], at: usize) -> Option<Reading> {
    let name = name_before(&text[..at]).filter(|name| name.starts_with('-'))?;
    if takes_secret(name) && (name.starts_with("--") || !is_common(name)) {
        let is_flag = text[at..].trim_ascii_start().starts_with(b"-");
        let mut reading = value(text, at, false).filter(|_| !is_flag)?;
        reading.spans.retain(|span| !is_harmless(name, &text[span.clone()]));
        return Some(reading);
    }
    password(text, at + 1, name).map(Reading::of)
}

/// What follows `Bearer `, and `Basic ` where it is a name and a password; and whether that is sure.
fn after_scheme(text: &[u8], at: usize) -> Option<(Range<usize>, bool)> {
    let scheme = name_before(&text[..at])?;
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    let start = end_of(text, at, |byte| *byte != b' ');
    let span = start..end_of(text, start, |byte| !is_token(byte));
    let (is_secret, is_sure) = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => (true, false),
        "basic" => (is_login(&text[span.clone()]), true),
        _ => (false, false),
    };
    (is_secret && !span.is_empty()).then_some((span, is_sure))
}

/// Digits, perhaps with a fraction or a unit.
fn is_number(value: &[u8]) -> bool {
    const UNITS: [&str; 5] = ["ms", "us", "s", "x", "%"];
    let Ok(value) = std::str::from_utf8(value) else { return false };
    let number = UNITS.iter().find_map(|unit| value.strip_suffix(unit)).unwrap_or(value);
    number.starts_with(|first: char| first.is_ascii_digit()) && number.parse::<f64>().is_ok()
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
            ("services.a.secrets: `key`: it is not there", "services.a.secrets: `key`: it is not there"),
            ("token.txt: Permission denied", "token.txt: Permission denied"),
            ("PASSWORD_FILE: y, pass.txt=a", "PASSWORD_FILE: [redacted], pass.txt=a"),
        ] {
            assert_eq!(Redactor::default().text(text), expected, "{text}");
        }
    }

    #[test]
    fn a_value_as_each_language_writes_it() {
        for (text, expected) in [
            (r#"{"token": ["listtok99", "listtok98"], "n": 1}"#, r#"{"token": ["[redacted]", "[redacted]"], "n": 1}"#),
            (r#"{\"token\":[\"a\",\"b\"],\"n\":1}"#, r#"{\"token\":[\"[redacted]\",\"[redacted]\"],\"n\":1}"#),
            (
                r#""credentials": {"user": "a", "pin": 12}, "n": 1"#,
                r#""credentials": {"user": "[redacted]", "pin": [redacted]}, "n": 1"#,
            ),
            (
                r#""passwords": ["", "a", {"b": ["c"]}], "n": 1"#,
                r#""passwords": ["", "[redacted]", {"b": ["[redacted]"]}], "n": 1"#,
            ),
            (
                "password=[abc]def x, token: [see the docs]",
                "password=[[redacted]][redacted] x, token: [[redacted] the docs]",
            ),
            (r#""password": "a\"b", "n": "x""#, r#""password": "[redacted]", "n": "x""#),
            (r#"{\\\"password\\\":\\\"ab\\\",\\\"n\\\":1}"#, r#"{\\\"password\\\":\\\"[redacted]\\\",\\\"n\\\":1}"#),
            ("api_key: str = \"defaultkey99\", n: int", "api_key: str = \"[redacted]\", n: int"),
            ("api_key: Optional[str]=\"a\", token: str", "api_key: Optional[str]=\"[redacted]\", token: str"),
            ("api_key: Key = \"a\"", "api_key: [redacted] = \"[redacted]\""),
            ("let token: &'static str = \"a\";", "let token: &'static str = \"[redacted]\";"),
            ("password := \"a\"", "password := \"[redacted]\""),
            ("{'token': b'bytes99x'}", "{'token': b'[redacted]'}"),
            ("os.environ['API_KEY']='envkey9999'", "os.environ['API_KEY']='[redacted]'"),
            ("{:password=>\"x\", \"secret\" => 'y'}", "{:password=>\"[redacted]\", \"secret\" => '[redacted]'}"),
            ("secret_key=\"\"\"toml3\"\"\" x", "secret_key=\"\"\"[redacted]\"\"\" x"),
            ("token: `a b`", "token: `[redacted]`"),
            ("password: |-\n  hunter2\nn: 1", "password: |-\n  [redacted]\nn: 1"),
            (
                "api_key: Some(\"a\"), token=SecretStr('b')",
                "api_key: Some(\"[redacted]\"), token=SecretStr('[redacted]')",
            ),
            ("\x1b[3mapi.key\x1b[0m\x1b[2m=\x1b[0m\"a\" b", "\x1b[3mapi.key\x1b[0m\x1b[2m=\x1b[0m\"[redacted]\" b"),
            ("\x1b[1;36mtoken\x1b[0m=\x1b[35mab\x1b[0m b", "\x1b[1;36mtoken\x1b[0m=\x1b[35m[redacted]\x1b[0m b"),
            ("serve -token a --api-key \\\n  b", "serve -token [redacted] --api-key \\\n  [redacted]"),
            (
                r#"{"r.io": {"auth": "dXNlcjpwYXNz"}, "auth": "ok"}"#,
                r#"{"r.io": {"auth": "[redacted]"}, "auth": "ok"}"#,
            ),
            ("PRIVATE_KEY=\"-----BEGIN PRIVATE KEY-----\nMIIE\n", "PRIVATE_KEY=\"[redacted]"),
        ] {
            assert_eq!(Redactor::default().text(text), expected, "{text}");
            assert_eq!(Redactor::default().text(expected), expected, "twice is as once");
        }
    }

    #[test]
    fn what_was_measured_stays() {
        for text in [
            "time per output token: 12.3 ms, s/token: 0.012",
            "PASS: 12 FAIL: 3, pass=12, token=8ms",
            "pad_token=128009",
            "NUM_KEY: \"8\"",
            "sort --sort-key name --no-auth stack:app --disable-token x",
            "serve --tls-key /certs/key.pem --tls-key=/certs/key.pem",
            "\"token\": [1, 2, 3]",
            "api_key: str, token: string",
            "/x?code=404",
            "at redact::secrets::learn, token::Type",
            "--token $HF_TOKEN PASSWORD=${DB_PASSWORD} x",
            "PASSWORD_FILE: /run/secrets/db, --api-key /run/secrets/key",
        ] {
            assert_eq!(Redactor::default().text(text), text);
        }
        for (text, expected) in [
            ("PASSWORD=12345678 API_TOKEN=1234", "PASSWORD=[redacted] API_TOKEN=[redacted]"),
            ("PASSWORD=/run/secrets/db", "PASSWORD=[redacted]"),
            ("TOKEN=$ecret PASSWORD=${A:-b}", "TOKEN=[redacted] PASSWORD=[redacted]}"),
            ("--token 1234 /x?token=1234", "--token [redacted] /x?token=[redacted]"),
        ] {
            assert_eq!(Redactor::default().text(text), expected);
        }
    }

    #[test]
    fn a_hostile_log_is_read_in_one_go() {
        // Were each value read to its end from each of its names, this would take hours.
        let pieces = [
            "token='",
            "token=",
            "token=\\\"",
            "://",
            "--token ",
            "Bearer ",
            "token:",
            "\" :",
            "   :",
            "token:{",
            "token:[null,{",
            "token: a = ",
            "URL=a:",
            "://a:b",
            "-u a:",
            "mysql -p",
            "name=\"token\"",
            "<token>",
            "-----BEGIN PRIVATE KEY",
            "eyJ.eyJ-",
            "?code=",
            "</token",
            "]]></token>",
            "\"-u\",",
            "\x1b[1m=",
            "auth:\"",
            "auth:[",
            "x:[",
            "sk-",
            "\"a\",",
            "a::",
        ];
        for piece in pieces {
            let log = piece.repeat(1 << 16);
            assert!(!Redactor::default().bytes(log.as_bytes()).is_empty());
        }
    }
}
