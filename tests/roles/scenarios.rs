//! Scenarios: what a user is told by one answer it sends with the next request, and nobody else's.

use super::servers::{Server, config, read_any, run};
use flate2::{Compression, write::GzEncoder};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use vscale::load::parse_requests;
use vscale::model::{Arrivals, FailureKind, LoadModel, LoadPlan, LoadResult, Until};

/// What a server answers to head and body of a request.
type Answer = fn(&State, &str, &str) -> Vec<u8>;

#[derive(Default)]
struct State {
    logins: AtomicU64,
    /// By token: how often it was used.
    uses: Mutex<BTreeMap<String, u64>>,
}

fn serve(answer: Answer) -> (Server, Arc<State>) {
    let state = Arc::<State>::default();
    let shared = Arc::clone(&state);
    let server = Server::start(move |mut stream| {
        while let Some((head, body)) = read_any(&mut stream) {
            if stream.write_all(&answer(&shared, &head, &body)).is_err() {
                return;
            }
        }
    });
    (server, state)
}

fn ok(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn refusal(why: &str) -> Vec<u8> {
    format!("HTTP/1.1 401 Unauthorized\r\nContent-Length: {}\r\n\r\n{why}", why.len()).into_bytes()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// The value of a header, empty where it is not sent.
fn header<'a>(head: &'a str, name: &str) -> &'a str {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
}

fn load(server: &Server, text: &str, users: u32, count: u64) -> LoadResult {
    let requests = parse_requests(Path::new("scenario"), text, &|_| None).unwrap().requests;
    let until = Until::Iterations { count };
    run(&LoadPlan { requests, until, threads: Some(2), ..config(server.address).with_users(users, 1000.0) })
}

/// Requests and failures by name.
fn by_name(result: &LoadResult) -> BTreeMap<&str, (u64, u64)> {
    result.requests.iter().map(|stats| (stats.name.as_str(), (stats.requests, stats.failures))).collect()
}

/// A login, a question and an answer. Whoever mixes up two users, or leaves something out, is refused.
fn conversation(state: &State, head: &str, body: &str) -> Vec<u8> {
    let path = head.split(' ').nth(1).unwrap();
    if path == "/login" {
        let number = state.logins.fetch_add(1, SeqCst);
        let headers =
            format!("Content-Encoding: gzip\r\nSet-Cookie: sid=s{number}; Path=/; HttpOnly\r\nX-User: u{number}\r\n");
        return ok(&headers, &gzip(&format!(r#"{{"data": [{{"token": "token-\"{number}\""}}]}}"#)));
    }
    let user = header(head, "X-User");
    let number = user.strip_prefix('u').unwrap_or("none");
    if header(head, "Cookie") != format!("sid=s{number}") {
        return refusal("whose cookie is that?");
    }
    match path {
        "/ask" if body == format!(r#"{{"token":"token-\"{number}\""}}"#) => {
            ok("", format!("<a href=\"/answers/{number} 1/2\">").as_bytes())
        }
        _ if path == format!("/answers/{number}%201%2F2") => ok("", b""),
        _ => refusal("whose token is that?"),
    }
}

const CONVERSATION: &str = r#"{"steps": [
    {"path": "/login", "body": "name=x", "cookies": true, "capture": {"token": {"json": "/data/0/token"}, "user": {"header": "x-user"}}},
    {"path": "/ask", "body": {"token": "{{token}}"}, "headers": {"X-User": "{{user}}"}, "cookies": true, "capture": {"id": {"regex": "/answers/([^\"]+)\""}}},
    {"path": "/answers/{{id}}", "headers": {"X-User": "{{user}}"}, "cookies": true, "name": "answer"}
]}"#;

#[test]
fn every_user_sends_what_it_was_told_itself() {
    let (server, _) = serve(conversation);
    let result = load(&server, &CONVERSATION.replace('\n', " "), 8, 600);
    assert!(result.failures.is_empty(), "{:?}", result.failures);
    let counts = by_name(&result);
    assert_eq!(counts.values().map(|(requests, _)| requests).sum::<u64>(), 600);
    for name in ["/login", "/ask", "answer"] {
        assert!((192..=208).contains(&counts[name].0), "{counts:?}");
    }
}

#[test]
fn in_an_open_loop_the_schedule_says_when_and_the_user_what() {
    let (server, _) = serve(conversation);
    let requests = parse_requests(Path::new("scenario"), &CONVERSATION.replace('\n', " "), &|_| None).unwrap().requests;
    let model = LoadModel::Open { rate_rps: 2000.0, arrivals: Arrivals::Poisson, max_in_flight: 4 };
    let until = Until::Iterations { count: 600 };
    let result = run(&LoadPlan { requests, until, model, threads: Some(1), ..config(server.address) });
    assert!(result.failures.is_empty(), "{:?}", result.failures);
    assert!(by_name(&result)["answer"].0 >= 195, "{:?}", by_name(&result));
}

/// A token is good for three questions.
fn forgetful(state: &State, head: &str, _: &str) -> Vec<u8> {
    if head.starts_with("POST /login ") {
        let number = state.logins.fetch_add(1, SeqCst);
        return ok(&format!("Location: token-{number}\r\n"), b"");
    }
    let token = header(head, "Authorization").to_owned();
    let mut uses = state.uses.lock().unwrap();
    let used = uses.entry(token.clone()).or_default();
    *used += 1;
    if *used > 3 { refusal(&format!("{token} is used up")) } else { ok("", b"fine") }
}

#[test]
fn who_is_logged_in_asks_on_and_who_is_refused_logs_in_again() {
    let (server, state) = serve(forgetful);
    let login = r#"{"path": "/login", "body": "x", "once": true, "capture": {"token": {"header": "Location"}}}"#;
    let ask = r#"{"path": "/ask", "headers": {"Authorization": "{{token}}"}}"#;
    let result = load(&server, &format!(r#"{{"steps": [{login}, {ask}]}}"#), 2, 100);
    assert_eq!(by_name(&result), [("/ask", (80, 20)), ("/login", (20, 0))].into());
    assert_eq!(state.logins.load(SeqCst), 20);
    let failures: Vec<_> = result.failures.iter().map(|group| (group.error.as_str(), group.occurrences)).collect();
    assert_eq!(failures, [("HTTP 401: {{token}} is used up", 20)], "of all users alike");
}

#[test]
fn what_cannot_be_taken_is_a_failure_named_so_and_ends_the_scenario() {
    let (server, _) = serve(|_, _, _| ok("Set-Cookie: other=1\r\n", br#"{"token": null}"#));
    for (capture, error) in [
        (r#"{"json": "/token"}"#, "no value for {{it}}: the answer has nothing at /token"),
        (r#"{"cookie": "sid"}"#, "no value for {{it}}: the answer has nothing in a cookie sid"),
    ] {
        let text = format!(
            r#"{{"steps": [{{"path": "/login", "capture": {{"it": {capture}}}}}, {{"path": "/ask/{{{{it}}}}"}}]}}"#
        );
        let result = load(&server, &text, 2, 10);
        assert_eq!(by_name(&result)["/login"], (10, 10), "no step after it was sent");
        let failures: Vec<_> = result.failures.iter().map(|group| (group.error.as_str(), group.kind)).collect();
        assert_eq!(failures, [(error, FailureKind::Body)]);
    }
}

#[test]
fn scenarios_and_requests_are_mixed_by_weight() {
    let (server, _) = serve(|_, _, _| ok("", b"fine"));
    let text =
        "{\"weight\": 1, \"steps\": [{\"path\": \"/a\"}, {\"path\": \"/b\"}]}\n{\"path\": \"/c\", \"weight\": 2}";
    let result = load(&server, text, 4, 2000);
    let counts = by_name(&result);
    // A third of the turns has two requests: 1 of 4 each, and 2 of 4.
    assert!((440..=560).contains(&counts["/a"].0) && (440..=560).contains(&counts["/b"].0), "{counts:?}");
    assert!((940..=1060).contains(&counts["/c"].0), "{counts:?}");
}
