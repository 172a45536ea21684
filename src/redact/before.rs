//! The name that stands before a place in a text.

use super::values::{COLOUR, without_colours};

/// The text before `at` without spaces, the quote that closes a name, and the bracket around that: `environ["NAME"]`.
pub(super) fn trimmed_end(text: &[u8], at: usize) -> &[u8] {
    let before = without_colours(&text[..at]);
    let quoted = before.strip_suffix(b"]").unwrap_or(before);
    let Some(mut name) = quoted.strip_suffix(b"\"").or_else(|| quoted.strip_suffix(b"'")) else { return before };
    for _ in 0..7 {
        name = name.strip_suffix(b"\\").unwrap_or(name);
    }
    name
}

/// The name that a text ends with.
pub(super) fn name_before(text: &[u8]) -> Option<&str> {
    const LONGEST: usize = 100;
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let mut length = text.iter().rev().take(LONGEST).take_while(|&byte| is_part(byte)).count();
    if text[..text.len() - length].ends_with(COLOUR) {
        let colour = text[text.len() - length..].iter().position(|&byte| byte == b'm').map_or(0, |end| end + 1);
        length -= colour;
    }
    std::str::from_utf8(&text[text.len() - length..]).ok().filter(|name| !name.is_empty())
}
