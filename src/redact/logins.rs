//! Passwords beside the name of a user, or after a flag whose name does not say so: of URLs (RFC 3986, 3.2.1), of proxies, of curl
//! and of clients of databases.

use super::{REDACTED, values::end_of};
use memchr::memmem;
use std::ops::Range;

/// What follows is `user:password`.
const LOGIN_FLAGS: [&str; 4] = ["-u", "--user", "-U", "--proxy-user"];
/// What is called so may be a URL without its scheme: `user:password@host`.
const ADDRESSES: [&str; 4] = ["PROXY", "URL", "URI", "DSN"];
/// Flags of programs that are something else in others.
const CLIENTS: [Client; 9] = [
    Client { name: "redis-cli", flag: "-a", beside: true },
    Client { name: "valkey-cli", flag: "-a", beside: true },
    Client { name: "mysql", flag: "-p", beside: false },
    Client { name: "mariadb", flag: "-p", beside: false },
    Client { name: "mongo", flag: "-p", beside: true },
    Client { name: "curl", flag: "-u", beside: false },
    Client { name: "sshpass", flag: "-p", beside: true },
    Client { name: "ldap", flag: "-w", beside: true },
    Client { name: "sqlcmd", flag: "-P", beside: true },
];
/// A longer one is none; so not much is read twice.
const LONGEST: usize = 256;

/// A program that takes a password after a short flag.
pub(super) struct Client {
    /// How its name begins.
    name: &'static str,
    flag: &'static str,
    /// The password may be the next argument.
    beside: bool,
}

impl Client {
    /// The one whose name begins here.
    pub fn at(text: &[u8], at: usize) -> Option<&'static Self> {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
        if at > 0 && is_part(&text[at - 1]) {
            return None;
        }
        CLIENTS.iter().find(|client| text[at..].starts_with(client.name.as_bytes()))
    }

    /// Where in an argument the password is.
    pub fn password(&self, flag: Option<&str>, argument: &str) -> Option<Range<usize>> {
        match argument.strip_prefix(self.flag) {
            Some(password) if !password.is_empty() => Some(self.flag.len()..argument.len()),
            _ => (self.beside && flag == Some(self.flag)).then_some(0..argument.len()),
        }
    }

    /// Where after the space at `at` the flag's value begins.
    pub fn value(&self, text: &[u8], at: usize) -> Option<usize> {
        let start = at + 1 + self.flag.len();
        let is_flag = text[at + 1..].starts_with(self.flag.as_bytes());
        let next = text.get(start).filter(|_| is_flag)?;
        (self.beside || !next.is_ascii_whitespace()).then_some(start)
    }
}

/// The password in a value, if its name says that there may be one.
pub(super) fn password(name: &str, value: &[u8]) -> Option<Range<usize>> {
    let value = &value[..value.len().min(LONGEST)];
    let value = &value[..end_of(value, 0, |byte| byte.is_ascii_whitespace() || b"\"'`<>\\".contains(byte))];
    let (user, rest) = parted(value).filter(|(_, rest)| !rest.starts_with(b"//"))?;
    let upper = name.to_ascii_uppercase();
    let length = match LOGIN_FLAGS.contains(&name) {
        true => of_login(user, rest),
        false if ADDRESSES.iter().any(|end| upper.ends_with(end)) => of_address(rest)?,
        false => return None,
    };
    (length > 0).then_some(user.len() + 1..user.len() + 1 + length)
}

/// `user:password`: all of it, but `1000:1000` are a user and a group.
fn of_login(user: &[u8], password: &[u8]) -> usize {
    let is_number = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    if is_number(user) && is_number(password) { 0 } else { password.len() }
}

/// `user:password@host`; an image of a registry has a digest there.
fn of_address(rest: &[u8]) -> Option<usize> {
    let length = rest.iter().rposition(|&byte| byte == b'@')?;
    (!rest[length..].starts_with(b"@sha256:")).then_some(length)
}

/// What looks like a user, and what is behind the colon.
fn parted(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_user = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-@".contains(byte);
    let colon = end_of(value, 0, |byte| !is_user(byte));
    (colon > 0 && value.get(colon) == Some(&b':')).then(|| (&value[..colon], &value[colon + 1..]))
}

/// `scheme://user:PASSWORD@host`; where there is no colon, the user may be a token.
pub(super) fn user_info(text: &[u8], at: usize) -> Option<Range<usize>> {
    let start = at + "://".len();
    let is_outside = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`<>\\".contains(byte);
    let end = end_of(text, start, |byte| is_outside(byte) || b"/?#,;".contains(byte));
    let authority = &text[start..end];
    if let Some(length) = authority.iter().rposition(|&byte| byte == b'@') {
        let info = &authority[..length];
        let password = info.iter().position(|&byte| byte == b':').map_or(0, |colon| colon + 1);
        // `git@` and `postgres@` are users, in whose place there may be a token.
        let is_user = password == 0 && info.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'-');
        return (!is_user).then_some(start + password..start + length);
    }
    // Nobody has percent-encoded the password; a port is none, and what is to be put in for a name is none yet.
    let colon = authority.iter().position(|&byte| byte == b':').filter(|_| !authority.starts_with(b"["))?;
    let password = start + colon + 1;
    let is_web = [&b"http"[..], b"https", b"ws", b"wss"].iter().any(|scheme| text[..at].ends_with(scheme));
    let is_port = is_web && text[password..end].iter().all(u8::is_ascii_digit);
    let rest = &text[password..text.len().min(password + LONGEST)];
    let rest = &rest[..end_of(rest, 0, is_outside)];
    let rest = &rest[..memmem::find(rest, b"://").unwrap_or(rest.len())];
    let length = rest.iter().rposition(|&byte| byte == b'@').filter(|&length| length > 0)?;
    let is_open = [&b"//"[..], b"$", b"{"].iter().any(|start| rest.starts_with(start));
    let is_none = is_port || is_open || memmem::find(&rest[..length], REDACTED.as_bytes()).is_some();
    (!is_none).then_some(password..password + length)
}

#[cfg(test)]
mod tests {
    use super::super::Redactor;

    #[test]
    fn urls_and_logins() {
        for (text, expected) in [
            ("HTTPS_PROXY=user:proxypw99@proxy:3128", "HTTPS_PROXY=user:[redacted]@proxy:3128"),
            (
                "https_proxy: 'u:pw@proxy', IMAGE_URL=a:1@sha256:b",
                "https_proxy: 'u:[redacted]@proxy', IMAGE_URL=a:1@sha256:b",
            ),
            ("curl --proxy u:pw@proxy:3128 http://x", "curl --proxy u:[redacted]@proxy:3128 http://x"),
            ("postgres://u:pa/ss99word@db/x", "postgres://u:[redacted]@db/x"),
            ("postgres://u:pa#ss99?word@db/x", "postgres://u:[redacted]@db/x"),
            (
                "http://host:80/a@b http://[::1]:8/a@b http://a:${PORT}/@b",
                "http://host:80/a@b http://[::1]:8/a@b http://a:${PORT}/@b",
            ),
            ("curl -u name:password http://x:80", "curl -u name:[redacted] http://x:80"),
            ("curl --user 'e@x.y:pw' x, --user=e:pw", "curl --user 'e@x.y:[redacted]' x, --user=e:[redacted]"),
            ("curl -ue:pw x", "curl -u[redacted] x"),
            (
                r#"["curl","-u","e:pw"], ["CMD", "redis-cli", "-a", "pw"]"#,
                r#"["curl","-u","e:[redacted]"], ["CMD", "redis-cli", "-a", "[redacted]"]"#,
            ),
            ("postgres://postgres@db ssh://git@x", "postgres://postgres@db ssh://git@x"),
            ("run --user 1000:1000 -u http://x/ -u x", "run --user 1000:1000 -u http://x/ -u x"),
            ("redis-cli -h a -a pw ping; cp -a x y", "redis-cli -h a -a [redacted] ping; cp -a x y"),
            (
                "/usr/bin/mysqladmin -u root -ppw ping\nmkdir -px",
                "/usr/bin/mysqladmin -u root -p[redacted] ping\nmkdir -px",
            ),
        ] {
            assert_eq!(Redactor::default().text(text), expected, "{text}");
            assert_eq!(Redactor::default().text(expected), expected, "twice is as once");
        }
    }
}
