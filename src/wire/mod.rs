//! What load generator, mock and app need: how HTTP/1.1 frames messages, a memory for messages that are the same each time,
//! a bound on what is kept, JSON with halves of characters, and a timer finer than epoll's. Only `timer` does I/O.

mod allowance;
mod chunked;
mod framing;
mod json;
mod memo;
mod timer;

pub use allowance::Allowance;
pub use chunked::{Chunked, Malformed};
pub use framing::{has_token, head_end, parse_length};
pub use json::{read_json, without_lone_surrogates};
pub use memo::Memo;
pub use timer::PreciseTimer;
