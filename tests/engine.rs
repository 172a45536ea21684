//! Engines that do not answer, refuse, hang up or talk rubbish: every call ends, and its error says what was asked of
//! whom, and what came of it. The engine is a thread that plays one.

use std::{
    error::Error as _,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};
use vscale::{
    engine::{Cause, Cluster, Engine, EngineError},
    error::Error,
};

const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// What a fake engine does with a request that it has no good answer for.
#[derive(Clone, Copy)]
enum Fault {
    Silence,
    Refusal,
    HangUp,
    Rubbish,
}

/// Greets as an engine does, and then does the wrong thing. Gives its address.
fn engine_with(fault: Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("tcp://{}", listener.local_addr().expect("bound"));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream, fault));
        }
    });
    address
}

fn serve(mut stream: TcpStream, fault: Fault) -> Option<()> {
    loop {
        let mut request = Vec::new();
        let mut chunk = [0; 4096];
        while !request.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
            let count = stream.read(&mut chunk).ok().filter(|&count| count > 0)?;
            request.extend_from_slice(&chunk[..count]);
        }
        let path = String::from_utf8_lossy(&request).split(' ').nth(1)?.to_owned();
        let answer = |status: &str, body: &str| {
            let head = "Content-Type: application/json\r\nApi-Version: 1.41";
            format!("HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        };
        let text = match fault {
            _ if path.contains("/version") => answer("200 OK", r#"{"Version":"20.10.24","ApiVersion":"1.41"}"#),
            _ if path.contains("/info") => answer("200 OK", r#"{"CpuSet":true,"MemoryLimit":true,"CpuCfsQuota":true}"#),
            Fault::Silence => {
                thread::sleep(Duration::from_secs(60));
                return None;
            }
            Fault::Refusal => answer("500 Internal Server Error", r#"{"message":"the disk is full"}"#),
            Fault::HangUp => return None,
            Fault::Rubbish => answer("200 OK", "<html>"),
        };
        stream.write_all(text.as_bytes()).ok()?;
    }
}

/// What comes of asking for the containers of a run.
fn asked(fault: Fault) -> (EngineError, Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an event loop");
    runtime.block_on(async {
        let engine = Engine::connect_to(&engine_with(fault), LONGEST_WAIT).await.expect("it greets");
        let start = Instant::now();
        match engine.image("stack", "nginx:latest").await {
            Err(Error::Engine(error)) => (*error.downcast().expect("an engine's"), start.elapsed()),
            other => panic!("{other:?}"),
        }
    })
}

#[test]
fn an_engine_that_does_not_answer_is_not_waited_for_for_ever() {
    let (error, took) = asked(Fault::Silence);
    assert_eq!(error.cause(), &Cause::TimedOut(LONGEST_WAIT));
    assert_eq!(error.to_string(), "inspecting image nginx:latest: no answer from the engine in 0.5 s");
    assert!(took < 20 * LONGEST_WAIT, "{took:?}");
}

#[test]
fn a_refusal_has_its_status_and_the_engine_s_words() {
    let (error, _) = asked(Fault::Refusal);
    assert_eq!(error.cause(), &Cause::Refused { status: 500, message: "the disk is full".into() });
    assert_eq!(error.to_string(), "inspecting image nginx:latest: the disk is full");
    assert!(error.source().is_some());
}

#[test]
fn an_engine_that_hangs_up_is_gone() {
    let (error, _) = asked(Fault::HangUp);
    assert!(matches!(error.cause(), Cause::Disconnected(_)), "{error:?}");
    assert!(error.to_string().starts_with("inspecting image nginx:latest: the connection to the engine is lost"));
}

#[test]
fn an_answer_that_makes_no_sense_is_said_to_make_none() {
    let (error, _) = asked(Fault::Rubbish);
    assert!(matches!(error.cause(), Cause::Other(_)), "{error:?}");
}

#[test]
fn removing_from_an_engine_that_does_not_answer_ends_and_says_what_is_left() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an event loop");
    let left = runtime.block_on(async {
        let engine = Engine::connect_to(&engine_with(Fault::Silence), LONGEST_WAIT).await.expect("it greets");
        tokio::time::timeout(Duration::from_secs(60), Cluster::new(engine, "run").remove_all()).await.expect("it ends")
    });
    assert_eq!(left.in_words(), ["listing containers: no answer from the engine in 0.5 s"]);
}
