//! From a URL to what is needed to load it: socket addresses, the `Host` header, a path prefix.

use crate::error::{Error, Result};
use std::net::{SocketAddr, ToSocketAddrs};

/// A server, by its URL: `http://host:port/prefix` or `https://...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The `Host` header: `mock:8080`.
    pub authority: String,
    pub is_tls: bool,
    /// Goes before every path: empty, or `/api`.
    pub prefix: String,
    /// Without brackets, if it is an IPv6 address.
    pub host: String,
    port: u16,
}

impl Target {
    /// # Errors
    /// [`Error::Usage`] says what is wrong with the URL.
    pub fn parse(url: &str) -> Result<Self> {
        let wrong = |why: &str| Error::Usage(format!("`{url}` cannot be loaded: {why}"));
        let plain = url.strip_prefix("http://").map(|rest| (rest, false));
        let scheme = plain.or_else(|| url.strip_prefix("https://").map(|rest| (rest, true)));
        let (rest, is_tls) = scheme.ok_or_else(|| wrong("only http://host:port and https://host:port are spoken"))?;
        let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        if path.contains(['?', '#']) || !url.bytes().all(|byte| byte.is_ascii_graphic()) || authority.contains('@') {
            return Err(wrong("it may hold a host, a port and a path prefix, and nothing else"));
        }
        // The last colon separates host and port, unless it is inside the brackets of an IPv6 address.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse().ok().filter(|&port| port > 0);
                (host, port.ok_or_else(|| wrong("the port is not a number from 1 to 65535"))?)
            }
            _ => (authority, if is_tls { 443 } else { 80 }),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            return Err(wrong("it names no host"));
        }
        Ok(Self {
            authority: authority.to_owned(),
            is_tls,
            prefix: path.trim_end_matches('/').to_owned(),
            host: host.to_owned(),
            port,
        })
    }

    /// The URL without the path.
    pub fn origin(&self) -> String {
        format!("{}://{}", if self.is_tls { "https" } else { "http" }, self.authority)
    }

    /// All addresses of the name, at least one; the error says why there is none. Blocks while the resolver works.
    pub fn resolve(&self) -> Result<Vec<SocketAddr>, String> {
        let found = (self.host.as_str(), self.port).to_socket_addrs();
        let mut addresses: Vec<_> = found.map_err(|error| format!("cannot resolve {}: {error}", self.host))?.collect();
        addresses.dedup();
        if addresses.is_empty() { Err(format!("{} has no address", self.host)) } else { Ok(addresses) }
    }
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
        assert_eq!(parts("https://mock"), expected("mock", 443, "mock", ""));
        assert_eq!(Target::parse("https://mock:1/x").unwrap().origin(), "https://mock:1");
    }

    #[test]
    fn what_is_not_plain_http_is_refused() {
        for wrong in [
            "mock:8080",
            "ftp://mock",
            "http://",
            "http://:80",
            "http://mock:0",
            "http://mock:99999",
            "http://mock:x",
            "http://user@mock",
            "http://mock/?q",
            "http://mo ck",
            "http://mock\r\nX: y",
        ] {
            assert!(matches!(Target::parse(wrong), Err(Error::Usage(_))), "{wrong}");
        }
    }

    #[test]
    fn addresses() {
        let addresses = Target::parse("http://127.0.0.1:8080").unwrap().resolve().unwrap();
        assert_eq!(addresses, ["127.0.0.1:8080".parse().unwrap()]);
        let error = Target::parse("http://no.such.name.invalid").unwrap().resolve().unwrap_err();
        assert!(error.starts_with("cannot resolve no.such.name.invalid: "), "{error}");
    }
}
