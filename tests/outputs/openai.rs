//! The mock's answers, read by OpenAI's own client.

use crate::programs::{Mock, output_of, test_tool};
use serde_json::{Value, json};
use vscale::mock::TEXT;

#[test]
fn openai_s_own_sdk() {
    let mock = Mock::start(&[]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/outputs/openai_sdk.py");
    let mut python = test_tool("TEST_PYTHON", "python");
    // Loopback only, whatever proxy the user has.
    python.args([script, &mock.url]).env("NO_PROXY", "127.0.0.1");
    let said: Value = serde_json::from_str(&output_of(&mut python)).unwrap();
    let expected = json!({
        "chat": ["chat.completion", TEXT, "stop", 30],
        "chat stream": [TEXT, "assistant", 9],
        "text": ["text_completion", TEXT, "stop", 30],
        "text stream": [TEXT, 9],
        "models": ["mock-chat-model"],
        "model": "openai/mock-chat-model",
        "unknown model": ["NotFoundError", 404, "model_not_found"],
        "no messages": ["BadRequestError", 400, "empty_array"],
        "unknown path": ["NotFoundError", 404, "unknown_url"],
    });
    assert_eq!(said, expected);
}
