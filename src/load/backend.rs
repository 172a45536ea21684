//! Asks the mock what it saw: at the borders of our own window, never inside it, where that would be load too.

use super::http::{AnswerReader, Target};
use crate::{
    error::{Error, Result},
    model::BackendWindow,
};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

/// Limit on each step: connecting, writing, reading.
const PATIENCE: Duration = Duration::from_secs(5);

/// Closes the mock's current window and returns what it saw since the last one was closed.
///
/// # Errors
/// [`Error::Preflight`] names the URL and what went wrong.
pub fn close_window(url: &str) -> Result<BackendWindow> {
    let target = Target::parse(url)?;
    let wrong = |why: String| {
        Error::Preflight(format!("{url}{}: the backend does not tell what it saw: {why}", BackendWindow::PATH))
    };
    let addresses = target.resolve().map_err(wrong)?;
    let text = exchange(&addresses, &target).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))
}

fn exchange(addresses: &[std::net::SocketAddr], target: &Target) -> std::io::Result<Vec<u8>> {
    let mut last = std::io::ErrorKind::AddrNotAvailable.into();
    let mut connect = |address| TcpStream::connect_timeout(address, PATIENCE).map_err(|error| last = error).ok();
    let connected = addresses.iter().find_map(&mut connect);
    let mut stream = connected.ok_or(last)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let (prefix, path, host) = (&target.prefix, BackendWindow::PATH, &target.authority);
    let request = format!("POST {prefix}{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
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
