//! Compose's variables in a string: `$V ${V} ${V:-d} ${V-d} ${V:?e} ${V?e} ${V:+a} ${V+a}`, nested, and `$$` for a dollar. A dollar
//! that no name follows is one too.
//! Source: the Compose Specification, chapter Interpolation.

use std::{cell::RefCell, collections::BTreeSet};

/// Variables within the defaults of variables, at most so deep: far beyond what a person writes, and no stack overflows.
const MAX_DEPTH: usize = 16;
/// A longer value is no value of a compose file.
const MAX_BYTES: usize = 1 << 20;

/// Where variables come from.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The variables that a file may use, and those that it used although they are not set.
pub(super) struct Variables<'a> {
    pub(super) env: Env<'a>,
    pub(super) unset: &'a RefCell<BTreeSet<String>>,
}

/// The text with its variables replaced; an unset variable without a default is empty.
///
/// # Errors
/// A message for `${V:?message}` on a variable that is not set, and for braces that are not closed or have no name in them.
pub(super) fn interpolate(text: &str, variables: &Variables<'_>) -> Result<String, String> {
    expand(text, variables, 0)
}

fn expand(text: &str, variables: &Variables<'_>, depth: usize) -> Result<String, String> {
    if depth > MAX_DEPTH {
        return Err(format!("variables are nested more than {MAX_DEPTH} deep"));
    }
    let mut whole = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        whole.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            whole.push('$');
            rest = after;
        } else if let Some(inside) = rest.strip_prefix('{') {
            let end = closing_brace(inside).ok_or_else(|| format!("`${rest}`: the brace is not closed"))?;
            whole.push_str(&braced(&inside[..end], variables, depth)?);
            rest = &inside[end + 1..];
        } else {
            let name = leading_name(rest);
            whole.push_str(&if name.is_empty() { "$".to_owned() } else { variables.get(name) });
            rest = &rest[name.len()..];
        }
        if whole.len() > MAX_BYTES {
            return Err(format!("with its variables replaced it is longer than {MAX_BYTES} bytes"));
        }
    }
    whole.push_str(rest);
    Ok(whole)
}

impl Variables<'_> {
    /// What a variable is set to; one that is not set is empty, and told.
    fn get(&self, name: &str) -> String {
        (self.env)(name).unwrap_or_else(|| {
            self.unset.borrow_mut().insert(name.to_owned());
            String::new()
        })
    }
}

/// What stands between the braces: a name, and perhaps an operator with its word.
fn braced(inside: &str, variables: &Variables<'_>, depth: usize) -> Result<String, String> {
    let name = leading_name(inside);
    if name.is_empty() {
        return Err(format!("`${{{inside}}}`: no variable's name"));
    }
    let (empty_counts_as_unset, operator) = match inside[name.len()..].strip_prefix(':') {
        Some(rest) => (true, rest),
        None => (false, &inside[name.len()..]),
    };
    if operator.is_empty() && !empty_counts_as_unset {
        return Ok(variables.get(name));
    }
    let value = (variables.env)(name).filter(|value| !(empty_counts_as_unset && value.is_empty()));
    let word = |word: &str| expand(word, variables, depth + 1);
    match (operator.chars().next(), value) {
        (Some('-' | '?'), Some(value)) => Ok(value),
        (Some('-'), None) | (Some('+'), Some(_)) => word(&operator[1..]),
        (Some('+'), None) => Ok(String::new()),
        (Some('?'), None) => match word(&operator[1..])?.trim() {
            "" => Err(format!("the variable {name} must be set")),
            message => Err(format!("the variable {name} must be set: {message}")),
        },
        _ => Err(format!("`${{{inside}}}`: after the name comes one of - ? + or : and one of these")),
    }
}

fn leading_name(text: &str) -> &str {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    if starts { &text[..end] } else { "" }
}

/// Index of the brace that closes the one before `text`.
fn closing_brace(text: &str) -> Option<usize> {
    let mut open = 0;
    let bytes = text.as_bytes();
    for (index, &byte) in bytes.iter().enumerate() {
        match byte {
            b'{' if index > 0 && bytes[index - 1] == b'$' => open += 1,
            b'}' if open == 0 => return Some(index),
            b'}' => open -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn interpolate(text: &str) -> Result<String, String> {
        super::interpolate(text, &Variables { env: &env, unset: &RefCell::default() })
    }

    fn env(name: &str) -> Option<String> {
        [("A", "1"), ("EMPTY", ""), ("B", "two")]
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn every_form() {
        for (text, expected) in [
            ("$A-${B}", "1-two"),
            ("${A:-x}${NO:-x}${EMPTY:-x}${EMPTY-x}", "1xx"),
            ("${A:+y}${NO:+y}${EMPTY:+y}${EMPTY+y}", "yy"),
            ("${A?no}${EMPTY?no}", "1"),
            ("${NO:-a${B:-c}d}", "atwod"),
            ("$$A $NO.", "$A ."),
            ("grep -q '^ok$' /x", "grep -q '^ok$' /x"),
            ("$1 $(x) a$-b $ $A $é $$$A $", "$1 $(x) a$-b $ 1 $é $1 $"),
            ("${NO:-$}${NO:-a$(b)}${A:+$1}${A}$", "$a$(b)$11$"),
        ] {
            assert_eq!(interpolate(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn errors_say_what_is_wrong() {
        for (text, expected) in [
            ("${NO?set me}", "the variable NO must be set: set me"),
            ("${EMPTY:?}", "the variable EMPTY must be set"),
            ("${A", "`${A`: the brace is not closed"),
            ("${1}", "`${1}`: no variable's name"),
            ("${A!}", "`${A!}`: after the name comes one of - ? + or : and one of these"),
            ("${}", "`${}`: no variable's name"),
        ] {
            assert_eq!(interpolate(text), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_used_and_not_set_is_told() {
        let unset = RefCell::default();
        let variables = Variables { env: &env, unset: &unset };
        assert_eq!(super::interpolate("$NO ${NO2} ${NO3:-x} ${NO4:+y} $A $NO", &variables).as_deref(), Ok("  x  1 "));
        assert_eq!(unset.into_inner().into_iter().collect::<Vec<_>>(), ["NO", "NO2"]);
    }

    proptest! {
        #[test]
        fn never_panics(text in "[$A-C{}:?+-]{0,40}|.{0,40}") {
            let _ = interpolate(&text);
        }

        #[test]
        fn without_a_dollar_nothing_changes(text in "[^$]{0,60}") {
            prop_assert_eq!(interpolate(&text), Ok(text));
        }

        #[test]
        fn doubled_dollars_come_back(text in ".{0,60}") {
            prop_assert_eq!(interpolate(&text.replace('$', "$$")), Ok(text));
        }
    }
}
