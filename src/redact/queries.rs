//! Names whose values are secrets in the query of a URL, and nowhere else.

use super::{
    REDACTED,
    harmless::is_redacted,
    values::{self, end_of},
};
use std::ops::Range;

const QUERY: [&str; 6] = ["sig", "signature", "code", "key", "x-amz-signature", "x-goog-signature"];

/// Whether the name follows `?` or `&`, which JSON and HTML may have written otherwise.
pub(super) fn is_in_url(before: &[u8], name: &str) -> bool {
    let before = &before[..before.len() - name.len()];
    before.ends_with(b"?") || before.ends_with(b"&") || before.ends_with(b"&amp;")
}

/// Whether the name says so only there.
pub(super) fn is_in_query(before: &[u8], name: &str) -> bool {
    let (is_here, name) = match name.strip_prefix("u0026") {
        Some(name) => (true, name),
        None => (is_in_url(before, name), name),
    };
    is_here && QUERY.iter().any(|word| name.eq_ignore_ascii_case(word))
}

/// A short number is a status or an index.
pub(super) fn value(text: &[u8], start: usize) -> Option<Range<usize>> {
    const MOST_DIGITS: usize = 4;
    let redacted = is_redacted(&text[start..]).then(|| start + REDACTED.len());
    let end = redacted.unwrap_or_else(|| end_of(text, start, |byte| values::is_end(byte) || *byte == b'#'));
    let span = start..end;
    let is_short = span.len() <= MOST_DIGITS && text[span.clone()].iter().all(u8::is_ascii_digit);
    (!is_short).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::super::Redactor;

    #[test]
    fn queries() {
        for (text, expected) in [
            ("/x?sig=ab&signature=cd&code=xyz#a", "/x?sig=[redacted]&signature=[redacted]&code=[redacted]#a"),
            ("/x?a=b&key=AIza HTTP", "/x?a=b&key=[redacted] HTTP"),
            (
                "&X-Amz-Signature=ab&amp;X-Goog-Signature=cd",
                "&X-Amz-Signature=[redacted]&amp;X-Goog-Signature=[redacted]",
            ),
            (r"/x?a=b\u0026sig=ab\u0026token=cd", r"/x?a=b\u0026sig=[redacted]\u0026token=[redacted]"),
            ("/x?code=404&key=1, code=abc", "/x?code=404&key=1, code=abc"),
        ] {
            assert_eq!(Redactor::default().text(text), expected, "{text}");
            assert_eq!(Redactor::default().text(expected), expected, "twice is as once");
        }
    }
}
