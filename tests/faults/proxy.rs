//! A proxy between vscale and the real engine, which forwards everything and at chosen calls does what an unlucky engine
//! does. Each connection carries one request, so what follows the head is copied as it comes, hijacked streams included.

use regex_lite::Regex;
use std::{
    fs,
    io::{self, Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(200);

/// What happens instead of an answer.
#[derive(Clone, Copy)]
pub enum Fault {
    /// The connection is closed.
    Drop,
    /// The answer comes so much later.
    Delay(Duration),
    /// The engine does nothing and answers with this status.
    Refuse(u16),
    /// There never is one.
    Hang,
    /// These words are the answer.
    Say(&'static str),
}

struct Rule {
    request: Regex,
    /// Which matching requests it is for, from 1; all if `None`.
    nth: Option<usize>,
    fault: Fault,
    hits: usize,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    /// Each with its request.
    open: Vec<(String, UnixStream)>,
    away_until: Option<Instant>,
    seen: Vec<String>,
}

/// Until dropped.
pub struct Proxy {
    socket: PathBuf,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    pub fn start(folder: &Path) -> Self {
        let socket = folder.join("engine.sock");
        let proxy = Self { socket, state: Arc::default() };
        let listener = UnixListener::bind(&proxy.socket).expect("a free name");
        let (socket, state) = (proxy.socket.clone(), Arc::clone(&proxy.state));
        thread::spawn(move || listen(listener, &socket, &state));
        proxy
    }

    /// `request` is matched against `METHOD PATH`, query included.
    pub fn with(self, request: &str, nth: impl Into<Option<usize>>, fault: Fault) -> Self {
        self.begin(request, nth, fault);
        self
    }

    pub fn begin(&self, request: &str, nth: impl Into<Option<usize>>, fault: Fault) {
        let request = Regex::new(request).expect("a regular expression");
        self.state.lock().expect("whole").rules.push(Rule { request, nth: nth.into(), fault, hits: 0 });
    }

    /// Waits until the rules have had their way.
    pub fn until_hit(&self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_hit() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
        self.assert_hit();
    }

    /// Closes the connections of such requests.
    pub fn cut(&self, request: &str) {
        let mut state = self.state.lock().expect("whole");
        let (cut, open): (Vec<_>, Vec<_>) = state.open.drain(..).partition(|(asked, _)| asked.contains(request));
        assert!(!cut.is_empty(), "no request for {request}:\n{}", state.seen.join("\n"));
        cut.into_iter().for_each(|(_, client)| close(client));
        state.open = open;
    }

    /// For `DOCKER_HOST`.
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// As when the engine is started anew: all connections are closed, and for a while there are no new ones.
    pub fn go_away(&self, how_long: Duration) {
        let mut state = self.state.lock().expect("whole");
        state.away_until = Some(Instant::now() + how_long);
        let _ = fs::remove_file(&self.socket);
        state.open.drain(..).for_each(|(_, client)| close(client));
    }

    /// A test whose fault never happened tests nothing.
    pub fn assert_hit(&self) {
        assert!(
            self.is_hit(),
            "not all of its faults happened:\n{}",
            self.state.lock().expect("whole").seen.join("\n")
        );
    }

    /// Whether a request had this in it.
    pub fn has_seen(&self, part: &str) -> bool {
        self.state.lock().expect("whole").seen.iter().any(|request| request.contains(part))
    }

    fn is_hit(&self) -> bool {
        let state = self.state.lock().expect("whole");
        state.rules.iter().all(|rule| rule.hits >= rule.nth.unwrap_or(1))
    }
}

fn listen(mut listener: UnixListener, socket: &Path, state: &Arc<Mutex<State>>) {
    listener.set_nonblocking(true).expect("a socket");
    loop {
        let away_until = state.lock().expect("whole").away_until.take();
        if let Some(until) = away_until {
            drop(listener);
            thread::sleep(until.saturating_duration_since(Instant::now()));
            // The test is over, and its folder gone.
            let Ok(again) = UnixListener::bind(socket) else { return };
            listener = again;
            listener.set_nonblocking(true).expect("a socket");
        }
        match listener.accept() {
            Ok((client, _)) => {
                let state = Arc::clone(state);
                thread::spawn(move || serve(client, &state));
            }
            Err(_) if !socket.parent().is_some_and(Path::exists) => return,
            Err(_) => thread::sleep(Duration::from_millis(2)),
        }
    }
}

fn serve(mut client: UnixStream, state: &Arc<Mutex<State>>) -> Option<()> {
    client.set_nonblocking(false).ok()?;
    let (head, rest) = read_head(&mut client)?;
    let request = head.lines().next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let fault = {
        let mut state = state.lock().expect("whole");
        state.open.push((request.clone(), client.try_clone().ok()?));
        state.seen.push(request.clone());
        let mut chosen = None;
        for rule in state.rules.iter_mut().filter(|rule| rule.request.is_match(&request)) {
            rule.hits += 1;
            if rule.nth.is_none_or(|nth| nth == rule.hits) {
                chosen = chosen.or(Some(rule.fault));
            }
        }
        chosen
    };
    match fault {
        Some(Fault::Drop) => {
            close(client);
            return None;
        }
        Some(Fault::Refuse(status)) => {
            return answer(client, &format!("{status} No"), r#"{"message":"refused by the test"}"#);
        }
        Some(Fault::Say(words)) => return answer(client, "200 OK", words),
        Some(Fault::Delay(how_long)) => thread::sleep(how_long),
        Some(Fault::Hang) => {
            // Until the client gives it up.
            let _ = client.read(&mut [0]);
            return None;
        }
        None => {}
    }
    let mut engine = UnixStream::connect("/var/run/docker.sock").ok()?;
    engine.write_all(one_request(&head).as_bytes()).ok()?;
    engine.write_all(&rest).ok()?;
    let (from_client, to_engine) = (client.try_clone().ok()?, engine.try_clone().ok()?);
    thread::spawn(move || copy(from_client, to_engine));
    copy(engine, client);
    Some(())
}

fn read_head(client: &mut UnixStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(at) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
            let rest = bytes.split_off(at + 4);
            return Some((String::from_utf8(bytes).ok()?, rest));
        }
        let count = client.read(&mut chunk).ok().filter(|&count| count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
    }
}

/// An upgrade stays one; every other connection ends with its answer.
fn one_request(head: &str) -> String {
    let lower = head.to_ascii_lowercase();
    if lower.contains("upgrade:") {
        return head.to_owned();
    }
    let kept: Vec<&str> =
        head.trim_end().lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:")).collect();
    format!("{}\r\nConnection: close\r\n\r\n", kept.join("\r\n"))
}

fn answer(mut client: UnixStream, status: &str, body: &str) -> Option<()> {
    let head = "Content-Type: application/json\r\nApi-Version: 1.41\r\nConnection: close";
    let text = format!("HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    client.write_all(text.as_bytes()).ok()?;
    close(client);
    Some(())
}

fn copy(mut from: UnixStream, mut to: UnixStream) {
    let _ = io::copy(&mut from, &mut to);
    close(from);
    close(to);
}

fn close(stream: UnixStream) {
    let _ = stream.shutdown(Shutdown::Both);
}
