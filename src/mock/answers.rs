//! The mock's bodies, as OpenAI's API has them, and as the Llama Stack vertical-scaling benchmark's mock sent them.

use bytes::Bytes;
use serde_json::json;
use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

/// The model's name where it is listed; the stack puts its provider's name, `openai/`, before it.
pub const LISTED_MODEL: &str = "mock-chat-model";

/// What every completion says.
pub const TEXT: &str = "This is a mock response from the benchmark server.";

/// The body of `GET /v1/health`.
pub const HEALTH: &str = r#"{"status":"ok"}"#;

/// One chat completion, created now. It changes once a second, and is rendered as often.
pub fn chat_completion() -> Bytes {
    thread_local! {
        static RENDERED: RefCell<(u64, Bytes)> = const { RefCell::new((0, Bytes::new())) };
    }
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    RENDERED.with_borrow_mut(|(created_s, body)| {
        if *created_s != now_s || body.is_empty() {
            (*created_s, *body) = (now_s, render(now_s));
        }
        body.clone()
    })
}

fn render(created_s: u64) -> Bytes {
    let completion = json!({
        "id": "chatcmpl-mock123",
        "object": "chat.completion",
        "created": created_s,
        "model": "openai/mock-chat-model",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30},
    });
    completion.to_string().into()
}

/// The body of `GET /v1/models`.
pub fn models() -> String {
    let model = json!({"id": LISTED_MODEL, "object": "model", "created": 0, "owned_by": "vscale"});
    json!({"object": "list", "data": [model]}).to_string()
}

/// An error as OpenAI's API words it.
pub fn error(kind: &str, message: &str) -> String {
    json!({"error": {"message": message, "type": kind, "param": null, "code": null}}).to_string()
}
