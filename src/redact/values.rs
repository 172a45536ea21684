//! How programs write a value beside its name: in quotes of several kinds, bare, in a list, below other names.

use super::{REDACTED, forms};
use std::ops::Range;

/// A quote in a text that is quoted itself has backslashes before it, and more each time.
const MOST_BACKSLASHES: usize = 7;

/// What was read, and up to where.
pub(super) struct Reading {
    pub spans: Vec<Range<usize>>,
    pub end: usize,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Bare,
    Quoted,
    /// In a list, or below other names.
    Nested,
}

impl Reading {
    pub fn of(span: Range<usize>) -> Self {
        Self { end: span.end, spans: vec![span], kind: Kind::Bare }
    }
}

/// The value from `start` on; of a whole line, if it is in no quotes.
pub(super) fn value(text: &[u8], start: usize, whole_line: bool) -> Option<Reading> {
    let start = end_of(text, start, |byte| !b" \t".contains(byte));
    let start = below(text, start).unwrap_or(start);
    if is_redacted(&text[start..]) {
        return Some(Reading::of(start..start + REDACTED.len()));
    }
    if text.get(start).is_some_and(|byte| b"[{".contains(byte)) {
        return Some(nested(text, start));
    }
    let (span, end, is_quoted) = scalar(text, start, if whole_line { is_end_of_line } else { is_end })?;
    (!span.is_empty()).then(|| Reading {
        spans: vec![span],
        end,
        kind: if is_quoted { Kind::Quoted } else { Kind::Bare },
    })
}

/// In YAML, `|` and `>` have the value begin in the line below.
fn below(text: &[u8], start: usize) -> Option<usize> {
    let mark = text.get(start).filter(|mark| b"|>".contains(mark))?;
    let rest = text[start..].strip_prefix(&[*mark])?;
    let rest = rest.strip_prefix(b"-").or_else(|| rest.strip_prefix(b"+")).unwrap_or(rest);
    let line = rest.strip_prefix(b"\n").or_else(|| rest.strip_prefix(b"\r\n"))?;
    Some(text.len() - line.len() + end_of(line, 0, |byte| !b" \t".contains(byte)))
}

/// In quotes up to the other one, perhaps nothing, or up to where it ends: the span, what is after it and its quote, and whether
/// it had one.
pub(super) fn scalar(text: &[u8], start: usize, is_end: fn(&u8) -> bool) -> Option<(Range<usize>, usize, bool)> {
    let start = start + prefix(&text[start..]);
    let Some(quote) = Quote::at(text, start) else {
        let end = forms::pem(text, start).unwrap_or_else(|| end_of(text, start, is_end));
        return Some((start..end, end, false)).filter(|_| end > start);
    };
    let start = start + quote.bytes();
    if let Some(end) = forms::pem(text, start) {
        return Some((start..end, end, true));
    }
    if let Some(end) = quote.end(text, start) {
        return Some((start..end, end + quote.bytes(), true));
    }
    let redacted = is_redacted(&text[start..]).then(|| start + REDACTED.len());
    let end = redacted.unwrap_or_else(|| end_of(text, start, is_end));
    Some((start..end, end, true)).filter(|_| end > start)
}

/// Python's letters before a quote: `b'…'`, `rb"…"`.
fn prefix(text: &[u8]) -> usize {
    let letters = text.iter().take(2).take_while(|byte| b"bBfFrRuU".contains(byte)).count();
    if text.get(letters).is_some_and(|byte| b"\"'".contains(byte)) { letters } else { 0 }
}

struct Quote {
    backslashes: usize,
    mark: u8,
    /// `"""` is one quote, which lines may stand between.
    marks: usize,
}

impl Quote {
    fn at(text: &[u8], at: usize) -> Option<Self> {
        let backslashes = text[at..].iter().take(MOST_BACKSLASHES).take_while(|&&byte| byte == b'\\').count();
        let marks = &text[at + backslashes..];
        let mark = *marks.first().filter(|mark| b"\"'`".contains(mark))?;
        let is_triple = backslashes == 0 && marks.starts_with(&[mark; 3]);
        Some(Self { backslashes, mark, marks: if is_triple { 3 } else { 1 } })
    }

    fn bytes(&self) -> usize {
        self.backslashes + self.marks
    }

    /// Where the quote that closes it begins. One in the value has more backslashes: each level doubles those of the last.
    fn end(&self, text: &[u8], start: usize) -> Option<usize> {
        let mut backslashes = 0;
        for at in start..text.len() {
            match text[at] {
                b'\\' => backslashes += 1,
                mark if mark == self.mark
                    && backslashes % (2 * self.backslashes + 2) == self.backslashes
                    && text[at..].iter().take(self.marks).filter(|&&byte| byte == mark).count() == self.marks =>
                {
                    return Some(at - self.backslashes);
                }
                byte if is_line_end(&byte) && self.marks == 1 => return None,
                _ => backslashes = 0,
            }
        }
        None
    }
}

/// All values in a list or below other names, of JSON, YAML or Python; up to what is none of it.
fn nested(text: &[u8], start: usize) -> Reading {
    let mut spans: Vec<Range<usize>> = Vec::new();
    let mut open = Vec::new();
    // Where among the spans there is what may be a name.
    let mut name = None;
    let mut was_value = false;
    let mut at = start;
    loop {
        let next = end_of(text, at, |byte| !byte.is_ascii_whitespace());
        let Some(&byte) = text.get(next) else { break };
        let is_mark = b",:]}".contains(&byte);
        if was_value && next > at && !is_mark {
            break;
        }
        at = next;
        match byte {
            b'[' | b'{' if !is_redacted(&text[at..]) => {
                open.push(byte);
                (name, was_value) = ((byte == b'{').then_some(spans.len()), false);
            }
            b']' | b'}' => {
                open.pop();
                if open.is_empty() {
                    let end = end_of(text, at + 1, is_end);
                    spans.extend(Some(at + 1..end).filter(|tail| !tail.is_empty() && !is_redacted(&text[at + 1..])));
                    at = end;
                    break;
                }
                (name, was_value) = (None, true);
            }
            b',' => (name, was_value) = ((open.last() == Some(&b'{')).then_some(spans.len()), false),
            b':' if name.is_some() => {
                spans.truncate(name.take().unwrap_or_default());
                was_value = false;
            }
            _ => {
                let is_end = if name.is_some() { is_end_of_name } else { is_end };
                let redacted = is_redacted(&text[at..]).then(|| at + REDACTED.len());
                let found = scalar(text, at, is_end);
                match (redacted, found) {
                    (Some(end), _) => at = end,
                    (None, Some((span, end, _))) => {
                        spans.extend(Some(span).filter(|span| !span.is_empty()));
                        at = end;
                    }
                    // A quote that is not closed.
                    (None, None) if b"\"'`".contains(&byte) => at += 1,
                    (None, None) => break,
                }
                was_value = true;
                continue;
            }
        }
        at += 1;
    }
    Reading { spans, end: at, kind: Kind::Nested }
}

pub(super) fn is_end(byte: &u8) -> bool {
    byte.is_ascii_whitespace() || b"&,;\"'`)}]<>\\".contains(byte)
}

fn is_end_of_name(byte: &u8) -> bool {
    *byte == b':' || is_end(byte)
}

fn is_end_of_line(byte: &u8) -> bool {
    is_line_end(byte) || b"\"'\\".contains(byte)
}

pub(super) fn is_line_end(byte: &u8) -> bool {
    b"\r\n".contains(byte)
}

/// What was redacted before stays as it is, its bracket too.
pub(super) fn is_redacted(value: &[u8]) -> bool {
    value.starts_with(REDACTED.as_bytes())
}

pub(super) fn end_of(text: &[u8], start: usize, is_end: impl Fn(&u8) -> bool) -> usize {
    text[start..].iter().position(is_end).map_or(text.len(), |length| start + length)
}
