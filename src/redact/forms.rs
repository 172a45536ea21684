//! What is a secret by how it looks, whatever stands beside it: tokens that begin as their issuer has it, JSON web tokens
//! (RFC 7519), private keys in PEM (RFC 7468).

use super::looks_random;
use memchr::memmem;
use std::ops::Range;

/// How tokens begin, at least how many bytes follow, and which of them may be other than letters and digits.
const TOKENS: [(&[u8], usize, &[u8]); 24] = [
    (b"AIza", 30, b"_-"),
    (b"dckr_pat_", 20, b"_-"),
    (b"ghp_", 16, b""),
    (b"gho_", 16, b""),
    (b"ghu_", 16, b""),
    (b"ghs_", 16, b""),
    (b"ghr_", 16, b""),
    (b"github_pat_", 20, b"_"),
    (b"glpat-", 16, b"_-."),
    (b"gsk_", 20, b""),
    (b"hf_", 20, b""),
    (b"hvs.", 20, b"_-"),
    (b"npm_", 20, b""),
    (b"nvapi-", 20, b"_-"),
    (b"pypi-", 40, b"_-"),
    (b"rk_live_", 16, b""),
    (b"sk_live_", 16, b""),
    (b"sk-", 20, b"_-"),
    (b"whsec_", 20, b"+/="),
    (b"xapp-", 20, b"-"),
    (b"xoxa-", 10, b"-"),
    (b"xoxb-", 10, b"-"),
    (b"xoxp-", 10, b"-"),
    (b"xoxs-", 10, b"-"),
];

/// The secret that begins here.
pub(super) fn at(text: &[u8], at: usize) -> Option<Range<usize>> {
    let end = match text[at] {
        b'-' => pem(text, at),
        b'A' if begins(text, at, b"") => amazon_key(text, at).or_else(|| token(text, at)),
        b'e' if begins(text, at, b"_-.") => web_token(text, at),
        b'd'..=b'x' if begins(text, at, b"") => token(text, at),
        _ => None,
    };
    end.map(|end| at..end)
}

/// Whether a word begins here: after none of its own bytes, or after what stands for another byte, as `\n` and `%20` do.
fn begins(text: &[u8], at: usize, also: &[u8]) -> bool {
    let before = &text[at.saturating_sub(3)..at];
    let is_part = before.last().is_some_and(|byte| byte.is_ascii_alphanumeric() || also.contains(byte));
    let is_escape = matches!(before, [.., b'\\', b'n' | b'r' | b't'] | [b'%', _, _]);
    !is_part || is_escape
}

fn token(text: &[u8], at: usize) -> Option<usize> {
    // One that turns out to be none is read again from each of its bytes.
    const MOST_TO_JUDGE: usize = 64;
    let (prefix, least, also) = TOKENS.into_iter().find(|(prefix, ..)| text[at..].starts_with(prefix))?;
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || also.contains(byte);
    let start = at + prefix.len();
    // Words that only begin so are short, or soon have another byte.
    if text.len() < start + least || !text[start..start + least].iter().all(is_part) {
        return None;
    }
    let length = |most: usize| text[start..].iter().take(most).take_while(|byte| is_part(byte)).count();
    let beginning = std::str::from_utf8(&text[start..start + length(MOST_TO_JUDGE)]);
    beginning.is_ok_and(looks_random).then(|| start + length(usize::MAX))
}

fn amazon_key(text: &[u8], at: usize) -> Option<usize> {
    let rest = text[at..].strip_prefix(b"AKIA").or_else(|| text[at..].strip_prefix(b"ASIA"))?;
    let length = rest.iter().take(17).take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()).count();
    let goes_on = rest.get(length).is_some_and(u8::is_ascii_alphanumeric);
    (length == 16 && !goes_on).then_some(at + 4 + length)
}

/// `eyJ….eyJ….signature`: JSON objects in base64.
fn web_token(text: &[u8], at: usize) -> Option<usize> {
    const LEAST_BYTES: usize = 24;
    if !text[at..].starts_with(b"eyJ") {
        return None;
    }
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let length = text[at..].iter().take_while(is_part).count();
    let token = &text[at..at + length];
    let is_one = length >= LEAST_BYTES && memmem::find(token, b".eyJ").is_some();
    is_one.then_some(at + length)
}

/// `-----BEGIN … PRIVATE KEY-----` up to its end, or to that of the text.
pub(super) fn pem(text: &[u8], at: usize) -> Option<usize> {
    const LONGEST_LABEL: usize = 48;
    let label = text[at..].strip_prefix(b"-----BEGIN ")?;
    let label = &label[..label.len().min(LONGEST_LABEL)];
    let label = &label[..memmem::find(label, b"-----")?];
    if !label.ends_with(b"PRIVATE KEY") && !label.ends_with(b"PRIVATE KEY BLOCK") {
        return None;
    }
    let end = |mark: &[u8], start: usize| memmem::find(&text[start..], mark).map(|found| start + found + mark.len());
    let last_line = end(b"-----END ", at);
    Some(last_line.and_then(|start| end(b"-----", start)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::super::Redactor;

    #[test]
    fn each_form_alone() {
        for secret in [
            "AKIAIOSFODNN7EXAMPLE",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl_-x",
            "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
            "ghs_16C7e42F292c6912E7710c838347Ae178B4a",
            "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz",
            "glpat-abcdefgh-1jklmnopqrst",
            "sk-proj-abcdefghijklmnopqrstu1",
            "xoxb-1234567890-abcdefg",
            "hf_abcdefghijklmnopqrstuvWXYZ",
            "AIzaSyA1234567890abcdefghijklmnopqrstuv",
            "gsk_abcdefghijklmnopqrstuvwxyz0123456789",
            "sk_live_abcdefghijklmnop1",
            "-----BEGIN PRIVATE KEY-----\nMIIE\nvQIB\n-----END PRIVATE KEY-----",
            r"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
        ] {
            for (before, after) in [("got ", " there"), ("{\"a\": \"", "\"}"), ("a\\n", "\\nb"), ("(", ")")] {
                let text = Redactor::default().text(&format!("{before}{secret}{after}"));
                assert_eq!(text, format!("{before}[redacted]{after}"), "{secret}");
            }
        }
        let cut_off = "key\n-----BEGIN EC PRIVATE KEY-----\nMIIE\nvQIB";
        assert_eq!(Redactor::default().text(cut_off), "key\n[redacted]");
    }

    #[test]
    fn what_only_begins_so_stays() {
        for text in [
            "AKIAIOSFODNN7EXAMPLEX AKIA ASIAPACIFIC",
            "eyJ.eyJ and eyJhbGciOiJIUzI1NiJ9",
            "ghp_ ghp_short hf_hub_download_of_a_model task-0123456789-0123456789",
            "sk-fading-circle-of-many-words sk-1",
            "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
            "-----BEGIN ",
        ] {
            assert_eq!(Redactor::default().text(text), text);
        }
    }
}
