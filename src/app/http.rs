//! HTTP/1.1 as far as a server behind a load generator needs it: requests and answers whose bodies have a length. Does no I/O.

use crate::wire::{has_token, head_end, parse_length};
use std::{mem::MaybeUninit, ops::Range};

const MAX_HEAD_BYTES: usize = 64 << 10;
const MAX_BODY_BYTES: usize = 10 << 20;
const MAX_HEADERS: usize = 128;

/// What is answered to a request that was worked on without a backend: the least that is a chat completion.
pub const COMPLETION: &[u8] = br#"{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Done."},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;

/// What a complete request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// To be worked on.
    Work,
    Health,
    /// How many workers and threads there are.
    Workers,
    /// Nothing that there is: it gets this status.
    Other(u16),
}

/// A complete request at the start of a connection's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub wanted: Wanted,
    pub body: Range<usize>,
    pub keep_alive: bool,
}

/// A complete answer at the start of a connection's bytes, which are all that there may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: Range<usize>,
    pub keep_alive: bool,
}

/// `None` where it is not complete yet.
///
/// # Errors
/// The status that says why these bytes are no request, and will not become one.
pub fn request(bytes: &[u8]) -> Result<Option<Request>, u16> {
    let Some(head) = head_of(bytes).map_err(|_| 431_u16)? else { return Ok(None) };
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(head, &mut headers) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(431),
        _ => return Err(400),
    }
    let framing = Framing::of(request.headers, request.version)?;
    let body = head.len()..head.len() + framing.length.unwrap_or(0);
    if bytes.len() < body.end {
        return Ok(None);
    }
    let wanted = match (request.method, request.path) {
        (Some("POST"), _) => Wanted::Work,
        (Some("GET"), Some("/v1/health" | "/health")) => Wanted::Health,
        (Some("GET"), Some("/workers")) => Wanted::Workers,
        (Some("GET"), _) => Wanted::Other(404),
        _ => Wanted::Other(405),
    };
    Ok(Some(Request { wanted, body, keep_alive: framing.keep_alive }))
}

/// `None` where it is not complete yet.
///
/// # Errors
/// Where these bytes are no answer whose body has a length.
pub fn answer(bytes: &[u8]) -> Result<Option<Answer>, NoAnswer> {
    let Some(head) = head_of(bytes)? else { return Ok(None) };
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut answer = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut answer, head, &mut headers);
    let (Ok(httparse::Status::Complete(_)), Some(status)) = (parsed, answer.code) else { return Err(NoAnswer) };
    let framing = Framing::of(answer.headers, answer.version).map_err(|_| NoAnswer)?;
    let length = framing.length.ok_or(NoAnswer)?;
    let body = head.len()..head.len() + length;
    Ok((bytes.len() >= body.end).then_some(Answer { status, body, keep_alive: framing.keep_alive }))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAnswer;

/// Adds an answer to what is to be written.
pub fn write_answer(out: &mut Vec<u8>, status: u16, body: &[u8], keep_alive: bool) {
    let reason = http::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason()).unwrap_or_default();
    let connection = if keep_alive { "" } else { "Connection: close\r\n" };
    let length = body.len();
    out.extend_from_slice(
        format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\n{connection}Content-Length: {length}\r\n\r\n"
        )
        .as_bytes(),
    );
    out.extend_from_slice(body);
}

/// An error's body, in OpenAI's form.
pub fn error_body(message: &str) -> Vec<u8> {
    serde_json::json!({ "error": { "message": message, "type": "server_error" } }).to_string().into_bytes()
}

/// The whole head, if it is there.
fn head_of(bytes: &[u8]) -> Result<Option<&[u8]>, NoAnswer> {
    match head_end(&bytes[..bytes.len().min(MAX_HEAD_BYTES)], 0) {
        Some(end) => Ok(Some(&bytes[..end])),
        None if bytes.len() >= MAX_HEAD_BYTES => Err(NoAnswer),
        None => Ok(None),
    }
}

/// How a message ends, and its connection.
struct Framing {
    /// Of the body; `None` where none is given.
    length: Option<usize>,
    keep_alive: bool,
}

impl Framing {
    /// # Errors
    /// The status for a request that is framed so.
    fn of(headers: &[httparse::Header<'_>], version: Option<u8>) -> Result<Self, u16> {
        let mut framing = Self { length: None, keep_alive: version == Some(1) };
        for header in headers {
            if header.name.eq_ignore_ascii_case("connection") {
                framing.keep_alive &= !has_token(header.value, b"close");
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                return Err(411);
            } else if header.name.eq_ignore_ascii_case("content-length") {
                let length = parse_length(header.value).ok_or(400_u16)?;
                let length = usize::try_from(length).ok().filter(|&length| length <= MAX_BODY_BYTES).ok_or(413_u16)?;
                if framing.length.replace(length).is_some_and(|other| other != length) {
                    return Err(400);
                }
            }
        }
        Ok(framing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_requests_ask_for() {
        let wanted = |line: &str| request(format!("{line} HTTP/1.1\r\n\r\n").as_bytes()).unwrap().unwrap().wanted;
        assert_eq!(wanted("GET /v1/health"), Wanted::Health);
        assert_eq!(wanted("GET /workers"), Wanted::Workers);
        assert_eq!(wanted("GET /"), Wanted::Other(404));
        assert_eq!(wanted("DELETE /v1/health"), Wanted::Other(405));
        assert_eq!(wanted("POST /anything"), Wanted::Work);
    }

    #[test]
    fn a_request_is_complete_with_its_last_byte() {
        let whole = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}";
        for cut in 0..whole.len() {
            assert_eq!(request(&whole[..cut]), Ok(None), "{cut}");
        }
        let next = [whole.as_slice(), b"GET"].concat();
        let found = request(&next).unwrap().unwrap();
        assert_eq!((&next[found.body], found.keep_alive), (b"{}".as_slice(), true));
        let closing = request(b"POST / HTTP/1.1\r\nConnection: Close\r\n\r\n").unwrap().unwrap();
        let old = request(b"POST / HTTP/1.0\r\n\r\n").unwrap().unwrap();
        assert!(!closing.keep_alive && !old.keep_alive);
    }

    #[test]
    fn what_is_no_request_is_refused_and_bounded() {
        let post = |headers: &str| format!("POST / HTTP/1.1\r\n{headers}\r\n");
        for (bytes, status) in [
            ("x\r\n\r\n".to_owned(), 400),
            (post("Content-Length: 1\r\nContent-Length: 2\r\n"), 400),
            (post("Content-Length: -1\r\n"), 400),
            (post("Transfer-Encoding: chunked\r\n"), 411),
            (post(&format!("Content-Length: {}\r\n", MAX_BODY_BYTES + 1)), 413),
            (post(&"X: y\r\n".repeat(MAX_HEADERS + 1)), 431),
            ("X".repeat(MAX_HEAD_BYTES), 431),
        ] {
            assert_eq!(request(bytes.as_bytes()), Err(status), "{}", &bytes[..bytes.len().min(60)]);
        }
        assert_eq!(request(post(&format!("Content-Length: {MAX_BODY_BYTES}\r\n")).as_bytes()), Ok(None));
        assert_eq!(request("X".repeat(MAX_HEAD_BYTES - 1).as_bytes()), Ok(None));
    }

    #[test]
    fn an_answer_comes_back_as_it_was_written() {
        for (status, keep_alive) in [(200, true), (503, false)] {
            let mut bytes = Vec::new();
            write_answer(&mut bytes, status, COMPLETION, keep_alive);
            let found = answer(&bytes).unwrap().unwrap();
            assert_eq!((found.status, found.keep_alive), (status, keep_alive));
            assert_eq!(&bytes[found.body], COMPLETION);
            assert_eq!(answer(&bytes[..bytes.len() - 1]), Ok(None));
        }
        assert_eq!(answer(b"HTTP/1.1 200 OK\r\n\r\n"), Err(NoAnswer), "its end is not said");
        assert_eq!(answer(b"SSH-2.0\r\n\r\n"), Err(NoAnswer));
    }

    #[test]
    fn the_answer_is_what_our_load_generator_expects() {
        let body: serde_json::Value = serde_json::from_slice(COMPLETION).unwrap();
        assert!(!body["choices"].as_array().unwrap().is_empty());
        assert_eq!(crate::model::Expect::default().to_string(), "200 /choices");
    }

    proptest! {
        #[test]
        fn rubbish_never_panics(bytes: Vec<u8>) {
            let _ = (request(&bytes), answer(&bytes));
        }
    }
}
