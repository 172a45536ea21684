//! Asks a mock what it saw.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use vscale::model::BackendWindow;

/// Since it was last asked.
pub fn close_window(mock: impl ToSocketAddrs) -> BackendWindow {
    let mut stream = TcpStream::connect(mock).unwrap();
    let path = BackendWindow::PATH;
    write!(stream, "POST {path} HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}
