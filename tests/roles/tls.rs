//! The load generator over TLS, against rustls's own server.

use super::failures::{TOO_LARGE, too_large};
use super::servers::{GOOD, Server, accounts_for_all, config, only_failure, read_any, run};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use vscale::model::{Arrivals, FailureKind, LoadModel, LoadPlan, ProbeEvent, RequestTemplate, Until, WorkersTold};

/// Of a server for `localhost`, and its certificate as PEM.
fn settings() -> (Arc<ServerConfig>, String) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let settings = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    (Arc::new(settings), cert.pem())
}

/// A server for `localhost`, and its certificate as PEM.
fn server(body: &str) -> (Server, String) {
    let (settings, pem) = settings();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let server = Server::start(move |stream| {
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&settings)).unwrap(), stream);
        while read_any(&mut stream).is_some() && stream.write_all(answer.as_bytes()).is_ok() {}
    });
    (server, pem)
}

fn over_tls(server: &Server, insecure: bool) -> LoadPlan {
    let host = format!("https://localhost:{}", server.address.port());
    LoadPlan { host, insecure, ..config(server.address) }
}

#[test]
fn small_and_large_answers_pass_on_kept_connections() {
    let large = format!("{{\"choices\":[\"{}\"]}}", "x".repeat(1 << 20));
    for body in [r#"{"choices":[1]}"#, &large] {
        let (server, _) = server(body);
        let result = run(&over_tls(&server, true));
        assert!(result.request_count() > 0);
        assert_eq!((result.failures.len(), result.totals.connections_opened.unwrap()), (0, 2), "{:?}", result.failures);
        assert_eq!(result.requests[0].content_bytes, result.request_count() * body.len() as u64);
    }
}

#[test]
fn a_request_of_any_size_is_written_to_its_end() {
    let (server, _) = server(r#"{"choices":[1]}"#);
    // rustls takes 64 KiB at once.
    for size in [65_000, 65_536, 70_000, 1 << 20] {
        let requests = vec![RequestTemplate { body: "x".repeat(size), ..RequestTemplate::default() }];
        let until = Until::Iterations { count: 4 };
        let result = run(&LoadPlan { requests, until, timeout_us: 3_000_000, ..over_tls(&server, true) });
        assert_eq!((result.totals.succeeded, result.failures.len()), (4, 0), "{size}: {:?}", result.failures);
    }
}

#[test]
fn an_answer_that_comes_before_the_whole_request_is_sent_is_told() {
    let (settings, _) = settings();
    let server = Server::start(move |stream| {
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&settings)).unwrap(), stream);
        if stream.read(&mut [0; 4096]).is_ok() {
            let _ = stream.write_all(TOO_LARGE);
        }
    });
    let result = run(&too_large(over_tls(&server, true)));
    assert_eq!(only_failure(&result).error, "HTTP 413: too large");
    assert_eq!(result.failures.len(), 1, "{:?}", result.failures);
}

#[test]
fn a_connection_that_ends_with_its_answer_serves_one_request() {
    let (settings, _) = settings();
    let server = Server::start(move |mut socket| {
        let mut session = ServerConnection::new(Arc::clone(&settings)).unwrap();
        if read_any(&mut rustls::Stream::new(&mut session, &mut socket)).is_none() {
            return;
        }
        session.writer().write_all(GOOD.as_bytes()).unwrap();
        session.send_close_notify();
        let mut segment = Vec::new();
        while session.wants_write() {
            session.write_tls(&mut segment).unwrap();
        }
        // The socket itself stays open until the client closes it.
        let _ = socket.write_all(&segment);
        while socket.read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
    });
    let plan = LoadPlan { until: Until::Iterations { count: 40 }, ..over_tls(&server, true) };
    let open = LoadModel::Open { rate_rps: 100.0, arrivals: Arrivals::Constant, max_in_flight: 4 };
    for model in [plan.model.clone(), open] {
        let result = run(&LoadPlan { model, ..plan.clone() });
        accounts_for_all(&result);
        assert_eq!(
            (result.totals.succeeded, result.totals.connections_opened),
            (40, Some(40)),
            "{:?}",
            result.failures
        );
    }
}

#[test]
fn a_probe_asks_over_tls_whoever_it_is() {
    let (server, _) = server(r#"{"workers": {"n": 3}}"#);
    let url = format!("https://127.0.0.1:{}/", server.address.port());
    let mut probe = Command::new(env!("CARGO_BIN_EXE_vscale"))
        .args(["probe", "--timeout", "10s", "--ready", &url, "--workers", &url, "--pointer=/workers/n"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Before it is ready, too; but while nobody is there to ask, it does not wait.
    let mut asks = probe.stdin.take().unwrap();
    asks.write_all(b"look\nsample\n").unwrap();
    let mut events = BufReader::new(probe.stdout.take().unwrap())
        .lines()
        .map(|line| serde_json::from_str::<ProbeEvent>(&line.unwrap()).unwrap());
    let ready = events.next();
    drop(asks);
    let told: Vec<ProbeEvent> = ready.into_iter().chain(events).collect();
    assert!(probe.wait().unwrap().success());
    let [ProbeEvent::Ready { .. }, ProbeEvent::Sample(look), ProbeEvent::Sample(sample)] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(look.workers_told, Some(WorkersTold::Count(3)));
    assert_eq!(sample.workers_told, None, "a target is not asked during a load");
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let (server, _) = server("x");
    let result = run(&over_tls(&server, false));
    let failure = only_failure(&result);
    assert_eq!(failure.kind, FailureKind::Connect);
    assert!(failure.error.contains("certificate"), "{}", failure.error);
}

#[test]
fn a_certificate_of_the_users_own_is_taken() {
    let (server, pem) = server(GOOD.split("\r\n\r\n").nth(1).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, pem).unwrap();
    let load = |certificates: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vscale"));
        command.args(["load", "--iterations", "20", "--fail-if", "failed > 0%", "--host"]);
        command.arg(format!("https://localhost:{}", server.address.port()));
        let output = command
            .env("SSL_CERT_FILE", certificates)
            .env("SSL_CERT_DIR", folder.path().join("none"))
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, text) = load(&file.to_string_lossy());
    assert_eq!(code, Some(0), "{text}");
    std::fs::write(&file, "").unwrap();
    let (code, text) = load(&file.to_string_lossy());
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("SSL_CERT_FILE") && text.contains("--insecure"), "{text}");
}

#[test]
fn a_plan_has_who_vouches_in_it() {
    let (server, pem) = server(GOOD.split("\r\n\r\n").nth(1).unwrap());
    let (_, of_another) = self::server("");
    let vouched = |ca: String| run(&LoadPlan { ca: Some(ca), ..over_tls(&server, false) });
    let result = vouched(format!("{of_another}{pem}"));
    assert!(result.request_count() > 0 && result.failures.is_empty(), "{:?}", result.failures);
    let refused = vouched(of_another);
    assert!(only_failure(&refused).error.contains("certificate"), "{:?}", refused.failures);
}

#[test]
fn tls_on_one_side_only_is_named() {
    let plain = Server::start(|mut stream| _ = stream.write_all(GOOD.as_bytes()));
    let result = run(&over_tls(&plain, true));
    let failure = only_failure(&result);
    assert_eq!(failure.kind, FailureKind::Connect);
    assert!(failure.error.ends_with("the server does not speak TLS: use http://"), "{}", failure.error);

    // One that waits for the end of a request's head.
    let silent = Server::start(|mut stream| while read_any(&mut stream).is_some() {});
    let result = run(&LoadPlan { timeout_us: 200_000, ..over_tls(&silent, true) });
    let failure = only_failure(&result);
    assert_eq!(failure.kind, FailureKind::Timeout);
    let expected = format!("no TLS handshake with {} (does it speak TLS?) within 200ms", silent.address);
    assert_eq!(failure.error, expected);

    // One that speaks TLS answers to plain HTTP with an alert.
    let secure = Server::answering(*b"\x15\x03\x03\x00\x02\x02\x46");
    let result = run(&config(secure.address));
    let failure = only_failure(&result);
    assert_eq!(failure.kind, FailureKind::Protocol);
    assert_eq!(failure.error, "the server speaks TLS: use https://");
}
