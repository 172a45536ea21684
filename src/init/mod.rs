//! From nothing to a measurement: a compose file from a few words about a server (`target`, in whose place may stand what a
//! folder tells: `dockerfile`, `existing`), and a file of requests from what a browser or a person has sent (`curl`; `session` from a `har`).
//!
//! Text to text: nothing is read or written here, and nobody is asked. What `vscale bench --image` measures is the very text that
//! `vscale init --image` writes.

mod curl;
mod dockerfile;
mod existing;
mod har;
mod requests;
mod session;
mod target;
mod words;
mod yaml;

pub use curl::from_curl;
pub use dockerfile::Dockerfile;
pub use existing::Existing;
pub use requests::RequestText;
pub use session::from_har;
pub use target::{Source, Target, Workers};
