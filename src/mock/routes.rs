//! What the mock answers to which request.

use super::answers;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, body::Body};
use serde::Deserialize;
use std::convert::Infallible;

/// Largest request body that is read.
pub const MAX_BODY_BYTES: usize = 10 << 20;

/// What matters of a chat completion's request; the rest need only be JSON.
#[derive(Debug, Deserialize)]
struct ChatRequest {
    #[serde(default)]
    stream: Option<bool>,
}

type Answer = Response<Full<Bytes>>;

/// Answers one request, its body read to the end so that the connection can be kept.
pub async fn answer<B>(request: Request<B>) -> Result<Answer, Infallible>
where
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let (head, body) = request.into_parts();
    if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
        return Ok(too_large());
    }
    let body = match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(whole) => whole.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Ok(too_large()),
        Err(_) => return Ok(invalid(StatusCode::BAD_REQUEST, "the request's body ended too early")),
    };
    Ok(match (&head.method, head.uri.path()) {
        (&Method::POST, "/v1/chat/completions") => chat(&body),
        (&Method::GET, "/v1/health") => json(StatusCode::OK, answers::HEALTH.into()),
        (&Method::GET, "/v1/models") => json(StatusCode::OK, answers::models().into()),
        (_, "/v1/chat/completions") => wrong_method("POST"),
        (_, "/v1/health" | "/v1/models") => wrong_method("GET"),
        (method, path) => invalid(StatusCode::NOT_FOUND, &format!("Unknown request URL: {method} {path}")),
    })
}

fn chat(body: &[u8]) -> Answer {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return invalid(StatusCode::BAD_REQUEST, "the request's body is not a JSON object");
    }
    match serde_json::from_slice(body) {
        Ok(ChatRequest { stream: Some(true) }) => {
            invalid(StatusCode::BAD_REQUEST, "this mock does not stream: leave out `stream` or set it to false")
        }
        Ok(_) => json(StatusCode::OK, answers::chat_completion()),
        Err(error) => {
            invalid(StatusCode::BAD_REQUEST, &format!("the request's body is not what it should be: {error}"))
        }
    }
}

fn json(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn invalid(status: StatusCode, message: &str) -> Answer {
    json(status, answers::error("invalid_request_error", message).into())
}

fn wrong_method(allowed: &'static str) -> Answer {
    let mut answer = invalid(StatusCode::METHOD_NOT_ALLOWED, &format!("only {allowed} is allowed here"));
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}

/// The rest of the body is not read, so the connection cannot be kept.
fn too_large() -> Answer {
    let mut answer = invalid(StatusCode::PAYLOAD_TOO_LARGE, "the request's body is larger than 10 MiB");
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}
