//! The mock backend: answers chat completions at once and always alike, so that what is measured is what stands before it.
//!
//! `routes` says what is answered, `answers` holds the bodies, and this file accepts and serves connections.

mod answers;
mod routes;

use crate::error::{Error, Result};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// What the mock has seen since it started.
#[derive(Debug, Default)]
pub struct Counters {
    requests: AtomicU64,
}

impl Counters {
    /// Requests of any kind that arrived whole, or were refused.
    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }
}

/// Serves until `shutdown` is ready; connections that are open then are dropped. Needs a tokio runtime with I/O and
/// time; on a current-thread one, all is served by one CPU.
///
/// Errors: none but the listener's own end; a refused connection is only skipped.
pub async fn serve(listener: TcpListener, counters: Arc<Counters>, shutdown: impl Future<Output = ()>) -> Result<()> {
    let mut connections = tokio::task::JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => return Ok(()),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, Arc::clone(&counters)));
                }
                // Out of files or memory: what is open may free some. Anything else concerns that one connection.
                Err(error) if is_exhaustion(&error) => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => {
                    return Err(Error::Other(format!("the mock cannot accept connections: {error}")));
                }
                Err(_) => {}
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Whether accepting failed for want of something (EMFILE, ENFILE, ENOBUFS, ENOMEM).
fn is_exhaustion(error: &std::io::Error) -> bool {
    use nix::errno::Errno;
    let exhausted = [Errno::EMFILE, Errno::ENFILE, Errno::ENOBUFS, Errno::ENOMEM];
    error.raw_os_error().is_some_and(|number| exhausted.contains(&Errno::from_raw(number)))
}

/// Until the client closes, or sends what is not HTTP: that is the client's affair and no error here.
async fn serve_connection(stream: TcpStream, counters: Arc<Counters>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        counters.requests.fetch_add(1, Relaxed);
        routes::answer(request)
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
