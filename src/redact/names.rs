//! Which names say that their value is a secret.

/// Anywhere in a name: written together with other words, too.
const PARTS: [&str; 10] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "CREDENTIAL",
    "APIKEY",
    "API_KEY",
    "ACCESS_KEY",
    "AUTHORIZATION",
    "SESSIONID",
    "SESSION_ID",
];
/// As one of its words.
const WORDS: [&str; 2] = ["SECRET", "WEBHOOK"];
/// As its last word.
const LAST_WORDS: [&str; 14] = [
    "KEY", "TOKEN", "SECRETS", "PASS", "PWD", "COOKIE", "JWT", "AUTH", "BEARER", "CREDS", "PASSCODE", "PAT", "OTP",
    "SALT",
];
/// The shell's working directory, which is always written so.
const NOT: [&str; 2] = ["PWD", "OLDPWD"];

/// Whether the value of this name is a secret: `OPENAI_API_KEY`, `--auth-token`, `clientSecret`, `DB_PASS`, `Set-Cookie`. Words
/// are parted by `_`, `-`, `.` or a capital letter.
pub fn is_secret(name: &str) -> bool {
    if NOT.contains(&name) {
        return false;
    }
    let name = in_words(name);
    let mut words = name.split('_').filter(|word| !word.is_empty());
    PARTS.iter().any(|part| name.contains(part))
        || words.clone().any(|word| WORDS.contains(&word))
        || words.next_back().is_some_and(|last| LAST_WORDS.contains(&last) || last.ends_with("TOKEN"))
}

/// `clientSecret` and `client-secret` as `CLIENT_SECRET`.
fn in_words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    let mut was_lower = false;
    for character in name.trim().chars() {
        if was_lower && character.is_ascii_uppercase() {
            words.push('_');
        }
        was_lower = character.is_ascii_lowercase();
        words.push(if character.is_ascii_alphanumeric() { character.to_ascii_uppercase() } else { '_' });
    }
    words
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn secrets_by_name() {
        for name in [
            "OPENAI_API_KEY",
            "HF_TOKEN",
            "client_secret",
            "AWS_SECRET_ACCESS_KEY",
            "SECRET_KEY_BASE",
            "PASSWORD",
            "PGPASSWORD_FILE",
            "MYSQL_PWD",
            "DB_PASS",
            "REDIS_PASSWD",
            "SSH_PASSPHRASE",
            "OPENAI_APIKEY",
            "GOOGLE_CREDENTIALS",
            "HTTP_AUTHORIZATION",
            "Proxy-Authorization",
            "Set-Cookie",
            "X-Api-Key",
            "--api-key",
            "api_keys",
            "apiKey",
            "accessToken",
            "com.example.token",
            "TOKEN",
            "AWS_ACCESS_KEY_ID",
            "REDIS_AUTH",
            "npm_config__auth",
            "DB_CREDS",
            "GITHUB_PAT",
            "SIGNING_SALT",
            "SLACK_WEBHOOK_URL",
            "pwd",
            "apiKeys",
            "X-CSRFToken",
            "csrfmiddlewaretoken",
            "accesstoken",
            "sessionid",
        ] {
            assert!(is_secret(name), "{name}");
        }
    }

    #[test]
    fn the_rest_is_none() {
        for name in [
            "OPENAI_BASE_URL",
            "KEYBOARD",
            "MONKEY",
            "MAX_TOKENS",
            "--tokens",
            "TOKENIZERS_PARALLELISM",
            "KEY_FILE",
            "PWD",
            "Content-Type",
            "COMPASS",
            "AUTHOR",
            "AUTH_MODE",
            "SPIN",
            "PATH",
            "",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
