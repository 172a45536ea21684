//! Rows to CSV text, quoted only where needed, as Python's `csv` module and so Locust do.

use csv::{Terminator, WriterBuilder};

/// A header line and `rows`, with CRLF line ends as RFC 4180 has them.
pub fn csv_text<H, R, F>(header: H, rows: impl IntoIterator<Item = R>) -> String
where
    H: IntoIterator<Item = F>,
    R: IntoIterator<Item = String>,
    F: AsRef<[u8]>,
{
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).flexible(true).from_writer(Vec::new());
    writer.write_record(header).expect("memory takes every write, and rows may be of any length");
    for row in rows {
        writer.write_record(row).expect("memory takes every write, and rows may be of any length");
    }
    let bytes = writer.into_inner().expect("memory takes every flush");
    String::from_utf8(bytes).expect("made of strings and ASCII separators only")
}

/// A cell; empty without a value.
pub fn cell<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}
