//! Servers for the tests: the real mock, and small ones whose answers a test writes out.

use crate::window::close_window;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::Duration;
use vscale::mock::MockConfig;
use vscale::model::{BackendWindow, Expect, FailureGroup, Histogram, LoadPlan, LoadResult, Until, WarmUp};

/// An answer that passes every check.
pub const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"choices\":[1]}";

/// The mock, in a thread of its own until dropped.
pub struct Mock {
    pub address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Mock {
    pub fn start() -> Self {
        Self::with(MockConfig::default())
    }

    pub fn with(config: MockConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || vscale::mock::serve(listener, &config, &stopped).unwrap());
        Self { address, stop, thread: Some(thread) }
    }

    /// What it saw since it was last asked.
    pub fn close_window(&self) -> BackendWindow {
        close_window(self.address)
    }

    /// Lets it finish what is under way, and waits for its end.
    pub fn stop(&mut self) {
        self.stop.store(true, SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Calls `serve` with each connection, each in a thread of its own.
pub struct Server {
    pub address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Server {
    pub fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, serve) = (Arc::<AtomicBool>::default(), Arc::new(serve));
        let stopped = Arc::clone(&stop);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(SeqCst) {
                    return;
                }
                let (stream, serve) = (stream.unwrap(), Arc::clone(&serve));
                // A test that fails by hanging is worse than one that fails.
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                stream.set_nodelay(true).unwrap();
                std::thread::spawn(move || serve(stream));
            }
        });
        Self { address, stop }
    }

    /// One that answers each request on each connection with the same bytes, all connections kept.
    pub fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |mut stream| while read_request(&mut stream) && stream.write_all(&answer).is_ok() {})
    }

    /// One that answers the first request of each connection, and closes.
    pub fn answering_once(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |mut stream| {
            if read_request(&mut stream) {
                let _ = stream.write_all(&answer);
            }
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

/// Reads one whole default request; false at the connection's end.
pub fn read_request(stream: &mut TcpStream) -> bool {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return false,
            Ok(count) => request.extend_from_slice(&piece[..count]),
        }
        // The default request's body is one JSON object and ends so.
        if request.ends_with(b"\"max_tokens\": 50}") {
            return true;
        }
    }
}

/// Reads one whole request with a `Content-Length` or without a body: its head and its body.
pub fn read_any(stream: &mut impl Read) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            let length = length.map_or(0, |length| length.parse::<usize>().unwrap());
            if let Some(body) = bytes.get(end + 4..end + 4 + length) {
                return Some((head, String::from_utf8(body.to_vec()).unwrap()));
            }
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
        }
    }
}

/// Two users for half a second, counted from the first request on.
pub fn config(address: SocketAddr) -> LoadPlan {
    LoadPlan {
        warm_up: WarmUp::Fixed { us: 0 },
        // On a busy machine nothing may happen for half a second.
        until: for_ms(1500),
        timeout_us: 10_000_000,
        ..LoadPlan::new(format!("http://{address}")).with_users(2, 10.0)
    }
}

/// The same requests, with another idea of success.
pub fn expecting(expect: Expect, mut config: LoadPlan) -> LoadPlan {
    config.requests[0].expect = expect;
    config
}

/// A counted window of this length.
pub fn for_ms(ms: u64) -> Until {
    Until::RunTime { us: ms * 1000 }
}

/// Runs until the configured time is over.
pub fn run(config: &LoadPlan) -> LoadResult {
    vscale::load::run(config, &AtomicBool::new(false), &mut |_| {}).unwrap()
}

/// Requests that ended at any time: in the window, before and after it.
pub fn ended(result: &LoadResult) -> u64 {
    result.series.iter().map(|second| second.requests).sum()
}

/// The most frequent failure, of which there must be one, and nothing but failures.
pub fn only_failure(result: &LoadResult) -> &FailureGroup {
    assert!(result.request_count() > 0, "no request ended");
    assert_eq!(result.failure_count(), result.request_count(), "{:?}", result.failures);
    assert_eq!(result.failures.iter().map(|group| group.occurrences).sum::<u64>(), result.failure_count());
    assert_eq!(result.latency().count(), 0, "a failure's latency was recorded");
    &result.failures[0]
}

/// Every request that was sent ended as one thing, and every one that ended is in one row.
pub fn accounts_for_all(result: &LoadResult) {
    let totals = &result.totals;
    assert_eq!(totals.sent, totals.succeeded + totals.failed + totals.unanswered.unwrap(), "{totals:?}");
    assert_eq!(ended(result), totals.succeeded + totals.failed);
}

/// How many were recorded at or above so many milliseconds.
pub fn at_least(histogram: &Histogram, ms: u64) -> u64 {
    histogram.buckets().filter(|(us, _)| *us >= ms * 1000).map(|(_, count)| count).sum()
}
