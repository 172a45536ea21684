//! What the mock saw of the load, as it tells it at its control path.

use super::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The mock's counts since its last window was closed; a POST to [`Self::PATH`] closes one and answers with it. Windows
/// follow each other without a gap, so sums over them are exact. Requests to the control path count nowhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BackendWindow {
    /// Wall clock at the window's start, microseconds since 1970 UTC.
    pub start_unix_us: u64,
    /// Length of the window, by the monotonic clock.
    pub duration_us: u64,
    /// Requests that arrived whole, or were refused, in the window.
    pub arrivals: u64,
    /// Answers given whole to the kernel in the window, whatever their status.
    pub answered: u64,
    /// Those of them with a status of 400 or above, injected ones included.
    pub errors: u64,
    /// Requests whose client left before the answer was given.
    pub abandoned: u64,
    /// Most requests at once that had arrived and were not answered, those waiting for a slot included.
    pub peak_in_flight: u64,
    /// Connections whose first request came in the window.
    pub connections_opened: u64,
    /// Of those and earlier ones, open at the window's end.
    pub connections_open: u64,
    /// From a request's last byte read to its answer's last byte written, waiting for a slot included; of those
    /// answered in the window.
    pub service_time: Histogram,
    /// Completions that it works on at once, as it was told; `None` for any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<u32>,
    /// Of those answered in the window, from a request's turn (when it got its slot; without slots, when its last byte was
    /// read) to its answer's last byte written, summed up. Over the answered requests that is the mean service time; over
    /// slots and duration, the utilisation.
    #[serde(default)]
    pub processing_us: u64,
}

/// Where our mock answers, and to which methods; besides these `/v1/models/{id}`, read like `/v1/models`.
pub const MOCK_PLACES: [(&str, &str); 8] = [
    ("/v1/chat/completions", SEND),
    ("/v1/completions", SEND),
    ("/v1/models", READ),
    ("/health", READ),
    ("/v1/health", READ),
    ("/ping", READ),
    ("/version", READ),
    ("/v1/version", READ),
];

/// Methods that ask for what is there.
pub const READ: &str = "GET, HEAD";
/// The method that sends something.
pub const SEND: &str = "POST";

/// Whether our mock has an answer to such a request without being told to answer all.
pub fn is_served_by_mock(method: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or(path);
    let is_model = path.strip_prefix("/v1/models/").is_some_and(|id| !id.is_empty());
    let place = MOCK_PLACES.iter().find(|(place, _)| *place == path).map(|(_, methods)| *methods);
    let methods = place.or(is_model.then_some(READ));
    methods.is_some_and(|methods| methods.split(", ").any(|allowed| allowed == method))
}

impl BackendWindow {
    /// Where the mock tells it; never shown to the target.
    pub const PATH: &str = "/_vscale/window";
    /// The environment variable by which a mock learns whom to tell it: who has this token.
    pub const TOKEN_VARIABLE: &str = "VSCALE_CONTROL_TOKEN";
}
