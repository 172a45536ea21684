//! A shell's command line in words, as POSIX (2.2, 2.6) and `$'...'` have it. What a variable stands for is not known here: it
//! becomes the `{{env:NAME}}` of a request file.

use std::{iter::Peekable, str::Chars};

/// The words of one command. The error says what is not understood.
pub(super) fn words(line: &str) -> Result<Vec<String>, String> {
    let mut characters = line.chars().peekable();
    let (mut words, mut word) = (Vec::new(), None::<String>);
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\\' => match characters.next() {
                Some('\n') => {}
                Some('\r') if characters.next_if_eq(&'\n').is_some() => {}
                Some(escaped) => word.get_or_insert_default().push(escaped),
                None => {}
            },
            '\'' => single_quoted(&mut characters, word.get_or_insert_default())?,
            '"' => double_quoted(&mut characters, word.get_or_insert_default())?,
            '$' if characters.next_if_eq(&'\'').is_some() => {
                ansi_quoted(&mut characters, word.get_or_insert_default())?
            }
            '$' => variable(&mut characters, word.get_or_insert_default())?,
            '`' => return Err("a command within the command line cannot be carried out here".into()),
            '|' | ';' | '<' | '>' | '&' => return Err(format!("`{character}`: only a single command is understood")),
            '^' if characters.peek() == Some(&'"') => {
                return Err("it is quoted for Windows: copy it as cURL (bash)".into());
            }
            '#' if word.is_none() => while characters.next_if(|&next| next != '\n').is_some() {},
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

fn single_quoted(characters: &mut Peekable<Chars>, word: &mut String) -> Result<(), String> {
    loop {
        match characters.next() {
            Some('\'') => return Ok(()),
            Some(other) => word.push(other),
            None => return Err("a ' is not closed".into()),
        }
    }
}

fn double_quoted(characters: &mut Peekable<Chars>, word: &mut String) -> Result<(), String> {
    loop {
        match characters.next() {
            Some('"') => return Ok(()),
            Some('$') => variable(characters, word)?,
            Some('`') => return Err("a command within the command line cannot be carried out here".into()),
            Some('\\') => match characters.next() {
                Some('\n') => {}
                Some(special @ ('"' | '\\' | '$' | '`')) => word.push(special),
                Some(other) => word.extend(['\\', other]),
                None => {}
            },
            Some(other) => word.push(other),
            None => return Err("a \" is not closed".into()),
        }
    }
}

/// `$'...'`, in which `\n`, `\x41`, `\u00e9` and their like stand for characters.
fn ansi_quoted(characters: &mut Peekable<Chars>, word: &mut String) -> Result<(), String> {
    // Bytes, for `\x` may be a part of a character.
    let mut bytes = Vec::new();
    let push = |bytes: &mut Vec<u8>, character: char| bytes.extend(character.to_string().as_bytes());
    loop {
        match characters.next() {
            Some('\'') => {
                word.push_str(&String::from_utf8_lossy(&bytes));
                return Ok(());
            }
            Some('\\') => match characters.next() {
                Some('n') => bytes.push(b'\n'),
                Some('r') => bytes.push(b'\r'),
                Some('t') => bytes.push(b'\t'),
                Some('a') => bytes.push(7),
                Some('b') => bytes.push(8),
                Some('e' | 'E') => bytes.push(27),
                Some('f') => bytes.push(12),
                Some('v') => bytes.push(11),
                Some('x') => bytes.push(digits(characters, 16, 2, 0) as u8),
                Some('u') => push(&mut bytes, character_of(characters, 4)),
                Some('U') => push(&mut bytes, character_of(characters, 8)),
                Some(first @ '0'..='7') => {
                    bytes.push(digits(characters, 8, 2, first.to_digit(8).unwrap_or_default()) as u8);
                }
                Some(other) => push(&mut bytes, other),
                None => return Err("a $' is not closed".into()),
            },
            Some(other) => push(&mut bytes, other),
            None => return Err("a $' is not closed".into()),
        }
    }
}

/// A number of at most so many digits, after what of it was read before.
fn digits(characters: &mut Peekable<Chars>, radix: u32, at_most: usize, before: u32) -> u32 {
    let next = |_: usize| characters.next_if(|next| next.is_digit(radix))?.to_digit(radix);
    (0..at_most).map_while(next).fold(before, |number, digit| number.wrapping_mul(radix).wrapping_add(digit))
}

/// Two halves of a pair, as browsers write characters beyond the first 65,536, are one.
fn character_of(characters: &mut Peekable<Chars>, at_most: usize) -> char {
    let code = digits(characters, 16, at_most, 0);
    if (0xd800..0xdc00).contains(&code) {
        let mut ahead = characters.clone();
        if (ahead.next(), ahead.next()) == (Some('\\'), Some('u')) {
            let low = digits(&mut ahead, 16, 4, 0);
            if (0xdc00..0xe000).contains(&low) {
                *characters = ahead;
                return char::from_u32(0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)).unwrap_or('\u{fffd}');
            }
        }
    }
    char::from_u32(code).unwrap_or('\u{fffd}')
}

/// `$NAME` or `${NAME}`; any other `$` is one.
fn variable(characters: &mut Peekable<Chars>, word: &mut String) -> Result<(), String> {
    let is_braced = characters.peek() == Some(&'{');
    if characters.peek() == Some(&'(') {
        return Err("a command within the command line cannot be carried out here".into());
    }
    if is_braced {
        characters.next();
    }
    let mut name = String::new();
    while let Some(next) = characters.next_if(|next| next.is_ascii_alphanumeric() || *next == '_') {
        name.push(next);
    }
    if is_braced && (name.is_empty() || characters.next() != Some('}')) {
        return Err("only $NAME and ${NAME} are understood".into());
    }
    if name.is_empty() {
        word.push('$')
    } else {
        word.push_str(&format!("{{{{env:{name}}}}}"))
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn as_a_shell_has_them() {
        for (line, expected) in [
            ("curl  'a b' \"c d\" e\\ f", vec!["curl", "a b", "c d", "e f"]),
            ("a \\\n  b \\\r\n c # no more", vec!["a", "b", "c"]),
            (r#"'it'\''s' "say \"x\" \n" a#b"#, vec!["it's", "say \"x\" \\n", "a#b"]),
            (
                r"$'it\'s\n\u00e9\x21\041\u003d' $'\ud83d\ude00' $'\xc3\xa9'",
                vec!["it's\n\u{e9}!!=", "\u{1f600}", "\u{e9}"],
            ),
            (r#""Bearer $TOKEN" ${A}b '$C' $ "5$""#, vec!["Bearer {{env:TOKEN}}", "{{env:A}}b", "$C", "$", "5$"]),
            ("'' \"\"", vec!["", ""]),
            ("", vec![]),
        ] {
            assert_eq!(words(line).unwrap(), expected, "{line}");
        }
        for (line, why) in [
            ("'a", "' is not closed"),
            ("\"a", "\" is not closed"),
            ("$'a", "$' is not closed"),
            ("a | b", "only a single command"),
            ("a `b`", "cannot be carried out"),
            ("a $(b)", "cannot be carried out"),
            ("a ^\"b", "copy it as cURL (bash)"),
            ("${A:-b}", "only $NAME"),
        ] {
            let error = words(line).unwrap_err();
            assert!(error.contains(why), "{line}: {error}");
        }
    }
}
