//! A command's line as words, as Compose splits it: a shell's quotes, and nothing else of a shell.

use std::str::Chars;

/// Words of a line, with single and double quotes and backslashes; what stands in backticks or `$(...)` is one word, and stays
/// as it is. What only a shell would understand (`&&`, `|`, `2>`, `;`) ends the command, in Compose too.
pub(super) fn split(line: &str) -> Result<Vec<String>, String> {
    let unclosed = || format!("`{line}`: a quote is not closed");
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => {
                let inside = inside(&mut chars, c).ok_or_else(unclosed)?;
                word.get_or_insert_default().push_str(&inside);
            }
            '`' => {
                let inside = inside(&mut chars, c).ok_or_else(unclosed)?;
                word.get_or_insert_default().push_str(&format!("`{inside}`"));
            }
            '(' if word.as_ref().is_some_and(|word| word.ends_with('$')) => {
                let inside = inside(&mut chars, ')').filter(|inside| !inside.contains('('));
                let inside = inside.ok_or_else(|| outside_of_quotes(line))?;
                word.get_or_insert_default().push_str(&format!("({inside})"));
            }
            '(' | ')' => return Err(outside_of_quotes(line)),
            '\\' => word.get_or_insert_default().push(chars.next().ok_or_else(unclosed)?),
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            ';' | '&' | '|' | '<' => break,
            '>' => {
                // What is redirected is no word of the command: `2>`.
                word = word.filter(|word| !word.starts_with(|c: char| c.is_ascii_digit()));
                break;
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// What comes before the character that ends it; a backslash takes the meaning from the next, but not in single quotes.
fn inside(chars: &mut Chars<'_>, end: char) -> Option<String> {
    let mut text = String::new();
    loop {
        match chars.next()? {
            c if c == end => return Some(text),
            '\\' if end != '\'' => text.push(chars.next()?),
            c => text.push(c),
        }
    }
}

fn outside_of_quotes(line: &str) -> String {
    format!("`{line}`: a parenthesis outside of quotes is for a shell: say [sh, -c, ...]")
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn lines_are_split_as_compose_splits_them() {
        for (line, words) in [
            (r#"a  "b \"c" 'd e'f '' \ g"#, r#"a|b "c|d ef|| g"#),
            ("a 'b && c' && d", "a|b && c"),
            ("a 2>&1 | tee b", "a"),
            ("a 2 >b", "a|2"),
            ("a b2>c", "a|b2"),
            ("a 2|b", "a|2"),
            ("2>b", ""),
            ("a `b c` d", "a|`b c`|d"),
            ("a $(b c;d) e", "a|$(b c;d)|e"),
            (r#"echo '(x)' "(y)" \(z\)"#, "echo|(x)|(y)|(z)"),
            ("a\u{a0}b\u{c}c", "a\u{a0}b\u{c}c"),
        ] {
            assert_eq!(split(line).map(|words| words.join("|")).as_deref(), Ok(words), "{line}");
        }
        for line in ["'open", "\"open", "`open", "a\\", "echo (x)", "a)", "(a)", "a $ (b)", "a $(b", "a $(b (c))"] {
            assert!(split(line).is_err(), "{line}");
        }
    }
}
