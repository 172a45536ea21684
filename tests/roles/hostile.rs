//! A server that is out to break the load generator: whatever it does, the run ends in time, every request is accounted
//! for, and memory stays bounded.

use super::servers::{GOOD, Server, accounts_for_all, config, expecting, for_ms, read_request, run};
use proptest::prelude::*;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};
use vscale::model::{Arrivals, Expect, LoadModel, LoadPlan, Until};

/// The ways in which it misbehaves, one a connection, in turn.
const WAYS: [fn(&mut TcpStream) -> std::io::Result<()>; 14] = [
    |_| Ok(()),
    |stream| stream.write_all(b"\x16\x03\x01\x02\x00rubbish\0\xff"),
    |stream| stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
    |stream| repeat(stream, b"HTTP/1.1 200 OK\r\n", b"X-Endless: header\r\n"),
    |stream| repeat(stream, b"HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 4096]),
    |stream| repeat(stream, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    |stream| repeat(stream, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
    |stream| stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n"),
    |stream| repeat(stream, b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    |stream| repeat(stream, b"", GOOD.as_bytes()),
    |stream| stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n"),
    |stream| {
        for byte in GOOD.as_bytes() {
            stream.write_all(&[*byte])?;
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    },
    |stream| {
        // Unread data makes the kernel reset the connection when it is closed.
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"cho")?;
        stream.shutdown(std::net::Shutdown::Both)
    },
    |stream| {
        std::thread::sleep(Duration::from_millis(700));
        stream.write_all(GOOD.as_bytes())
    },
];

/// Goes on until the other side has had enough.
fn repeat(stream: &mut TcpStream, first: &[u8], then: &[u8]) -> std::io::Result<()> {
    let began = Instant::now();
    stream.write_all(first)?;
    while began.elapsed() < Duration::from_secs(5) {
        stream.write_all(then)?;
    }
    Ok(())
}

#[test]
fn a_hostile_server_costs_failures_and_nothing_else() {
    let connections = AtomicU64::new(0);
    let server = Server::start(move |mut stream| {
        let way = WAYS[connections.fetch_add(1, SeqCst) as usize % WAYS.len()];
        stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
        if read_request(&mut stream) {
            let _ = way(&mut stream);
        }
    });
    for stream in [false, true] {
        let began = Instant::now();
        let result = run(&LoadPlan {
            stream,
            until: for_ms(3000),
            timeout_us: 500_000,
            drain_us: 1_000_000,
            ..config(server.address).with_users(28, 28.0)
        });
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        accounts_for_all(&result);
        assert!(result.failure_count() > 28, "{}", result.failure_count());
        let kinds: std::collections::HashSet<_> = result.failures.iter().map(|group| group.kind).collect();
        assert!(kinds.len() >= 3, "{:?}", result.failures);
        assert!(result.generators[0].max_rss_bytes < 1 << 30, "{}", result.generators[0].max_rss_bytes);
    }
}

#[test]
fn what_comes_behind_an_answer_is_no_second_one() {
    // As long as two of the load generator's reads, so that it has to look whether more follows.
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 131029\r\n\r\n";
    let answer = format!("{head}{}\r\n", "x".repeat(131_029));
    assert_eq!(answer.len(), (128 << 10) + 2);
    let server = Server::answering(answer);
    let model = LoadModel::Open { rate_rps: 200.0, arrivals: Arrivals::Constant, max_in_flight: 4 };
    let until = Until::Iterations { count: 50 };
    let result = run(&LoadPlan { model, until, ..expecting(Expect::ok(), config(server.address)) });
    accounts_for_all(&result);
    assert_eq!(result.totals.sent, 50);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// A good answer with bytes changed, cut, doubled: coverage is the parser's own tests' affair, this is about the
    /// connection's states.
    #[test]
    fn mutated_answers_are_accounted_for(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        closes in any::<bool>(),
    ) {
        let mut answer = GOOD.as_bytes().to_vec();
        for (at, byte) in &changes {
            let at = at.index(answer.len());
            answer[at] = *byte;
        }
        answer.truncate(1 + cut.index(answer.len()));
        let server = Server::start(move |mut stream| {
            while read_request(&mut stream) && stream.write_all(&answer).is_ok() && !closes {}
        });
        let result = run(&LoadPlan {
            until: for_ms(150),
            timeout_us: 60_000,
            drain_us: 100_000,
            ..config(server.address)
        });
        accounts_for_all(&result);
    }
}
