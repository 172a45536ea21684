//! YAML text to nodes: merge keys and aliases resolved, plain scalars typed as Compose's parser types them (YAML 1.2 with the
//! numbers of 1.1), all of it bounded, so that a hostile text costs nothing.

use super::node::{Content, Mapping, Mark, Node, Place};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use std::{borrow::Cow, collections::HashMap};

/// Mappings and lists within each other: far beyond what a person writes.
const MAX_DEPTH: usize = 64;
const TOO_DEEP: &str = "mappings and lists are nested more than 64 deep";
/// What nodes and their texts may take, aliases written out.
const MAX_BYTES: usize = 64 << 20;
/// What a node takes besides its text.
const NODE_BYTES: usize = 64;

/// What is wrong with a text, and where.
#[derive(Debug)]
pub(super) struct Flaw {
    pub(super) place: Place,
    pub(super) what: String,
}

/// Every document of a text.
pub(super) fn parse(text: &str, file: usize) -> Result<Vec<Node>, Flaw> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader =
        Reader { events: Parser::new_from_str(text), file, anchors: HashMap::new(), bytes_left: MAX_BYTES };
    let mut documents = Vec::new();
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok(documents),
            (Event::DocumentStart(_), _) => {
                let (event, span) = reader.next()?;
                documents.push(reader.node(event, span, 0)?);
            }
            _ => {}
        }
    }
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    file: usize,
    /// With what each takes.
    anchors: HashMap<usize, (Node, usize)>,
    bytes_left: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Flaw> {
        match self.events.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn syntax(&self, error: &ScanError) -> Flaw {
        // The parser's own limit, which it meets when it has to look ahead.
        let what = if error.info().contains("recursion limit") { TOO_DEEP } else { error.info() };
        Flaw { place: self.place(*error.marker()), what: what.to_owned() }
    }

    fn place(&self, marker: Marker) -> Place {
        Place { file: self.file, line: marker.line(), column: marker.col() + 1 }
    }

    fn take(&mut self, bytes: usize, place: Place) -> Result<(), Flaw> {
        let left = self.bytes_left.checked_sub(bytes);
        self.bytes_left = left.ok_or_else(|| Flaw {
            place,
            what: format!("with its aliases written out the file takes more than {} MiB", MAX_BYTES >> 20),
        })?;
        Ok(())
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Flaw> {
        let place = self.place(span.start);
        if depth > MAX_DEPTH {
            return Err(Flaw { place, what: TOO_DEEP.into() });
        }
        let before = self.bytes_left;
        let (anchor, tag, content) = match event {
            Event::Alias(id) => {
                let Some((node, bytes)) = self.anchors.get(&id).cloned() else {
                    return Err(Flaw { place, what: "an alias of what is not complete yet".into() });
                };
                self.take(bytes, place)?;
                return Ok(Node { place, ..node });
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.take(NODE_BYTES + text.len(), place)?;
                let content = scalar(text, style, tag.as_deref()).map_err(|what| Flaw { place, what })?;
                (anchor, tag, content)
            }
            Event::SequenceStart(anchor, tag) => {
                self.take(NODE_BYTES, place)?;
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => items.push(self.node(event, span, depth + 1)?),
                    }
                }
                (anchor, tag, Content::List(items))
            }
            Event::MappingStart(anchor, tag) => {
                self.take(NODE_BYTES, place)?;
                (anchor, tag, Content::Map(self.mapping(depth)?))
            }
            _ => (0, None, Content::Null),
        };
        let mark = mark(tag.as_deref()).map_err(|what| Flaw { place, what })?;
        let node = Node { place, mark, content };
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), before - self.bytes_left));
            // The copy that is kept takes as much again.
            self.take(before - self.bytes_left, place)?;
        }
        Ok(node)
    }

    fn mapping(&mut self, depth: usize) -> Result<Mapping, Flaw> {
        let mut own = Mapping::new();
        let mut merged = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let is_merge_key = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<");
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.next()?;
            let mut value = self.node(event, span, depth + 1)?;
            if is_merge_key {
                merged.push(value);
                continue;
            }
            let Some(name) = key.as_text() else {
                let what = "a key must be a name: put it into quotes".to_owned();
                return Err(Flaw { place: key.place, what });
            };
            value.place = key.place;
            if let Some(first) = own.get(name) {
                let what = format!("the key `{name}` is there already, in line {}", first.place.line);
                return Err(Flaw { place: key.place, what });
            }
            own.insert(name.to_owned(), value);
        }
        // What stands in the mapping itself counts, then the first that is merged into it.
        for value in merged {
            let place = value.place;
            let bases = if let Content::List(items) = value.content { items } else { vec![value] };
            for base in bases {
                let Content::Map(base) = base.content else {
                    return Err(Flaw { place, what: "`<<` merges a mapping, or a list of them".into() });
                };
                for (name, node) in base {
                    own.entry(name).or_insert(node);
                }
            }
        }
        Ok(own)
    }
}

fn mark(tag: Option<&Tag>) -> Result<Mark, String> {
    match tag {
        None => Ok(Mark::None),
        Some(tag) if tag.is_yaml_core_schema() => Ok(Mark::None),
        Some(tag) => match (tag.handle.as_str(), tag.suffix.as_str()) {
            ("!", "reset") => Ok(Mark::Reset),
            ("!", "override") => Ok(Mark::Override),
            // `! text` is a string.
            ("" | "!", "" | "!") => Ok(Mark::None),
            (handle, suffix) => Err(format!("the tag `{handle}{suffix}` means nothing here: `!reset` or `!override`")),
        },
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>) -> Result<Content, String> {
    let core = tag.filter(|tag| tag.is_yaml_core_schema()).map(|tag| tag.suffix.as_str());
    match core {
        Some("str") => Ok(Content::Text(text.into_owned())),
        Some(_) => plain(&text),
        None if style == ScalarStyle::Plain && tag.is_none_or(|tag| !tag.suffix.is_empty()) => plain(&text),
        None => Ok(Content::Text(text.into_owned())),
    }
}

/// What a scalar without quotes is.
fn plain(text: &str) -> Result<Content, String> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Content::Null,
        "true" | "True" | "TRUE" => Content::Bool(true),
        "false" | "False" | "FALSE" => Content::Bool(false),
        _ => match text.trim_start_matches(['+', '-']).to_ascii_lowercase().as_str() {
            ".inf" | ".nan" => return Err(format!("`{text}` is no number that Compose takes: put it into quotes")),
            _ => number(text).map_or_else(|| Content::Text(text.to_owned()), Content::Number),
        },
    })
}

/// A number as Go prints it: `0x10` is 16, `010` is 8, `1.50` is 1.5.
fn number(text: &str) -> Option<String> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return None;
    }
    let plain = text.replace('_', "");
    integer(&plain).or_else(|| float(&plain))
}

fn integer(text: &str) -> Option<String> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (base, digits) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest)
    } else if let Some(rest) = lower.strip_prefix('0').filter(|rest| !rest.is_empty()) {
        (8, rest)
    } else {
        (10, lower.as_str())
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let size = u64::from_str_radix(digits, base).ok()?;
    match negative {
        true if size > i64::MIN.unsigned_abs() => None,
        true if size > 0 => Some(format!("-{size}")),
        _ => Some(size.to_string()),
    }
}

fn float(text: &str) -> Option<String> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_float = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.chars().all(|c| c.is_ascii_digit() || ".eE+-".contains(c));
    let number: f64 = is_float.then(|| text.parse().ok())??;
    if !number.is_finite() {
        return None;
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e')?;
    let power: i32 = exponent.parse().ok()?;
    if (-4..21).contains(&power) {
        return Some(number.to_string());
    }
    let sign = if power < 0 { '-' } else { '+' };
    Some(format!("{digits}e{sign}{:02}", power.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::{Duration, Instant};

    fn value(text: &str) -> Content {
        parse(text, 0).expect("good").remove(0).content
    }

    #[test]
    fn plain_scalars_are_what_compose_takes_them_for() {
        for (text, expected) in [
            ("010", "8"),
            ("08", "8"),
            ("0o17", "15"),
            ("0x10", "16"),
            ("0b11", "3"),
            ("1_000", "1000"),
            ("-0x10", "-16"),
            ("1.50", "1.5"),
            ("1e3", "1000"),
            ("1e21", "1e+21"),
            ("0.00001", "1e-05"),
            (".5", "0.5"),
            ("18446744073709551616", "18446744073709552000"),
        ] {
            assert_eq!(value(text), Content::Number(expected.into()), "{text}");
        }
        for text in ["yes", "on", "12:30", "1.2.3", "0x", "1e", "1-2", "+-1", "abc", "v1"] {
            assert_eq!(value(text), Content::Text(text.into()), "{text}");
        }
        assert_eq!(value("'010'"), Content::Text("010".into()));
        assert_eq!(value("!!str 010"), Content::Text("010".into()));
        assert_eq!(value("~"), Content::Null);
    }

    #[test]
    fn merge_keys_give_what_is_not_there() {
        let text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 3}\nd: {<<: *a}\n";
        let root = parse(text, 0).expect("good").remove(0);
        let of = |key: &str, name: &str| root.get(key)?.get(name)?.scalar();
        assert_eq!(["x", "y", "z"].map(|name| of("c", name).unwrap_or_default()), ["3", "1", "2"]);
        assert_eq!(of("d", "y").as_deref(), Some("1"));
        assert!(parse("a: {<<: 1}", 0).is_err());
    }

    #[test]
    fn hostile_texts_end_soon() {
        let begun = Instant::now();
        let bomb: String = (1..12).fold("a0: &a0 [x, x, x, x, x, x, x, x]\n".into(), |text, level: usize| {
            let alias = format!("*a{}", level - 1);
            text + &format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 9].join(", "))
        });
        let texts = [
            "[".repeat(1_000_000),
            "{".repeat(1_000_000),
            "- ".repeat(500_000),
            "? ".repeat(500_000),
            "a: ".repeat(300_000),
            "[a, ".repeat(250_000),
            "{a: ".repeat(250_000),
            "&a ".repeat(300_000),
            "!".repeat(1_000_000),
            "a: &a [*a]".into(),
            bomb,
        ];
        for text in &texts {
            assert!(parse(text, 0).is_err(), "{}", &text[..20.min(text.len())]);
        }
        for text in ["\"".to_owned() + &"\\n".repeat(500_000), "#".repeat(1_000_000), "x,".repeat(500_000)] {
            let _ = parse(&text, 0);
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    }

    proptest! {
        #[test]
        fn never_panics(text in "[-a&*!:,<>{}\\[\\]'\"#?|%@` \n\t]{0,120}|.{0,80}") {
            let _ = parse(&text, 0);
        }
    }
}
