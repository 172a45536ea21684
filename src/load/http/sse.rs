//! Reads server-sent events from the bytes of a stream, wherever they are split: WHATWG HTML, 9.2.5 and 9.2.6. What
//! events mean is not its affair.

use memchr::memchr2;
use std::borrow::Cow;

/// A stream with a longer line, or with more data in one event, has failed.
const MAX_BYTES: usize = 1 << 20;
/// A buffer that has grown beyond this is freed between two streams.
const KEPT_CAPACITY: usize = 64 << 10;
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// An event, as it is dispatched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its type; empty for the default, `message`.
    pub kind: Cow<'a, str>,
    /// Its data lines, joined by line feeds.
    pub data: Cow<'a, str>,
}

/// Follows one stream after another.
#[derive(Debug, Default)]
pub struct EventReader {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// Of the event whose end has not come: each data line with a line feed after it.
    data: Vec<u8>,
    kind: Vec<u8>,
    /// Whether a line feed that comes next belongs to the line before it.
    is_after_cr: bool,
    /// Whether the first line has ended.
    has_begun: bool,
}

impl EventReader {
    /// To be called before each stream.
    pub fn reset(&mut self) {
        for buffer in [&mut self.line, &mut self.data, &mut self.kind] {
            buffer.clear();
            buffer.shrink_to(KEPT_CAPACITY);
        }
        (self.is_after_cr, self.has_begun) = (false, false);
    }

    /// Bytes kept until their event is complete.
    pub fn held_bytes(&self) -> usize {
        self.line.len() + self.data.len() + self.kind.len()
    }

    /// Takes the next bytes, and calls `on_event` with each event that they complete. What is incomplete at the stream's
    /// end is no event.
    ///
    /// # Errors
    /// The stream is of no use: why.
    pub fn feed(&mut self, mut bytes: &[u8], mut on_event: impl FnMut(&Event)) -> Result<(), &'static str> {
        if let [first, rest @ ..] = bytes
            && std::mem::take(&mut self.is_after_cr)
            && *first == b'\n'
        {
            bytes = rest;
        }
        while let Some(end) = memchr2(b'\n', b'\r', bytes) {
            if self.line.is_empty() {
                self.take_line(&bytes[..end], &mut on_event)?;
            } else {
                self.append_to_line(&bytes[..end])?;
                let mut line = std::mem::take(&mut self.line);
                let taken = self.take_line(&line, &mut on_event);
                line.clear();
                self.line = line;
                taken?;
            }
            self.is_after_cr = bytes[end..] == *b"\r";
            let is_pair = bytes[end..].starts_with(b"\r\n");
            bytes = &bytes[end + 1 + usize::from(is_pair)..];
        }
        self.append_to_line(bytes)
    }

    fn append_to_line(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        if self.line.len() + bytes.len() > MAX_BYTES {
            return Err("a line of the stream is longer than 1 MiB");
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    /// Takes a line without its end.
    fn take_line(&mut self, line: &[u8], on_event: &mut impl FnMut(&Event)) -> Result<(), &'static str> {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let line = line.strip_prefix(BOM).filter(|_| is_first).unwrap_or(line);
        if line.is_empty() {
            self.dispatch(on_event);
            return Ok(());
        }
        let (name, value) = match memchr::memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &line[line.len()..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                if self.data.len() + value.len() > MAX_BYTES {
                    return Err("an event of the stream is longer than 1 MiB");
                }
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            b"event" => {
                self.kind.clear();
                self.kind.extend_from_slice(value);
            }
            // Comments have an empty name; `id` and `retry` are for those who connect again.
            _ => {}
        }
        Ok(())
    }

    fn dispatch(&mut self, on_event: &mut impl FnMut(&Event)) {
        if let [data @ .., b'\n'] = self.data.as_slice() {
            on_event(&Event { kind: String::from_utf8_lossy(&self.kind), data: String::from_utf8_lossy(data) });
        }
        self.data.clear();
        self.kind.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Type and data of each event.
    type Events = Vec<(String, String)>;

    fn read(pieces: &[&[u8]]) -> Result<Events, &'static str> {
        let (mut reader, mut events) = (EventReader::default(), Vec::new());
        for piece in pieces {
            reader.feed(piece, |event| events.push((event.kind.to_string(), event.data.to_string())))?;
        }
        Ok(events)
    }

    /// What it says, a stream that shows it, and its events. The default type stands as an empty one.
    type Rule = (&'static str, &'static [u8], &'static [(&'static str, &'static str)]);

    const RULES: [Rule; 31] = [
        ("a blank line dispatches", b"data: a\n\n", &[("", "a")]),
        ("nothing is dispatched before it", b"data: a\n", &[]),
        ("what the stream's end cuts is discarded", b"data: a\n\ndata: b", &[("", "a")]),
        ("lines may end in CR LF", b"data: a\r\n\r\n", &[("", "a")]),
        ("lines may end in CR", b"data: a\r\rdata: b\r\r", &[("", "a"), ("", "b")]),
        ("line ends may be mixed", b"data: a\r\ndata: b\rdata: c\n\r\n", &[("", "a\nb\nc")]),
        ("CR LF is one end, not two", b"data: a\r\ndata: b\r\n\r\n", &[("", "a\nb")]),
        ("LF CR are two", b"data: a\n\rdata: b\n\n", &[("", "a"), ("", "b")]),
        ("data lines are joined", b"data: YHOO\ndata: +2\ndata: 10\n\n", &[("", "YHOO\n+2\n10")]),
        (
            "one space after the colon is dropped",
            b"data:a\n\ndata: b\n\ndata:  c\n\n",
            &[("", "a"), ("", "b"), ("", " c")],
        ),
        ("a tab is not", b"data:\ta\n\n", &[("", "\ta")]),
        ("nor is a space at the end", b"data: a \n\n", &[("", "a ")]),
        ("only the first colon parts", b"data: a: b\n\n", &[("", "a: b")]),
        ("a field may have no colon", b"data\n\ndata\ndata\n\ndata:", &[("", ""), ("", "\n")]),
        ("without a data line there is no event", b"event: x\n\nid: 1\n\n\n\n", &[]),
        ("then its type is forgotten", b"event: x\n\ndata: a\n\n", &[("", "a")]),
        ("a type is of one event", b"event: x\ndata: a\n\ndata: b\n\n", &[("x", "a"), ("", "b")]),
        ("the last type counts", b"event: x\nevent: y\ndata: a\n\n", &[("y", "a")]),
        ("it may come after the data", b"data: a\nevent: x\n\n", &[("x", "a")]),
        ("an empty type is the default", b"event: x\nevent:\ndata: a\n\n", &[("", "a")]),
        ("comments are ignored", b": hi\ndata: a\n:\n: data: b\n\n", &[("", "a")]),
        ("a comment alone is no event", b": keep-alive\n\n", &[]),
        ("ids and retries are harmless", b"id: 7\nretry: 10\nretry: x\nid\ndata: a\n\n", &[("", "a")]),
        ("an id with a NUL too", b"id: \0\ndata: a\n\n", &[("", "a")]),
        ("unknown fields are ignored", b"datas: a\n data: b\nerror: c\ndata: d\n\n", &[("", "d")]),
        ("names are in lower case", b"Data: a\nDATA: b\n\n", &[]),
        ("one byte order mark at the beginning is dropped", b"\xEF\xBB\xBFdata: a\n\n", &[("", "a")]),
        ("only one", b"\xEF\xBB\xBF\xEF\xBB\xBFdata: a\n\n", &[]),
        ("and only at the beginning", b"\n\xEF\xBB\xBFdata: a\n\n", &[]),
        ("bad UTF-8 becomes U+FFFD", b"data: a\xFFb\xE2\x82\n\n", &[("", "a\u{FFFD}b\u{FFFD}")]),
        ("a NUL is a character", b"data: a\0b\n\n", &[("", "a\0b")]),
    ];

    fn owned(events: &[(&str, &str)]) -> Events {
        events.iter().map(|(kind, data)| ((*kind).to_owned(), (*data).to_owned())).collect()
    }

    #[test]
    fn the_rules_one_by_one() {
        for (rule, stream, events) in RULES {
            assert_eq!(read(&[stream]), Ok(owned(events)), "{rule}");
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            assert_eq!(read(&bytes), Ok(owned(events)), "{rule}, byte by byte");
        }
    }

    #[test]
    fn an_event_does_not_wait_for_the_line_feed_after_its_carriage_return() {
        assert_eq!(read(&[b"data: a\r\n\r"]), Ok(owned(&[("", "a")])));
        assert_eq!(read(&[b"data: a\r\n\r", b"", b"\ndata: b\n\n"]), Ok(owned(&[("", "a"), ("", "b")])));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let long = "x".repeat(MAX_BYTES + 1);
        assert_eq!(read(&[long.as_bytes()]), Err("a line of the stream is longer than 1 MiB"));
        let lines = format!("data: {}\n", "x".repeat(1000)).repeat(MAX_BYTES / 1000);
        assert_eq!(read(&[lines.as_bytes()]), Err("an event of the stream is longer than 1 MiB"));
        let mut reader = EventReader::default();
        reader.feed(&long.as_bytes()[2..], |_| {}).unwrap();
        assert_eq!(reader.held_bytes(), MAX_BYTES - 1);
        reader.reset();
        assert!(reader.held_bytes() == 0 && reader.line.capacity() <= KEPT_CAPACITY);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same(order in Just((0..RULES.len()).collect::<Vec<_>>()).prop_shuffle(), cuts: Vec<prop::sample::Index>) {
            let stream: Vec<u8> = order.iter().flat_map(|&rule| [RULES[rule].1, b"\n\n"].concat()).collect();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect();
            prop_assert_eq!(read(&pieces), read(&[&stream]));
        }

        #[test]
        fn rubbish_never_panics(pieces: Vec<Vec<u8>>) {
            let whole = pieces.concat();
            prop_assert_eq!(read(&pieces.iter().map(Vec::as_slice).collect::<Vec<_>>()), read(&[&whole]));
        }
    }
}
