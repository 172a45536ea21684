//! The load generator against servers that misbehave: each costs failures of the right kind, and never more.

use super::servers::{GOOD, Server, config, for_ms, only_failure, read_request, run};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};
use vscale::model::{FailureKind, LoadPlan, RequestTemplate, Until};

pub const TOO_LARGE: &[u8] = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\n\r\ntoo large";

/// Twenty requests that no socket takes at once.
pub fn too_large(config: LoadPlan) -> LoadPlan {
    let requests = vec![RequestTemplate { body: "x".repeat(12 << 20), ..RequestTemplate::default() }];
    LoadPlan { requests, until: Until::Iterations { count: 20 }, ..config }
}

#[test]
fn a_status_other_than_200() {
    let server = Server::answering("HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\nnot today");
    let result = run(&config(server.address));
    let failure = only_failure(&result);
    assert_eq!((failure.kind, failure.error.as_str()), (FailureKind::Status, "HTTP 503: not today"));
    assert_eq!(result.totals.connections_opened.unwrap(), 2, "a kept connection was given up");
    assert!(failure.first_seen_unix_us <= failure.last_seen_unix_us);
}

#[test]
fn a_body_that_is_not_what_was_asked_for() {
    for (body, message) in [
        (r#"{"choices":[]}"#, "Invalid response format: missing choices"),
        (r#"{"error":"x"}"#, "Invalid response format: missing choices"),
        ("<html>", "Invalid JSON response"),
    ] {
        let server = Server::answering(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        let result = run(&config(server.address));
        let failure = only_failure(&result);
        assert_eq!((failure.kind, failure.error.as_str()), (FailureKind::Body, message), "{body}");
    }
}

#[test]
fn rubbish_and_answers_beyond_the_limits() {
    let huge_header = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(5 << 20));
    let many_headers = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(2000));
    let bad_chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n";
    let large = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n";
    for answer in ["\x16\x03\x01 rubbish\n\n", "220 mail\r\n", &huge_header, &many_headers, bad_chunk, large] {
        let server = Server::answering(answer);
        let result = run(&config(server.address));
        let start = &answer[..answer.len().min(60)];
        assert_eq!(only_failure(&result).kind, FailureKind::Protocol, "{start}");
    }
}

#[test]
fn an_endless_body() {
    let server = Server::start(|mut stream| {
        if read_request(&mut stream) && stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").is_ok() {
            while stream.write_all(&[b'x'; 64 << 10]).is_ok() {}
        }
    });
    let result = run(&LoadPlan { until: for_ms(2000), ..config(server.address) });
    let failure = only_failure(&result);
    assert_eq!((failure.kind, failure.error.contains("16 MiB")), (FailureKind::Protocol, true));
}

#[test]
fn nobody_listens() {
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let result = run(&LoadPlan { until: for_ms(500), ..config(address) });
    let failure = only_failure(&result);
    assert_eq!(failure.kind, FailureKind::Connect);
    assert_eq!(failure.error, format!("{address}: Connection refused (os error 111)"));
    assert!(result.request_count() <= 12, "{} attempts: a server that is down is hammered", result.request_count());
    assert_eq!(result.totals.connections_opened.unwrap(), 0);
}

#[test]
fn a_name_that_does_not_resolve() {
    let mut config = config("127.0.0.1:1".parse().unwrap());
    config.host = "http://no.such.name.invalid".into();
    let result = run(&config);
    let failure = only_failure(&result);
    assert_eq!(failure.kind, FailureKind::Connect);
    assert!(failure.error.starts_with("cannot resolve no.such.name.invalid"), "{}", failure.error);
}

#[test]
fn a_server_that_comes_up_late_is_found() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let server = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(1));
        let (mut stream, _) = TcpListener::bind(address).unwrap().accept().unwrap();
        while read_request(&mut stream) && stream.write_all(GOOD.as_bytes()).is_ok() {}
    });
    let result = run(&LoadPlan { until: for_ms(3000), ..config(address).with_users(1, 1.0) });
    server.join().unwrap();
    assert!(result.failure_count() > 0 && result.request_count() > result.failure_count());
    // Once it is found, nothing fails any more.
    assert!(result.failures.iter().all(|group| group.kind == FailureKind::Connect), "{:?}", result.failures);
    assert_eq!(result.totals.connections_opened, Some(1));
}

#[test]
fn closed_before_and_within_the_answer() {
    for (answer, when) in [
        ("", "before the answer: "),
        ("HTTP/1.1 200 OK\r\nConte", "within the answer: "),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "within the answer: "),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "within the answer: "),
    ] {
        let server = Server::answering_once(answer);
        let result = run(&config(server.address));
        let failure = only_failure(&result);
        assert_eq!(failure.kind, FailureKind::Reset, "{answer}");
        assert!(failure.error.starts_with(when), "{answer}: {}", failure.error);
        assert_eq!(result.totals.retries.unwrap(), 0, "only a kept connection's request is sent again");
    }
}

#[test]
fn an_answer_that_comes_before_the_whole_request_is_sent_is_told() {
    let server = Server::start(|mut stream| {
        // What is left unread makes the kernel reset the connection.
        if stream.read(&mut [0; 4096]).is_ok() {
            let _ = stream.write_all(TOO_LARGE);
        }
    });
    let result = run(&too_large(config(server.address)));
    let failure = only_failure(&result);
    assert_eq!((failure.kind, failure.error.as_str()), (FailureKind::Status, "HTTP 413: too large"));
    assert_eq!((result.failures.len(), result.totals.connections_opened), (1, Some(20)), "{:?}", result.failures);
}

#[test]
fn accepts_and_never_answers() {
    let server = Server::start(|mut stream| while read_request(&mut stream) {});
    let config = LoadPlan { timeout_us: 150_000, ..config(server.address) };
    let began = Instant::now();
    let result = run(&config);
    assert_eq!(only_failure(&result).kind, FailureKind::Timeout);
    assert!(began.elapsed() < Duration::from_secs(5), "the drain outlasted the requests' own time limit");
}

#[test]
fn one_byte_at_a_time_is_a_timeout_too() {
    let server = Server::start(|mut stream| {
        read_request(&mut stream);
        for byte in GOOD.as_bytes() {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let result = run(&LoadPlan { timeout_us: 150_000, ..config(server.address) });
    assert_eq!(only_failure(&result).kind, FailureKind::Timeout);
}

#[test]
fn a_request_that_nobody_answers_is_given_up_after_the_drain() {
    let server = Server::start(|mut stream| while read_request(&mut stream) {});
    let began = Instant::now();
    let result = run(&LoadPlan { timeout_us: 60_000_000, ..config(server.address) });
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!((result.request_count(), result.totals.unanswered.unwrap()), (0, 2));
}

#[test]
fn what_was_packed_for_the_user_is_unpacked_before_it_is_checked() {
    let packed = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    let answer = |coding: &str, body: Vec<u8>| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n", body.len());
        [head.into_bytes(), body].concat()
    };
    let loaded = |answer: Vec<u8>, stream: bool| {
        let server = Server::answering(answer);
        run(&LoadPlan { stream, until: Until::Iterations { count: 20 }, ..config(server.address) })
    };
    let result = loaded(answer("gzip", packed(br#"{"choices":[1]}"#)), false);
    assert!(result.request_count() > 0);
    assert_eq!(result.failures, []);
    let message = |result| (only_failure(&result).kind, only_failure(&result).error.clone());
    let missing = (FailureKind::Body, "Invalid response format: missing choices".to_owned());
    assert_eq!(message(loaded(answer("gzip", packed(b"{}")), false)), missing);
    let (kind, why) = message(loaded(answer("br", b"x".to_vec()), false));
    assert_eq!(
        (kind, why.contains("Content-Encoding or Transfer-Encoding is not understood")),
        (FailureKind::Body, true)
    );
    let (kind, why) = message(loaded(answer("gzip", packed(b"data: x\n\n")), true));
    assert_eq!((kind, why.contains("the stream is compressed")), (FailureKind::Body, true));
}
