//! Text with places to fill in for each request, so that no two are alike and no cache can answer.

use std::io::Write;

/// What the places are filled with, for one request.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    /// `{{counter}}`: no two requests of a load generator have the same.
    pub counter: u64,
    /// `{{random}}`: 16 hexadecimal digits.
    pub random: u64,
    /// `{{line}}`: each request takes the next line of the data file.
    pub line: &'a str,
}

/// Text with `{{counter}}`, `{{random}}` and `{{line}}` in it.
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
}

/// How to write a line so that it cannot end what it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// In a body: as within a JSON string.
    Json,
    /// In a path or a header: as in a URL, percent-encoded.
    Percent,
}

impl Template {
    /// The error names a place that is none of the three.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((at, length, name)) = next_place(rest) {
            if at > 0 {
                parts.push(Part::Text(rest[..at].to_vec()));
            }
            parts.push(match name {
                b"counter" => Part::Counter,
                b"random" => Part::Random,
                b"line" => Part::Line,
                _ => {
                    let name = name.escape_ascii();
                    return Err(format!(
                        "`{{{{{name}}}}}` is not known: use {{{{counter}}}}, {{{{random}}}} or {{{{line}}}}"
                    ));
                }
            });
            rest = &rest[at + length..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_vec()));
        }
        Ok(Self { parts })
    }

    /// Whether it has no places.
    pub fn is_fixed(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// Whether it needs a data file.
    pub fn has_line(&self) -> bool {
        self.parts.contains(&Part::Line)
    }

    /// Appends the text with all places filled in.
    pub fn render(&self, values: &Values, escape: Escape, to: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Text(text) => to.extend_from_slice(text),
                Part::Counter => to.write_fmt(format_args!("{}", values.counter)).expect("a Vec takes all"),
                Part::Random => to.write_fmt(format_args!("{:016x}", values.random)).expect("a Vec takes all"),
                Part::Line => write_line(values.line, escape, to),
            }
        }
    }
}

/// Where the next `{{word}}` starts, how long it is, and the word. Braces around anything else are plain text.
fn next_place(text: &[u8]) -> Option<(usize, usize, &[u8])> {
    memchr::memmem::find_iter(text, b"{{").find_map(|at| {
        let inner = &text[at + 2..];
        let end = inner.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')?;
        (end > 0 && inner[end..].starts_with(b"}}")).then(|| (at, end + 4, &inner[..end]))
    })
}

fn write_line(line: &str, escape: Escape, to: &mut Vec<u8>) {
    match escape {
        Escape::Json => {
            let start = to.len();
            serde_json::to_writer(&mut *to, line).expect("a string is JSON, and a Vec takes all");
            // Without its quotes.
            to.pop();
            to.remove(start);
        }
        Escape::Percent => {
            for byte in line.bytes() {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                    to.push(byte);
                } else {
                    to.write_fmt(format_args!("%{byte:02X}")).expect("a Vec takes all");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &str, escape: Escape) -> String {
        let values = Values { counter: 7, random: 0xabc, line: "say \"a b\"\n" };
        let mut rendered = Vec::new();
        Template::parse(text.as_bytes()).unwrap().render(&values, escape, &mut rendered);
        String::from_utf8(rendered).unwrap()
    }

    #[test]
    fn places_are_filled() {
        assert_eq!(render("{{counter}}-{{random}}{{counter}}", Escape::Json), "7-0000000000000abc7");
        assert_eq!(render(r#"{"p": "{{line}}!"}"#, Escape::Json), r#"{"p": "say \"a b\"\n!"}"#);
        assert_eq!(render("/x?q={{line}}", Escape::Percent), "/x?q=say%20%22a%20b%22%0A");
    }

    #[test]
    fn other_braces_are_text_and_unknown_places_an_error() {
        let text = r#"{"a":{"b":{}},"c":"{{}} {{ x }} {{{"}"#;
        assert_eq!(render(text, Escape::Json), text);
        assert!(Template::parse(text.as_bytes()).unwrap().is_fixed());
        let error = Template::parse(b"a {{prompt}}").unwrap_err();
        assert_eq!(error, "`{{prompt}}` is not known: use {{counter}}, {{random}} or {{line}}");
    }
}
