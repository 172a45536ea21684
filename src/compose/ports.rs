//! `ports` and `expose`: read so that a mistake shows. No port of the host is ever taken.

use super::fields::{Field, Problem};
use std::net::{IpAddr, Ipv4Addr};

/// `[[address:]published:]target[/protocol]` with ranges, a number, or the long form.
pub(super) fn check(field: &Field<'_>) -> Result<(), Problem> {
    if field.is_mapping() {
        const KEYS: [&str; 7] = ["name", "mode", "host_ip", "target", "published", "protocol", "app_protocol"];
        let mut keys = field.keys(&KEYS)?;
        let target = keys.required("target")?;
        port(&target.string()?, 1).ok_or_else(|| target.problem("is not a port (1 to 65535)"))?;
        keys.filled("published", |field| {
            let text = field.string()?;
            range(&text, 0).ok_or_else(|| field.problem(format!("`{text}` is not a port, or a range of them")))
        });
        keys.get("protocol", protocol);
        return Ok(());
    }
    let text = field.string()?;
    short(&text).ok_or_else(|| field.problem(format!("`{text}` is not [[address:]published:]target[/protocol]")))
}

/// `port[-port][/protocol]`.
pub(super) fn check_exposed(field: &Field<'_>) -> Result<(), Problem> {
    let text = field.string()?;
    let (ports, protocol) = text.split_once('/').unwrap_or((&text, ""));
    let is_good = is_protocol(protocol) && range(ports, 1).is_some();
    if is_good { Ok(()) } else { Err(field.problem(format!("`{text}` is not port[-port][/protocol]"))) }
}

fn short(text: &str) -> Option<()> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, ""));
    let mut parts = ports.rsplitn(3, ':');
    let targets = range(parts.next()?, 1)?;
    let host = parts.next().unwrap_or_default();
    // Without a number the engine chooses one; of several it takes a free one, for one target.
    let fits = host.is_empty() || range(host, 0).is_some_and(|hosts| hosts == targets || targets == 1);
    (fits && is_address(parts.next().unwrap_or_default()) && is_protocol(protocol)).then_some(())
}

/// Of IPv4, of IPv6 in brackets, or none.
fn is_address(text: &str) -> bool {
    match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inside) => inside.is_empty() || inside.parse::<IpAddr>().is_ok(),
        None => text.is_empty() || text.parse::<Ipv4Addr>().is_ok(),
    }
}

/// How many ports a range has.
fn range(text: &str, least: u16) -> Option<u32> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first, least)?, port(last, least)?);
    (first <= last).then(|| u32::from(last - first) + 1)
}

fn port(text: &str, least: u16) -> Option<u16> {
    let digits = Some(text).filter(|text| text.chars().all(|c| c.is_ascii_digit()));
    digits?.parse().ok().filter(|&port| port >= least)
}

fn protocol(field: &Field<'_>) -> Result<(), Problem> {
    let text = field.text()?;
    if is_protocol(&text) { Ok(()) } else { Err(field.problem(format!("`{text}` is none of tcp, udp, sctp"))) }
}

fn is_protocol(text: &str) -> bool {
    ["", "tcp", "udp", "sctp"].contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn short_ports() {
        for good in [
            "80",
            "8080:80",
            "127.0.0.1:8080:80",
            "127.0.0.1::80",
            "8000-8010:80-90",
            "53:53/udp",
            "3000-3005",
            "[::1]:80:80",
            "8000-8010:80",
            ":80",
            ":8000-8001/udp",
            "::80",
            ":8080:80",
            "0:80",
            "0-1:80",
            "80/",
            "[]:80:80",
        ] {
            assert_eq!(short(good), Some(()), "{good}");
        }
        let bad =
            ["", "abc", "80:", ":", "80:0", "0", "70000", "80/xyz", "90-80", "1-2:3-5", "x:80:80", "1:2:3:4", "+80:80"];
        for bad in bad.into_iter().chain(["::1:80:80", "[::1:80:80", "::1]:80:80", "127.0.0.1:80", ":::80", " 80"]) {
            assert_eq!(short(bad), None, "{bad}");
        }
    }
}
