//! A command's line as words, as Compose splits it: a shell's quotes, and nothing else of a shell.

/// Words of a line, with single and double quotes and backslashes; `None` for a quote that is not closed. What only a shell
/// would understand (`&&`, `|`, `>`, `;`) ends the command, in Compose too.
pub(super) fn split(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        inner => word.push(inner),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => word.push(chars.next()?),
                        inner => word.push(inner),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            c if c.is_whitespace() => words.extend(word.take()),
            c if is_shells(c) => break,
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

fn is_shells(c: char) -> bool {
    ";&|<>".contains(c)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn lines_are_split_as_a_shell_would() {
        let words = |line| split(line).map(|words| words.join("|"));
        assert_eq!(words(r#"a  "b \"c" 'd e'f '' \ g"#).as_deref(), Some(r#"a|b "c|d ef|| g"#));
        assert_eq!(words("a 'b && c' && d").as_deref(), Some("a|b && c"));
        assert_eq!(words("'open"), None);
    }
}
