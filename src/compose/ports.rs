//! `ports` and `expose`: read so that a mistake shows. No port of the host is ever taken.

use super::fields::{Field, Problem};
use std::net::IpAddr;

/// `[[address:]published:]target[/protocol]` with ranges, a number, or the long form.
pub(super) fn check(field: &Field<'_>) -> Result<(), Problem> {
    if field.is_mapping() {
        const KEYS: [&str; 7] = ["name", "mode", "host_ip", "target", "published", "protocol", "app_protocol"];
        let mut keys = field.keys(&KEYS)?;
        let target = keys.required("target")?;
        range(&target.string()?).ok_or_else(|| target.problem("is not a port (1 to 65535)"))?;
        keys.get("published", |field| {
            let text = field.string()?;
            published(&text).ok_or_else(|| field.problem(format!("`{text}` is not a port, or a range of them")))
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
    let (ports, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
    let is_good = is_protocol(protocol) && range(ports).is_some();
    if is_good { Ok(()) } else { Err(field.problem(format!("`{text}` is not port[-port][/protocol]"))) }
}

fn short(text: &str) -> Option<()> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (before, target) = match ports.rsplit_once(':') {
        Some((before, target)) => (Some(before), target),
        None => (None, ports),
    };
    let target_size = range(target)?;
    if let Some(before) = before {
        let (address, host) = match before.rsplit_once(':') {
            Some((address, host)) => (Some(address), host),
            None => (None, before),
        };
        if let Some(address) = address {
            address.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok()?;
        }
        // Without a number the engine chooses one.
        if !(host.is_empty() && address.is_some()) {
            let size = range(host)?;
            // Of several the engine takes a free one, for one target.
            (size == target_size || target_size == 1).then_some(())?;
        }
    }
    is_protocol(protocol).then_some(())
}

fn published(text: &str) -> Option<()> {
    if text.is_empty() || text == "0" { Some(()) } else { range(text).map(drop) }
}

/// How many ports a range has.
fn range(text: &str) -> Option<u32> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| text.parse::<u16>().ok().filter(|&port| port > 0).map(u32::from);
    let (first, last) = (port(first)?, port(last)?);
    (first <= last).then(|| last - first + 1)
}

fn protocol(field: &Field<'_>) -> Result<(), Problem> {
    let text = field.text()?;
    if is_protocol(&text) { Ok(()) } else { Err(field.problem(format!("`{text}` is none of tcp, udp, sctp"))) }
}

fn is_protocol(text: &str) -> bool {
    ["tcp", "udp", "sctp"].contains(&text.to_ascii_lowercase().as_str())
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
        ] {
            assert_eq!(short(good), Some(()), "{good}");
        }
        for bad in ["", "abc", "80:", ":80", "0", "70000", "80/xyz", "90-80", "1-2:3-5", "x:80:80", "1:2:3:4"] {
            assert_eq!(short(bad), None, "{bad}");
        }
    }
}
