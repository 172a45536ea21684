//! `.env` and env files, by the rules of Compose's own reader: quotes, comments, escapes, values over several lines, and
//! variables in values.

use super::interpolate::{Env, Variables, interpolate};
use std::{cell::RefCell, collections::BTreeMap, collections::BTreeSet};

/// What is wrong, and in which line.
#[derive(Debug, PartialEq)]
pub(super) struct Flaw {
    pub(super) line: usize,
    pub(super) what: String,
}

/// The variables of an env file. A name alone takes what `env` has; in values stands first what `env` has, then what the file
/// said before.
pub(super) fn parse(
    text: &str,
    env: Env<'_>,
    unset: &RefCell<BTreeSet<String>>,
) -> Result<BTreeMap<String, String>, Flaw> {
    let whole = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut found = BTreeMap::new();
    let mut rest = whole;
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(found);
        }
        if rest.starts_with('#') {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
            continue;
        }
        let line = 1 + whole[..whole.len() - rest.len()].matches('\n').count();
        let flaw = |what: String| Flaw { line, what };
        let (name, after) = name(rest).map_err(flaw)?;
        let Some(after) = after.value else {
            found.extend(env(name).map(|value| (name.to_owned(), value)));
            rest = after.rest;
            continue;
        };
        let lookup = |name: &str| env(name).or_else(|| found.get(name).cloned());
        let variables = Variables { env: &lookup, unset };
        let (value, left) = value(after, &variables).map_err(flaw)?;
        found.insert(name.to_owned(), value);
        rest = left;
    }
}

/// What follows a name.
struct After<'a> {
    /// From the value on, if there is one.
    value: Option<&'a str>,
    /// After the line of a name alone.
    rest: &'a str,
}

fn name(text: &str) -> Result<(&str, After<'_>), String> {
    let text = match text.strip_prefix("export") {
        Some(rest) if rest.starts_with(is_blank) => rest.trim_start_matches(is_blank),
        _ => text,
    };
    let end = text.find(['=', ':', '\n']).unwrap_or(text.len());
    let name = text[..end].trim_end();
    let is_of_a_name = |c: char| c.is_alphanumeric() || "_.-[]".contains(c);
    if name.is_empty() {
        return Err("a name is missing before `=`".into());
    }
    if !name.chars().all(is_of_a_name) {
        return Err(format!("`{name}` is not the name of a variable: NAME=value"));
    }
    let separator = text[end..].chars().next();
    let rest = text.get(end + 1..).unwrap_or("");
    let value = matches!(separator, Some('=' | ':')).then(|| rest.trim_start_matches(is_blank));
    Ok((name, After { value, rest }))
}

fn value<'a>(text: &'a str, variables: &Variables<'_>) -> Result<(String, &'a str), String> {
    let Some(quote) = text.chars().next().filter(|c| ['"', '\''].contains(c)) else {
        let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
        let value = line.split_once(" #").map_or(line, |(value, _)| value).trim_end();
        return Ok((interpolate(value, variables)?, rest));
    };
    let mut inside = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some((_, escaped)) if escaped == quote => inside.push(escaped),
                Some((_, escaped)) => inside.extend(['\\', escaped]),
                None => break,
            },
            c if c == quote => {
                let value = if quote == '"' { interpolate(&unescaped(&inside), variables)? } else { inside };
                return Ok((value, &text[at + 1..]));
            }
            c => inside.push(c),
        }
    }
    let shown = text.lines().next().unwrap_or_default();
    Err(format!("the quote of {shown} is not closed"))
}

/// The escapes of Go's strings, those for bytes and code points apart, and `\$` for a dollar.
fn unescaped(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        whole.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let Some(escaped) = after.chars().next() else { break };
        let simple = match escaped {
            'a' => Some("\x07"),
            'b' => Some("\x08"),
            'f' => Some("\x0c"),
            'n' => Some("\n"),
            'r' => Some("\r"),
            't' => Some("\t"),
            'v' => Some("\x0b"),
            '\\' => Some("\\"),
            '"' => Some("\""),
            '$' => Some("$$"),
            _ => None,
        };
        let octal = after.get(1..4).filter(|_| escaped == '0').and_then(|digits| u8::from_str_radix(digits, 8).ok());
        rest = match (simple, octal) {
            (Some(simple), _) => {
                whole.push_str(simple);
                &after[1..]
            }
            (None, Some(byte)) => {
                whole.push(char::from(byte));
                &after[4..]
            }
            (None, None) => {
                whole.push('\\');
                after
            }
        };
    }
    whole.push_str(rest);
    whole
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() && c != '\n'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<BTreeMap<String, String>, Flaw> {
        parse(text, &|name| (name == "HOST").then(|| "h".to_owned()), &RefCell::default())
    }

    #[test]
    fn values_are_read_as_compose_reads_them() {
        for (line, expected) in [
            ("A=1", "1"),
            ("A=", ""),
            ("  A = 1  ", "1"),
            ("export A=1", "1"),
            ("A: 1", "1"),
            ("A=x y # comment", "x y"),
            ("A=x#y", "x#y"),
            ("A=\"two words\" # comment", "two words"),
            ("A='two words' # comment", "two words"),
            ("A=\"a\\nb\\\"c\\\\d\"", "a\nb\"c\\d"),
            ("A='a\\nb'", "a\\nb"),
            ("A='it\\'s'", "it's"),
            ("A=\"two\nlines\"", "two\nlines"),
            ("A=$HOST-${HOST}-${NO:-d}", "h-h-d"),
            ("A=\"<$HOST>\"", "<h>"),
            ("A='$HOST'", "$HOST"),
            ("A=\"\\$HOST\"", "$HOST"),
            ("A=$$HOST", "$HOST"),
            ("A=x$", "x$"),
            ("A=$1 $(x) $HOST$", "$1 $(x) h$"),
            ("A=\"^ok$\"", "^ok$"),
            ("A=\"\\0101\"", "A"),
            ("\u{feff}A=1\r\n", "1"),
            ("B=2\nA=${B}", "2"),
            ("# c\n\nA=1\n# d", "1"),
        ] {
            assert_eq!(read(line).map(|mut all| all.remove("A")), Ok(Some(expected.into())), "{line}");
        }
        assert_eq!(read("HOST\nNO\nA=1").expect("good").into_keys().collect::<Vec<_>>(), ["A", "HOST"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, line, what) in [
            ("A=1\nB C=2", 2, "`B C` is not the name of a variable: NAME=value"),
            ("A=1\n\n=2", 3, "a name is missing before `=`"),
            ("A=\"1\nB=2", 1, "the quote of \"1 is not closed"),
            ("A=${B:?no}", 1, "the variable B must be set: no"),
        ] {
            assert_eq!(read(text), Err(Flaw { line, what: what.into() }), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "[A=:#$\"'{}\\\\ \n0]{0,60}|.{0,60}") {
            let _ = read(&text);
        }
    }
}
