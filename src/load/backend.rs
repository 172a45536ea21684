//! Asks the mock what it saw: at the borders of our own window, never inside it, where that would be load too.

use super::http::{AnswerReader, Target};
use crate::{
    error::{Error, Result},
    model::{BackendWindow, LoadPlan},
};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

/// Limit on each step: connecting, writing, reading.
const PATIENCE: Duration = Duration::from_secs(5);

/// Closes the window of a plan's mock, if it has one, and returns what that saw since the last one was closed.
///
/// # Errors
/// Those of [`close_window`].
pub fn close_window_of(plan: &LoadPlan) -> Result<Option<BackendWindow>> {
    plan.backend.as_deref().map(|url| close_window(url, plan.backend_token.as_deref())).transpose()
}

/// Closes the mock's current window and returns what it saw since the last one was closed.
///
/// # Errors
/// [`Error::Preflight`] names the URL and what went wrong.
fn close_window(url: &str, token: Option<&str>) -> Result<BackendWindow> {
    let target = Target::parse(url)?;
    let wrong = |why: String| {
        Error::Preflight(format!("{url}{}: the backend does not tell what it saw: {why}", BackendWindow::PATH))
    };
    let addresses = target.resolve().map_err(wrong)?;
    let text = exchange(&addresses, &target, token).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))
}

fn exchange(addresses: &[std::net::SocketAddr], target: &Target, token: Option<&str>) -> std::io::Result<Vec<u8>> {
    let mut last = std::io::ErrorKind::AddrNotAvailable.into();
    let mut connect = |address| TcpStream::connect_timeout(address, PATIENCE).map_err(|error| last = error).ok();
    let connected = addresses.iter().find_map(&mut connect);
    let mut stream = connected.ok_or(last)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let (prefix, path, host) = (&target.prefix, BackendWindow::PATH, &target.authority);
    let authorization = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
    let request = format!("POST {prefix}{path} HTTP/1.1\r\nHost: {host}\r\n{authorization}Content-Length: 0\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let (mut reader, mut buffer) = (AnswerReader::new(), [0; 16 << 10]);
    loop {
        let count = stream.read(&mut buffer)?;
        let answer = match count {
            0 => reader.close().ok_or(std::io::ErrorKind::UnexpectedEof)?,
            _ => match reader.feed(&buffer[..count]).map_err(std::io::Error::other)? {
                Some(answer) => answer,
                None => continue,
            },
        };
        if answer.status != 200 {
            return Err(std::io::Error::other(format!("HTTP {}", answer.status)));
        }
        return Ok(answer.body.to_vec());
    }
}
