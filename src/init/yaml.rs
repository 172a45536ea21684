//! Text as a YAML scalar of a compose file: what is read back is the text.

use serde_yaml::Value;

/// Words that YAML 1.1 takes for a boolean; some readers of compose files still do.
const BOOLEANS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];

/// The text as it is where that is a string, otherwise in quotes. A `$` is no variable's.
pub fn scalar(text: &str) -> String {
    expression(&text.replace('$', "$$"))
}

/// The same of text whose `$` are variables, as Compose has them.
pub fn expression(text: &str) -> String {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./_-:=@+ ".contains(&byte))
        && !BOOLEANS.contains(&text.to_ascii_lowercase().as_str())
        // A colon between digits is a number to the base of 60 (YAML 1.1).
        && !text.bytes().all(|byte| byte.is_ascii_digit() || b":._".contains(&byte))
        && serde_yaml::from_str::<Value>(text).is_ok_and(|value| value == Value::String(text.to_owned()));
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_where_it_may_be() {
        for text in ["nginx:1.27", "ghcr.io/a/b@sha256:0f", "./app", "gunicorn app:app -w 4", "a-b"] {
            assert_eq!(scalar(text), text);
        }
        for (text, quoted) in [
            ("", "\"\""),
            ("on", "\"on\""),
            ("8080", "\"8080\""),
            ("12:30", "\"12:30\""),
            ("true", "\"true\""),
            ("a: b", "\"a: b\""),
            ("a #b", "\"a #b\""),
            (" a", "\" a\""),
            ("- a", "\"- a\""),
            ("^x$", "\"^x$$\""),
            ("say \"ü\"\n", "\"say \\\"ü\\\"\\n\""),
        ] {
            assert_eq!(scalar(text), quoted, "{text:?}");
        }
        assert_eq!(expression("${PORT:-80}"), "\"${PORT:-80}\"");
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_written(text in any::<String>()) {
            let read: std::collections::BTreeMap<String, String> =
                serde_yaml::from_str(&format!("key: {}\n", expression(&text))).unwrap();
            prop_assert_eq!(&read["key"], &text);
        }
    }
}
