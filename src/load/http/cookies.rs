//! The cookies of one user at one server (RFC 6265): kept as they are set, and sent back by path and time. `Domain` says
//! nothing where there is one server, and `Secure` is not obeyed: what a browser has over TLS is measured without it, too.

use super::set_cookie::{SetCookie, set_cookies};

/// As many as browsers keep of one server, and as long.
const MAX_COOKIES: usize = 50;
const MAX_COOKIE_BYTES: usize = 4096;

#[derive(Clone, Debug, Default)]
pub struct Jar {
    /// In the order in which they were first set.
    cookies: Vec<Kept>,
}

#[derive(Clone, Debug)]
struct Kept {
    name: Vec<u8>,
    value: Vec<u8>,
    path: Vec<u8>,
    /// Unix time; `None` for as long as the user lives.
    until_us: Option<i64>,
}

impl Jar {
    /// Keeps what the answer to a request for `path` sets, and forgets what it ends.
    pub fn keep(&mut self, head: &[u8], path: &str, now_us: i64) {
        for cookie in set_cookies(head) {
            let kept = Kept {
                name: cookie.name.to_owned(),
                value: cookie.value.to_owned(),
                path: cookie.path.unwrap_or_else(|| folder(path.as_bytes())).to_owned(),
                until_us: until_us(&cookie, now_us),
            };
            if kept.name.len() + kept.value.len() > MAX_COOKIE_BYTES {
                continue;
            }
            match self.cookies.iter_mut().find(|other| (&other.name, &other.path) == (&kept.name, &kept.path)) {
                Some(other) => *other = kept,
                None => self.cookies.push(kept),
            }
            // Those that are over go first (RFC 6265, 5.3).
            self.cookies.retain(|kept| kept.lives(now_us));
            if self.cookies.len() > MAX_COOKIES {
                self.cookies.remove(0);
            }
        }
    }

    /// What a request for `path` sends: `a=1; b=2`, those of longer paths first; empty for none.
    pub fn value(&self, path: &str, now_us: i64) -> Vec<u8> {
        let is_sent = |kept: &&Kept| path_matches(path.as_bytes(), &kept.path) && kept.lives(now_us);
        let mut sent: Vec<&Kept> = self.cookies.iter().filter(is_sent).collect();
        sent.sort_by_key(|kept| std::cmp::Reverse(kept.path.len()));
        let pairs: Vec<Vec<u8>> = sent.iter().map(|kept| [&kept.name[..], &kept.value].join(&b'=')).collect();
        pairs.join(&b"; "[..])
    }

    /// The values, which are nobody else's business.
    pub fn values(&self) -> impl Iterator<Item = &[u8]> {
        self.cookies.iter().map(|kept| kept.value.as_slice())
    }
}

impl Kept {
    fn lives(&self, now_us: i64) -> bool {
        self.until_us.is_none_or(|until_us| now_us < until_us)
    }
}

/// `Max-Age` counts before `Expires` (RFC 6265, 5.3).
fn until_us(cookie: &SetCookie, now_us: i64) -> Option<i64> {
    let us = |seconds: i64| seconds.saturating_mul(1_000_000);
    let by_age = cookie.max_age_s.map(|age| now_us.saturating_add(us(age)));
    by_age.or(cookie.expires_s.map(us))
}

/// The folder of a path (RFC 6265, 5.1.4): `/a` of `/a/b`.
fn folder(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| *byte == b'/') {
        None | Some(0) => b"/",
        Some(slash) => &path[..slash],
    }
}

/// Whether a cookie of `cookie_path` is sent to `path` (RFC 6265, 5.1.4).
fn path_matches(path: &[u8], cookie_path: &[u8]) -> bool {
    path.strip_prefix(cookie_path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/") || cookie_path.ends_with(b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_US: i64 = 1_800_000_000_000_000;

    fn sent(jar: &Jar, path: &str, now_us: i64) -> String {
        String::from_utf8(jar.value(path, now_us)).unwrap()
    }

    fn keep(jar: &mut Jar, path: &str, cookies: &[&str]) {
        let lines: String = cookies.iter().map(|cookie| format!("Set-Cookie: {cookie}\r\n")).collect();
        jar.keep(format!("HTTP/1.1 200 OK\r\n{lines}\r\n").as_bytes(), path, NOW_US);
    }

    #[test]
    fn cookies_are_replaced_and_end() {
        let mut jar = Jar::default();
        keep(&mut jar, "/login", &["sid=1; HttpOnly; Secure", "theme=dark; Max-Age=60", "no-equals"]);
        assert_eq!(sent(&jar, "/", NOW_US), "sid=1; theme=dark");
        keep(&mut jar, "/", &["sid=2", "gone=1; Max-Age=0"]);
        assert_eq!(sent(&jar, "/x", NOW_US + 59_000_000), "sid=2; theme=dark");
        assert_eq!(sent(&jar, "/x", NOW_US + 60_000_000), "sid=2");
        keep(&mut jar, "/", &["sid=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "theme=x; Max-Age=-1"]);
        assert_eq!(sent(&jar, "/", NOW_US), "");
        keep(&mut jar, "/", &["a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=5"]);
        assert_eq!(sent(&jar, "/", NOW_US), "a=1", "Max-Age counts before Expires");
    }

    #[test]
    fn paths() {
        let mut jar = Jar::default();
        keep(&mut jar, "/api/v1/login", &["a=1", "b=2; Path=/", "c=3; Path=/api", "d=4; Path=relative", "a=5; Path=/"]);
        for (path, cookies) in [
            ("/api/v1/login", "a=1; d=4; c=3; b=2; a=5"),
            ("/api/v1", "a=1; d=4; c=3; b=2; a=5"),
            ("/api/v10", "c=3; b=2; a=5"),
            ("/apix", "b=2; a=5"),
            ("/", "b=2; a=5"),
        ] {
            assert_eq!(sent(&jar, path, NOW_US), cookies, "{path}");
        }
    }

    #[test]
    fn no_server_can_fill_the_memory() {
        let mut jar = Jar::default();
        keep(&mut jar, "/", &[&format!("big={}", "x".repeat(MAX_COOKIE_BYTES))]);
        assert_eq!(sent(&jar, "/", NOW_US), "");
        for number in 0..100 {
            keep(&mut jar, "/", &[&format!("c{number}=x")]);
        }
        assert_eq!(jar.cookies.len(), MAX_COOKIES);
        assert!(sent(&jar, "/", NOW_US).starts_with("c50=x; "));
    }
    #[test]
    fn what_is_over_makes_room_for_what_is_not() {
        let mut jar = Jar::default();
        keep(&mut jar, "/", &["sid=1"]);
        for number in 1..MAX_COOKIES {
            keep(&mut jar, "/", &[&format!("c{number}=x; Max-Age=1")]);
        }
        // Neither kept nor the end of another.
        keep(&mut jar, "/", &["gone=1; Max-Age=0"]);
        assert_eq!(jar.cookies.len(), MAX_COOKIES);
        jar.keep(b"HTTP/1.1 200 OK\r\nSet-Cookie: new=2\r\n\r\n", "/", NOW_US + 1_000_000);
        assert_eq!(sent(&jar, "/", NOW_US), "sid=1; new=2");
    }

    #[test]
    fn a_cookie_comes_back_octet_by_octet() {
        let mut jar = Jar::default();
        jar.keep(b"HTTP/1.1 200 OK\r\nSet-Cookie: sid=\xe9t\xe9; Path=/\r\n\r\n", "/", NOW_US);
        assert_eq!(jar.value("/", NOW_US), b"sid=\xe9t\xe9");
    }
}
