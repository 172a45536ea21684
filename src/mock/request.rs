//! Finds complete requests in the bytes of a connection, wherever they are split, within limits. Does no I/O.

use super::endpoint::{Asked, Endpoint};
use crate::{
    text::is_uri_text,
    wire::{Chunked, Malformed, has_token, head_end, parse_length},
};
use std::mem::MaybeUninit;

/// Of the request line and all headers.
const MAX_HEAD_BYTES: usize = 64 << 10;
pub const MAX_BODY_BYTES: usize = 10 << 20;
/// Of the requests of all connections that are not complete.
pub const MAX_HELD_BYTES: usize = 512 << 20;
const MAX_HEADERS: usize = 128;
/// A buffer that has grown beyond this is freed between two requests.
const KEPT_CAPACITY: usize = 64 << 10;

/// Why bytes are not a request that can be served. The connection is then of no more use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadRequest {
    /// Not HTTP/1.x, or framed in a way that can be read as more than one request.
    Malformed(&'static str),
    HeadTooLarge,
    BodyTooLarge,
    /// It was not complete in time.
    Late,
    /// It would be kept until it is complete, and too much is kept already.
    NoRoom,
}

impl From<Malformed> for BadRequest {
    fn from(_: Malformed) -> Self {
        Self::Malformed("the body's chunked coding is malformed")
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub endpoint: Endpoint,
    pub client: Client,
    /// Whether the client waits to be told that it may send the body.
    pub expects_continue: bool,
}

/// What matters about a client for the form of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Whether the connection may be kept; one of HTTP/1.0 never is.
    pub keep_alive: bool,
    /// Whether it knows chunks; otherwise a stream ends with the connection.
    pub is_http11: bool,
    /// Whether it wants no body.
    pub is_head: bool,
}

/// A complete request.
#[derive(Debug, PartialEq, Eq)]
pub struct Request<'a> {
    pub head: &'a Head,
    pub body: &'a [u8],
}

/// Keeps the bytes of a connection until they are answered.
#[derive(Debug, Default)]
pub struct RequestReader {
    bytes: Vec<u8>,
    stage: Stage,
    /// Whether the client has been told that it may send the body.
    is_continued: bool,
}

#[derive(Debug)]
enum Stage {
    /// The first `seen` bytes do not hold the end of a head.
    Head { seen: usize },
    /// The body is from `start` to `end`.
    Length { head: Head, start: usize, end: usize },
    /// What is decoded is moved from the bytes to `body`.
    Chunked { head: Head, decoder: Chunked, body: Vec<u8> },
}

impl Default for Stage {
    fn default() -> Self {
        Self::Head { seen: 0 }
    }
}

impl RequestReader {
    /// Whether there is no part of a request.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && matches!(self.stage, Stage::Head { .. })
    }

    /// What is kept until a request is complete.
    pub fn held_bytes(&self) -> usize {
        let decoded = if let Stage::Chunked { body, .. } = &self.stage { body.len() } else { 0 };
        self.bytes.len() + decoded
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next request, once it is complete. It stays until [`Self::pop`].
    pub fn peek(&mut self) -> Result<Option<Request<'_>>, BadRequest> {
        if let Stage::Head { seen } = self.stage {
            // Empty lines before a request are ignored (RFC 9112, 2.2).
            let blank = self.bytes.iter().take_while(|byte| b"\r\n".contains(byte)).count();
            self.bytes.drain(..blank);
            let seen = seen.saturating_sub(blank);
            let Some(end) = head_end(&self.bytes, seen) else {
                self.stage = Stage::Head { seen: self.bytes.len() };
                // Whoever speaks TLS waits for an answer, and sends no end of a head.
                if self.bytes.first().is_some_and(|first| !first.is_ascii_graphic()) {
                    return Err(BadRequest::Malformed("it does not begin with a method"));
                }
                let is_too_large = self.bytes.len() > MAX_HEAD_BYTES;
                return if is_too_large { Err(BadRequest::HeadTooLarge) } else { Ok(None) };
            };
            self.stage = after_head(&self.bytes[..end])?;
            if let Stage::Chunked { .. } = self.stage {
                self.bytes.drain(..end);
            }
        }
        match &mut self.stage {
            Stage::Length { head, start, end } => {
                let whole = self.bytes.get(*start..*end);
                Ok(whole.map(|body| Request { head, body }))
            }
            Stage::Chunked { head, decoder, body } => {
                let taken = decoder.feed(&self.bytes, |data| {
                    if body.len() + data.len() > MAX_BODY_BYTES {
                        return Err(BadRequest::BodyTooLarge);
                    }
                    body.extend_from_slice(data);
                    Ok(())
                })?;
                self.bytes.drain(..taken);
                Ok(decoder.is_done().then_some(Request { head, body }))
            }
            Stage::Head { .. } => unreachable!("a head was read above"),
        }
    }

    /// Drops the request that [`Self::peek`] gave.
    pub fn pop(&mut self) {
        let taken = match &self.stage {
            Stage::Head { .. } | Stage::Chunked { .. } => 0,
            Stage::Length { end, .. } => *end,
        };
        self.bytes.drain(..taken);
        if self.bytes.capacity() > KEPT_CAPACITY {
            self.bytes.shrink_to(KEPT_CAPACITY);
        }
        (self.stage, self.is_continued) = (Stage::default(), false);
    }

    /// Whether to tell the client now that it may send the body; true once a request.
    pub fn must_continue(&mut self) -> bool {
        let head = match &self.stage {
            Stage::Length { head, .. } | Stage::Chunked { head, .. } => head,
            Stage::Head { .. } => return false,
        };
        head.expects_continue && !std::mem::replace(&mut self.is_continued, true)
    }
}

/// Reads a complete head and says what follows it.
fn after_head(bytes: &[u8]) -> Result<Stage, BadRequest> {
    let malformed = |why| Err(BadRequest::Malformed(why));
    if bytes.len() > MAX_HEAD_BYTES {
        return Err(BadRequest::HeadTooLarge);
    }
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(bytes, &mut headers) {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err(BadRequest::HeadTooLarge),
        _ => return malformed("the request is not HTTP/1.1"),
    }
    let (Some(method), Some(path), Some(version)) = (request.method, request.path, request.version) else {
        return malformed("the request is not HTTP/1.1");
    };
    let mut head = Head {
        endpoint: Endpoint::of(method, path),
        client: Client { keep_alive: version >= 1, is_http11: version >= 1, is_head: method == "HEAD" },
        expects_continue: false,
    };
    let (mut length, mut is_chunked, mut has_host) = (None, false, false);
    for header in request.headers.iter() {
        match header.name.len() {
            4 if header.name.eq_ignore_ascii_case("host") => {
                if std::mem::replace(&mut has_host, true) {
                    return malformed("Host is given twice");
                }
                if !is_host(header.value) {
                    return malformed("Host is not a host");
                }
            }
            6 if header.name.eq_ignore_ascii_case("expect") => {
                // Who speaks HTTP/1.0 does not wait, and knows no such answer (RFC 9110, 10.1.1).
                head.expects_continue |= version >= 1 && has_token(header.value, b"100-continue");
            }
            10 if header.name.eq_ignore_ascii_case("connection") => {
                head.client.keep_alive &= !has_token(header.value, b"close");
            }
            14 if header.name.eq_ignore_ascii_case("content-length") => {
                let Some(given) = parse_length(header.value) else {
                    return malformed("Content-Length is not a number");
                };
                if length.is_some_and(|other| other != given) {
                    return malformed("Content-Length is given twice");
                }
                length = Some(given);
            }
            13 if header.name.eq_ignore_ascii_case("authorization") => {
                if let Endpoint::Window(Asked { token, .. }) = &mut head.endpoint {
                    *token = bearer(header.value);
                }
            }
            17 if header.name.eq_ignore_ascii_case("transfer-encoding") => {
                // All such lines are one list (RFC 9110, 5.3), and chunked once is the only one that is understood.
                let is_again = std::mem::replace(&mut is_chunked, true);
                if is_again || !header.value.eq_ignore_ascii_case(b"chunked") {
                    return malformed("Transfer-Encoding is not chunked");
                }
            }
            _ => {}
        }
    }
    if !has_host && version >= 1 {
        return malformed("Host is missing");
    }
    match (is_chunked, length) {
        // Two ways to frame one body are how requests are smuggled (RFC 9112, 6.1).
        (true, Some(_)) => malformed("Content-Length and Transfer-Encoding are both given"),
        (true, None) => Ok(Stage::Chunked { head, decoder: Chunked::default(), body: Vec::new() }),
        (false, length) => match length.unwrap_or(0) {
            length if length > MAX_BODY_BYTES as u64 => Err(BadRequest::BodyTooLarge),
            length => Ok(Stage::Length { head, start: bytes.len(), end: bytes.len() + length as usize }),
        },
    }
}

/// Whether it is a name or an address, and perhaps a port (RFC 3986, 3.2.2 and 3.2.3).
fn is_host(value: &[u8]) -> bool {
    let Ok(value) = std::str::from_utf8(value) else { return false };
    let (host, port) = match value.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some(address_and_port)) => address_and_port,
        Some(None) => return false,
        None => value.split_at(value.find(':').unwrap_or(value.len())),
    };
    let is_port = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    is_uri_text(host, b"") && !host.contains('@') && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// The token of `Bearer TOKEN` (RFC 6750, 2.1); the scheme's case does not matter (RFC 9110, 11.1).
fn bearer(value: &[u8]) -> Option<String> {
    let (scheme, token) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each request's body and whether its connection is kept.
    fn read(pieces: &[&[u8]]) -> Result<Vec<(Vec<u8>, bool)>, BadRequest> {
        let (mut reader, mut found) = (RequestReader::default(), Vec::new());
        for piece in pieces {
            reader.push(piece);
            while let Some(request) = reader.peek()? {
                found.push((request.body.to_vec(), request.head.client.keep_alive));
                reader.pop();
            }
        }
        Ok(found)
    }

    const THREE: &[u8] = b"\r\nGET /v1/health HTTP/1.1\r\nHost: m\r\n\r\n\
        POST /v1/chat/completions HTTP/1.1\r\nhost: m\r\ncontent-length: 5\r\n\r\nhello\
        POST /v1/chat/completions HTTP/1.1\r\nHost:\r\nConnection: x, Close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";

    fn three() -> Vec<(Vec<u8>, bool)> {
        vec![(Vec::new(), true), (b"hello".to_vec(), true), (b"abc".to_vec(), false)]
    }

    #[test]
    fn several_requests_in_one_piece() {
        assert_eq!(read(&[THREE]), Ok(three()));
        let old = b"GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
        assert_eq!(read(&[old]), Ok(vec![(Vec::new(), false); 2]));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        let head = "POST /v1/chat/completions HTTP/1.1\r\nHost: m\r\n";
        for wrong in [
            "\0\u{1}\r\n\r\n",
            "\u{16}\u{3}\u{1}",
            "GET / HTTP/2\r\n\r\n",
            "GET /\r\n\r\n",
            &format!("{head}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            &format!("{head}Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
            &format!("{head}Content-Length: -1\r\n\r\n"),
            &format!("{head}Transfer-Encoding: gzip, chunked\r\n\r\n"),
            &format!("{head}Transfer-Encoding: chunked, chunked\r\n\r\n"),
            &format!("{head}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            &format!("{head}Transfer-Encoding: chunked\r\n\r\nx"),
        ] {
            assert!(matches!(read(&[wrong.as_bytes()]), Err(BadRequest::Malformed(_))), "{wrong}");
        }
    }

    #[test]
    fn a_request_names_one_host() {
        let read_with = |version, hosts: &str| read(&[format!("GET / HTTP/{version}\r\n{hosts}\r\n").as_bytes()]);
        for good in ["m", "M-1_x.example.:8080", "127.0.0.1:80", "[::1]", "[fe80::1%25eth0]:80", "a%20b", "a:", ""] {
            let hosts = format!("Host: {good}\r\n");
            assert!(read_with("1.1", &hosts).is_ok() && read_with("1.0", &hosts).is_ok(), "{good}");
        }
        for wrong in
            ["a b/c", "a/b", "a@b", "http://a", "a:b", "a:1:2", "::1", "[::1", "[::1]80", "a%2", "a,b?", "\u{e4}"]
        {
            let hosts = format!("Host: {wrong}\r\n");
            let refused = Err(BadRequest::Malformed("Host is not a host"));
            assert_eq!([read_with("1.1", &hosts), read_with("1.0", &hosts)], [refused.clone(), refused], "{wrong}");
        }
        let twice = "Host: a\r\nhost: a\r\n";
        let refused = Err(BadRequest::Malformed("Host is given twice"));
        assert_eq!([read_with("1.1", twice), read_with("1.0", twice)], [refused.clone(), refused]);
        assert_eq!(read_with("1.1", ""), Err(BadRequest::Malformed("Host is missing")));
        assert!(read_with("1.0", "").is_ok());
    }

    #[test]
    fn limits() {
        let endless = [b"GET / HTTP/1.1\r\n".to_vec(), b"X: y\r\n".repeat(20_000)].concat();
        assert_eq!(read(&[&endless]), Err(BadRequest::HeadTooLarge));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(MAX_HEADERS + 1));
        assert_eq!(read(&[many.as_bytes()]), Err(BadRequest::HeadTooLarge));
        let large = format!("POST / HTTP/1.1\r\nHost: m\r\nContent-Length: {}\r\n\r\n", MAX_BODY_BYTES + 1);
        assert_eq!(read(&[large.as_bytes()]), Err(BadRequest::BodyTooLarge));
        let chunk =
            [format!("{MAX_BODY_BYTES:x}\r\n").into_bytes(), vec![b'x'; MAX_BODY_BYTES], b"\r\n".to_vec()].concat();
        let chunked = b"POST / HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(read(&[chunked, &chunk, b"0\r\n\r\n"]).unwrap()[0].0.len(), MAX_BODY_BYTES);
        assert_eq!(read(&[chunked, &chunk, &chunk]), Err(BadRequest::BodyTooLarge));
    }

    #[test]
    fn of_a_chunked_body_only_the_data_is_kept() {
        let mut reader = RequestReader::default();
        reader.push(b"POST / HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..10_000 {
            reader.push(b"000001\r\nx\r\n");
            assert_eq!(reader.peek(), Ok(None));
        }
        assert_eq!((reader.held_bytes(), reader.bytes.len()), (10_000, 0));
        assert!(!reader.is_empty(), "a part of a request is there");
        reader.push(b"0\r\n\r\nGET");
        assert_eq!(reader.peek().unwrap().unwrap().body.len(), 10_000);
        reader.pop();
        assert_eq!(reader.held_bytes(), 3, "the next request");
    }

    #[test]
    fn a_client_that_waits_is_told_once() {
        for (version, expect, is_told) in [
            ("1.1", "Expect: 100-continue", true),
            ("1.1", "Expect: 100-Continue\r\nExpect: x", true),
            ("1.1", "Expect: x, 100-continue", true),
            ("1.1", "Expect: x", false),
            ("1.0", "Expect: 100-continue", false),
        ] {
            let mut reader = RequestReader::default();
            reader
                .push(format!("POST / HTTP/{version}\r\nHost: m\r\n{expect}\r\nContent-Length: 2\r\n\r\n").as_bytes());
            assert_eq!(reader.peek(), Ok(None));
            assert_eq!((reader.must_continue(), reader.must_continue()), (is_told, false), "{version} {expect}");
            reader.push(b"ok");
            assert_eq!(reader.peek().unwrap().unwrap().body, b"ok");
        }
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same(cuts in proptest::collection::vec(0..THREE.len(), 0..12)) {
            let mut cuts = cuts;
            cuts.extend([0, THREE.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &THREE[cut[0]..cut[1]]).collect();
            prop_assert_eq!(read(&pieces), Ok(three()));
        }

        #[test]
        fn rubbish_never_panics(pieces: Vec<Vec<u8>>) {
            let _ = read(&pieces.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
    }
}
