//! What a `Set-Cookie` says (RFC 6265, 5.2). Names and values are octets.

use super::{cookie_date::cookie_date, response::headers};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetCookie<'a> {
    pub name: &'a [u8],
    pub value: &'a [u8],
    /// `None` for the folder of the request's path.
    pub path: Option<&'a [u8]>,
    /// From now; negative for a cookie that ends.
    pub max_age_s: Option<i64>,
    /// Unix time.
    pub expires_s: Option<i64>,
}

/// The cookies that a head sets.
pub fn set_cookies(head: &[u8]) -> impl Iterator<Item = SetCookie<'_>> {
    headers(head)
        .filter(|(name, _)| name.eq_ignore_ascii_case(b"set-cookie"))
        .filter_map(|(_, text)| SetCookie::of(text))
}

impl<'a> SetCookie<'a> {
    /// `None` if it is to be ignored.
    fn of(text: &'a [u8]) -> Option<Self> {
        let mut parts = text.split(|byte| *byte == b';').map(pair);
        let (name, value) = parts.next().filter(|(name, _)| !name.is_empty())?;
        let mut cookie = Self { name, value: value?, path: None, max_age_s: None, expires_s: None };
        // Of attributes of the same name the last one counts; what cannot be read is none.
        for (name, value) in parts {
            let value = value.unwrap_or_default();
            match name.to_ascii_lowercase().as_slice() {
                b"expires" => cookie.expires_s = cookie_date(value).or(cookie.expires_s),
                b"max-age" => cookie.max_age_s = seconds(value).or(cookie.max_age_s),
                b"path" => cookie.path = Some(value).filter(|path| path.starts_with(b"/")),
                _ => {}
            }
        }
        Some(cookie)
    }
}

/// What stands before and after the first `=`, if there is one.
fn pair(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|byte| *byte == b'=') {
        Some(at) => (text[..at].trim_ascii(), Some(text[at + 1..].trim_ascii())),
        None => (text.trim_ascii(), None),
    }
}

/// Of any number of digits: what is beyond a clock's range is at its end.
fn seconds(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let end = if text.starts_with(b"-") { i64::MIN } else { i64::MAX };
    is_number.then(|| std::str::from_utf8(text).ok()?.parse().ok()).map(|seconds| seconds.unwrap_or(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: SetCookie<'_> = SetCookie { name: b"a", value: b"1", path: None, max_age_s: None, expires_s: None };

    #[test]
    fn names_values_and_attributes() {
        let path = Some(b"/x".as_slice());
        for (text, expected) in [
            ("a=1", PLAIN),
            (" a\t= 1 ;", PLAIN),
            ("a=1; Secure; HttpOnly; SameSite=Lax; Domain=x; Unknown", PLAIN),
            ("a=", SetCookie { value: b"", ..PLAIN }),
            ("a=\"1=2\"", SetCookie { value: b"\"1=2\"", ..PLAIN }),
            ("a=1;PATH = /x ", SetCookie { path, ..PLAIN }),
            ("a=1; Path=/x; Path=relative", PLAIN),
            ("a=1; Path=/; path=/x", SetCookie { path, ..PLAIN }),
            ("a=1; Max-Age=60; max-age=6x; Max-Age", SetCookie { max_age_s: Some(60), ..PLAIN }),
            ("a=1; Max-Age=60; max-age=-1", SetCookie { max_age_s: Some(-1), ..PLAIN }),
            ("a=1; Max-Age=99999999999999999999", SetCookie { max_age_s: Some(i64::MAX), ..PLAIN }),
            ("a=1; Max-Age=-99999999999999999999", SetCookie { max_age_s: Some(i64::MIN), ..PLAIN }),
            ("a=1; Max-Age=-; Max-Age=+1; Max-Age=\"1\"", PLAIN),
            ("a=1; expires=1 Jan 1970 0:0:5; Expires=0", SetCookie { expires_s: Some(5), ..PLAIN }),
        ] {
            assert_eq!(SetCookie::of(text.as_bytes()), Some(expected), "{text}");
        }
        for ignored in ["", "a", "=1", " =1", "a; b=1"] {
            assert_eq!(SetCookie::of(ignored.as_bytes()), None, "{ignored}");
        }
    }

    #[test]
    fn a_head_s_cookies_octet_by_octet() {
        let head =
            b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nX: y\r\nset-cookie: b=\xe9t\xe9; Path=/\r\nSet-Cookie: c\r\n\r\n";
        let values: Vec<&[u8]> = set_cookies(head).map(|cookie| cookie.value).collect();
        assert_eq!(values, [b"1".as_slice(), b"\xe9t\xe9"]);
    }
}
