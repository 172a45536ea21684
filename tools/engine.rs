//! The little of Docker's API that is needed before there is a `vscale`. `tools/setup` compiles it with the flags of the
//! build: a linker that cannot link statically is found before anything is built.
//!
//! ```text
//! engine PATH...        asks for each path and prints the statuses of the answers, a line each
//! engine --send PATH    posts what it reads to this path and prints the answer
//! ```

use std::{
    env,
    io::{BufRead, BufReader, Error, Read, Result, Write, copy, stdin, stdout},
    net::TcpStream,
    os::unix::net::UnixStream,
    time::Duration,
};

/// For an answer's status: the engine may itself be asking a registry.
const LIMIT: Option<Duration> = Some(Duration::from_secs(20));

trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

fn main() {
    let address = env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".into());
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.as_slice() {
        [send, path] if send == "--send" => post(&address, path),
        paths => paths.iter().try_for_each(|path| get(&address, path)),
    };
    if let Err(error) = done {
        eprintln!("no Docker engine answers at {address}: {error}");
        std::process::exit(1);
    }
}

fn connect(address: &str, limit: Option<Duration>) -> Result<Box<dyn Stream>> {
    match address.split_once("://") {
        Some(("unix", socket)) => {
            let stream = UnixStream::connect(socket)?;
            stream.set_read_timeout(limit)?;
            Ok(Box::new(stream))
        }
        Some(("tcp" | "http", host)) => {
            let stream = TcpStream::connect(host)?;
            stream.set_read_timeout(limit)?;
            Ok(Box::new(stream))
        }
        _ => Err(Error::other("DOCKER_HOST must be unix:///path or tcp://host:port")),
    }
}

fn get(address: &str, path: &str) -> Result<()> {
    let mut stream = connect(address, LIMIT)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let status = line.split(' ').nth(1).ok_or_else(|| Error::other("it does not speak HTTP"))?;
    writeln!(stdout(), "{status}")
}

fn post(address: &str, path: &str) -> Result<()> {
    let mut stream = connect(address, None)?;
    write!(stream, "POST {path} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    let mut chunk = vec![0; 256 * 1024];
    loop {
        let count = stdin().read(&mut chunk)?;
        write!(stream, "{count:x}\r\n")?;
        stream.write_all(&chunk[..count])?;
        stream.write_all(b"\r\n")?;
        if count == 0 {
            return copy(&mut stream, &mut stdout()).map(|_| ());
        }
    }
}
