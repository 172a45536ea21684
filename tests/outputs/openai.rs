//! The mock's answers, read by OpenAI's own client, and by a load generator that is made for such servers.

use crate::programs::{Mock, output_of, test_tool};
use serde_json::{Value, json};
use std::fs;
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

/// GuideLLM: the last release that wants no torch, which is larger than all else that the tests need. Later ones ask for
/// `/health` before they begin.
#[test]
fn guidellm() {
    let mock = Mock::start(&["--ttft", "20ms"]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (prompts, output) = (folder.path().join("prompts.txt"), folder.path().join("result.json"));
    let lines: String = (0..20).map(|number| format!("Hello, how are you, number {number}?\n")).collect();
    fs::write(&prompts, lines).expect("writable");
    let mut guidellm = test_tool("TEST_GUIDELLM", "guidellm");
    guidellm.args(["benchmark", "run", "--target", &mock.url, "--rate-type", "concurrent", "--rate", "4"]);
    guidellm.args(["--max-requests", "20", "--disable-progress", "--disable-console-outputs"]);
    guidellm.arg("--data").arg(&prompts).arg("--output-path").arg(&output);
    output_of(guidellm.envs([("NO_PROXY", "127.0.0.1"), ("HF_HUB_OFFLINE", "1")]));
    let said: Value = serde_json::from_slice(&fs::read(output).expect("written")).expect("JSON");
    let benchmark = &said["benchmarks"][0];
    assert_eq!(benchmark["request_totals"], json!({"successful": 20, "errored": 0, "incomplete": 0, "total": 20}));
    let of =
        |metric: &str, figure: &str| benchmark["metrics"][metric]["successful"][figure].as_f64().expect("a number");
    assert_eq!([of("output_token_count", "min"), of("output_token_count", "max")], [9.0, 9.0]);
    assert!(of("time_to_first_token_ms", "min") >= 20.0, "{benchmark}");
}
