//! How programs write a value beside its name: in quotes of several kinds, bare, in a list, below other names.

use super::{REDACTED, forms, harmless::is_redacted};
use std::ops::Range;

/// A quote in a text that is quoted itself has backslashes before it, and more each time.
const MOST_BACKSLASHES: usize = 7;

/// How a terminal is told of a colour, and how many bytes follow at most.
pub(super) const COLOUR: &[u8] = b"\x1b[";
const MOST_COLOUR_BYTES: usize = 16;

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
    let start = after_blanks(text, start);
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

/// What is in quotes that are closed.
pub(super) fn quoted(text: &[u8], start: usize) -> Option<Range<usize>> {
    let start = after_blanks(text, start);
    let start = start + prefix(&text[start..]);
    let quote = Quote::at(text, start)?;
    let start = start + quote.bytes();
    quote.end(text, start).map(|end| start..end)
}

/// Behind blanks, colours of a terminal, and the end of a line that a shell goes on after.
fn after_blanks(text: &[u8], mut start: usize) -> usize {
    loop {
        let rest = &text[start..];
        let blank = [&b" "[..], b"\t", b"\\\n", b"\\\r\n"].into_iter().find(|blank| rest.starts_with(blank));
        match blank.map_or_else(|| colour(rest), <[u8]>::len) {
            0 => return start,
            length => start += length,
        }
    }
}

/// How long the sequence is that sets a terminal's colour: `ESC [ 1 ; 31 m` (ECMA-48, 8.3.117).
fn colour(text: &[u8]) -> usize {
    let Some(numbers) = text.strip_prefix(COLOUR) else { return 0 };
    let length = numbers.iter().take(MOST_COLOUR_BYTES).take_while(|&&byte| is_colour(byte)).count();
    if numbers.get(length) == Some(&b'm') { COLOUR.len() + length + 1 } else { 0 }
}

/// The text without the colours and blanks at its end.
pub(super) fn without_colours(mut text: &[u8]) -> &[u8] {
    loop {
        let Some(before) = text.trim_ascii_end().strip_suffix(b"m") else { return text.trim_ascii_end() };
        let length = before.iter().rev().take(MOST_COLOUR_BYTES).take_while(|&&byte| is_colour(byte)).count();
        match before[..before.len() - length].strip_suffix(COLOUR) {
            Some(rest) => text = rest,
            None => return text.trim_ascii_end(),
        }
    }
}

fn is_colour(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b';'
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

/// What stands before a quote: `Some("…")`, `SecretStr('…')`, and Python's letters, `b'…'`, `rb"…"`.
fn prefix(text: &[u8]) -> usize {
    const LONGEST: usize = 24;
    let word = text.iter().take(LONGEST).take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let call = if word > 0 && text.get(word) == Some(&b'(') { word + 1 } else { 0 };
    let text = &text[call..];
    let letters = text.iter().take(2).take_while(|byte| b"bBfFrRuU".contains(byte)).count();
    if Quote::at(text, letters).is_some() && (call > 0 || text[letters] != b'\\') { call + letters } else { 0 }
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
    byte.is_ascii_whitespace() || byte.is_ascii_control() || b"&,;\"'`)}]<>\\".contains(byte)
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

pub(super) fn end_of(text: &[u8], start: usize, is_end: impl Fn(&u8) -> bool) -> usize {
    text[start..].iter().position(is_end).map_or(text.len(), |length| start + length)
}
