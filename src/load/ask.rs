//! One request and its answer, blocking: for what is asked before and after a load.

use super::http::{AnswerReader, Target, TlsSettings};
use std::{
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Of the answer.
    pub status: u16,
    /// Without its framing and coding. Where the answer did not end in time, what there was of it.
    pub body: Vec<u8>,
}

/// Whom to ask.
#[derive(Clone, Debug)]
pub struct Asker {
    target: Target,
    tls: Option<TlsSettings>,
    patience: Duration,
}

trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

impl Asker {
    /// Of a server by its URL, whatever certificate it has; connecting, and then all the rest, may take `patience` each.
    ///
    /// # Errors
    /// [`crate::error::Error::Usage`] for what is not an `http` or `https` URL of a server.
    pub fn new(url: &str, patience: Duration) -> crate::error::Result<Self> {
        let target = Target::parse(url)?;
        let tls = TlsSettings::of(&target, true, None)?;
        Ok(Self { target, tls, patience })
    }

    /// Sends a request without a body: `GET /health`, and headers, each with its line's end.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    pub fn ask(&self, method: &str, path: &str, headers: &str) -> io::Result<Told> {
        let mut stream = self.connect()?;
        let (prefix, host) = (&self.target.prefix, &self.target.authority);
        let length = if method == "GET" { "" } else { "Content-Length: 0\r\n" };
        let head = format!("{method} {prefix}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAccept: */*\r\n");
        // In one write: a server that answers the first piece and closes would reset the connection at the second.
        stream.write_all(format!("{head}{length}{headers}\r\n").as_bytes())?;
        stream.flush()?;
        self.read(&mut *stream)
    }

    /// Connects, and nothing else.
    ///
    /// # Errors
    /// Why not: of the last address, where there are several.
    pub fn connect_only(&self) -> io::Result<()> {
        self.tcp().map(|_| ())
    }

    fn tcp(&self) -> io::Result<TcpStream> {
        let mut last = ErrorKind::AddrNotAvailable.into();
        let addresses = self.target.resolve().map_err(io::Error::other)?;
        let mut connect =
            |address| TcpStream::connect_timeout(address, self.patience).map_err(|error| last = error).ok();
        let connected = addresses.iter().find_map(&mut connect);
        let stream = connected.ok_or(last)?;
        stream.set_read_timeout(Some(self.patience))?;
        stream.set_write_timeout(Some(self.patience))?;
        Ok(stream)
    }

    fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let stream = self.tcp()?;
        Ok(match &self.tls {
            Some(tls) => Box::new(tls.start_blocking(stream)?),
            None => Box::new(stream),
        })
    }

    fn read(&self, stream: &mut dyn Stream) -> io::Result<Told> {
        let (mut reader, mut buffer) = (AnswerReader::new(), [0; 16 << 10]);
        let deadline = Instant::now() + self.patience;
        let mut any = false;
        loop {
            let is_late = Instant::now() >= deadline;
            let read = if is_late { Err(ErrorKind::TimedOut.into()) } else { stream.read(&mut buffer) };
            let answer = match read {
                Ok(0) => reader.close(),
                Ok(count) => {
                    any = true;
                    match reader
                        .feed(&buffer[..count])
                        .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?
                    {
                        Some(answer) => Some(answer),
                        None => continue,
                    }
                }
                // A server that ends TLS without saying so is common.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof && any => reader.close(),
                Err(error) => {
                    return match reader.so_far() {
                        Some((status, body)) => Ok(Told { status, body: body.to_vec() }),
                        None => Err(self.in_words(error)),
                    };
                }
            };
            let answer = answer.ok_or_else(|| {
                let why =
                    if any { "closed the connection in mid-answer" } else { "closed the connection without an answer" };
                io::Error::new(ErrorKind::UnexpectedEof, why)
            })?;
            let body = answer.coding.decode(answer.body).map_err(io::Error::other)?;
            return Ok(Told { status: answer.status, body: body.into_owned() });
        }
    }

    fn in_words(&self, error: io::Error) -> io::Error {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                let seconds = self.patience.as_secs_f64();
                let why = format!("accepted the connection and did not answer in {seconds} s");
                io::Error::new(ErrorKind::TimedOut, why)
            }
            _ => error,
        }
    }
}
