//! Text with places to fill in for each request, so that no two are alike and no cache can answer. There are three names, and
//! those of what a scenario has captured before; any other `{{name}}` is text, as bodies that are templates themselves have it.
//! What is filled in is never looked at again, so that a literal `{{counter}}` can be sent as a `{{line}}`.

use crate::text::RESERVED;
use percent_encoding::percent_encode;
use std::{collections::BTreeMap, io::Write};

/// Names that are always filled in.
pub const NAMES: [&str; 3] = ["counter", "random", "line"];

/// By name, the number of what is captured.
pub type Slots = BTreeMap<String, usize>;

/// What the places are filled with, for one request.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    /// `{{counter}}`: no two requests of a load generator have the same.
    pub counter: u64,
    /// `{{random}}`: 16 hexadecimal digits.
    pub random: u64,
    /// `{{line}}`: each request takes the next line of the data file.
    pub line: &'a str,
    /// What the user has captured, by number.
    pub captured: &'a [Vec<u8>],
}

/// Text with `{{counter}}`, `{{random}}`, `{{line}}` and captured names in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Counter,
    Random,
    Line,
    Captured(usize),
}

/// How to write a value so that it cannot end what it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// In a body: as within a JSON string.
    Json,
    /// In a path or a form: as in a URL, percent-encoded.
    Percent,
    /// In a header: as it is. No control characters may be in it.
    Nothing,
}

impl Template {
    /// `captured` are the names that can be filled in besides [`NAMES`].
    pub fn parse(text: &[u8], captured: &Slots) -> Self {
        let mut parts = Vec::new();
        let (mut from, mut seen) = (0, 0);
        while let Some((at, name)) = next_name(text, seen) {
            let part = match name {
                b"counter" => Some(Part::Counter),
                b"random" => Some(Part::Random),
                b"line" => Some(Part::Line),
                _ => {
                    std::str::from_utf8(name).ok().and_then(|name| captured.get(name)).map(|&slot| Part::Captured(slot))
                }
            };
            seen = at + name.len() + 4;
            if let Some(part) = part {
                parts.push(Part::Text(text[from..at].to_vec()));
                parts.push(part);
                from = seen;
            }
        }
        parts.push(Part::Text(text[from..].to_vec()));
        parts.retain(|part| *part != Part::Text(Vec::new()));
        Self { parts }
    }

    /// Names in double braces that are sent as they are.
    pub fn names_left(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().flat_map(|part| {
            let text = if let Part::Text(text) = part { text.as_slice() } else { &[] };
            let next = move |seen: usize| next_name(text, seen);
            std::iter::successors(next(0), move |(at, name)| next(at + name.len() + 4))
                .filter_map(|(_, name)| std::str::from_utf8(name).ok())
        })
    }

    /// Whether it has no places.
    pub fn is_fixed(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// Whether it needs a data file.
    pub fn has_line(&self) -> bool {
        self.parts.contains(&Part::Line)
    }

    /// The numbers of the captured values that it has places for.
    pub fn captured(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().filter_map(|part| if let Part::Captured(slot) = part { Some(*slot) } else { None })
    }

    /// Appends the text with all places filled in.
    pub fn render(&self, values: &Values, escape: Escape, to: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Text(text) => to.extend_from_slice(text),
                Part::Counter => to.write_fmt(format_args!("{}", values.counter)).expect("a Vec takes all"),
                Part::Random => to.write_fmt(format_args!("{:016x}", values.random)).expect("a Vec takes all"),
                Part::Line => write_value(values.line.as_bytes(), escape, to),
                Part::Captured(slot) => write_value(&values.captured[*slot], escape, to),
            }
        }
    }
}

/// Where the next `{{name}}` from `from` on starts, and the name. Braces around anything else are plain text.
fn next_name(text: &[u8], from: usize) -> Option<(usize, &[u8])> {
    let mut openings = (from..text.len()).filter(|&at| text[at..].starts_with(b"{{"));
    openings.find_map(|at| {
        let inner = &text[at + 2..];
        let end = inner.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')?;
        (end > 0 && inner[end..].starts_with(b"}}")).then(|| (at, &inner[..end]))
    })
}

/// Whether a name can stand in double braces.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn write_value(value: &[u8], escape: Escape, to: &mut Vec<u8>) {
    match escape {
        Escape::Json => {
            // JSON holds characters, and no octets that are none.
            let text = String::from_utf8_lossy(value);
            let start = to.len();
            serde_json::to_writer(&mut *to, &text).expect("a string is JSON, and a Vec takes all");
            // Without its quotes.
            to.pop();
            to.remove(start);
        }
        Escape::Nothing => to.extend_from_slice(value),
        Escape::Percent => {
            percent_encode(value, RESERVED).for_each(|piece| to.extend_from_slice(piece.as_bytes()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots() -> Slots {
        [("id".to_owned(), 0), ("key".to_owned(), 1)].into()
    }

    fn render(text: &str, escape: Escape) -> String {
        let captured = [b"one/two".to_vec(), b"x".to_vec()];
        let values = Values { counter: 7, random: 0xabc, line: "say \"a b\"\n", captured: &captured };
        let mut rendered = Vec::new();
        Template::parse(text.as_bytes(), &slots()).render(&values, escape, &mut rendered);
        String::from_utf8(rendered).unwrap()
    }

    #[test]
    fn places_are_filled() {
        assert_eq!(render("{{counter}}-{{random}}{{counter}}", Escape::Json), "7-0000000000000abc7");
        assert_eq!(render(r#"{"p": "{{line}}!"}"#, Escape::Json), r#"{"p": "say \"a b\"\n!"}"#);
        assert_eq!(render("/x?q={{line}}", Escape::Percent), "/x?q=say%20%22a%20b%22%0A");
        assert_eq!(render("Bearer {{line}}", Escape::Nothing), "Bearer say \"a b\"\n");
        assert_eq!(render("{{{counter}}}", Escape::Json), "{7}");
        assert_eq!(render("/{{id}}/{{key}}", Escape::Percent), "/one%2Ftwo/x");
    }

    #[test]
    fn octets_are_sent_as_they_came_where_octets_may_stand() {
        let values = Values { counter: 0, random: 0, line: "", captured: &[b"\xe9t\xc3\xa9".to_vec()] };
        for (escape, expected) in [
            (Escape::Nothing, b"\xe9t\xc3\xa9".as_slice()),
            (Escape::Percent, b"%E9t%C3%A9"),
            (Escape::Json, "\u{fffd}t\u{e9}".as_bytes()),
        ] {
            let mut rendered = Vec::new();
            Template::parse(b"{{id}}", &slots()).render(&values, escape, &mut rendered);
            assert_eq!(rendered, expected, "{escape:?}");
        }
    }

    #[test]
    fn other_braces_and_other_names_are_text() {
        let text = r#"{"a":{"b":{}},"c":"{{}} {{ x }} {{{ {{user}} {{counter"}"#;
        assert_eq!(render(text, Escape::Json), text);
        assert!(Template::parse(text.as_bytes(), &slots()).is_fixed());
        let mixed = Template::parse(b"{{user}}{{counter}}{{a_1}} {{random}}{{{{b}}}}{{line}}{{id}}", &slots());
        assert_eq!(mixed.names_left().collect::<Vec<_>>(), ["user", "a_1", "b"]);
        assert_eq!(render("{{user}}{{counter}}", Escape::Json), "{{user}}7");
    }

    #[test]
    fn what_is_filled_in_is_not_filled_again() {
        let values = Values { counter: 7, random: 0, line: "{{counter}}", captured: &[] };
        let mut rendered = Vec::new();
        Template::parse(b"{{line}}", &Slots::new()).render(&values, Escape::Json, &mut rendered);
        assert_eq!(rendered, b"{{counter}}");
    }
}
