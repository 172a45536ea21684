//! Is the target ready? A plain HTTP/1.1 GET every 50 ms; only a 2xx counts.

use crate::error::{Error, Result};
use std::{
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs},
    thread,
    time::{Duration, Instant},
};

const POLL_INTERVAL: Duration = Duration::from_millis(50);
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
const SHOWN_BODY_BYTES: usize = 200;

/// Polls `url` until it answers with a 2xx, or `is_over` says that nobody waits for it any more: false then. `waiting`
/// hears the last answer about once a second.
pub fn wait_for(
    url: &str,
    timeout: Duration,
    is_over: &dyn Fn() -> bool,
    mut waiting: impl FnMut(String) -> Result<()>,
) -> Result<bool> {
    let (authority, path) = split(url)?;
    // A timeout beyond what a clock can add has no end.
    let deadline = Instant::now().checked_add(timeout);
    let mut next_word = Instant::now() + Duration::from_secs(1);
    while !is_over() {
        let last = match status(authority, path) {
            Ok((200..=299, _)) => return Ok(true),
            Ok((status, body)) => format!("HTTP {status}: {body}").trim_end_matches([':', ' ']).to_owned(),
            Err(error) => error.to_string(),
        };
        let now = Instant::now();
        if deadline.is_some_and(|deadline| now >= deadline) {
            return Err(Error::Start(format!("not ready after {} s; last answer: {last}", timeout.as_secs_f64())));
        }
        if now >= next_word {
            waiting(last)?;
            next_word = now + Duration::from_secs(1);
        }
        thread::sleep(POLL_INTERVAL);
    }
    Ok(false)
}

/// One request, whatever comes of it.
pub fn ask(url: &str) {
    if let Ok((authority, path)) = split(url) {
        let _ = status(authority, path);
    }
}

/// `http://host:port/path` into `host:port` and `/path`.
fn split(url: &str) -> Result<(&str, &str)> {
    let rest = url.strip_prefix("http://").ok_or_else(|| Error::Usage(format!("{url}: not an http:// URL")))?;
    let slash = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);
    Ok((authority, if path.is_empty() { "/" } else { path }))
}

/// Status code and the start of the body.
fn status(authority: &str, path: &str) -> std::io::Result<(u16, String)> {
    let invalid = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
    let with_port = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
    let address = with_port.to_socket_addrs()?.next().ok_or_else(|| invalid("the name has no address"))?;
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_LIMIT)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    stream.set_write_timeout(Some(ANSWER_LIMIT))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\nAccept: */*\r\n\r\n");
    // In one write: a server that answers the first piece and closes would reset the connection at the second.
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let deadline = Instant::now() + ANSWER_LIMIT;
    let mut chunk = [0; 1024];
    while answer.len() < 64 * 1024 && Instant::now() < deadline {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => answer.extend_from_slice(&chunk[..read]),
            Err(_) if !answer.is_empty() => break,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                return Err(std::io::Error::new(
                    std::io::ErrorKind::TimedOut,
                    "accepted the connection and did not answer in 2 s",
                ));
            }
            Err(error) => return Err(error),
        }
    }
    if answer.is_empty() {
        return Err(invalid("closed the connection without an answer"));
    }
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(&answer).map_err(|error| invalid(&format!("not HTTP: {error}")))?;
    let code = response.code.ok_or_else(|| invalid("not HTTP: no status line"))?;
    let body = if let httparse::Status::Complete(start) = parsed { &answer[start..] } else { &[] };
    let shown = &body[..body.len().min(SHOWN_BODY_BYTES)];
    Ok((code, String::from_utf8_lossy(shown).trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn serve_once(answers: &'static [&'static str]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().expect("a client");
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        format!("http://{address}/health")
    }

    #[test]
    fn a_2xx_after_errors_is_ready() {
        let url = serve_once(&["HTTP/1.1 503 Busy\r\n\r\nloading", "HTTP/1.1 204 No Content\r\n\r\n"]);
        assert!(wait_for(&url, Duration::from_secs(10), &|| false, |_| Ok(())).expect("ready"));
    }

    #[test]
    fn a_500_is_not_ready_and_is_named() {
        let url = serve_once(&["HTTP/1.1 500 Oops\r\n\r\nno database"]);
        let error = wait_for(&url, Duration::ZERO, &|| false, |_| Ok(())).expect_err("never ready");
        assert_eq!(error.to_string(), "not ready after 0 s; last answer: HTTP 500: no database");
        assert_eq!(error.exit_code(), 4);
    }

    #[test]
    fn rubbish_is_not_ready() {
        let url = serve_once(&["SSH-2.0-OpenSSH_9.2\r\n"]);
        let error = wait_for(&url, Duration::ZERO, &|| false, |_| Ok(())).expect_err("never ready");
        assert!(error.to_string().contains("not HTTP"), "{error}");
    }
}
