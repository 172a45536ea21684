//! Streamed completions: their times token by token, and every way in which they can end too early.

use super::servers::{Mock, Server, config, only_failure, read_any, run};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use vscale::analyse::load_findings;
use vscale::model::{FailureKind, Gate, LoadPlan, RequestTemplate};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const END: &str = "0\r\n\r\n";
const ROLE: &str = r#"data: {"choices":[{"delta":{"role":"assistant"}}]}"#;
const TOKEN: &str = r#"data: {"choices":[{"delta":{"content":"word"}}]}"#;
const DONE: &str = "data: [DONE]";

fn chunk(event: &str) -> String {
    let event = format!("{event}\n\n");
    format!("{:x}\r\n{event}\r\n", event.len())
}

fn streaming(address: SocketAddr) -> LoadPlan {
    LoadPlan { stream: true, requests: vec![RequestTemplate::streamed()], ..config(address) }
}

/// A server that sends each part after a wait of as many milliseconds, and closes when told.
fn server(parts: Vec<(u64, String)>, closes: bool) -> Server {
    let serve = move |stream: &mut TcpStream| {
        while let Some((_, body)) = read_any(stream) {
            assert!(body.contains("\"stream\": true"));
            for (ms, part) in &parts {
                std::thread::sleep(Duration::from_millis(*ms));
                if stream.write_all(part.as_bytes()).is_err() {
                    return;
                }
            }
            if closes {
                return;
            }
        }
    };
    Server::start(move |mut stream| serve(&mut stream))
}

#[test]
fn tokens_are_timed_one_by_one() {
    let parts = vec![
        (0, HEAD.to_owned() + &chunk(ROLE)),
        (30, chunk(TOKEN)),
        (10, chunk(TOKEN)),
        (10, chunk(TOKEN) + &chunk(DONE) + END),
    ];
    let server = server(parts, false);
    let result = run(&streaming(server.address));
    assert_eq!(result.failures, []);
    let (requests, stream) = (result.request_count(), result.stream().unwrap());
    assert!(requests > 2);
    assert_eq!((stream.tokens, stream.ttft.count(), stream.itl.count()), (3 * requests, requests, 2 * requests));
    assert!(stream.ttft.min_us() >= 30_000, "{}", stream.ttft.min_us());
    assert!(stream.itl.percentile_us(50.0) >= 9_000, "{}", stream.itl.percentile_us(50.0));
    assert!(result.latency().min_us() >= stream.ttft.min_us() + 19_000);
    assert_eq!(result.totals.connections_opened.unwrap(), 2, "the connections are kept");
    assert_eq!(result.series.iter().map(|row| row.tokens).sum::<u64>() % 3, 0);
}

#[test]
fn thoughts_and_calls_of_tools_are_tokens_too() {
    let delta = |delta: &str| chunk(&format!(r#"data: {{"choices":[{{"delta":{delta}}}]}}"#));
    let parts = vec![
        (0, HEAD.to_owned() + &chunk(ROLE) + &chunk("data: null") + &chunk(r#"data: {"choices":null}"#)),
        (10, delta(r#"{"reasoning":"hm"}"#)),
        (200, delta(r#"{"reasoning_content":"hm"}"#) + &chunk(TOKEN)),
        (0, delta(r#"{"tool_calls":[{"function":{"arguments":"{}"}}]}"#) + &chunk(DONE) + END),
    ];
    let server = server(parts, false);
    let result = run(&streaming(server.address));
    assert_eq!(result.failures, []);
    let stream = result.stream().unwrap();
    assert_eq!(stream.tokens, 4 * result.request_count());
    assert!(stream.ttft.min_us() + 190_000 <= result.latency().min_us(), "the first thought is the first token");
}

#[test]
fn a_stream_of_nothing_is_told() {
    let server = server(vec![(1, HEAD.to_owned() + &chunk(ROLE) + &chunk(DONE) + END)], false);
    let result = run(&streaming(server.address));
    assert_eq!((result.failures.len(), result.stream().unwrap().tokens), (0, 0));
    let findings = load_findings(&result);
    let without = findings.iter().find(|finding| finding.gate == Gate::StreamTokens);
    assert_eq!(without.and_then(|finding| finding.measured.clone()), Some((result.request_count() as f64).into()));
}

#[test]
fn text_completions_are_streams_too() {
    let mock = Mock::start();
    let body = r#"{"model": "m", "prompt": "Hello", "stream": true}"#;
    let requests =
        vec![RequestTemplate { path: "/v1/completions".into(), body: body.into(), ..RequestTemplate::default() }];
    let result = run(&LoadPlan { stream: true, requests, ..config(mock.address) });
    assert_eq!((result.failures.len(), result.stream().unwrap().tokens), (0, 9 * result.request_count()));
}

#[test]
fn a_stream_without_chunks_is_a_stream_too() {
    let body = format!("{TOKEN}\n\n{TOKEN}\n\n{DONE}\n\n");
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let server = server(vec![(1, answer)], false);
    let result = run(&streaming(server.address));
    assert_eq!((result.failures.len(), result.stream().unwrap().tokens), (0, 2 * result.request_count()));
    assert_eq!(result.requests[0].content_bytes, result.request_count() * body.len() as u64);
}

#[test]
fn a_finish_reason_is_an_end_too_but_is_told() {
    let end = r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
    let server = server(vec![(1, HEAD.to_owned() + &chunk(TOKEN) + &chunk(end) + END)], false);
    let result = run(&streaming(server.address));
    let streams = result.request_count();
    assert_eq!((result.failures.len(), result.stream().unwrap().without_done), (0, streams));
    let findings = load_findings(&result);
    let without = findings.iter().find(|finding| finding.gate == Gate::StreamsDone);
    assert_eq!(without.and_then(|finding| finding.measured.clone()), Some((streams as f64).into()));
}

#[test]
fn streams_that_end_too_early_are_failures() {
    for (parts, closes, kind, message) in [
        (HEAD.to_owned() + &chunk(TOKEN), true, FailureKind::Truncated, "within the stream: "),
        (HEAD.to_owned() + &chunk(TOKEN) + END, false, FailureKind::Truncated, "the stream ended without [DONE]"),
        (
            format!("HTTP/1.1 200 OK\r\n\r\n{TOKEN}\n\n"),
            true,
            FailureKind::Truncated,
            "the stream ended without [DONE]",
        ),
        (HEAD.to_owned() + &chunk("data: {\"error\":1}") + END, false, FailureKind::Body, "the stream says: 1"),
        (HEAD.to_owned() + &chunk("data: <html>") + END, false, FailureKind::Body, "an event of the stream is not"),
        (
            HEAD.to_owned() + &chunk(TOKEN) + &chunk("event: error\ndata: {\"message\":\"busy\"}") + &chunk(DONE) + END,
            false,
            FailureKind::Body,
            "the stream says: {\"message\":\"busy\"}",
        ),
        (
            HEAD.to_owned() + &chunk(TOKEN) + &chunk(&TOKEN.replace("}}]", "},\"finish_reason\":\"\"}]")) + END,
            false,
            FailureKind::Truncated,
            "the stream ended without [DONE]",
        ),
        (
            HEAD.to_owned() + &chunk("event: response.created\ndata: {}") + &chunk(DONE) + END,
            false,
            FailureKind::Body,
            "the stream's events are no completion chunks, but `response.created`",
        ),
        (HEAD.to_owned(), true, FailureKind::Reset, "within the answer: "),
        ("HTTP/1.1 503 x\r\nContent-Length: 4\r\n\r\nbusy".to_owned(), false, FailureKind::Status, "HTTP 503: busy"),
    ] {
        let server = server(vec![(1, parts.clone())], closes);
        let result = run(&streaming(server.address));
        let failure = only_failure(&result);
        assert!(failure.kind == kind && failure.error.starts_with(message), "{parts}: {failure:?}");
        assert_eq!(result.stream().unwrap().ttft.count(), 0, "a failure's times were recorded");
    }
}

#[test]
fn an_endless_stream_is_a_timeout() {
    let server = Server::start(|mut stream| {
        if read_any(&mut stream).is_some() && stream.write_all(HEAD.as_bytes()).is_ok() {
            while stream.write_all(chunk(TOKEN).as_bytes()).is_ok() {}
        }
    });
    let result = run(&LoadPlan { timeout_us: 200_000, ..streaming(server.address) });
    assert_eq!(only_failure(&result).kind, FailureKind::Timeout);
}
