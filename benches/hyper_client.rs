//! The client that one writes first with hyper: keep-alive, a task a connection, no clocks and no checks.
//! `benches/load` sets ours beside it: what it costs to measure, and what is gained by not being naive.
//!
//! usage: hyper_client URL CONNECTIONS SECONDS     prints how many requests were answered

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{Request, Uri, header};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::{cell::Cell, rc::Rc, time::Duration};
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const BODY: &str = r#"{"model": "openai/mock-chat-model", "messages": [{"role": "user", "content": "Hello, how are you?"}], "max_tokens": 50}"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, connections, seconds] = arguments.as_slice() else {
        return Err("usage: hyper_client URL CONNECTIONS SECONDS".into());
    };
    let (url, connections, seconds): (Uri, usize, f64) = (url.parse()?, connections.parse()?, seconds.parse()?);
    let answered = Rc::new(Cell::new(0));
    let load = async {
        let mut clients = JoinSet::new();
        for _ in 0..connections {
            clients.spawn_local(client(url.clone(), Rc::clone(&answered)));
        }
        while let Some(ended) = clients.join_next().await {
            if let Err(why) = ended {
                eprintln!("{why}");
            }
        }
    };
    // Nothing but the time ends it.
    let _ = tokio::task::LocalSet::new().run_until(timeout(Duration::from_secs_f64(seconds), load)).await;
    println!("{}", answered.get());
    Ok(())
}

async fn client(url: Uri, answered: Rc<Cell<u64>>) {
    if let Err(why) = send_for_ever(&url, &answered).await {
        eprintln!("{url}: {why}");
    }
}

async fn send_for_ever(url: &Uri, answered: &Cell<u64>) -> Result<()> {
    let authority = url.authority().ok_or("no host in the URL")?.as_str();
    let stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::task::spawn_local(connection);
    loop {
        let request = Request::post(url.path())
            .header(header::HOST, authority)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from_static(BODY.as_bytes())))?;
        sender.ready().await?;
        sender.send_request(request).await?.into_body().collect().await?;
        answered.set(answered.get() + 1);
    }
}
