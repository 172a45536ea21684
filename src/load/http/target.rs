//! From a URL to what is needed to load it: socket addresses, the `Host` header, a path prefix.

use crate::{
    error::{Error, Result},
    text::is_uri_text,
};
use percent_encoding::percent_decode_str;
use std::net::{Ipv6Addr, SocketAddr, ToSocketAddrs};

/// A server, by its URL: `http://host:port/prefix` or `https://...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The `Host` header: `mock:8080`.
    pub authority: String,
    pub is_tls: bool,
    /// Goes before every path: empty, or `/api`.
    pub prefix: String,
    /// A name, or an address without brackets and with its zone: `fe80::1%eth0`.
    host: String,
    port: u16,
}

impl Target {
    /// Reads a URL as RFC 3986 has them, and the zone of an IPv6 address as RFC 6874 has it.
    ///
    /// # Errors
    /// [`Error::Usage`] says what is wrong with the URL.
    pub fn parse(url: &str) -> Result<Self> {
        let wrong = |why: &str| Error::Usage(format!("`{}` cannot be loaded: {why}", url.escape_debug()));
        let (is_tls, rest) = match url.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            None if Self::parse(&format!("http://{url}")).is_ok() => {
                return Err(wrong(&format!("did you mean http://{url}?")));
            }
            _ => return Err(wrong("only http://host:port and https://host:port are spoken")),
        };
        let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        if !is_uri_text(path, b"/") || authority.contains(['?', '#', '@']) {
            return Err(wrong("it may hold a host, a port and a path prefix, and nothing else"));
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(inner) => inner.split_once(']').ok_or_else(|| wrong("there is no ] after its ["))?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let (shown, host) = match authority.starts_with('[') {
            true => ipv6(host).map_err(wrong)?,
            false if host.is_empty() => return Err(wrong("it names no host")),
            false if !is_name(host) => return Err(wrong("its host is neither a name nor an address")),
            false => (host.to_owned(), host.to_owned()),
        };
        let default_port = if is_tls { 443 } else { 80 };
        let (authority, port) = match port {
            "" | ":" => (shown, default_port),
            _ => {
                let number = port.strip_prefix(':').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
                let number = number.and_then(|digits| digits.parse().ok()).filter(|&number| number > 0);
                let number = number.ok_or_else(|| wrong("the port is not a number from 1 to 65535"))?;
                (format!("{shown}:{number}"), number)
            }
        };
        Ok(Self { authority, is_tls, prefix: path.trim_end_matches('/').to_owned(), host, port })
    }

    /// The URL without the path.
    pub fn origin(&self) -> String {
        format!("{}://{}", if self.is_tls { "https" } else { "http" }, self.authority)
    }

    /// Whom a certificate must be for: the host, without the zone, which is no one else's business.
    pub fn server_name(&self) -> &str {
        self.host.split('%').next().unwrap_or(&self.host)
    }

    /// All addresses of the name, at least one; the error says why there is none. Blocks while the resolver works.
    pub fn resolve(&self) -> Result<Vec<SocketAddr>, String> {
        let found = (self.host.as_str(), self.port).to_socket_addrs();
        let mut addresses = Vec::new();
        for address in found.map_err(|error| format!("cannot resolve {}: {error}", self.host))? {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        if addresses.is_empty() { Err(format!("{} has no address", self.host)) } else { Ok(addresses) }
    }
}

/// What is between the brackets of an IPv6 address: as `Host` has it, and as the resolver takes it, with its zone decoded.
fn ipv6(text: &str) -> Result<(String, String), &'static str> {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    if address.parse::<Ipv6Addr>().is_err() {
        return Err("what is in its brackets is not an IPv6 address");
    }
    let host = match zone {
        None => address.to_owned(),
        Some(zone) => {
            let zone = zone.strip_prefix("25").and_then(percent_decoded);
            let zone = zone.filter(|zone| !zone.is_empty() && !zone.contains(['%', '/', '\0']));
            format!("{address}%{}", zone.ok_or("the zone of an IPv6 address is written as in [fe80::1%25eth0]")?)
        }
    };
    Ok((format!("[{address}]"), host))
}

/// As the resolver takes them: letters, digits and what joins them, in labels that are not empty. IPv4 addresses are too.
fn is_name(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    host.len() <= 253 && host.strip_suffix('.').unwrap_or(host).split('.').all(is_label)
}

/// `None` unless it is good and UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let good = is_uri_text(text, b"").then_some(text)?;
    percent_decode_str(good).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let parts = |url: &str| Target::parse(url).map(|t| (t.host, t.port, t.authority, t.prefix)).unwrap();
        let expected = |host: &str, port, authority: &str, prefix: &str| {
            (host.to_string(), port, authority.to_string(), prefix.to_string())
        };
        assert_eq!(parts("http://mock:8080"), expected("mock", 8080, "mock:8080", ""));
        assert_eq!(parts("http://mock/"), expected("mock", 80, "mock", ""));
        assert_eq!(parts("http://mock:1/a/b/"), expected("mock", 1, "mock:1", "/a/b"));
        assert_eq!(parts("http://[::1]:8080"), expected("::1", 8080, "[::1]:8080", ""));
        assert_eq!(parts("http://[::1]"), expected("::1", 80, "[::1]", ""));
        assert_eq!(parts("http://[fe80::1%25eth0]:80/a%2Fb"), expected("fe80::1%eth0", 80, "[fe80::1]:80", "/a%2Fb"));
        assert_eq!(parts("http://[fe80::1%25en%2D1]"), expected("fe80::1%en-1", 80, "[fe80::1]", ""));
        assert_eq!(parts("HTTP://mock:"), expected("mock", 80, "mock", ""));
        assert_eq!(parts("http://mock_1.a-b.:08080"), expected("mock_1.a-b.", 8080, "mock_1.a-b.:8080", ""));
        assert_eq!(parts("https://mock"), expected("mock", 443, "mock", ""));
        assert_eq!(Target::parse("https://mock:1/x").unwrap().origin(), "https://mock:1");
    }

    #[test]
    fn what_is_not_plain_http_is_refused() {
        for wrong in [
            "",
            "mock:8080",
            "ftp://mock",
            "http:/mock",
            "http//mock",
            "http://",
            "http:///path",
            "http://:80",
            "http://mock:0",
            "http://mock:99999",
            "http://mock:x",
            "http://mock:+80",
            "http://mock:80:80",
            "http://user@mock",
            "http://mock/?q",
            "http://mock?q",
            "http://mock#f",
            "http://mo ck",
            "http://mock\r\nX: y",
            "http://mock/a b",
            "http://mock/%zz",
            "http://mock/%2",
            "http://mock\\path",
            "http://m{o}ck",
            "http://mock..local",
            "http://.",
            "http://m\u{f6}ck",
            "http://::1",
            "http://[::1",
            "http://[::1]80",
            "http://[mock]",
            "http://[]",
            "http://[::1]]",
            "http://[fe80::1%eth0]",
            "http://[fe80::1%25]",
            "http://[fe80::1%25a%zz]",
        ] {
            assert!(matches!(Target::parse(wrong), Err(Error::Usage(_))), "{wrong}");
        }
    }

    #[test]
    fn a_url_without_its_scheme_is_suggested_with_it() {
        let said = |url: &str| Target::parse(url).unwrap_err().to_string();
        assert_eq!(said("127.0.0.1:80"), "`127.0.0.1:80` cannot be loaded: did you mean http://127.0.0.1:80?");
        assert!(said("localhost:8080/v1").ends_with("did you mean http://localhost:8080/v1?"));
        assert!(said("ftp://mock").ends_with("only http://host:port and https://host:port are spoken"));
    }

    #[test]
    fn a_zone_becomes_a_scope_and_is_nobody_else_s_business() {
        let target = Target::parse("https://[fe80::1%25lo]:1").unwrap();
        let addresses = target.resolve().unwrap();
        assert!(matches!(addresses[..], [SocketAddr::V6(address)] if address.scope_id() > 0), "{addresses:?}");
        assert_eq!((target.server_name(), target.origin().as_str()), ("fe80::1", "https://[fe80::1]:1"));
    }

    #[test]
    fn addresses() {
        let addresses = Target::parse("http://127.0.0.1:8080").unwrap().resolve().unwrap();
        assert_eq!(addresses, ["127.0.0.1:8080".parse().unwrap()]);
        let error = Target::parse("http://no.such.name.invalid").unwrap().resolve().unwrap_err();
        assert!(error.starts_with("cannot resolve no.such.name.invalid: "), "{error}");
    }
}
