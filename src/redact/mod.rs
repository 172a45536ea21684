//! Secrets kept out of what is written: for whoever puts anything into a result, a log, an event or a message.
//!
//! A value is known to be secret by the name that it has where it is given: a variable, a build argument, a label, a flag, a
//! header, a key. A [`Redactor`] learns such values, and then replaces them in any text, whoever wrote it; and besides
//! them what is a secret by its form alone (`shapes`, `forms`). Values of fewer than [`LEAST_BYTES`] bytes are replaced only
//! where they have their name: elsewhere too much else would go with them.

mod before;
mod forms;
mod harmless;
mod logins;
mod names;
mod pairs;
mod queries;
mod recorded;
mod shapes;
mod values;

pub use names::is_secret;

use crate::text::RESERVED;
use logins::Client;
use percent_encoding::{percent_decode_str, utf8_percent_encode};
use std::{collections::BTreeSet, ops::Range};

/// What stands in for a secret.
pub const REDACTED: &str = "[redacted]";

/// Shortest value that is looked for everywhere.
pub const LEAST_BYTES: usize = 6;

/// Whether the value is one. That none was given is no secret, nor where a key is.
pub fn is_secret_value(name: &str, value: &str) -> bool {
    is_secret(name) && !harmless::is_harmless(name, value.as_bytes())
}

/// Knows the secrets of a run.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    /// In each form in which they may be written.
    known: BTreeSet<Vec<u8>>,
}

impl Redactor {
    /// `value` is a secret.
    pub fn learn(&mut self, value: &str) {
        // A key of several lines is often shown line by line.
        for part in [value].into_iter().chain(value.lines()) {
            for form in forms(part.trim()) {
                if form.len() >= LEAST_BYTES && form != REDACTED {
                    self.known.insert(form.into_bytes());
                }
            }
        }
    }

    /// `value` is a secret if its name says so; otherwise what in it looks like one.
    pub fn learn_named(&mut self, name: &str, value: &str) {
        if is_secret_value(name, value) {
            self.learn_pieces(value);
        }
        if let Some(span) = secret_in(name, value) {
            self.learn(&value[span]);
        }
        self.learn_text(value);
    }

    /// What a secret's file says is a secret, and so is what is in it: a JSON document, lines of `NAME=value`. Of values whose names
    /// say nothing only those that look random: the rest is a user, a host, a port.
    pub fn learn_secret(&mut self, text: &str) {
        self.learn(text);
        shapes::find(text.as_bytes()).into_iter().for_each(|found| self.learn_pieces(&text[found.span]));
        if let Ok(json) = serde_json::from_str(text) {
            self.learn_json("", &json);
        }
        let is_mark = |mark: char| mark.is_whitespace() || "\"'=:,;{}[]".contains(mark);
        text.split(is_mark).filter(|piece| looks_random(piece)).for_each(|piece| self.learn(piece));
    }

    fn learn_json(&mut self, name: &str, value: &serde_json::Value) {
        use serde_json::Value;
        match value {
            Value::String(text) if is_secret(name) || looks_random(text) => self.learn(text),
            Value::Number(number) if is_secret(name) => self.learn(&number.to_string()),
            Value::Array(list) => list.iter().for_each(|value| self.learn_json(name, value)),
            Value::Object(map) => {
                map.iter()
                    .for_each(|(inner, value)| self.learn_json(if is_secret(name) { name } else { inner }, value));
            }
            _ => {}
        }
    }

    /// `value` is a secret, and so is what it is made of: `Bearer TOKEN`, `session=ID; theme=dark`.
    fn learn_pieces(&mut self, value: &str) {
        const LEAST_PIECE_BYTES: usize = 8;
        self.learn(value);
        let pieces = value.split([' ', ';', '=', ',']).filter(|piece| piece.len() >= LEAST_PIECE_BYTES);
        pieces.for_each(|piece| self.learn(piece));
    }

    /// What in a text looks like a secret is one, wherever it appears; but no word of a sentence.
    pub fn learn_text(&mut self, text: &str) {
        for found in shapes::find(text.as_bytes()) {
            let value = &text[found.span];
            if found.is_sure || looks_random(value) {
                self.learn_pieces(value);
            }
        }
    }

    /// The values of a command's secret flags.
    pub fn learn_arguments(&mut self, arguments: &[String]) {
        for (flag, argument) in with_flags(arguments) {
            self.learn_named(flag.unwrap_or_default(), argument);
        }
        for (argument, span) in arguments.iter().zip(secrets_of(arguments)) {
            span.into_iter().for_each(|span| self.learn(&argument[span]));
        }
    }

    /// The text without secrets.
    pub fn text(&self, text: &str) -> String {
        let clean = self.bytes(text.as_bytes());
        String::from_utf8(clean).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    /// The same of what may be no text.
    pub fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut spans: Vec<_> = shapes::find(bytes).into_iter().map(|found| found.span).collect();
        for value in &self.known {
            spans.extend(memchr::memmem::find_iter(bytes, value).map(|at| at..at + value.len()));
            spans.extend(cut_off(bytes, value));
        }
        replaced(bytes, spans)
    }

    /// A value by its name, and what else in it is a secret.
    pub fn named(&self, name: &str, value: &str) -> String {
        match secret_in(name, value) {
            Some(span) => self.without(value, span),
            None => self.text(value),
        }
    }

    /// A command without the values of its secret flags.
    pub fn arguments(&self, arguments: &[String]) -> Vec<String> {
        let redacted = |(argument, span): (&String, Option<Range<usize>>)| match span {
            Some(span) => self.without(argument, span),
            None => self.text(argument),
        };
        arguments.iter().zip(secrets_of(arguments)).map(redacted).collect()
    }

    fn without(&self, text: &str, span: Range<usize>) -> String {
        format!("{}{REDACTED}{}", self.text(&text[..span.start]), self.text(&text[span.end..]))
    }
}

/// Where in a value the secret is that its name says is there.
fn secret_in(name: &str, value: &str) -> Option<Range<usize>> {
    let all = is_secret_value(name, value).then_some(0..value.len());
    all.or_else(|| logins::password(name, value.as_bytes())).or_else(|| header_without_a_colon(name, value))
}

/// `--header 'X-Api-Key value'`: wrong, and to be told so without the value.
fn header_without_a_colon(flag: &str, value: &str) -> Option<Range<usize>> {
    let (name, value_alone) = value.split_once(' ').filter(|_| ["-H", "--header"].contains(&flag))?;
    (is_name(name) && is_secret_value(name, value_alone)).then_some(name.len() + 1..value.len())
}

/// Where in each argument there is a secret, by the flag before it, by its own name, or by the program.
fn secrets_of(arguments: &[String]) -> Vec<Option<Range<usize>>> {
    let file = |argument: &String| argument.rfind('/').map_or(0, |slash| slash + 1);
    let client = arguments.iter().find_map(|argument| Client::at(argument.as_bytes(), file(argument)));
    let secret = |(flag, argument): (Option<&str>, &String)| {
        let of_client = || client?.password(flag, argument);
        let of_name = || {
            let (name, value) = with_name(argument)?;
            Some(name.len() + 1..argument.len()).filter(|_| is_secret_value(name, value))
        };
        secret_in(flag.unwrap_or_default(), argument).or_else(of_client).or_else(of_name)
    };
    with_flags(arguments).map(secret).collect()
}

/// Each argument with the flag before it that it may be the value of.
fn with_flags(arguments: &[String]) -> impl Iterator<Item = (Option<&str>, &String)> {
    let before = [None].into_iter().chain(arguments.iter().map(Some));
    before.zip(arguments).map(|(before, argument)| {
        let flag = before.map(String::as_str).filter(|before| before.starts_with('-') && !before.contains('='));
        (flag.filter(|flag| !argument.starts_with('-') && !names::is_switch(flag)), argument)
    })
}

/// Whether a word is none of a language: long, and with a digit or a capital letter inside.
fn looks_random(word: &str) -> bool {
    const LEAST_RANDOM_BYTES: usize = 8;
    let bytes = word.as_bytes();
    let turns = |pair: &[u8]| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase();
    bytes.len() >= LEAST_RANDOM_BYTES && (bytes.iter().any(u8::is_ascii_digit) || bytes.windows(2).any(turns))
}

/// An argument `NAME=value` of which the value is a secret. What has anything but a name before its first `=` is a script, a
/// header or a URL, to be read as any text.
fn with_name(argument: &str) -> Option<(&str, &str)> {
    argument.split_once('=').filter(|(name, _)| is_name(name) && is_secret(name))
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// A value as it is, in JSON, in a URL, and out of one.
fn forms(value: &str) -> Vec<String> {
    let json = serde_json::to_string(value).unwrap_or_default();
    let in_url = utf8_percent_encode(value, RESERVED).to_string();
    let mut forms = vec![value.to_owned(), json.trim_matches('"').to_owned(), in_url];
    forms.extend(percent_decode_str(value).decode_utf8().ok().map(Into::into));
    forms
}

/// Where a text that was cut off ends within a secret, perhaps before an ellipsis.
fn cut_off(bytes: &[u8], value: &[u8]) -> Option<Range<usize>> {
    let end = bytes.strip_suffix("…".as_bytes()).unwrap_or(bytes).len();
    let start = (LEAST_BYTES..value.len()).rev().find(|&length| bytes[..end].ends_with(&value[..length]))?;
    Some(end - start..end)
}

/// Each span, or run of spans that overlap, replaced.
fn replaced(bytes: &[u8], mut spans: Vec<Range<usize>>) -> Vec<u8> {
    spans.sort_unstable_by_key(|span| span.start);
    let mut clean = Vec::with_capacity(bytes.len());
    let mut done = 0;
    for span in spans {
        if span.start >= done {
            clean.extend_from_slice(&bytes[done..span.start]);
            clean.extend_from_slice(REDACTED.as_bytes());
        }
        done = done.max(span.end);
    }
    clean.extend_from_slice(&bytes[done..]);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn arguments() {
        let shown = |list: &[&str]| Redactor::default().arguments(&strings(list)).join(" ");
        assert_eq!(shown(&["API_TOKEN=abc=d", "--env=A", "--users", "4"]), "API_TOKEN=[redacted] --env=A --users 4");
        assert_eq!(shown(&["serve", "--api-key", "two words", "-v"]), "serve --api-key [redacted] -v");
        assert_eq!(
            shown(&["--api-key=two words", "--api-key", "--port", "80"]),
            "--api-key=[redacted] --api-key --port 80"
        );
        assert_eq!(shown(&["-H", "Authorization: Bearer x y"]), "-H Authorization: [redacted]");
        assert_eq!(shown(&["sh", "-c", "serve --token x --port 1"]), "sh -c serve --token [redacted] --port 1");
        assert_eq!(shown(&["--api-key", "A_KEY=b"]), "--api-key [redacted]");
        assert_eq!(shown(&["-u", "name:pw", "--user=e:pw"]), "-u name:[redacted] --user=e:[redacted]");
        assert_eq!(shown(&["--user", "1000:1000", "--proxy", "u:pw@x:1"]), "--user 1000:1000 --proxy u:[redacted]@x:1");
        assert_eq!(shown(&["CMD", "redis-cli", "-a", "pw", "ping"]), "CMD redis-cli -a [redacted] ping");
        assert_eq!(shown(&["CMD", "/bin/mysqladmin", "ping", "-ppw"]), "CMD /bin/mysqladmin ping -p[redacted]");
        assert_eq!(shown(&["cp", "-a", "pw", "-ppw"]), "cp -a pw -ppw");
        assert_eq!(shown(&["-H", "X-Api-Key a"]), "-H X-Api-Key [redacted]");
        for same in [
            ["--sort-key", "name"],
            ["--no-auth", "stack:app"],
            ["--tls-key", "/certs/key.pem"],
            ["--v", "--tls-key=/certs/key.pem"],
            ["--api-key", "/run/secrets/key"],
            ["--token", "$HF_TOKEN"],
            ["--v", "AUTH_TOKEN=undefined"],
        ] {
            assert_eq!(shown(&same), same.join(" "));
            let mut redactor = Redactor::default();
            redactor.learn_arguments(&strings(&same));
            assert_eq!(redactor.text(same[1]), same[1], "nor is it learnt");
        }
    }

    #[test]
    fn a_word_of_a_sentence_is_not_learnt() {
        let mut redactor = Redactor::default();
        redactor.learn_text("Invalid token: expected string; bearer authentication");
        assert_eq!(redactor.text("expected authentication"), "expected authentication");
        redactor.learn_text("Invalid token: s3cret-99; postgres://u:correcthorse@db");
        redactor.learn_named("HTTPS_PROXY", "user:batterystaple@proxy");
        assert_eq!(redactor.text("s3cret-99 correcthorse batterystaple"), "[redacted] [redacted] [redacted]");
    }

    #[test]
    fn only_a_name_before_the_first_equals_sign_is_one() {
        for (argument, expected) in [
            ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: [redacted]"),
            (
                "curl -H 'Authorization: Bearer sekret-12345' 'http://x/?a=b'",
                "curl -H 'Authorization: [redacted]' 'http://x/?a=b'",
            ),
            (
                "serve --api-key topsecret99 --password-file=x --workers 4",
                "serve --api-key [redacted] --password-file=[redacted] --workers 4",
            ),
            (
                "export DB_PASSWORD=x; exec gunicorn --workers 4",
                "export DB_PASSWORD=[redacted]; exec gunicorn --workers 4",
            ),
        ] {
            let arguments = strings(&["--header", argument]);
            assert_eq!(Redactor::default().arguments(&arguments)[1], expected);
            let mut redactor = Redactor::default();
            redactor.learn_arguments(&arguments);
            assert_eq!(redactor.arguments(&arguments)[1], expected, "once it is learnt, too");
        }
    }

    #[test]
    fn a_known_value_goes_wherever_it_stands_and_a_short_one_where_it_has_its_name() {
        let mut redactor = Redactor::default();
        redactor.learn_named("API_KEY", "s3cr\"t/value");
        redactor.learn_named("PASSWORD", "a");
        redactor.learn_named("DATABASE_URL", "postgres://u:p%40sswd@db/x");
        redactor.learn_arguments(&strings(&["serve", "--auth-token", "from-the-flag"]));
        redactor.learn_named("SSH_KEY", "-----BEGIN\nfirst-line\nsecond-line\n");
        for (text, expected) in [
            ("got s3cr\"t/value!", "got [redacted]!"),
            (r#"{"x": "s3cr\"t/value"}"#, r#"{"x": "[redacted]"}"#),
            ("GET /?q=s3cr%22t%2Fvalue HTTP/1.1", "GET /?q=[redacted] HTTP/1.1"),
            ("p@sswd and p%40sswd", "[redacted] and [redacted]"),
            ("bad: from-the-flag", "bad: [redacted]"),
            ("a banana", "a banana"),
            ("a line: second-line", "a line: [redacted]"),
            ("cut off at s3cr\"t/va", "cut off at [redacted]"),
            ("cut off at s3cr\"t/v…", "cut off at [redacted]…"),
        ] {
            assert_eq!(redactor.text(text), expected);
        }
        assert_eq!(redactor.named("PASSWORD", "a"), REDACTED);
        assert_eq!(redactor.bytes(b"\xff from-the-flag \xfe"), b"\xff [redacted] \xfe");
    }

    #[test]
    fn what_is_in_the_file_of_a_secret_is_one_too() {
        for (file, secret) in [
            (r#"{"private": "abc-1234", "password": "jsonfilepw99"}"#, "jsonfilepw99"),
            (r#"{"private": "abc-1234", "password": "jsonfilepw99"}"#, "abc-1234"),
            (r#"{"auth": {"pass": {"value": "of quotes: \""}}}"#, "of quotes: \""),
            ("DB_PASSWORD=envfilepw99\nDB_HOST=database", "envfilepw99"),
            ("export DB_PASSWORD='two words'", "two words"),
            ("password: hunterhunter", "hunterhunter"),
            ("machine a login postgres password n3trcfile", "n3trcfile"),
        ] {
            let mut redactor = Redactor::default();
            redactor.learn_secret(file);
            assert_eq!(redactor.text(&format!("got {secret}!")), "got [redacted]!", "{file}");
            assert_eq!(redactor.text("postgres at database"), "postgres at database", "{file}");
        }
    }

    proptest! {
        #[test]
        fn what_is_learnt_by_any_name_is_gone_from_any_text(
            secret in "[A-Za-z0-9/+_.$!-]{12,40}", before in ".{0,40}", after in ".{0,40}",
        ) {
            let mut redactor = Redactor::default();
            redactor.learn_named("X_TOKEN", &secret);
            let text = redactor.text(&format!("{before}{secret}{after}{secret}"));
            prop_assert!(!text.contains(&secret), "{text}");
        }

        #[test]
        fn twice_is_as_once(text in ".{0,200}|(api_key[=:]|Bearer |--token |://a:b@|\"| |x){0,40}|(token[=:] ?|[\\[\\]{},:= \"'`\\\\\n]|\\[redacted\\]|a|12|null){0,30}|([?&]code=|-u |_url=|redis-cli -a|<token>|</|://|name=\"token\"|value:|b'|: str =|[a-c:/@#\"' ,]){0,30}|(</token>|<!\\[CDATA\\[|]]>|\\(b?'token', |\"-u\",|[a-c:>\"'\\[]|Some\\(|\x1b\\[1m|-token |[$]|[{]|AB|/){0,30}") {
            let once = Redactor::default().text(&text);
            prop_assert_eq!(Redactor::default().text(&once), once);
        }
    }
}
