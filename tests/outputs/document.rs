//! results/README.md against the load sections of real runs: every key is named there, and nothing else is.

use crate::programs::{Mock, load};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::TcpListener,
};
use vscale::model::BackendWindow;

const DOCUMENT: &str = include_str!("../../results/README.md");

#[test]
fn the_document_names_every_key_and_no_other() {
    let documented = documented_keys();
    let mut met = BTreeSet::new();
    for run in [closed_loop(), open_loop(), backend_that_falls_silent()] {
        collect_keys(&run, "", &documented, &mut met);
    }
    assert_eq!(met.difference(&documented).collect::<Vec<_>>(), Vec::<&String>::new(), "not documented");
    assert_eq!(documented.difference(&met).collect::<Vec<_>>(), Vec::<&String>::new(), "documented, but in no run");
}

/// The first column of the section's table.
fn documented_keys() -> BTreeSet<String> {
    let section = DOCUMENT.split_once("## The load section").expect("it has the section").1;
    let section = section.split("\n## ").next().unwrap_or_default();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    cells.map(|(key, _)| key.to_owned()).collect()
}

/// Keys as paths, `a.b[].c`; what is documented as a whole is not looked into.
fn collect_keys(value: &Value, path: &str, documented: &BTreeSet<String>, met: &mut BTreeSet<String>) {
    match value {
        _ if documented.contains(path) => _ = met.insert(path.to_owned()),
        Value::Object(fields) => fields.iter().for_each(|(key, field)| {
            let dot = if path.is_empty() { "" } else { "." };
            collect_keys(field, &format!("{path}{dot}{key}"), documented, met);
        }),
        // Of an empty array nothing is known.
        Value::Array(items) => items.iter().for_each(|item| collect_keys(item, &format!("{path}[]"), documented, met)),
        _ => _ = met.insert(path.to_owned()),
    }
}

/// Users that think between streams, of which some fail.
fn closed_loop() -> Value {
    let mock = Mock::start(&["--tokens", "3", "--error-rate", "0.5", "--error-status", "503"]);
    let flags = ["--users", "2", "--think-time", "1ms", "--iterations", "40", "--stream", "--backend", &mock.url];
    load(&mock.url, &flags)
}

/// A rate that changes.
fn open_loop() -> Value {
    let mock = Mock::start(&[]);
    load(&mock.url, &["--rate", "50", "--stages", "500ms:100"])
}

/// A backend that tells what it saw before the load, and no more after it.
fn backend_that_falls_silent() -> Value {
    let mock = Mock::start(&[]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let backend = format!("http://{}", listener.local_addr().unwrap());
    let only_once = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.extend(byte);
        }
        let window = serde_json::to_string(&BackendWindow::default()).unwrap();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{window}", window.len()).unwrap();
    });
    let result = load(&mock.url, &["--iterations", "5", "--backend", &backend]);
    only_once.join().unwrap();
    result
}
