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
const LAST_WORDS: [&str; 13] =
    ["KEY", "PASS", "PWD", "PW", "COOKIE", "JWT", "AUTH", "BEARER", "CREDS", "PASSCODE", "PAT", "OTP", "SALT"];
/// What its last word ends with.
const ENDS: [&str; 19] = [
    "TOKEN",
    "SECRET",
    "SECRETKEY",
    "PRIVATEKEY",
    "SIGNINGKEY",
    "ENCRYPTIONKEY",
    "MASTERKEY",
    "ACCESSKEY",
    "AUTHKEY",
    "SSHKEY",
    "MASTERAUTH",
    "REQUIREPASS",
    "DBPASS",
    "PGPASS",
    "SSHPASS",
    "USERPASS",
    "ROOTPASS",
    "ADMINPASS",
    "DBPWD",
];
/// Several keys or tokens are secrets after one of these: not `MAX_TOKENS`.
const SEVERAL: [&str; 9] = ["API", "AUTH", "ACCESS", "BEARER", "REFRESH", "SIGNING", "PRIVATE", "ENCRYPTION", "MASTER"];
/// A key of data and a token of a model's vocabulary are none.
const OF_DATA: [&str; 17] = [
    "SORT",
    "ORDER",
    "GROUP",
    "ROW",
    "FOREIGN",
    "PARTITION",
    "SHARD",
    "CACHE",
    "PUBLIC",
    "BOS",
    "EOS",
    "PAD",
    "UNK",
    "SEP",
    "CLS",
    "MASK",
    "PER",
];
/// Nor is how many there are, if that is how the name begins.
const COUNTS: [&str; 6] = ["NUM", "MAX", "MIN", "AVG", "TOTAL", "COUNT"];
/// How a value is written, which is said last.
const WRITTEN: [&str; 3] = ["B64", "BASE64", "PEM"];
/// They stand in too many texts that are about no secret: `key: value`, `auth: denied`.
const COMMON: [&str; 2] = ["KEY", "AUTH"];
/// Flags that begin so take no value.
const SWITCHES: [&str; 4] = ["--no-", "--enable-", "--disable-", "--skip-"];
/// The shell's working directory, which is always written so.
const NOT: [&str; 2] = ["PWD", "OLDPWD"];

/// Whether the value of this name is a secret: `OPENAI_API_KEY`, `--auth-token`, `clientSecret`, `DB_PASS`, `Set-Cookie`. Words
/// are parted by `_`, `-`, `.` or a capital letter.
pub fn is_secret(name: &str) -> bool {
    if NOT.contains(&name) {
        return false;
    }
    let words = in_words(name);
    PARTS.iter().any(|part| words.contains(part))
        || words.split('_').any(|word| WORDS.contains(&word))
        // `secrets.0` is a place in a list of names.
        || words.ends_with("SECRETS")
        || ends_like_a_secret(&core(&words))
}

/// Whether the name is only this word, perhaps with a number: too little to be sure.
pub(super) fn is_only(name: &str, words: &[&str]) -> bool {
    words.contains(&core(&in_words(name)).as_str())
}

/// Whether it stands in too many texts that are about no secret.
pub(super) fn is_common(name: &str) -> bool {
    is_only(name, &COMMON)
}

pub(super) fn is_switch(flag: &str) -> bool {
    SWITCHES.iter().any(|switch| flag.starts_with(switch))
}

/// Whether a flag may have a value that is a secret.
pub(super) fn takes_secret(flag: &str) -> bool {
    is_secret(flag) && !is_switch(flag)
}

fn ends_like_a_secret(core: &str) -> bool {
    let mut words = core.split('_');
    let is_count = core.split('_').next().is_some_and(|first| COUNTS.contains(&first));
    let (Some(last), before) = (words.next_back(), words.next_back().unwrap_or_default()) else { return false };
    let is_last = LAST_WORDS.contains(&last) || ENDS.iter().any(|end| last.ends_with(end));
    let are_several = ["KEYS", "TOKENS"].contains(&last) && SEVERAL.contains(&before);
    (is_last || are_several) && !is_count && !OF_DATA.contains(&before)
}

/// The name without what only tells it from others: `HF_TOKEN_2` and `HF_TOKEN2` are `HF_TOKEN`, `KEY_A` and `KEY_B64` are `KEY`.
fn core(words: &str) -> String {
    let without_digits = |word: &str| word.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let mut words: Vec<&str> = words.split('_').filter(|word| !word.is_empty()).collect();
    while words.last().is_some_and(|word| without_digits(word) <= 1 || WRITTEN.contains(word)) {
        words.pop();
    }
    if let Some(last) = words.last_mut() {
        *last = &last[..without_digits(last)];
    }
    words.join("_")
}

/// Whether the value of this name may be the path of a file: a password that begins with a slash is none.
pub(super) fn may_be_path(name: &str) -> bool {
    let name = in_words(name);
    name.ends_with("_FILE") || name.ends_with("_PATH") || !["PASS", "PWD", "PW"].iter().any(|part| name.contains(part))
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
            "SECRETKEY",
            "clientsecret",
            "PRIVATEKEY",
            "PRIVATE_KEY",
            "DBPASS",
            "PGPASS",
            "HF_TOKEN_2",
            "HF_TOKEN2",
            "TOKEN_A",
            "SIGNING_KEYS",
            "ACCESS_TOKENS",
            "PRIVATE_KEY_B64",
            "TLS_KEY_PEM",
            "--pw",
            "--requirepass",
            "TS_AUTHKEY",
            "COSMOS_PRIMARY_KEY",
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
            "BYPASS",
            "SECRETARY",
            "NUM_KEY",
            "MAX_TOKEN",
            "NUM_KEYS",
            "--sort-key",
            "pad_token",
            "A_1",
            "services.a.secrets.0",
            "",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
