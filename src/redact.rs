//! Secrets kept out of what is written: for whoever puts environment variables or arguments into a result.

/// What stands in for a secret.
pub const REDACTED: &str = "[redacted]";

/// `value`, or [`REDACTED`] if the variable's name says that it is a secret: `*_KEY`, `*_TOKEN`, `*_SECRET` and
/// `*PASSWORD*`, in any case, with `-` for `_`. An empty value stays: that none was given is no secret.
pub fn redact<'a>(name: &str, value: &'a str) -> &'a str {
    if is_secret(name) && !value.is_empty() { REDACTED } else { value }
}

/// A command-line argument, with the value of a `NAME=value` redacted as [`redact`] does.
pub fn redact_argument(argument: &str) -> String {
    match argument.split_once('=') {
        Some((name, value)) => format!("{name}={}", redact(name, value)),
        None => argument.to_owned(),
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.trim().to_ascii_uppercase().replace('-', "_");
    name.contains("PASSWORD") || ["KEY", "TOKEN", "SECRET"].iter().any(|word| is_last_word(&name, word))
}

/// Whether `name` is `word`, or ends in it after an underscore.
fn is_last_word(name: &str, word: &str) -> bool {
    name.strip_suffix(word).is_some_and(|before| before.is_empty() || before.ends_with('_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_by_name() {
        for name in ["OPENAI_API_KEY", "HF_TOKEN", "client_secret", "PASSWORD", "PGPASSWORD_FILE", "--api-key", "TOKEN"]
        {
            assert_eq!(redact(name, "hunter2"), REDACTED, "{name}");
        }
    }

    #[test]
    fn the_rest_stays() {
        for name in ["OPENAI_BASE_URL", "KEYBOARD", "MONKEY", "MAX_TOKENS", "KEY_FILE", ""] {
            assert_eq!(redact(name, "value"), "value", "{name}");
        }
        assert_eq!(redact("API_KEY", ""), "");
    }

    #[test]
    fn arguments() {
        assert_eq!(redact_argument("API_TOKEN=abc=d"), "API_TOKEN=[redacted]");
        assert_eq!(redact_argument("--env=A"), "--env=A");
        assert_eq!(redact_argument("--users"), "--users");
    }
}
