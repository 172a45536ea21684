//! The load generator against servers that behave: counts, windows, framings, connections, stopping.

use super::servers::{GOOD, Mock, Server, config, ended, expecting, for_ms, read_any, read_request, run};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};
use vscale::model::{
    Arrivals, Expect, FailureKind, LoadModel, LoadPlan, RequestTemplate, Stage, StopCause, Until, WarmUp,
};

#[test]
fn mock_and_load_generator_agree_on_every_request() {
    let mock = Mock::start();
    let config = LoadPlan { threads: Some(2), ..config(mock.address).with_users(5, 10.0) };
    let result = run(&config);
    assert!(result.request_count() > 10);
    assert_eq!(result.failures, []);
    assert_eq!(mock.close_window().arrivals, ended(&result) + result.totals.unanswered.unwrap());
    assert_eq!((result.totals.unanswered.unwrap(), result.totals.retries.unwrap()), (0, 0));
    assert_eq!((result.totals.connections_opened.unwrap(), result.generators[0].threads), (5, 2));
}

#[test]
fn the_parts_of_a_result_agree_with_each_other() {
    let mock = Mock::start();
    let config = LoadPlan { warm_up: WarmUp::Fixed { us: 800_000 }, until: for_ms(1800), ..config(mock.address) };
    let mut progress = Vec::new();
    let result = vscale::load::run(&config, &AtomicBool::new(false), &mut |row| progress.push(row.clone())).unwrap();

    assert_eq!((result.window.warm_up_us, result.window.duration_us), (800_000, 1_800_000));
    assert_eq!(result.stopped_by, StopCause::RunTime);
    let rows: Vec<_> = result.series.iter().map(|row| (row.duration_us, row.measured)).collect();
    assert_eq!(rows[..3], [(800_000, false), (1_000_000, true), (800_000, true)]);
    let measured = || result.series.iter().filter(|row| row.measured);
    assert_eq!(measured().map(|row| row.requests).sum::<u64>(), result.request_count());
    assert_eq!(measured().map(|row| row.content_bytes).sum::<u64>(), result.requests[0].content_bytes);
    assert_eq!(result.latency().count(), result.request_count() - result.failure_count());
    assert_eq!(result.requests[0].content_bytes % result.request_count(), 0);
    assert_eq!(progress.len(), 3);
    assert!(progress.iter().all(|row| row.users == 2 && row.throughput_rps > 0.0 && row.latency.count() > 0));
    let most_us = u64::from(result.generators[0].threads) * (result.window.duration_us + 100_000);
    assert!((1..=most_us).contains(&result.generators[0].cpu_us()), "{:?}", result.generators);
    assert!(result.generators[0].max_rss_bytes > 0);
}

#[test]
fn nothing_is_counted_before_all_users_run() {
    let mock = Mock::start();
    let config = config(mock.address).with_users(3, 1.0);
    let result = run(&config);
    assert_eq!(result.window.warm_up_us, 2_000_000);
    assert!(result.series[..2].iter().all(|row| !row.measured && row.requests > 0));
    assert_eq!(result.series.iter().map(|row| row.users).take(3).collect::<Vec<_>>(), [2, 3, 3]);
    assert!(ended(&result) > result.request_count());
}

#[test]
fn a_steady_server_ends_the_warm_up() {
    let mock = Mock::start();
    let at_most_us = 3_000_000;
    let result = run(&LoadPlan { warm_up: WarmUp::Steady { at_most_us }, ..config(mock.address) });
    assert!((1_000_000..=5_000_000).contains(&result.window.warm_up_us), "{}", result.window.warm_up_us);
    assert!(result.request_count() > 0);
}

#[test]
fn every_framing_is_a_success() {
    let body = r#"{"choices":[1]}"#;
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"cho\r\nA\r\nices\":[1]}\r\n0\r\n\r\n";
    let interim = format!("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n{GOOD}");
    for answer in [GOOD, chunked, &interim] {
        let server = Server::answering(answer);
        let result = run(&config(server.address));
        assert!(result.request_count() > 2, "{answer}");
        assert_eq!((result.failures.len(), result.totals.connections_opened.unwrap()), (0, 2), "{answer}");
        assert_eq!(result.requests[0].content_bytes, result.request_count() * body.len() as u64, "{answer}");
    }
    let until_close = format!("HTTP/1.1 200 OK\r\n\r\n{body}");
    let close = GOOD.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let http_1_0 = GOOD.replace("HTTP/1.1", "HTTP/1.0");
    for answer in [&until_close, &close, &http_1_0] {
        let server = Server::answering_once(answer.as_str());
        let result = run(&config(server.address));
        assert_eq!((result.failures.len(), result.totals.retries.unwrap()), (0, 0), "{answer}: {:?}", result.failures);
        assert_eq!(result.totals.connections_opened.unwrap(), ended(&result), "{answer}");
        assert!(result.request_count() > 2, "{answer}");
    }
}

#[test]
fn an_answer_in_many_pieces_is_whole() {
    let server = Server::start(|mut stream| {
        stream.set_nodelay(true).unwrap();
        while read_request(&mut stream) {
            for piece in GOOD.as_bytes().chunks(7) {
                if stream.write_all(piece).is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_micros(200));
            }
        }
    });
    let result = run(&config(server.address));
    assert!(result.request_count() > 2);
    assert_eq!(result.failures, []);
}

#[test]
fn a_large_request_and_a_large_answer_pass() {
    let big = "x".repeat(3 << 20);
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{{\"choices\":[\"{big}\"]}}", big.len() + 16);
    let server = Server::answering(answer);
    let mut config = config(server.address);
    config.requests[0].body = format!("{{\"messages\": \"{big}\", \"max_tokens\": 50}}");
    config.until = for_ms(1000);
    let result = run(&config);
    assert!(result.request_count() > 0);
    assert_eq!(result.failures, []);
    assert_eq!(result.requests[0].content_bytes, result.request_count() * (big.len() as u64 + 16));
}

#[test]
fn an_answer_within_the_bound_is_taken_by_however_many_threads() {
    let body = format!(r#"{{"choices":["{}"]}}"#, "x".repeat(9 << 20));
    let server = Server::answering(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    let until = Until::Iterations { count: 2 };
    let result = run(&LoadPlan { threads: Some(64), until, ..config(server.address).with_users(64, 64.0) });
    assert_eq!((result.totals.succeeded, result.failures.len()), (2, 0), "{:?}", result.failures);
}

#[test]
fn without_keep_alive_each_request_has_its_own_connection() {
    let mock = Mock::start();
    let result = run(&LoadPlan { keep_alive: false, ..config(mock.address) });
    assert!(result.request_count() > 2);
    assert_eq!(result.failures, []);
    assert_eq!(result.totals.connections_opened.unwrap(), ended(&result));
}

/// Each connection answers three requests, and closes as the fourth comes, without a byte of answer. Counts what came.
fn closing_after_three() -> (Server, Arc<AtomicU64>) {
    let came = Arc::<AtomicU64>::default();
    let seen = Arc::clone(&came);
    let server = Server::start(move |mut stream| {
        for number in 1..=4 {
            if read_any(&mut stream).is_none() {
                return;
            }
            seen.fetch_add(1, SeqCst);
            if number <= 3 && stream.write_all(GOOD.as_bytes()).is_err() {
                return;
            }
        }
    });
    (server, came)
}

#[test]
fn what_may_be_carried_out_twice_is_sent_again_when_a_kept_connection_closes() {
    let (server, came) = closing_after_three();
    let mut config = LoadPlan { until: Until::Iterations { count: 100 }, ..config(server.address) };
    config.requests[0] = RequestTemplate { method: "PUT".into(), ..RequestTemplate::default() };
    let result = run(&config);
    assert_eq!((result.request_count(), result.failures.len()), (100, 0), "{:?}", result.failures);
    // Every connection but each user's first was opened for a retry, and each request that came twice is told.
    assert!(result.totals.retries.unwrap() > 0);
    assert_eq!(result.totals.connections_opened.unwrap(), 2 + result.totals.retries.unwrap());
    assert_eq!(came.load(SeqCst), 100 + result.totals.retries.unwrap());
}

#[test]
fn a_post_whose_answer_never_came_is_never_sent_twice() {
    for method in ["POST", "PATCH", "PURGE"] {
        let (server, came) = closing_after_three();
        let mut config = LoadPlan { until: Until::Iterations { count: 100 }, ..config(server.address) };
        config.requests[0].method = method.into();
        let result = run(&config);
        assert_eq!((result.totals.sent, came.load(SeqCst), result.totals.retries.unwrap()), (100, 100, 0), "{method}");
        // Each fourth of a connection.
        assert!((24..=25).contains(&result.failure_count()), "{method}: {:?}", result.failures);
        let failure = &result.failures[0];
        assert_eq!(failure.kind, FailureKind::Reset);
        assert!(failure.error.starts_with("before the answer, on a kept connection: "), "{}", failure.error);
    }
}

#[test]
fn the_addresses_are_told_and_add_up_to_the_connections() {
    let mock = Mock::start();
    let result = run(&LoadPlan { keep_alive: false, ..config(mock.address) });
    let used: Vec<_> = result.addresses.iter().map(|one| (one.address.as_str(), one.connections)).collect();
    assert_eq!(used, [(mock.address.to_string().as_str(), result.totals.connections_opened.unwrap())]);
}

#[test]
fn the_second_address_is_used_where_the_first_refuses() {
    // `localhost` may be ::1 and 127.0.0.1; the server listens on the latter only.
    let mock = Mock::start();
    let mut config = config(mock.address);
    config.host = format!("http://localhost:{}", mock.address.port());
    let result = run(&config);
    assert!(result.request_count() > 2);
    assert_eq!(result.failures, []);
}

#[test]
fn the_stop_flag_ends_the_run_with_a_full_result() {
    let mock = Mock::start();
    let stop = Arc::new(AtomicBool::new(false));
    let stopper = {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            stop.store(true, SeqCst);
        })
    };
    let began = Instant::now();
    let config = LoadPlan { until: Until::Stopped, ..config(mock.address) };
    let result = vscale::load::run(&config, &stop, &mut |_| {}).unwrap();
    stopper.join().unwrap();
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(result.stopped_by, StopCause::Signal);
    assert!(result.request_count() > 0 && result.window.duration_us > 0);
    assert_eq!(mock.close_window().arrivals, ended(&result));
}

#[test]
fn stopped_while_warming_up_nothing_is_counted() {
    let mock = Mock::start();
    let config = LoadPlan { warm_up: WarmUp::Fixed { us: 60_000_000 }, ..config(mock.address) };
    let result = vscale::load::run(&config, &AtomicBool::new(true), &mut |_| {}).unwrap();
    assert_eq!((result.request_count(), result.window.duration_us), (0, 0));
    assert_eq!((result.stopped_by, result.throughput_rps()), (StopCause::Signal, 0.0));
    assert_eq!(mock.close_window().arrivals, ended(&result));
}

#[test]
fn answers_that_come_after_the_end_are_not_counted_in_the_window() {
    let server = Server::start(|mut stream| {
        while read_request(&mut stream) {
            std::thread::sleep(Duration::from_millis(1200));
            if stream.write_all(GOOD.as_bytes()).is_err() {
                return;
            }
        }
    });
    let result = run(&LoadPlan { until: for_ms(500), ..config(server.address) });
    assert_eq!((result.request_count(), result.totals.unanswered.unwrap()), (0, 0));
    let last = result.series.last().unwrap();
    assert_eq!((last.requests, last.measured), (2, false));
}

#[test]
fn any_body_passes_where_none_is_asked_for() {
    let server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    let result = run(&expecting(Expect::ok(), config(server.address)));
    assert!(result.request_count() > 2);
    assert_eq!(result.failures, []);
}

#[test]
fn a_body_that_changes_is_checked_each_time() {
    let server = Server::start(|mut stream| {
        let bad = GOOD.replace("[1]", "[ ]");
        for answer in [GOOD, &bad, GOOD, &bad].iter().cycle() {
            if !read_request(&mut stream) || stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    let result = run(&config(server.address).with_users(1, 1.0));
    let (requests, failures) = (result.request_count(), result.failure_count());
    assert!(requests > 4 && failures == requests / 2, "{failures} of {requests}");
}

#[test]
fn what_makes_no_load_is_refused() {
    let address = "127.0.0.1:1".parse().unwrap();
    let good = || config(address);
    let open = |rate_rps| LoadModel::Open { rate_rps, arrivals: Arrivals::Constant, max_in_flight: 1 };
    for wrong in [
        good().with_users(0, 1.0),
        good().with_users(1, 0.0),
        good().with_users(1, f64::NAN),
        good().with_users(1, 1e-300),
        good().with_users(1, f64::INFINITY),
        LoadPlan { model: open(1e-300), ..good() },
        LoadPlan { model: open(f64::MAX), ..good() },
        LoadPlan { timeout_us: u64::MAX, ..good() },
        LoadPlan { drain_us: u64::MAX, ..good() },
        LoadPlan { until: Until::RunTime { us: u64::MAX }, ..good() },
        LoadPlan { warm_up: WarmUp::Fixed { us: u64::MAX }, ..good() },
        LoadPlan { warm_up: WarmUp::Steady { at_most_us: u64::MAX }, ..good() },
        LoadPlan { stages: vec![Stage { duration_us: u64::MAX / 2, target: 1.0 }; 3], ..good() },
        LoadPlan { stages: vec![Stage { duration_us: 1, target: f64::NAN }], ..good() },
        LoadPlan { threads: Some(0), ..good() },
        LoadPlan { timeout_us: 0, ..good() },
        LoadPlan { until: for_ms(0), ..good() },
        LoadPlan { host: "ftp://127.0.0.1:1".into(), ..good() },
    ] {
        let error = vscale::load::run(&wrong, &AtomicBool::new(false), &mut |_| {}).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{error}");
    }
}
