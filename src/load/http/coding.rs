//! The codings of an answer's body (RFC 9110, 8.4.1, and of its transfer: RFC 9112, 7.2), which a server uses only where the
//! user's headers ask for them.

use super::MAX_BODY_BYTES;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use std::{borrow::Cow, io::Read};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coding {
    #[default]
    Identity,
    Gzip,
    Deflate,
    /// One that is not understood, or several.
    Other,
}

impl Coding {
    /// What a `Content-Encoding` says.
    pub fn of(value: &[u8]) -> Self {
        let named = |name: &[u8]| match name.trim_ascii().to_ascii_lowercase().as_slice() {
            b"" | b"identity" => Self::Identity,
            b"gzip" | b"x-gzip" => Self::Gzip,
            b"deflate" => Self::Deflate,
            _ => Self::Other,
        };
        value.split(|&byte| byte == b',').map(named).fold(Self::Identity, Self::and)
    }

    /// This one, and then another.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Identity, one) | (one, Self::Identity) => one,
            _ => Self::Other,
        }
    }

    /// The body without its coding. The error is the failure's message.
    pub fn decode(self, body: &[u8]) -> Result<Cow<'_, [u8]>, String> {
        match self {
            Self::Identity => Ok(Cow::Borrowed(body)),
            Self::Gzip => inflate(MultiGzDecoder::new(body), "gzip"),
            Self::Deflate => inflate(ZlibDecoder::new(body), "deflate"),
            Self::Other => Err(NOT_UNDERSTOOD.to_owned()),
        }
    }
}

const NOT_UNDERSTOOD: &str =
    "the answer's Content-Encoding or Transfer-Encoding is not understood: ask for gzip, deflate or none";

fn inflate(decoder: impl Read, name: &str) -> Result<Cow<'static, [u8]>, String> {
    let mut body = Vec::new();
    let read = decoder.take(MAX_BODY_BYTES + 1).read_to_end(&mut body);
    match read {
        Ok(count) if count as u64 > MAX_BODY_BYTES => Err("the answer's body is larger than 16 MiB unpacked".into()),
        Ok(_) => Ok(Cow::Owned(body)),
        Err(error) => Err(format!("the answer's body is not {name}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{
        Compression,
        write::{GzEncoder, ZlibEncoder},
    };
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn names() {
        let codings = ["", "identity", "GZIP", "x-gzip", " gzip , identity", "deflate", "br", "gzip, gzip"];
        let expected = [
            Coding::Identity,
            Coding::Identity,
            Coding::Gzip,
            Coding::Gzip,
            Coding::Gzip,
            Coding::Deflate,
            Coding::Other,
            Coding::Other,
        ];
        assert_eq!(codings.map(|value| Coding::of(value.as_bytes())), expected);
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        let text = br#"{"choices":[1]}"#;
        let mut deflate = ZlibEncoder::new(Vec::new(), Compression::default());
        deflate.write_all(text).unwrap();
        let two_members = [gzip(&text[..5]), gzip(&text[5..])].concat();
        for (coding, body) in [
            (Coding::Identity, text.to_vec()),
            (Coding::Gzip, gzip(text)),
            (Coding::Gzip, two_members),
            (Coding::Deflate, deflate.finish().unwrap()),
        ] {
            assert_eq!(coding.decode(&body).unwrap(), text.as_slice(), "{coding:?}");
        }
    }

    #[test]
    fn what_cannot_be_unpacked_is_named() {
        assert_eq!(Coding::Other.decode(b"x"), Err(NOT_UNDERSTOOD.into()));
        let cut = &gzip(b"hello")[..12];
        assert!(Coding::Gzip.decode(cut).unwrap_err().starts_with("the answer's body is not gzip: "));
        let bomb = gzip(&vec![0; 17 << 20]);
        assert!(bomb.len() < 1 << 20);
        assert_eq!(Coding::Gzip.decode(&bomb), Err("the answer's body is larger than 16 MiB unpacked".into()));
    }
}
