//! Text from servers and containers, made harmless for a terminal and for one line of a table, and cut to length; and what
//! may stand in a URL.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What is percent-encoded where a text is to stand for itself in a URL: all but RFC 3986's unreserved characters (2.3).
pub const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whether it has only what RFC 3986 calls `pchar`, percent-encoded bytes included, and what is in `also`.
pub fn is_uri_text(text: &str, also: &[u8]) -> bool {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) || also.contains(&byte);
    let mut rest = text.bytes();
    let is_hex = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit());
    while let Some(byte) = rest.next() {
        let is_good = if byte == b'%' { is_hex(rest.next()) && is_hex(rest.next()) } else { is_plain(byte) };
        if !is_good {
            return false;
        }
    }
    true
}

/// Whether a `Content-Type` is that of a form, as browsers send it. Media types are alike in upper and lower case (RFC 9110,
/// 8.3.1).
pub fn is_form(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// `text` on one line, without terminal escape sequences, control characters and marks that turn the writing direction.
///
/// A line break or tab becomes a space. Sources: ECMA-48 (escape sequences), Unicode TR 9 (direction).
pub fn plain(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '\u{1b}' => skip_escape(&mut rest),
            '\u{9b}' => skip_control_sequence(&mut rest),
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => {
                if !kept.ends_with(' ') {
                    kept.push(' ');
                }
            }
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            other if other.is_control() => {}
            other => kept.push(other),
        }
    }
    kept
}

/// At most `most` characters of `text`, the last one an ellipsis if some were left out.
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// Columns that `text` takes on a terminal: none for a combining mark, two for a wide character.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// The beginning of `text` that fits into so many columns.
pub fn fitted(text: &str, most: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|(_, character)| {
        used += character.width().unwrap_or(0);
        used > most
    });
    end.map_or(text, |(at, _)| &text[..at])
}

/// As many whole words of `text` as fit into so many columns, with an ellipsis if some were left out.
pub fn fitted_words(text: &str, most: usize) -> String {
    if columns(text) <= most {
        return text.to_owned();
    }
    let room = fitted(text, most.saturating_sub(1));
    let is_between = text[room.len()..].starts_with(' ');
    let kept = if is_between { room } else { room.rsplit_once(' ').map_or(room, |(words, _)| words) };
    let ellipsis = if most > 0 { "…" } else { "" };
    format!("{}{ellipsis}", kept.trim_end())
}

/// The last `count` lines of a log that say something, each made [`plain`].
pub fn last_lines(log: &[u8], count: usize) -> String {
    let text = String::from_utf8_lossy(log);
    let lines: Vec<String> = text.lines().map(plain).filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// After ESC: a control sequence, a string that BEL or ESC \ ends, or a single character with its intermediates.
fn skip_escape(rest: &mut std::str::Chars) {
    match rest.next() {
        Some('[') => skip_control_sequence(rest),
        Some(']' | 'P' | 'X' | '^' | '_') => {
            let mut escaped = false;
            for character in rest {
                if character == '\u{7}' || character == '\u{9c}' || (escaped && character == '\\') {
                    break;
                }
                escaped = character == '\u{1b}';
            }
        }
        Some(' '..='/') => {
            rest.find(|character| !(' '..='/').contains(character));
        }
        _ => {}
    }
}

/// Parameters and intermediates up to the final character.
fn skip_control_sequence(rest: &mut std::str::Chars) {
    rest.find(|character| ('@'..='~').contains(character));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_go_and_words_stay() {
        assert_eq!(plain("a\u{1b}[31;1mred\u{1b}[0m b"), "ared b");
        assert_eq!(plain("a\u{1b}]0;title\u{7}b\u{1b}]8;;http://x\u{1b}\\c"), "abc");
        assert_eq!(plain("a\u{9b}2Jb\u{1b}(Bc"), "abc");
        assert_eq!(plain("line\r\nline\tend\u{0}\u{202e}"), "line line end");
        assert_eq!(plain("cut off \u{1b}"), "cut off ");
        assert_eq!(plain("grüße <b>"), "grüße <b>");
    }

    #[test]
    fn shortening_says_so() {
        assert_eq!(shortened("abcdef", 6), "abcdef");
        assert_eq!(shortened("abcdefg", 6), "abcde…");
    }

    #[test]
    fn the_last_lines_carry_no_escapes() {
        assert_eq!(last_lines(b"a\nb\n\n\x1b[31mc\x07\n", 2), "b\nc");
    }

    #[test]
    fn a_form_by_its_media_type() {
        for form in [
            "application/x-www-form-urlencoded",
            "Application/X-WWW-Form-URLEncoded",
            "application/x-www-form-urlencoded ; charset=utf-8",
        ] {
            assert!(is_form(form), "{form}");
        }
        for other in
            ["", "application/json", "application/x-www-form-urlencoded2", "a/b; application/x-www-form-urlencoded"]
        {
            assert!(!is_form(other), "{other}");
        }
    }

    #[test]
    fn words_that_fit() {
        assert_eq!(fitted_words("measuring, 12 s left", 20), "measuring, 12 s left");
        assert_eq!(fitted_words("measuring, 12 s left", 19), "measuring, 12 s…");
        assert_eq!(fitted_words("measuring, 12 s left", 11), "measuring,…");
        assert_eq!(fitted_words("测量测量", 5), "测量…");
        assert_eq!(fitted_words("measuring", 0), "");
        assert_eq!((columns("e\u{301}"), columns("测"), fitted("e\u{301}测", 2)), (1, 2, "e\u{301}"));
    }

    proptest! {
        #[test]
        fn what_is_fitted_fits(text in any::<String>(), most in 0usize..50) {
            let text = plain(&text);
            prop_assert!(columns(fitted(&text, most)) <= most);
            prop_assert!(columns(&fitted_words(&text, most)) <= most);
        }

        #[test]
        fn nothing_that_controls_a_terminal_is_left(text in any::<String>()) {
            prop_assert!(!plain(&text).chars().any(char::is_control));
        }

        #[test]
        fn what_is_plain_stays_as_it_is(text in "[ -~äöü€]*") {
            prop_assert_eq!(plain(&text), text);
        }
    }
}
