//! A build by BuildKit, through the engine's own `POST /build?version=2`. The request and what answers it are ours: bollard
//! reads BuildKit's progress only with its own gRPC stack, 33 more crates, and this takes three messages of it.
//!
//! No session is opened: the context is in the request. So BuildKit asks us for no credentials, and base images are there before.

use super::{super::EngineError, Call, Engine, context::Context};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::TryStreamExt;
use http_body_util::{BodyExt, StreamBody};
use hyper::{Request, body::Frame, client::conn::http1};
use hyper_util::rt::TokioIo;
use percent_encoding::utf8_percent_encode;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, HashSet},
    io,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};

/// A longer line is none of the engine's.
const LINE_LIMIT_BYTES: usize = 16 << 20;

/// A line of the answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    #[serde(default)]
    stream: String,
    error_detail: Option<ErrorDetail>,
    /// A trace in base64, or an object such as the image's id.
    aux: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct ErrorDetail {
    message: String,
}

/// A refusal's body.
#[derive(Deserialize)]
struct Refusal {
    message: String,
}

impl Engine {
    /// Builds with these query parameters; `progress` hears the builder's lines. The inner error is the builder's.
    pub(super) async fn build_by_buildkit(
        &self,
        reference: &str,
        parameters: &[(&str, &str)],
        context: Context,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Result<(), String>, EngineError> {
        let failed = |why: &(dyn std::error::Error + 'static)| {
            EngineError::other(Call::Build, reference, super::super::call::with_causes(why))
        };
        let connection = self.limited(Call::Greet, "the engine", connect(&self.address)).await?;
        let connection = TokioIo::new(connection.map_err(|error| failed(&error))?);
        let greeted = self.limited(Call::Greet, "the engine", http1::handshake(connection)).await?;
        let (mut sender, connection) = greeted.map_err(|error| failed(&error))?;
        // It ends with the sender and the answer's body.
        tokio::spawn(connection);
        let encoded =
            |(name, value): &(&str, &str)| format!("{name}={}", utf8_percent_encode(value, crate::text::RESERVED));
        let query: Vec<String> = [("version", "2")].iter().chain(parameters).map(encoded).collect();
        let request = Request::post(format!("/v{}/build?{}", self.facts.api_version, query.join("&")))
            .header("Host", "docker")
            .header("Content-Type", "application/x-tar")
            .body(StreamBody::new(context.into_tar().map_ok(Frame::data)))
            .map_err(|error| failed(&error))?;
        let answer = self.limited(Call::Build, reference, sender.send_request(request)).await?;
        let answer = answer.map_err(|error| failed(&error))?;
        let is_refused = !answer.status().is_success();
        let mut body = answer.into_body();
        let (mut trace, mut kept) = (Trace::default(), Vec::new());
        while let Some(frame) = self.limited(Call::Build, reference, body.frame()).await? {
            let Ok(piece) = frame.map_err(|error| failed(&error))?.into_data() else { continue };
            kept.extend_from_slice(&piece);
            if is_refused {
                continue;
            }
            while let Some(end) = kept.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = kept.drain(..=end).collect();
                if let Err(error) = take(&line, &mut trace, progress) {
                    return Ok(Err(error));
                }
            }
            if kept.len() > LINE_LIMIT_BYTES {
                return Err(EngineError::other(Call::Build, reference, "a line without an end"));
            }
        }
        if is_refused {
            let said = serde_json::from_slice(&kept).map(|refusal: Refusal| refusal.message);
            return Ok(Err(said.unwrap_or_else(|_| String::from_utf8_lossy(&kept).into_owned())));
        }
        Ok(take(&kept, &mut trace, progress))
    }
}

fn take(line: &[u8], trace: &mut Trace, progress: &mut dyn FnMut(&str)) -> Result<(), String> {
    if line.trim_ascii().is_empty() {
        return Ok(());
    }
    let line: Line = serde_json::from_slice(line).map_err(|error| format!("not what a builder says: {error}"))?;
    line.stream.lines().for_each(&mut *progress);
    if let Some(bytes) = line.aux.and_then(|aux| STANDARD.decode(aux.as_str()?).ok()) {
        trace.take(&bytes, progress);
    }
    line.error_detail.map_or(Ok(()), |detail| Err(detail.message))
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// To the engine at an address that bollard has taken too.
async fn connect(address: &str) -> io::Result<Box<dyn Duplex>> {
    if let Some(path) = address.strip_prefix("unix://") {
        return Ok(Box::new(UnixStream::connect(path).await?));
    }
    let host = ["tcp://", "http://"].iter().find_map(|scheme| address.strip_prefix(scheme)).unwrap_or(address);
    Ok(Box::new(TcpStream::connect(host.trim_end_matches('/')).await?))
}

/// What BuildKit tells of its steps: `StatusResponse` of its control API, of which names, and what they write, are read.
#[derive(Default)]
struct Trace {
    begun: HashSet<String>,
    /// Parts of lines, by step.
    partial: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Trace {
    fn take(&mut self, bytes: &[u8], progress: &mut dyn FnMut(&str)) {
        for (number, message) in fields(bytes) {
            match number {
                // Vertex: name 3, started 5.
                1 => {
                    let name = field(message, 3).map(String::from_utf8_lossy).unwrap_or_default();
                    let is_of_us = !name.starts_with("[internal]") && field(message, 5).is_some();
                    if is_of_us && self.begun.insert(name.clone().into_owned()) {
                        progress(&name);
                    }
                }
                // VertexLog: vertex 1, msg 4.
                3 => {
                    let text = field(message, 4).unwrap_or_default();
                    let partial = self.partial.entry(field(message, 1).unwrap_or_default().to_vec()).or_default();
                    partial.extend_from_slice(text);
                    let whole = partial.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
                    String::from_utf8_lossy(&partial[..whole]).lines().for_each(&mut *progress);
                    partial.drain(..whole);
                }
                _ => {}
            }
        }
    }
}

/// The fields of a protobuf message that have bytes in them, by number; what is broken ends it.
fn fields(mut rest: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        loop {
            let key = varint(&mut rest)?;
            let length = match key & 7 {
                0 => varint(&mut rest).map(|_| 0)?,
                1 => 8,
                2 => usize::try_from(varint(&mut rest)?).ok()?,
                5 => 4,
                _ => return None,
            };
            let (field, others) = rest.split_at_checked(length)?;
            rest = others;
            if key & 7 == 2 {
                return Some((key >> 3, field));
            }
        }
    })
}

fn field(message: &[u8], number: u64) -> Option<&[u8]> {
    fields(message).find(|(this, _)| *this == number).map(|(_, bytes)| bytes)
}

/// Seven bits a byte, the lowest first.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, others) = rest.split_first()?;
        *rest = others;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Of an engine of version 20.10: a step begins, and writes.
    const BEGUN: &str = "{\"id\":\"moby.buildkit.trace\",\"aux\":\"Co4BCkdzaGEyNTY6ZDY3OTlhOWVmYWU2MDg5YzUwN2Q0ZDM5NDE5MGE4YWQ2MzQ0ZmU2MGFhOGJkYTMzOTU4MWZjYjBkM2YxOGEwMRo1W3N0YWdlLTAgMS8zXSBGUk9NIGRvY2tlci5pby92c2NhbGUvYmFzZToxYmJmNjM3NjQ0NDYqDAje9qzYBhCJ5bWGAw==\"}";
    const WROTE: &str = "{\"id\":\"moby.buildkit.trace\",\"aux\":\"GmAKR3NoYTI1NjozN2E0YjBlOTc0NjJkZDk3MDY5OThkZGNmOGVmZWJlN2EzNTdhZWIzNGVmNGNiZGE5NDY2MGFhMTk2ZGUxMmI5EgsI3/as2AYQxIWIbxgBIgZoZWxsbwo=\"}";

    #[test]
    fn steps_and_what_they_write_are_told_once() {
        let (mut trace, mut said) = (Trace::default(), Vec::new());
        let lines = [BEGUN, BEGUN, WROTE, r#"{"id":"moby.image.id","aux":{"ID":"sha256:7d"}}"#, "\r\n"];
        for line in lines {
            take(line.as_bytes(), &mut trace, &mut |line| said.push(line.to_owned())).expect("no error");
        }
        assert_eq!(said, ["[stage-0 1/3] FROM docker.io/vscale/base:1bbf63764446", "hello"]);
        let error = take(br#"{"errorDetail":{"message":"no"},"error":"no"}"#, &mut trace, &mut |_| {});
        assert_eq!(error, Err("no".into()));
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_panic(bytes in any::<Vec<u8>>()) {
            Trace::default().take(&bytes, &mut |_| {});
        }
    }
}
