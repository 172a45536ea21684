//! Is the target ready? It is asked every 50 ms: by an HTTP/1.1 GET, or by connecting alone.

use crate::{
    error::{Error, Result},
    load::Asker,
    model::Statuses,
};
use std::{
    thread,
    time::{Duration, Instant},
};

const POLL_INTERVAL: Duration = Duration::from_millis(50);
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
const SHOWN_BODY_BYTES: usize = 200;

/// How a target is asked.
#[derive(Clone, Debug)]
pub struct ReadyCheck {
    asker: Asker,
    /// `None` where a connection is enough.
    path: Option<String>,
    statuses: Statuses,
}

impl ReadyCheck {
    /// Of `http://host:port/path`, `https://host:port/path` or `tcp://host:port`.
    ///
    /// # Errors
    /// [`Error::Usage`] for any other URL.
    pub fn new(url: &str, statuses: Statuses) -> Result<Self> {
        if let Some(authority) = url.strip_prefix("tcp://") {
            let asker = Asker::new(&format!("http://{authority}"), ANSWER_LIMIT)?;
            return Ok(Self { asker, path: None, statuses });
        }
        let (origin, path) = origin_and_path(url);
        Ok(Self { asker: Asker::new(origin, ANSWER_LIMIT)?, path: Some(path.to_owned()), statuses })
    }

    /// Asks until the target is ready, or `is_over` says that nobody waits for it any more: false then. `waiting` hears the
    /// last answer about once a second.
    ///
    /// # Errors
    /// [`Error::Start`] when it is not ready in time, with its last answer.
    pub fn wait(
        &self,
        timeout: Duration,
        is_over: &dyn Fn() -> bool,
        mut waiting: impl FnMut(String) -> Result<()>,
    ) -> Result<bool> {
        // A timeout beyond what a clock can add has no end.
        let deadline = Instant::now().checked_add(timeout);
        let mut next_word = Instant::now() + Duration::from_secs(1);
        while !is_over() {
            let Err(last) = self.ask() else { return Ok(true) };
            let now = Instant::now();
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Err(Error::Start(format!("not ready after {} s; last answer: {last}", timeout.as_secs_f64())));
            }
            if now >= next_word {
                waiting(last)?;
                next_word = now + Duration::from_secs(1);
            }
            thread::sleep(POLL_INTERVAL);
        }
        Ok(false)
    }

    /// Once. The error is what was answered instead.
    pub fn ask(&self) -> Result<(), String> {
        let Some(path) = &self.path else {
            return self.asker.connect_only().map_err(|error| error.to_string());
        };
        let told = self.asker.ask("GET", path, "").map_err(|error| error.to_string())?;
        if self.statuses.has(told.status) {
            return Ok(());
        }
        let shown = String::from_utf8_lossy(&told.body[..told.body.len().min(SHOWN_BODY_BYTES)]).trim().to_owned();
        Err(format!("HTTP {}: {shown}", told.status).trim_end_matches([':', ' ']).to_owned())
    }
}

/// `http://host:port` and `/path`.
pub fn origin_and_path(url: &str) -> (&str, &str) {
    let authority = url.find("://").map_or(0, |at| at + 3);
    match url[authority..].find('/') {
        Some(slash) => url.split_at(authority + slash),
        None => (url, "/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read, Write},
        net::TcpListener,
    };

    fn serve_once(answers: &'static [&'static str]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().expect("a client");
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        format!("http://{address}/health")
    }

    fn wait(url: &str, statuses: &str, timeout: Duration) -> Result<bool> {
        let check = ReadyCheck::new(url, statuses.parse().expect("statuses")).expect("a URL");
        check.wait(timeout, &|| false, |_| Ok(()))
    }

    #[test]
    fn a_2xx_after_errors_is_ready() {
        let url = serve_once(&["HTTP/1.1 503 Busy\r\n\r\nloading", "HTTP/1.1 204 No Content\r\n\r\n"]);
        assert!(wait(&url, "2xx", Duration::from_secs(10)).expect("ready"));
    }

    #[test]
    fn a_500_is_not_ready_and_is_named() {
        let url = serve_once(&["HTTP/1.1 500 Oops\r\n\r\nno database"]);
        let error = wait(&url, "2xx", Duration::ZERO).expect_err("never ready");
        assert_eq!(error.to_string(), "not ready after 0 s; last answer: HTTP 500: no database");
        assert_eq!(error.exit_code(), 4);
    }

    #[test]
    fn a_status_that_was_asked_for_is_ready_and_no_other() {
        const SECRET: &[&str] = &["HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"];
        assert!(wait(&serve_once(SECRET), "200,401", Duration::ZERO).expect("ready"));
        assert!(wait(&serve_once(SECRET), "any", Duration::ZERO).expect("ready"));
        assert!(wait(&serve_once(SECRET), "403", Duration::ZERO).is_err());
    }

    #[test]
    fn a_connection_is_enough_where_nobody_speaks_http() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("tcp://{}", listener.local_addr().expect("bound"));
        assert!(wait(&url, "2xx", Duration::ZERO).expect("ready"));
        drop(listener);
        assert!(wait(&url, "2xx", Duration::ZERO).expect_err("nobody listens").to_string().contains("refused"));
    }

    #[test]
    fn rubbish_is_not_ready() {
        let error = wait(&serve_once(&["SSH-2.0-OpenSSH_9.2\r\n"]), "2xx", Duration::ZERO).expect_err("never ready");
        assert!(error.to_string().contains("not HTTP"), "{error}");
        assert!(ReadyCheck::new("ftp://127.0.0.1:1/", Statuses::Any).is_err());
    }

    #[test]
    fn urls_are_a_server_and_a_path() {
        for (url, parts) in [
            ("http://a:1/b/c?d", ("http://a:1", "/b/c?d")),
            ("https://[::1]:1/", ("https://[::1]:1", "/")),
            ("http://a", ("http://a", "/")),
        ] {
            assert_eq!(origin_and_path(url), parts);
        }
    }
}
