//! The mock as a client sees it.

use super::servers::Mock;
use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};
use vscale::mock::MockConfig;
use vscale::model::{BackendWindow, LoadPlan, Until};

/// Sends the bytes on a fresh connection, closes its side, and reads all that is answered.
fn exchange(mock: &Mock, request: &str) -> String {
    let mut stream = TcpStream::connect(mock.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Status and JSON body of one answer.
fn ask(mock: &Mock, method: &str, path: &str, body: &str) -> (u16, serde_json::Value) {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: mock\r\nConnection: close\r\nContent-Length: {}", body.len());
    let answer = exchange(mock, &format!("{head}\r\n\r\n{body}"));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.to_ascii_lowercase().contains("content-type: application/json"), "{head}");
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
}

#[test]
fn the_chat_completion_is_the_seeds() {
    let (status, mut body) =
        ask(&Mock::start(), "POST", "/v1/chat/completions", r#"{"model": "m", "messages": [{"role": "user"}]}"#);
    let now_s = vscale::units::now_unix_us() / 1_000_000;
    let created_s = body["created"].take().as_u64().unwrap();
    assert!(created_s <= now_s && now_s - created_s <= 10);
    let expected = serde_json::json!({
        "id": "chatcmpl-mock123",
        "object": "chat.completion",
        "created": null,
        "model": "openai/mock-chat-model",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": "This is a mock response from the benchmark server."},
            "finish_reason": "stop"
        }],
        "usage": {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
    });
    assert_eq!((status, body), (200, expected));
}

#[test]
fn health_and_models() {
    let mock = Mock::start();
    assert_eq!(ask(&mock, "GET", "/v1/health", ""), (200, serde_json::json!({"status": "ok"})));
    let (status, models) = ask(&mock, "GET", "/v1/models", "");
    assert_eq!((status, &models["object"], &models["data"][0]["id"]), (200, &"list".into(), &"mock-chat-model".into()));
}

#[test]
fn any_path_and_method_has_an_answer_where_that_is_asked_for() {
    let mock = Mock::with(MockConfig { any_path: true, slots: Some(1), ..MockConfig::default() });
    for (method, path, body) in
        [("GET", "/items/7?x=1", ""), ("PUT", "/", "not JSON"), ("GET", "/v1/chat/completions", "")]
    {
        let (status, answer) = ask(&mock, method, path, body);
        assert_eq!((status, &answer["object"]), (200, &"chat.completion".into()), "{method} {path}");
    }
    assert_eq!(ask(&mock, "GET", "/v1/health", ""), (200, serde_json::json!({"status": "ok"})));
    assert_eq!(ask(&mock, "POST", "/v1/chat/completions", "{}").0, 400, "where it has a place, that one's rules hold");
    let answer = exchange(&mock, "HEAD /items HTTP/1.1\r\nHost: mock\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n"), "{answer}");
    assert_eq!(mock.close_window().arrivals, 6, "they are counted like others");
    assert_eq!(ask(&Mock::start(), "GET", "/items", "").0, 404);
}

#[test]
fn what_clients_of_other_servers_ask_for() {
    let mock = Mock::start();
    for path in ["/health", "/v1/health", "/ping", "/health?x=1"] {
        assert_eq!(ask(&mock, "GET", path, "").0, 200, "{path}");
    }
    for path in ["/version", "/v1/version"] {
        assert_eq!(ask(&mock, "GET", path, "").1["version"], env!("CARGO_PKG_VERSION"));
    }
    for (path, name) in [("mock-chat-model", "mock-chat-model"), ("openai%2Fmock-chat-model", "openai/mock-chat-model")]
    {
        let (status, model) = ask(&mock, "GET", &format!("/v1/models/{path}"), "");
        assert_eq!((status, &model["id"], &model["object"]), (200, &name.into(), &"model".into()));
    }
    let (status, error) = ask(&mock, "GET", "/v1/models/gpt", "");
    assert_eq!((status, &error["error"]["code"]), (404, &"model_not_found".into()));
}

#[test]
fn a_text_completion_is_openais() {
    let mock = Mock::start();
    let (status, mut body) = ask(&mock, "POST", "/v1/completions", r#"{"model": "m", "prompt": "Hello"}"#);
    body["created"].take();
    let expected = serde_json::json!({
        "id": "cmpl-mock123",
        "object": "text_completion",
        "created": null,
        "model": "openai/mock-chat-model",
        "choices": [{"index": 0, "text": vscale::mock::TEXT, "logprobs": null, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
    });
    assert_eq!((status, body), (200, expected));
    let (status, error) = ask(&mock, "POST", "/v1/completions", r#"{"model": "m"}"#);
    assert_eq!((status, &error["error"]["param"]), (400, &"prompt".into()));
}

#[test]
fn what_it_does_not_serve_is_an_openai_error() {
    let mock = Mock::start();
    let chat = "/v1/chat/completions";
    for (method, path, body, expected) in [
        ("GET", "/", "", 404),
        ("POST", "/v1/embeddings", "{}", 404),
        ("GET", chat, "", 405),
        ("POST", chat, "{", 400),
        ("POST", chat, r#"{"messages": []}"#, 400),
        ("POST", chat, r#"{"model": "m", "messages": [{}], "stream": "yes"}"#, 400),
        ("POST", chat, r#"{"model": "m", "messages": [{}], "stream": false}"#, 200),
    ] {
        let (status, answer) = ask(&mock, method, path, body);
        assert_eq!(status, expected, "{method} {path} {body}");
        let error = &answer["error"];
        let keys = || error.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>();
        assert!(status == 200 || keys() == ["message", "type", "param", "code"], "{answer}");
        assert!(status == 200 || error["type"] == "invalid_request_error", "{answer}");
    }
    let window = mock.close_window();
    assert_eq!((window.arrivals, window.answered, window.errors), (7, 7, 6));
    assert_eq!((window.connections_opened, window.connections_open, window.abandoned), (7, 0, 0));
}

#[test]
fn a_body_beyond_the_bound_is_refused_without_reading_it_all() {
    let mock = Mock::start();
    let answer = exchange(&mock, "POST /v1/chat/completions HTTP/1.1\r\nHost: m\r\nContent-Length: 99999999\r\n\r\n{");
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[test]
fn a_body_within_the_bound_is_taken_by_however_many_threads() {
    let mock = Mock::with(MockConfig { threads: Some(64), ..MockConfig::default() });
    let body = format!(r#"{{"model": "m", "messages": ["{}"]}}"#, "x".repeat(9 << 20));
    assert_eq!(ask(&mock, "POST", "/v1/chat/completions", &body).0, 200);
}

#[test]
fn a_request_that_does_not_come_in_time_is_refused() {
    let patience = Duration::from_millis(300);
    let mock = Mock::with(MockConfig { patience, ..MockConfig::default() });
    let post = "POST /v1/chat/completions HTTP/1.1\r\nHost: m\r\n";
    for part in [
        "GET /v1/health HTTP/1.1\r\nHo".to_owned(),
        format!("{post}Content-Length: 10\r\n\r\n{{"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\n"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n"),
    ] {
        let began = Instant::now();
        let mut stream = TcpStream::connect(mock.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(part.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("connection: close"), "{part}: {answer}");
        assert!(began.elapsed() >= patience, "{part}");
    }
}

#[test]
fn a_connection_without_a_request_may_wait() {
    let mock = Mock::with(MockConfig { patience: Duration::ZERO, ..MockConfig::default() });
    let mut stream = TcpStream::connect(mock.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    for _ in 0..2 {
        // A new second begins in between, at which the mock looks for late requests.
        std::thread::sleep(Duration::from_millis(1100));
        stream.write_all(b"HEAD /health HTTP/1.1\r\nHost: m\r\n\r\n").unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        assert!(head.starts_with(b"HTTP/1.1 200 OK"), "{}", head.escape_ascii());
    }
}

#[test]
fn a_body_in_many_pieces_is_a_body() {
    let mock = Mock::start();
    let body = r#"{"model": "m", "messages": [{}]}"#;
    let chunks: String = body.chars().map(|byte| format!("1;x=y\r\n{byte}\r\n")).collect();
    let head =
        "POST /v1/chat/completions HTTP/1.1\r\nHost: m\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut stream = TcpStream::connect(mock.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.set_nodelay(true).unwrap();
    for piece in [head, &chunks[..50], &chunks[50..101], &chunks[101..], "0\r\n\r\n"] {
        stream.write_all(piece.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[test]
fn one_connection_serves_many_requests() {
    let mock = Mock::start();
    let request = "GET /v1/health HTTP/1.1\r\nHost: m\r\n\r\n".repeat(3);
    let last = "GET /v1/health HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n";
    let answer = exchange(&mock, &(request + last));
    assert_eq!(answer.matches(r#"{"status":"ok"}"#).count(), 4);
}

#[test]
fn a_head_without_its_body() {
    let head = "HEAD /v1/health HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n";
    let answer = exchange(&Mock::start(), head);
    assert!(answer.contains("content-length: 15\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn a_client_that_waits_to_send_its_body_is_told_to() {
    let mock = Mock::start();
    let mut stream = TcpStream::connect(mock.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let body = r#"{"model": "m", "messages": [{}]}"#;
    let length = body.len();
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\nHost: m\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    )
    .unwrap();
    let mut told = [0; 25];
    stream.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[test]
fn every_answer_says_when_it_was_given() {
    let answer = exchange(&Mock::start(), "GET /v1/health HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n");
    let date = answer.lines().find_map(|line| line.strip_prefix("date: ")).unwrap();
    assert!(date.len() == 29 && date.ends_with(" GMT"), "{date}");
}

#[test]
fn rubbish_costs_only_its_own_connection() {
    let mock = Mock::start();
    let mut rubbish = TcpStream::connect(mock.address).unwrap();
    rubbish.write_all(b"\x00\xff\r\n\r\n").unwrap();
    assert_eq!(ask(&mock, "GET", "/v1/health", "").0, 200);
}

#[test]
fn the_control_path_is_not_there_for_who_has_not_its_token() {
    let token = "0123456789abcdef";
    let mock = Mock::with(MockConfig { control_token: Some(token.into()), ..MockConfig::default() });
    let path = BackendWindow::PATH;
    let asked = |method: &str, header: &str| {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: mock\r\nConnection: close\r\nContent-Length: 0\r\n");
        exchange(&mock, &format!("{head}{header}\r\n"))
    };
    let nothing =
        exchange(&mock, "POST /_vscale/windo HTTP/1.1\r\nHost: m\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    for wrong in [
        "",
        "Authorization: Bearer\r\n",
        "Authorization: Bearer \r\n",
        "Authorization: Bearer 0123456789abcde\r\n",
        "Authorization: Bearer 0123456789abcdef0\r\n",
        "Authorization: Bearer 0123456789abcdeF\r\n",
        "Authorization: Basic 0123456789abcdef\r\n",
        "X-Token: 0123456789abcdef\r\n",
    ] {
        // As any path that is not there, but for its name.
        let (answer, expected) = (asked("POST", wrong), nothing.replace("windo", "window"));
        let status = answer.split("\r\n").next();
        assert_eq!(
            (status, answer.rsplit("\r\n").next()),
            (Some("HTTP/1.1 404 Not Found"), expected.rsplit("\r\n").next())
        );
    }
    assert!(asked("GET", "").starts_with("HTTP/1.1 404 "));
    let right = format!("authorization: bearer {token}\r\n");
    assert!(asked("GET", &right).starts_with("HTTP/1.1 405 "));
    let answer = asked("POST", &right);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let window: BackendWindow = serde_json::from_str(answer.rsplit("\r\n").next().unwrap()).unwrap();
    // Whoever tried was a client like any other.
    assert_eq!((window.arrivals, window.errors), (11, 11));
}

#[test]
fn a_load_generator_with_the_token_is_told_and_another_is_not() {
    let mock = Mock::with(MockConfig { control_token: Some("right".into()), ..MockConfig::default() });
    let url = format!("http://{}", mock.address);
    let plan = |token: Option<&str>| LoadPlan {
        backend: Some(url.clone()),
        backend_token: token.map(str::to_owned),
        until: Until::Iterations { count: 20 },
        ..LoadPlan::new(url.clone())
    };
    let run = |token| vscale::load::run(&plan(token), &AtomicBool::new(false), &mut |_| {});
    let told = run(Some("right")).unwrap();
    assert_eq!(told.backend.map(|truth| truth.total_arrivals), Some(20));
    for wrong in [None, Some("wrong")] {
        let untold = run(wrong).unwrap();
        let error = untold.backend_error.unwrap();
        assert!(error.ends_with("the backend does not tell what it saw: HTTP 404"), "{error}");
        assert_eq!(
            (untold.backend.is_none(), untold.totals.succeeded),
            (true, 20),
            "the load itself is measured all the same"
        );
    }
}
