//! Decodes the chunked transfer coding (RFC 9112, 7.1) as the bytes come in, wherever they are split.

/// Limit on what is neither data nor what a chunk needs: extensions, and the trailer.
const MAX_FRAMING_BYTES: u64 = 16 << 10;

/// What a chunk's framing may take before it counts, besides twice its size: 16 digits, as `%016x` writes them, and two line
/// ends. So small chunks cost nothing, and a large body cannot be made of extensions (as in Go's reader).
const FREE_FRAMING_BYTES: u64 = 20;

/// The bytes are not a chunked coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// A decoder, and how far it has come.
#[derive(Clone, Copy, Debug)]
pub struct Chunked {
    part: Part,
    /// Of all chunks so far, less what they need.
    framing_bytes: u64,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    /// In the hexadecimal digits of a size; `None` before the first one.
    Size {
        size: Option<u64>,
    },
    /// After the digits, up to the line feed.
    Extension {
        size: u64,
    },
    Data {
        left: u64,
    },
    /// After the data, up to the line feed.
    DataEnd,
    /// After the chunk of size zero; `is_blank` while the line is empty.
    Trailer {
        is_blank: bool,
    },
    Done,
}

impl Default for Chunked {
    /// Before the first chunk.
    fn default() -> Self {
        Self { part: Part::Size { size: None }, framing_bytes: 0 }
    }
}

impl Chunked {
    /// Takes bytes until the body ends, calls `on_data` with each piece of it, and returns how many bytes it took.
    ///
    /// # Errors
    /// [`Malformed`] as an `E`, and those of `on_data`.
    pub fn feed<E: From<Malformed>>(
        &mut self,
        bytes: &[u8],
        mut on_data: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut at = 0;
        while at < bytes.len() && !self.is_done() {
            if let Part::Data { left } = self.part {
                let take = left.min((bytes.len() - at) as u64);
                on_data(&bytes[at..at + take as usize])?;
                at += take as usize;
                self.part = if take == left { Part::DataEnd } else { Part::Data { left: left - take } };
            } else {
                self.part = after(self.part, bytes[at]).ok_or(Malformed)?;
                at += 1;
                self.framing_bytes += 1;
                if let Part::Data { left } = self.part {
                    let free = left.saturating_mul(2).saturating_add(FREE_FRAMING_BYTES);
                    self.framing_bytes = self.framing_bytes.saturating_sub(free);
                }
                if self.framing_bytes > MAX_FRAMING_BYTES {
                    return Err(Malformed.into());
                }
            }
        }
        Ok(at)
    }

    /// Whether the body has ended.
    pub fn is_done(&self) -> bool {
        matches!(self.part, Part::Done)
    }
}

/// The part after one byte that is not data; `None` if the byte is not allowed there.
fn after(part: Part, byte: u8) -> Option<Part> {
    Some(match (part, byte) {
        // Of zeros before it there may be as many as framing may take.
        (Part::Size { size }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
            let digit = u64::from(char::from(byte).to_digit(16)?);
            Part::Size { size: Some(size.unwrap_or(0).checked_mul(16)? + digit) }
        }
        (Part::Size { size: Some(0) } | Part::Extension { size: 0 }, b'\n') => Part::Trailer { is_blank: true },
        (Part::Size { size: Some(size) } | Part::Extension { size }, b'\n') => Part::Data { left: size },
        (Part::Size { size: Some(size) }, b'\r' | b';' | b' ' | b'\t') | (Part::Extension { size }, _) => {
            Part::Extension { size }
        }
        (Part::DataEnd, b'\r') => Part::DataEnd,
        (Part::DataEnd, b'\n') => Part::Size { size: None },
        (Part::Trailer { is_blank: true }, b'\n') => Part::Done,
        (Part::Trailer { .. }, b'\n') => Part::Trailer { is_blank: true },
        (Part::Trailer { is_blank }, b'\r') => Part::Trailer { is_blank },
        (Part::Trailer { .. }, _) => Part::Trailer { is_blank: false },
        (Part::Size { .. } | Part::DataEnd | Part::Data { .. } | Part::Done, _) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Result<(Vec<u8>, usize, bool), Malformed> {
        let (mut decoder, mut body) = (Chunked::default(), Vec::new());
        let taken = decoder.feed(bytes, |data| {
            body.extend_from_slice(data);
            Ok(())
        })?;
        Ok((body, taken, decoder.is_done()))
    }

    #[test]
    fn chunks_extensions_and_trailers() {
        let coded = b"3\r\nabc\r\n0A;name=value\r\n0123456789\r\n0\r\nDigest: x\r\n\r\nnext";
        assert_eq!(decode(coded).unwrap(), (b"abc0123456789".to_vec(), coded.len() - 4, true));
        assert_eq!(decode(b"1\na\n0\n\n").unwrap(), (b"a".to_vec(), 7, true));
        assert!(!decode(b"0\r\n").unwrap().2);
    }

    #[test]
    fn the_smallest_chunks_are_fine_in_any_number() {
        for size in ["1", "00000001", "0000000000000001"] {
            let coded = format!("{size}\r\nx\r\n").repeat(100_000) + "0\r\n\r\n";
            assert_eq!(decode(coded.as_bytes()).unwrap().0.len(), 100_000, "{size}");
        }
    }

    #[test]
    fn zeros_before_a_size_say_nothing() {
        for zeros in [1, 15, 16, 100, 8_000] {
            let coded = format!("{0}f;x\r\n0123456789abcde\r\n{0}\r\n\r\n", "0".repeat(zeros));
            assert_eq!(decode(coded.as_bytes()).unwrap(), (b"0123456789abcde".to_vec(), coded.len(), true), "{zeros}");
        }
    }

    #[test]
    fn rubbish_is_refused() {
        let most = MAX_FRAMING_BYTES as usize;
        let endless_extension = [b"1;".to_vec(), vec![b'x'; most]].concat();
        let extensions_in_all = format!("1;{}\r\nx\r\n", "x".repeat(100)).repeat(most / 80).into_bytes();
        let endless_zeros = vec![b'0'; most + 1];
        let endless_trailer = [b"0\r\n".to_vec(), b"a: b\r\n".repeat(most / 6 + 1)].concat();
        let cases: [&[u8]; 9] = [
            b"\r\n",
            b"x",
            b"-1\r\n",
            b"1\r\nab",
            b"10000000000000000\r\n",
            &endless_zeros,
            &endless_extension,
            &extensions_in_all,
            &endless_trailer,
        ];
        for wrong in cases {
            assert!(decode(wrong).is_err(), "{}", wrong[..wrong.len().min(20)].escape_ascii());
        }
    }
}
