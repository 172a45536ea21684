//! Values that are no secrets, whatever their names are.

use super::{REDACTED, names};

/// Says that there is no secret, in several languages.
const NOTHING: [&str; 6] = ["None", "null", "nil", "true", "false", "undefined"];

/// How files end that a key, a certificate or credentials are in.
const KEY_FILES: [&str; 9] = [".pem", ".key", ".crt", ".cer", ".der", ".p12", ".pfx", ".jks", ".json"];

/// Whether it is no secret beside this name.
pub(super) fn is_harmless(name: &str, value: &[u8]) -> bool {
    says_nothing(value) || (is_path(value) && names::may_be_path(name))
}

/// Whether it is no secret beside any name.
pub(super) fn says_nothing(value: &[u8]) -> bool {
    value.is_empty() || NOTHING.iter().any(|word| word.as_bytes() == value) || is_reference(value) || is_key_file(value)
}

/// What was redacted before stays as it is, its bracket too.
pub(super) fn is_redacted(value: &[u8]) -> bool {
    value.starts_with(REDACTED.as_bytes())
}

/// `$DB_PASSWORD`, or `${DB_PASSWORD}`, whose brace may end the value. With digits it may be a password.
fn is_reference(value: &[u8]) -> bool {
    let Some(name) = value.strip_prefix(b"$") else { return false };
    let name = name.strip_prefix(b"{").unwrap_or(name);
    let name = name.strip_suffix(b"}").unwrap_or(name);
    !name.is_empty() && name.iter().all(|&byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// The path of a certificate's key, which is no key.
fn is_key_file(value: &[u8]) -> bool {
    is_anywhere(value)
        && KEY_FILES.iter().any(|end| value.ends_with(end.as_bytes()))
        && !value.iter().any(u8::is_ascii_whitespace)
}

/// `/run/secrets/db`. Base64, which may begin with a slash, has capital letters and digits.
fn is_path(value: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_lowercase() || b"/_-.~".contains(byte);
    is_anywhere(value) && value.iter().all(is_part) && value.iter().filter(|&&byte| byte == b'/').count() > 1
}

fn is_anywhere(value: &[u8]) -> bool {
    ["/", "./", "../", "~/"].iter().any(|start| value.starts_with(start.as_bytes()))
}
