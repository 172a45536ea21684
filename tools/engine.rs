//! Asks the Docker engine for each path given and prints the status of the answers, a line each. `tools/setup` compiles
//! this with the flags of the build: a linker that cannot link statically is found before anything is built.

use std::{
    env,
    io::{BufRead, BufReader, Error, Read, Result, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    time::Duration,
};

/// The engine may itself be asking a registry.
const LIMIT: Option<Duration> = Some(Duration::from_secs(20));

fn main() {
    let address = env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".into());
    for path in env::args().skip(1) {
        match status(&address, &path) {
            Ok(status) => println!("{status}"),
            Err(error) => {
                eprintln!("no Docker engine answers at {address}: {error}");
                std::process::exit(1);
            }
        }
    }
}

fn status(address: &str, path: &str) -> Result<String> {
    match address.split_once("://") {
        Some(("unix", socket)) => {
            let stream = UnixStream::connect(socket)?;
            stream.set_read_timeout(LIMIT)?;
            ask(stream, path)
        }
        Some(("tcp" | "http", host)) => {
            let stream = TcpStream::connect(host)?;
            stream.set_read_timeout(LIMIT)?;
            ask(stream, path)
        }
        _ => Err(Error::other("DOCKER_HOST must be unix:///path or tcp://host:port")),
    }
}

fn ask(mut stream: impl Read + Write, path: &str) -> Result<String> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    line.split(' ').nth(1).map(str::to_owned).ok_or_else(|| Error::other("it does not speak HTTP"))
}
