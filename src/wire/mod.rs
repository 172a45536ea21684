//! What load generator and mock both need: how HTTP/1.1 frames messages, a memory for messages that are the same each time,
//! and a timer finer than epoll's. Only `timer` does I/O.

mod chunked;
mod framing;
mod memo;
mod timer;

pub use chunked::{Chunked, Malformed};
pub use framing::{has_token, head_end, parse_length};
pub use memo::Memo;
pub use timer::PreciseTimer;
