//! What both ends of a connection need, the load generator's and the mock's: how HTTP/1.1 frames messages, and a timer
//! finer than epoll's. Pure, but for `timer`.

mod chunked;
mod framing;
mod timer;

pub use chunked::{Chunked, Malformed};
pub use framing::{has_token, head_end, parse_length};
pub use timer::PreciseTimer;
