//! The mock as slow, as limited and as faulty as asked, seen by the load generator and by its own counts.

use super::servers::{Mock, at_least, config, for_ms, only_failure, run};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use vscale::analyse::load_findings;
use vscale::mock::MockConfig;
use vscale::model::{Arrivals, FailureKind, Gate, LoadModel, LoadPlan, LoadResult, RequestTemplate, Until};

fn asked(mock: &Mock, until: Until, users: u32) -> LoadPlan {
    let backend = Some(format!("http://{}", mock.address));
    LoadPlan { until, backend, ..config(mock.address).with_users(users, f64::from(users)) }
}

fn times(text: &str) -> MockConfig {
    MockConfig { service_time: text.parse().unwrap(), ..MockConfig::default() }
}

/// Milliseconds below which this share of the latencies lies.
fn latency_ms(result: &LoadResult, percent: f64) -> f64 {
    result.latency().percentile_us(percent) as f64 / 1e3
}

#[test]
fn both_sides_count_the_same() {
    let mock = Mock::with(MockConfig { threads: Some(2), ..MockConfig::default() });
    let result = run(&asked(&mock, Until::Iterations { count: 5_000 }, 8));
    let backend = result.backend.as_ref().unwrap();
    assert_eq!((result.totals.succeeded, backend.total_arrivals), (5_000, 5_000));
    assert_eq!(backend.amplification(&result.totals), Some(1.0));
    assert!((1..=8).contains(&backend.window.peak_in_flight), "{:?}", backend.window);
    let doubts = load_findings(&result).into_iter().filter(|finding| finding.gate != Gate::GeneratorCpu);
    assert_eq!(doubts.collect::<Vec<_>>(), []);
}

#[test]
fn a_service_time_is_what_clients_wait() {
    let mock = Mock::with(times("20ms"));
    let result = run(&asked(&mock, for_ms(1000), 4));
    assert!(latency_ms(&result, 0.1) >= 20.0, "{}", latency_ms(&result, 0.1));
    let window = &result.backend.as_ref().unwrap().window;
    assert!(window.service_time.min_us() >= 20_000);
    assert!(window.service_time.percentile_us(50.0) <= result.latency().percentile_us(50.0) + 1_000);
    assert_eq!(window.peak_in_flight, 4, "none waits for another");
    assert!((1..=204).contains(&result.request_count()), "{} of 200 at most", result.request_count());
}

#[test]
fn a_mixture_has_its_shares() {
    let mock = Mock::with(times("80% 1ms, 20% 500ms"));
    let model = LoadModel::Open { rate_rps: 300.0, arrivals: Arrivals::Poisson, max_in_flight: 300 };
    let result = run(&LoadPlan { model, ..asked(&mock, for_ms(4000), 1) });
    let slow = at_least(&result.latency(), 500);
    let share = slow as f64 / result.latency().count() as f64;
    assert!((0.1..0.32).contains(&share), "{share}: four standard deviations are 0.07");
}

#[test]
fn slots_bound_what_is_under_way() {
    // Eight at a time, 50 ms each: 160 a second at most, however many ask.
    let mock = Mock::with(MockConfig { slots: Some(8), threads: Some(2), ..times("50ms") });
    let result = run(&asked(&mock, for_ms(3000), 24));
    assert!((120..=488).contains(&result.request_count()), "{}", result.request_count());
    assert_eq!(result.failures, []);
    let window = &result.backend.as_ref().unwrap().window;
    assert_eq!(window.peak_in_flight, 24, "those that wait are in flight too");
    assert_eq!(window.slots, Some(8));
    // In a slot each is worked on for 50 ms, and waits for two turns of eight besides.
    let processing_us = window.processing_us as f64 / window.answered as f64;
    assert!(processing_us >= 50_000.0, "{processing_us}");
    assert!(processing_us < window.service_time.percentile_us(50.0) as f64 / 1.5, "{processing_us}: without the wait");
    assert!(
        result.latency().max_us() >= 100_000,
        "the last of 24 waits for two turns of eight, the first perhaps begun"
    );
}

#[test]
fn a_full_queue_is_a_503() {
    let mock = Mock::with(MockConfig { slots: Some(1), queue: Some(1), ..times("300ms") });
    let result = run(&LoadPlan { backend: None, ..asked(&mock, Until::Iterations { count: 2_000 }, 6) });
    let refused = &result.failures[0];
    assert_eq!(refused.kind, FailureKind::Status);
    assert!(refused.error.starts_with("HTTP 503: ") && refused.error.contains("all slots are in use"), "{refused:?}");
    assert!(result.request_count() > result.failure_count());
    assert_eq!(mock.close_window().errors, result.failure_count());
}

#[test]
fn errors_are_as_many_as_asked_for() {
    let mock = Mock::with(MockConfig { error_rate: 0.3, error_status: 429, ..MockConfig::default() });
    let result = run(&asked(&mock, Until::Iterations { count: 2000 }, 4));
    let failed = result.failure_count();
    assert!((520..680).contains(&failed), "{failed} of 600, give or take four standard deviations");
    assert!(result.failures[0].error.contains("rate_limit_error"), "{:?}", result.failures[0]);
    let all = Mock::with(MockConfig { error_rate: 1.0, ..MockConfig::default() });
    assert!(only_failure(&run(&config(all.address))).error.starts_with("HTTP 503: "));
}

#[test]
fn a_stall_holds_every_completion() {
    let stalls = vec!["2s:1s".parse().unwrap()];
    let mock = Mock::with(MockConfig { stalls, ..times("1ms") });
    let model = LoadModel::Open { rate_rps: 100.0, arrivals: Arrivals::Constant, max_in_flight: 400 };
    let result = run(&LoadPlan { model, ..asked(&mock, for_ms(4000), 1) });
    // By the clock that a paused load generator does not stop.
    let waited = |ms| at_least(&result.intended(), ms);
    assert!((90..=399).contains(&waited(10)), "{}: due in the stall's second", waited(10));
    assert!(
        (45..=150).contains(&waited(500)),
        "{}: in its first half, and those that a busy machine keeps",
        waited(500)
    );
}

#[test]
fn bodies_are_as_large_as_asked() {
    let mock = Mock::with(MockConfig { body_bytes: 300_000, ..MockConfig::default() });
    let result = run(&asked(&mock, Until::Iterations { count: 50 }, 2));
    assert_eq!((result.requests[0].content_bytes, result.failure_count()), (50 * 300_000, 0));
}

#[test]
fn streams_are_timed_as_asked() {
    let (ttft, itl) = (Some("40ms".parse().unwrap()), "15ms".parse().unwrap());
    let mock = Mock::with(MockConfig { ttft, itl, tokens: Some(6), ..MockConfig::default() });
    let requests = vec![RequestTemplate::streamed()];
    let result = run(&LoadPlan { stream: true, requests, ..asked(&mock, for_ms(1500), 4) });
    let stream = result.stream().unwrap();
    let streams = result.request_count();
    assert!(streams >= 8 && result.failures.is_empty(), "{:?}", result.failures);
    assert_eq!((stream.tokens, stream.itl.count()), (6 * streams, 5 * streams));
    assert!(stream.ttft.min_us() >= 40_000 && result.latency().min_us() >= 115_000);
    let itl_ms = stream.itl.percentile_us(50.0) as f64 / 1e3;
    assert!((12.0..25.0).contains(&itl_ms), "{itl_ms}: the schedule does not slip");
    assert_eq!(result.totals.connections_opened.unwrap(), 4);
}

#[test]
fn usage_comes_last_for_those_who_ask() {
    let mock = Mock::start();
    let stream = |options: &str| {
        let mut stream = TcpStream::connect(mock.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let body = format!(r#"{{"model": "m", "messages": [{{}}], "stream": true{options}}}"#);
        let length = body.len();
        write!(stream, "POST /v1/chat/completions HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let plain = stream("");
    assert!(plain.ends_with("data: [DONE]\n\n") && !plain.contains("chunked") && !plain.contains("usage"), "{plain}");
    let with_usage = stream(r#", "stream_options": {"include_usage": true}"#);
    let events: Vec<&str> = with_usage.split("\n\n").filter_map(|event| event.split("data: ").nth(1)).collect();
    let usage: serde_json::Value = serde_json::from_str(events[events.len() - 2]).unwrap();
    assert_eq!((&usage["choices"], &usage["usage"]["completion_tokens"]), (&serde_json::json!([]), &9.into()));
    let text: String = events
        .iter()
        .filter_map(|event| serde_json::from_str::<serde_json::Value>(event).ok())
        .filter_map(|event| Some(event["choices"][0]["delta"]["content"].as_str()?.to_owned()))
        .collect();
    assert_eq!(text, vscale::mock::TEXT);
}

#[test]
fn clients_that_leave_are_counted_and_free_their_slot() {
    let mock = Mock::with(MockConfig { slots: Some(1), ..times("2s") });
    let gone = run(&LoadPlan { timeout_us: 50_000, drain_us: 0, ..asked(&mock, for_ms(1000), 3) });
    assert!(gone.failure_count() > 0);
    assert_eq!((gone.failures[0].kind, gone.totals.succeeded), (FailureKind::Timeout, 0), "{:?}", gone.failures);
    let began = Instant::now();
    let after = run(&asked(&mock, Until::Iterations { count: 1 }, 1));
    assert_eq!(after.totals.succeeded, 1);
    // Had each of the others kept the slot for its 2 s, this one would have given up before its turn.
    assert!(gone.totals.sent > 10 && began.elapsed() < Duration::from_secs(10), "{gone:?} {:?}", began.elapsed());
}

#[test]
fn who_leaves_the_queue_makes_room_in_it() {
    let mock = Mock::with(MockConfig { slots: Some(1), queue: Some(1), threads: Some(2), ..times("900ms") });
    let ask = || {
        let mut stream = TcpStream::connect(mock.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let body = r#"{"model": "m", "messages": [{}]}"#;
        let length = body.len();
        let head = "POST /v1/chat/completions HTTP/1.1\r\nHost: m\r\nExpect: 100-continue\r\nConnection: close\r\n";
        for piece in [format!("{head}Content-Length: {length}\r\n\r\n"), body.to_owned()] {
            stream.write_all(piece.as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(50));
        }
        stream
    };
    let _worked_on = ask();
    // It has not read that it may send its body, so that its connection ends with a reset.
    drop(ask());
    let mut answer = String::new();
    ask().read_to_string(&mut answer).unwrap();
    assert!(answer.contains("HTTP/1.1 200 OK"), "{answer}");
}

#[test]
fn answers_under_way_are_finished_before_it_ends() {
    let mut mock = Mock::with(times("400ms"));
    let mut stream = TcpStream::connect(mock.address).unwrap();
    let mut idle = TcpStream::connect(mock.address).unwrap();
    idle.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let body = r#"{"model": "m", "messages": [{}]}"#;
    let length = body.len();
    write!(stream, "POST /v1/chat/completions HTTP/1.1\r\nHost: m\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
    std::thread::sleep(Duration::from_millis(150));
    mock.stop();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with('}'), "{answer}");
    assert_eq!(idle.read(&mut [0]).unwrap(), 0, "an idle connection is closed");
    assert!(TcpStream::connect(mock.address).is_err(), "nobody is let in any more");
}
