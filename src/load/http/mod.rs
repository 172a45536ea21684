//! HTTP/1.1 as a client speaks it: requests rendered to bytes, answers read from bytes at any split. No I/O but in
//! `target` (names) and `transport` (sockets).

mod capture;
mod chunk;
mod coding;
mod cookie_date;
mod cookies;
mod expect;
mod head;
mod request;
mod request_file;
mod response;
mod scope;
mod set_cookie;
mod sse;
mod target;
mod template;
mod tls;
mod tokens;
mod transport;

pub use coding::Coding;
pub use cookies::Jar;
pub use request::{Request, Requests, path_of};
pub use request_file::{RequestFile, parse_requests, read_data_file, read_request_file};
pub use response::{Answer, AnswerReader};
pub use scope::names_left;
pub use target::Target;
pub use template::Values;
pub use tls::TlsSettings;
pub use tokens::TokenStream;
pub use transport::Transport;

/// Of an answer, as it was sent and as it is unpacked.
const MAX_BODY_BYTES: u64 = 16 << 20;
