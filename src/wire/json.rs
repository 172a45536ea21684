//! JSON as RFC 8259 has it, also where it holds what no string of Rust's can.
//!
//! Half a surrogate pair (`"\ud83d"`) is in its grammar (7, 8.2), and comes wherever a server cuts text by UTF-16.

/// Reads JSON by `read`, and where that fails once more with U+FFFD in the place of each half of a pair.
///
/// # Errors
/// Those of `read`.
pub fn read_json<T, E>(json: &[u8], read: impl Fn(&[u8]) -> Result<T, E>) -> Result<T, E> {
    read(json).or_else(|error| match without_lone_surrogates(json) {
        Some(json) => read(&json),
        None => Err(error),
    })
}

/// The same with U+FFFD in the place of each half of a pair; `None` if there is none.
pub fn without_lone_surrogates(json: &[u8]) -> Option<Vec<u8>> {
    let mut changed = None;
    let mut at = 0;
    while let Some(distance) = json.get(at..).and_then(|rest| memchr::memchr(b'\\', rest)) {
        at += distance;
        at += match (code_unit(json, at), code_unit(json, at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                let changed: &mut Vec<u8> = changed.get_or_insert_with(|| json.to_vec());
                changed[at + 2..at + 6].copy_from_slice(b"fffd");
                6
            }
            // Another escape, of two characters at least.
            _ => 2,
        };
    }
    changed
}

/// That of the escape `\u....` at this place.
fn code_unit(json: &[u8], at: usize) -> Option<u16> {
    let digits = json.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(json: &str) -> serde_json::Result<String> {
        read_json(json.as_bytes(), |json| serde_json::from_slice(json))
    }

    #[test]
    fn halves_of_pairs_are_replaced_and_nothing_else() {
        for (json, text) in [
            (r#""a\ud83d""#, "a\u{fffd}"),
            (r#""\uDE00b""#, "\u{fffd}b"),
            (r#""\ud83d\ude00""#, "\u{1f600}"),
            (r#""\ud83d\ud83d\ude00\ude00""#, "\u{fffd}\u{1f600}\u{fffd}"),
            (r#""\ud83d\n\u00e4\\ud83d""#, "\u{fffd}\n\u{e4}\\ud83d"),
            (r#""\\\ud83d\\""#, "\\\u{fffd}\\"),
        ] {
            assert_eq!(read(json).unwrap(), text, "{json}");
        }
        for wrong in [r#""\ud83"#, r#""\ud83d"#, r#""\ud83x""#, r#""\"#, "\"\\ud83d\u{1}\"", "1"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        /// Any UTF-16, as a program that knows no better would write it.
        #[test]
        fn any_code_units_are_read_as_utf_16_is(
            units in prop::collection::vec(prop_oneof![any::<u16>(), 0xd7f0_u16..0xe010], 0..12),
        ) {
            let escapes: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            prop_assert_eq!(read(&format!("\"{escapes}\"")).unwrap(), String::from_utf16_lossy(&units));
        }
    }
}
