//! Reads an HTTP/1.1 answer from the bytes of a connection, wherever they are split, within limits. Does no I/O.
//!
//! An answer that comes in one piece, as most do, is parsed where it lies: nothing is copied. Framing follows RFC 9112, 6.3.

use super::{MAX_BODY_BYTES, coding::Coding};
use crate::wire::{Chunked, Malformed, has_token, head_end, parse_length};
use std::mem::MaybeUninit;

/// Of the status line and all headers.
pub const MAX_HEAD_BYTES: usize = 4 << 20;
const MAX_HEADERS: usize = 1024;
/// A buffer that has grown beyond this is freed between two answers.
const KEPT_CAPACITY: usize = 64 << 10;

/// Why bytes are not an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    #[error("the answer is not HTTP/1.1")]
    NotHttp,
    /// A TLS record came where HTTP was spoken.
    #[error("the server speaks TLS: use https://")]
    Tls,
    #[error("the answer's head is malformed")]
    Head,
    #[error("the answer's head is larger than 4 MiB or has more than 1,024 headers")]
    HeadTooLarge,
    /// `Content-Length` is not a number, or several of them differ.
    #[error("the answer's Content-Length is invalid")]
    Length,
    #[error("the answer's chunked coding is malformed")]
    Chunk,
    #[error("the answer's body is larger than 16 MiB")]
    BodyTooLarge,
    /// Status 101, which was not asked for.
    #[error("the server switched protocols")]
    Upgrade,
}

impl From<Malformed> for ProtocolError {
    fn from(_: Malformed) -> Self {
        Self::Chunk
    }
}

/// A complete answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    pub status: u16,
    /// Status line and headers, where they are kept; otherwise empty.
    pub head: &'a [u8],
    /// Without its framing.
    pub body: &'a [u8],
    /// How the body is compressed.
    pub coding: Coding,
    /// Whether the connection may serve another request; also false if more bytes follow, which nobody asked for.
    pub keep_alive: bool,
}

/// Reads the answers of one connection, one at a time.
#[derive(Debug)]
pub struct AnswerReader {
    /// Whether the request is a `HEAD`, whose answer has no body.
    answers_head: bool,
    /// The last whole head, where it is to be kept.
    kept: Option<Vec<u8>>,
    stage: Stage,
    status: u16,
    coding: Coding,
    keep_alive: bool,
    /// The part of a head that has come so far.
    head: Vec<u8>,
    /// The part of a body that has come so far.
    body: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Head,
    Length { left: u64 },
    Chunked(Chunked),
    UntilClose,
}

impl AnswerReader {
    pub fn new() -> Self {
        let (head, body) = (Vec::new(), Vec::new());
        Self {
            answers_head: false,
            kept: None,
            stage: Stage::Head,
            status: 0,
            coding: Coding::Identity,
            keep_alive: false,
            head,
            body,
        }
    }

    /// One whose answers have their heads.
    pub fn keeping_heads() -> Self {
        Self { kept: Some(Vec::new()), ..Self::new() }
    }

    /// To be called before the answer to each request.
    pub fn reset(&mut self, answers_head: bool) {
        self.answers_head = answers_head;
        self.stage = Stage::Head;
        for buffer in [&mut self.head, &mut self.body] {
            buffer.clear();
            if buffer.capacity() > KEPT_CAPACITY {
                *buffer = Vec::new();
            }
        }
    }

    /// The status and the body so far; `None` before the head is complete.
    pub fn so_far(&self) -> Option<(u16, &[u8])> {
        (!matches!(self.stage, Stage::Head)).then_some((self.status, self.body.as_slice()))
    }

    /// How the answer's body is compressed, once its head is complete.
    pub fn coding(&self) -> Coding {
        self.coding
    }

    /// Bytes kept until the answer is complete.
    pub fn held_bytes(&self) -> usize {
        self.head.len() + self.body.len()
    }

    /// Drops the body so far, for callers who read it piece by piece.
    pub fn forget_body(&mut self) {
        self.body.clear();
    }

    /// Whether no byte of the answer has come.
    pub fn is_untouched(&self) -> bool {
        matches!(self.stage, Stage::Head) && self.head.is_empty()
    }

    /// Takes the next bytes. `Some` if they complete the answer.
    pub fn feed<'a>(&'a mut self, bytes: &'a [u8]) -> Result<Option<Answer<'a>>, ProtocolError> {
        let mut rest = bytes;
        while matches!(self.stage, Stage::Head) {
            let Some(taken) = self.feed_head(rest)? else { return Ok(None) };
            rest = &rest[taken..];
        }
        let (taken, is_whole) = match &mut self.stage {
            Stage::Length { left } if self.body.is_empty() && rest.len() as u64 >= *left => {
                let (body, excess) = rest.split_at(*left as usize);
                let keep_alive = self.keep_alive && excess.is_empty();
                return Ok(Some(Answer { body, ..self.answer(keep_alive) }));
            }
            Stage::Length { left } => {
                let take = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                append(&mut self.body, &rest[..take])?;
                *left -= take as u64;
                (take, *left == 0)
            }
            Stage::Chunked(decoder) => {
                let taken = decoder.feed(rest, |data| append(&mut self.body, data))?;
                (taken, decoder.is_done())
            }
            Stage::UntilClose => {
                append(&mut self.body, rest)?;
                (rest.len(), false)
            }
            Stage::Head => unreachable!("the loop above ends only when the head is read"),
        };
        let keep_alive = self.keep_alive && taken == rest.len();
        Ok(is_whole.then(|| self.answer(keep_alive)))
    }

    fn answer(&self, keep_alive: bool) -> Answer<'_> {
        let head = self.kept.as_deref().unwrap_or_default();
        Answer { status: self.status, head, body: &self.body, coding: self.coding, keep_alive }
    }

    /// The server has closed the connection. `Some` if that is what completes the answer.
    pub fn close(&self) -> Option<Answer<'_>> {
        let ends = matches!(self.stage, Stage::UntilClose);
        ends.then(|| self.answer(false))
    }

    /// Takes bytes up to the end of a head and returns how many; `None` if the head goes on.
    fn feed_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, ProtocolError> {
        if self.head.is_empty()
            && let Some(end) = head_end(bytes, 0)
        {
            self.stage = self.after_head(&bytes[..end])?;
            return Ok(Some(end));
        }
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        let Some(end) = head_end(&self.head, before) else {
            let seen = self.head.len().min(HTTP_1.len());
            return if TLS_RECORDS.iter().any(|start| start[..1] == self.head) {
                Ok(None)
            } else if self.head[..seen] != HTTP_1[..seen] {
                Err(not_http(&self.head))
            } else if self.head.len() > MAX_HEAD_BYTES {
                Err(ProtocolError::HeadTooLarge)
            } else {
                Ok(None)
            };
        };
        let head = std::mem::take(&mut self.head);
        self.stage = self.after_head(&head[..end])?;
        Ok(Some(end - before))
    }

    /// Reads a complete head and says what follows it.
    fn after_head(&mut self, bytes: &[u8]) -> Result<Stage, ProtocolError> {
        let head = parse_head(bytes)?;
        (self.status, self.coding, self.keep_alive) = (head.status, head.coding, head.keep_alive);
        if let Some(kept) = &mut self.kept {
            kept.clear();
            kept.shrink_to(KEPT_CAPACITY);
            kept.extend_from_slice(bytes);
        }
        Ok(match head.status {
            101 => return Err(ProtocolError::Upgrade),
            100..=199 => Stage::Head,
            204 | 304 => Stage::Length { left: 0 },
            _ if self.answers_head => Stage::Length { left: 0 },
            _ if head.is_chunked => Stage::Chunked(Chunked::default()),
            _ => match head.content_length.filter(|_| !head.is_transfer_coded) {
                Some(length) if length > MAX_BODY_BYTES => return Err(ProtocolError::BodyTooLarge),
                Some(length) => Stage::Length { left: length },
                None => Stage::UntilClose,
            },
        })
    }
}

/// Names and values of a head's headers. Values are octets (RFC 9110, 5.5).
pub fn headers(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    head.split(|&byte| byte == b'\n').skip(1).filter_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        Some((line[..colon].trim_ascii_end(), line[colon + 1..].trim_ascii()))
    })
}

const HTTP_1: &[u8] = b"HTTP/1.";

/// The content type of a TLS record, an alert or a handshake, and the first byte of its version.
const TLS_RECORDS: [&[u8]; 2] = [b"\x15\x03", b"\x16\x03"];

fn not_http(bytes: &[u8]) -> ProtocolError {
    let is_tls = TLS_RECORDS.iter().any(|start| bytes.starts_with(start));
    if is_tls { ProtocolError::Tls } else { ProtocolError::NotHttp }
}

struct Head {
    status: u16,
    coding: Coding,
    keep_alive: bool,
    /// Whether the body has been coded for its way; then a length says nothing (RFC 9112, 6.3).
    is_transfer_coded: bool,
    /// Whether the last of those codings is chunks; otherwise the body ends with the connection.
    is_chunked: bool,
    content_length: Option<u64>,
}

fn parse_head(bytes: &[u8]) -> Result<Head, ProtocolError> {
    if !bytes.starts_with(HTTP_1) {
        return Err(not_http(bytes));
    }
    if bytes.len() > MAX_HEAD_BYTES {
        return Err(ProtocolError::HeadTooLarge);
    }
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    // A line that starts with a blank goes on with the one before it (RFC 9112, 5.2); what is read below splits such a value
    // at commas and trims the items, for which a line break is as good as the blank that it stands for.
    let mut config = httparse::ParserConfig::default();
    config.allow_obsolete_multiline_headers_in_responses(true).allow_spaces_after_header_name_in_responses(true);
    match config.parse_response_with_uninit_headers(&mut response, bytes, &mut headers) {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err(ProtocolError::HeadTooLarge),
        _ => return Err(ProtocolError::Head),
    }
    let (Some(status), Some(version)) = (response.code, response.version) else { return Err(ProtocolError::Head) };
    let keep_alive = version >= 1;
    let mut head = Head {
        status,
        coding: Coding::Identity,
        keep_alive,
        is_transfer_coded: false,
        is_chunked: false,
        content_length: None,
    };
    let mut is_last = false;
    for header in response.headers.iter() {
        // Few headers matter; the length of the name tells most others apart without reading it.
        match header.name.len() {
            10 if header.name.eq_ignore_ascii_case("connection") => {
                is_last |= has_token(header.value, b"close");
                head.keep_alive |= has_token(header.value, b"keep-alive");
            }
            14 if header.name.eq_ignore_ascii_case("content-length") => {
                // A list of the same length is that length (RFC 9112, 6.3).
                for item in header.value.split(|&byte| byte == b',') {
                    let length = parse_length(item.trim_ascii()).ok_or(ProtocolError::Length)?;
                    if head.content_length.is_some_and(|other| other != length) {
                        return Err(ProtocolError::Length);
                    }
                    head.content_length = Some(length);
                }
            }
            16 if header.name.eq_ignore_ascii_case("content-encoding") => {
                head.coding = head.coding.and(Coding::of(header.value));
            }
            17 if header.name.eq_ignore_ascii_case("transfer-encoding") => {
                header.value.split(|&byte| byte == b',').for_each(|item| head.add_transfer_coding(item.trim_ascii()));
            }
            _ => {}
        }
    }
    // `close` counts before all else, in whichever line it is (RFC 9112, 9.3).
    head.keep_alive &= !is_last;
    // What such an answer is framed by, not all that have passed it on need to have seen (RFC 9112, 6.1 and 6.3).
    head.keep_alive &= !(head.is_chunked && (version == 0 || head.content_length.is_some()));
    Ok(head)
}

impl Head {
    /// The next item of a `Transfer-Encoding`: the last one frames the body if it is chunked (RFC 9112, 6.3), and those before it
    /// are undone like a `Content-Encoding`. Items without a name are none (RFC 9110, 5.6.1).
    fn add_transfer_coding(&mut self, item: &[u8]) {
        if item.is_empty() {
            return;
        }
        let is_chunked = item.eq_ignore_ascii_case(b"chunked");
        let coding = if is_chunked { Coding::Identity } else { Coding::of(item) };
        self.coding = if self.is_chunked { Coding::Other } else { self.coding.and(coding) };
        self.is_transfer_coded |= is_chunked || coding != Coding::Identity;
        self.is_chunked = is_chunked;
    }
}

fn append(body: &mut Vec<u8>, data: &[u8]) -> Result<(), ProtocolError> {
    if (body.len() + data.len()) as u64 > MAX_BODY_BYTES {
        return Err(ProtocolError::BodyTooLarge);
    }
    body.extend_from_slice(data);
    Ok(())
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
