//! What is a secret by its form, whatever it says: credentials of a scheme (RFC 9110, 11.4), and a value beside a name that says
//! so, as programs write them: `NAME=value`, `name: value`, `"name": "value"`, `--name value`, `?name=value&`, `<name>value</name>`;
//! and what `logins` and `forms` know.
//!
//! Logs are large and whoever writes them is not trusted, so this reads each byte a bounded number of times.

use super::{
    REDACTED, forms,
    harmless::{is_harmless, is_redacted, says_nothing},
    is_secret,
    logins::{self, Client},
    names::is_only,
    values::{self, COLOUR, Kind, Reading, end_of, is_line_end, value, without_colours},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use memchr::memmem;
use std::ops::Range;

/// Names of which all that follows on the line is the value.
const WHOLE_LINE: [&str; 2] = ["AUTHORIZATION", "COOKIE"];

/// In too many texts that are about no secret: `key: value`, `auth: denied`.
const COMMON: [&str; 2] = ["KEY", "AUTH"];

/// Beside a plain number these are of what is counted or measured: `s/token: 0.012`, `PASS: 12`.
const COUNTED: [&str; 4] = ["TOKEN", "PASS", "SALT", "KEY"];

/// Secrets only in the query of a URL.
const QUERY: [&str; 6] = ["sig", "signature", "code", "key", "x-amz-signature", "x-goog-signature"];

/// A name that ends so is a file's, and after its colon comes what is wrong with it, or where.
const FILES: [&str; 8] = [".csv", ".env", ".har", ".json", ".jsonl", ".txt", ".yaml", ".yml"];

/// Flags that begin so take no value.
const SWITCHES: [&str; 4] = ["--no-", "--enable-", "--disable-", "--skip-"];

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

pub(super) fn is_switch(flag: &str) -> bool {
    SWITCHES.iter().any(|switch| flag.starts_with(switch))
}

/// Whether a flag may have a value that is a secret.
fn takes_secret(flag: &str) -> bool {
    is_secret(flag) && !is_switch(flag)
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
        b',' => (one(after_comma(text, at, client)), true),
        b'<' => (one(element(text, at)), true),
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
    if let Some(reading) = of_pair(text, at, name) {
        return (Some(reading), true);
    }
    let start = after_operator(text, at);
    if !is_secret(name) || is_only(name, &COMMON) {
        let in_query = is_assigned && is_in_query(before, name);
        let span = if in_query { in_query_value(text, start) } else { password(text, start, name) };
        let span = span.or_else(|| is_only(name, &["AUTH"]).then(|| login_in_base64(text, start))?);
        return (span.map(Reading::of), !in_query);
    }
    if !is_assigned && FILES.iter().any(|extension| name.ends_with(extension)) {
        return (None, false);
    }
    let upper = name.to_ascii_uppercase();
    let whole_line = WHOLE_LINE.iter().any(|word| upper.ends_with(word));
    if let Some(reading) = after_type(text, start).filter(|_| !is_assigned) {
        return (Some(reading), true);
    }
    let Some(mut reading) = value(text, start, whole_line) else { return (None, false) };
    reading.spans.retain(|span| !is_harmless(name, &text[span.clone()]));
    let is_counted = is_only(name, &COUNTED) && !name.starts_with("--") && !is_in_url(before, name);
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

/// The value that belongs to a name that is a value itself: `name="password"` in a form of several parts (RFC 7578), and
/// `"name": "API_KEY", "value": "…"`.
fn of_pair(text: &[u8], at: usize, name: &str) -> Option<Reading> {
    const LONGEST: usize = 128;
    if !["name", "key"].iter().any(|word| name.eq_ignore_ascii_case(word)) {
        return None;
    }
    let near = &text[..text.len().min(at + LONGEST)];
    let start = end_of(near, at + 1, |byte| !b" \t".contains(byte));
    let (span, end, _) = values::scalar(near, start, values::is_end)?;
    std::str::from_utf8(&text[span]).ok().filter(|name| is_secret(name))?;
    let rest = &text[end..];
    for (blank, is_end) in [
        (&b"\r\n\r\n"[..], is_line_end as fn(&u8) -> bool),
        (b"\n\n", is_line_end),
        (b"\\r\\n\\r\\n", |byte| *byte == b'\\'),
        (b"\\n\\n", |byte| *byte == b'\\'),
    ] {
        if rest.starts_with(blank) {
            let start = end + blank.len();
            let span = start..end_of(text, start, is_end);
            return (!span.is_empty()).then(|| Reading::of(span));
        }
    }
    let skip = |from: usize, also: &[u8]| {
        let is_between = |byte: &&u8| byte.is_ascii_whitespace() || b"\\\"'".contains(byte) || also.contains(byte);
        from + text[from..].iter().take(LONGEST).take_while(is_between).count()
    };
    let word = skip(end, b",");
    let is_value = text[word..].get(..5).is_some_and(|word| word.eq_ignore_ascii_case(b"value"));
    let mark = if is_value { skip(word + "value".len(), b"") } else { return None };
    text.get(mark).filter(|mark| b":=".contains(mark)).and_then(|_| value(text, mark + 1, false))
}

/// Whether the name follows `?` or `&`, which JSON and HTML may have written otherwise.
fn is_in_url(before: &[u8], name: &str) -> bool {
    let before = &before[..before.len() - name.len()];
    before.ends_with(b"?") || before.ends_with(b"&") || before.ends_with(b"&amp;")
}

fn is_in_query(before: &[u8], name: &str) -> bool {
    let (is_here, name) = match name.strip_prefix("u0026") {
        Some(name) => (true, name),
        None => (is_in_url(before, name), name),
    };
    is_here && QUERY.iter().any(|word| name.eq_ignore_ascii_case(word))
}

/// A short number is a status or an index.
fn in_query_value(text: &[u8], start: usize) -> Option<Range<usize>> {
    const MOST_DIGITS: usize = 4;
    let redacted = is_redacted(&text[start..]).then(|| start + REDACTED.len());
    let end = redacted.unwrap_or_else(|| end_of(text, start, |byte| values::is_end(byte) || *byte == b'#'));
    let span = start..end;
    let is_short = span.len() <= MOST_DIGITS && text[span.clone()].iter().all(u8::is_ascii_digit);
    (!is_short).then_some(span)
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

/// The text before `at` without spaces, the quote that closes a name, and the bracket around that: `environ["NAME"]`.
fn trimmed_end(text: &[u8], at: usize) -> &[u8] {
    let before = without_colours(&text[..at]);
    let quoted = before.strip_suffix(b"]").unwrap_or(before);
    let Some(mut name) = quoted.strip_suffix(b"\"").or_else(|| quoted.strip_suffix(b"'")) else { return before };
    for _ in 0..7 {
        name = name.strip_suffix(b"\\").unwrap_or(name);
    }
    name
}

/// The name that a text ends with.
fn name_before(text: &[u8]) -> Option<&str> {
    const LONGEST: usize = 100;
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let mut length = text.iter().rev().take(LONGEST).take_while(|&byte| is_part(byte)).count();
    if text[..text.len() - length].ends_with(COLOUR) {
        let colour = text[text.len() - length..].iter().position(|&byte| byte == b'm').map_or(0, |end| end + 1);
        length -= colour;
    }
    std::str::from_utf8(&text[text.len() - length..]).ok().filter(|name| !name.is_empty())
}

/// The value after `--name `, `-u user:` and `--proxy user:`.
fn after_flag(text: &[u8], at: usize) -> Option<Reading> {
    let name = name_before(&text[..at]).filter(|name| name.starts_with('-'))?;
    if takes_secret(name) && (name.starts_with("--") || !is_only(name, &COMMON)) {
        let is_flag = text[at..].trim_ascii_start().starts_with(b"-");
        let mut reading = value(text, at, false).filter(|_| !is_flag)?;
        reading.spans.retain(|span| !is_harmless(name, &text[span.clone()]));
        return Some(reading);
    }
    password(text, at + 1, name).map(Reading::of)
}

/// `"--name", "value"`, as a list of arguments is shown, and `("name", "value")`, as a pair is.
fn after_comma(text: &[u8], at: usize, client: Option<&Client>) -> Option<Range<usize>> {
    let before = trimmed_end(text, at);
    let name = name_before(before).filter(|_| before.len() < at)?;
    let span = values::quoted(text, end_of(text, at + 1, |byte| !byte.is_ascii_whitespace()))?;
    let argument = std::str::from_utf8(&text[span.clone()]).ok()?;
    let is_value = if name.starts_with('-') { takes_secret(name) } else { is_secret(name) && opens_pair(before, name) };
    let part = match is_value && !argument.starts_with('-') && !is_harmless(name, argument.as_bytes()) {
        true => Some(0..argument.len()),
        false => client.and_then(|client| client.password(Some(name), argument)),
    };
    let part = part.or_else(|| logins::password(name, argument.as_bytes()))?;
    Some(span.start + part.start..span.start + part.end)
}

/// Whether the name in quotes is the first of two: `(b'x-api-key'`.
fn opens_pair(before: &[u8], name: &str) -> bool {
    let opening = &before[..before.len() - name.len()];
    let opening = opening.strip_suffix(b"\"").or_else(|| opening.strip_suffix(b"'")).unwrap_or_default();
    opening.strip_suffix(b"b").unwrap_or(opening).ends_with(b"(")
}

/// `<name>value</name>`, from where it is closed.
fn element(text: &[u8], at: usize) -> Option<Range<usize>> {
    const LONGEST: usize = 100;
    const CDATA: &[u8] = b"<![CDATA[";
    let closing = text[at..].strip_prefix(b"</")?;
    let length = closing.iter().take(LONGEST).position(|&byte| byte == b'>')?;
    let closing = &closing[..length];
    let name = closing.iter().position(|&byte| byte == b':').map_or(closing, |colon| &closing[colon + 1..]);
    name_before(closing)
        .filter(|whole| whole.len() == name.len())
        .filter(|name| is_secret(name) && !is_only(name, &COMMON))?;
    let last_of = |marks: &[u8], end: usize| text[..end].iter().rposition(|byte| marks.contains(byte));
    let (start, end) = match text[..at].strip_suffix(b"]]>") {
        Some(before) => {
            let start = last_of(b"<", before.len())?;
            text[start..].starts_with(CDATA).then_some((start + CDATA.len(), before.len()))?
        }
        None => (last_of(b"<>", at).filter(|&mark| text[mark] == b'>')? + 1, at),
    };
    let value = text.get(start..end)?;
    (!value.trim_ascii().is_empty() && memmem::find(value, REDACTED.as_bytes()).is_none()).then_some(start..end)
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
            ("<password>x y</password><Key>a</Key>", "<password>[redacted]</password><Key>a</Key>"),
            ("<a:token><![CDATA[x]]></a:token>", "<a:token><![CDATA[[redacted]]]></a:token>"),
            (
                "<a:Password Type=\"b>\">x</a:Password><password> </password>",
                "<a:Password Type=\"b>\">[redacted]</a:Password><password> </password>",
            ),
            (
                "api_key: Some(\"a\"), token=SecretStr('b')",
                "api_key: Some(\"[redacted]\"), token=SecretStr('[redacted]')",
            ),
            ("[(b'x-api-key', b'a'), (b'host', b'b')]", "[(b'x-api-key', b'[redacted]'), (b'host', b'b')]"),
            ("setdefault('API_KEY', 'a'), ['token', 'b']", "setdefault('API_KEY', '[redacted]'), ['token', 'b']"),
            ("\x1b[3mapi.key\x1b[0m\x1b[2m=\x1b[0m\"a\" b", "\x1b[3mapi.key\x1b[0m\x1b[2m=\x1b[0m\"[redacted]\" b"),
            ("\x1b[1;36mtoken\x1b[0m=\x1b[35mab\x1b[0m b", "\x1b[1;36mtoken\x1b[0m=\x1b[35m[redacted]\x1b[0m b"),
            ("serve -token a --api-key \\\n  b", "serve -token [redacted] --api-key \\\n  [redacted]"),
            (
                r#"{"r.io": {"auth": "dXNlcjpwYXNz"}, "auth": "ok"}"#,
                r#"{"r.io": {"auth": "[redacted]"}, "auth": "ok"}"#,
            ),
            ("usage: login <user> <password> [host]", "usage: login <user> <password> [host]"),
            (
                "form-data; name=\"password\"\r\n\r\na b\r\n--x\r\nform-data; name=\"n\"\r\n\r\n1",
                "form-data; name=\"password\"\r\n\r\n[redacted]\r\n--x\r\nform-data; name=\"n\"\r\n\r\n1",
            ),
            (r#"name=\"password\"\r\n\r\na b\r\n--x"#, r#"name=\"password\"\r\n\r\n[redacted]\r\n--x"#),
            (r#"{"name": "API_KEY", "value": "x"}"#, r#"{"name": "API_KEY", "value": "[redacted]"}"#),
            ("- name: API_KEY\n  value: x\n", "- name: API_KEY\n  value: [redacted]\n"),
            (
                r#"["serve", "--api-key", "x", "--token", "--v"]"#,
                r#"["serve", "--api-key", "[redacted]", "--token", "--v"]"#,
            ),
            ("PRIVATE_KEY=\"-----BEGIN PRIVATE KEY-----\nMIIE\n", "PRIVATE_KEY=\"[redacted]"),
        ] {
            assert_eq!(Redactor::default().text(text), expected, "{text}");
            assert_eq!(Redactor::default().text(expected), expected, "twice is as once");
        }
    }

    #[test]
    fn urls_and_logins() {
        for (text, expected) in [
            ("/x?sig=ab&signature=cd&code=xyz#a", "/x?sig=[redacted]&signature=[redacted]&code=[redacted]#a"),
            ("/x?a=b&key=AIza HTTP", "/x?a=b&key=[redacted] HTTP"),
            (
                "&X-Amz-Signature=ab&amp;X-Goog-Signature=cd",
                "&X-Amz-Signature=[redacted]&amp;X-Goog-Signature=[redacted]",
            ),
            (r"/x?a=b\u0026sig=ab\u0026token=cd", r"/x?a=b\u0026sig=[redacted]\u0026token=[redacted]"),
            ("/x?code=404&key=1, code=abc", "/x?code=404&key=1, code=abc"),
            ("HTTPS_PROXY=user:proxypw99@proxy:3128", "HTTPS_PROXY=user:[redacted]@proxy:3128"),
            (
                "https_proxy: 'u:pw@proxy', IMAGE_URL=a:1@sha256:b",
                "https_proxy: 'u:[redacted]@proxy', IMAGE_URL=a:1@sha256:b",
            ),
            ("curl --proxy u:pw@proxy:3128 http://x", "curl --proxy u:[redacted]@proxy:3128 http://x"),
            ("postgres://u:pa/ss99word@db/x", "postgres://u:[redacted]@db/x"),
            ("postgres://u:pa#ss99?word@db/x", "postgres://u:[redacted]@db/x"),
            (
                "http://host:80/a@b http://[::1]:8/a@b http://a:${PORT}/@b",
                "http://host:80/a@b http://[::1]:8/a@b http://a:${PORT}/@b",
            ),
            ("curl -u name:password http://x:80", "curl -u name:[redacted] http://x:80"),
            ("curl --user 'e@x.y:pw' x, --user=e:pw", "curl --user 'e@x.y:[redacted]' x, --user=e:[redacted]"),
            ("curl -ue:pw x", "curl -u[redacted] x"),
            (
                r#"["curl","-u","e:pw"], ["CMD", "redis-cli", "-a", "pw"]"#,
                r#"["curl","-u","e:[redacted]"], ["CMD", "redis-cli", "-a", "[redacted]"]"#,
            ),
            ("postgres://postgres@db ssh://git@x", "postgres://postgres@db ssh://git@x"),
            ("run --user 1000:1000 -u http://x/ -u x", "run --user 1000:1000 -u http://x/ -u x"),
            ("redis-cli -h a -a pw ping; cp -a x y", "redis-cli -h a -a [redacted] ping; cp -a x y"),
            (
                "/usr/bin/mysqladmin -u root -ppw ping\nmkdir -px",
                "/usr/bin/mysqladmin -u root -p[redacted] ping\nmkdir -px",
            ),
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
