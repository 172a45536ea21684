//! A secret whose name does not stand right before it: in the next argument, as the second of two, between the tags of XML, in
//! a part of a form.

use super::{
    REDACTED,
    before::{name_before, trimmed_end},
    harmless::is_harmless,
    is_secret,
    logins::{self, Client},
    names::{is_common, takes_secret},
    values::{self, Reading, end_of, is_line_end, value},
};
use memchr::memmem;
use std::ops::Range;

/// The value that belongs to a name that is a value itself: `name="password"` in a form of several parts (RFC 7578), and
/// `"name": "API_KEY", "value": "…"`.
pub(super) fn of_pair(text: &[u8], at: usize, name: &str) -> Option<Reading> {
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

/// `"--name", "value"`, as a list of arguments is shown, and `("name", "value")`, as a pair is.
pub(super) fn after_comma(text: &[u8], at: usize, client: Option<&Client>) -> Option<Range<usize>> {
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
pub(super) fn element(text: &[u8], at: usize) -> Option<Range<usize>> {
    const LONGEST: usize = 100;
    const CDATA: &[u8] = b"<![CDATA[";
    let closing = text[at..].strip_prefix(b"</")?;
    let length = closing.iter().take(LONGEST).position(|&byte| byte == b'>')?;
    let closing = &closing[..length];
    let name = closing.iter().position(|&byte| byte == b':').map_or(closing, |colon| &closing[colon + 1..]);
    name_before(closing)
        .filter(|whole| whole.len() == name.len())
        .filter(|name| is_secret(name) && !is_common(name))?;
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

#[cfg(test)]
mod tests {
    use super::super::Redactor;

    #[test]
    fn wherever_the_name_stands() {
        for (text, expected) in [
            ("<password>x y</password><Key>a</Key>", "<password>[redacted]</password><Key>a</Key>"),
            ("<a:token><![CDATA[x]]></a:token>", "<a:token><![CDATA[[redacted]]]></a:token>"),
            (
                "<a:Password Type=\"b>\">x</a:Password><password> </password>",
                "<a:Password Type=\"b>\">[redacted]</a:Password><password> </password>",
            ),
            ("[(b'x-api-key', b'a'), (b'host', b'b')]", "[(b'x-api-key', b'[redacted]'), (b'host', b'b')]"),
            ("setdefault('API_KEY', 'a'), ['token', 'b']", "setdefault('API_KEY', '[redacted]'), ['token', 'b']"),
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
        ] {
            assert_eq!(Redactor::default().text(text), expected, "{text}");
            assert_eq!(Redactor::default().text(expected), expected, "twice is as once");
        }
    }
}
