//! `vscale calibrate` on the real engine: a few of its cases. On a busy host they are spoiled, and on none is anything wrong
//! said with confidence.

use super::{Finished, binary};
use serde_json::Value;
use std::process::{Command, Stdio};

#[test]
fn nothing_wrong_is_said_with_confidence() {
    const CASES: [&str; 3] = ["event-loop", "errors", "ignores-workers"];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(binary());
    command.args(["calibrate", "--seed", "4", "--run-time", "1s", "--json", "matrix.json", "--progress", "plain"]);
    command.args(["--cases", &CASES.join(",")]).current_dir(folder.path()).stdin(Stdio::null());
    let finished = Finished::of_all(&mut command);
    let matrix = std::fs::read(folder.path().join("matrix.json")).unwrap_or_else(|_| panic!("{}", finished.stderr));
    let matrix: Value = serde_json::from_slice(&matrix).expect("JSON");
    let cases = matrix["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), CASES.len(), "{matrix}");
    for case in cases {
        assert_ne!(case["outcome"], "confident-wrong", "{case}");
        assert_eq!(case["error"], Value::Null, "{case}");
        for key in ["name", "truth", "binds", "verdict", "confidence", "outcome", "predicted", "observed"] {
            assert!(case.get(key).is_some(), "{key}: {case}");
        }
    }
    // Too few workers are seen whatever the host does; errors, unless more was found against the host.
    for (name, verdict) in [("errors", "erroring"), ("ignores-workers", "sweep-not-applied")] {
        let case = cases.iter().find(|case| case["name"] == name).expect("it was run");
        if name == "errors" && case["outcome"] == "spoiled" {
            continue;
        }
        assert_eq!((&case["verdict"], &case["outcome"]), (&verdict.into(), &"right".into()), "{case}");
    }
    assert!(finished.stdout.contains("Verdicts on targets of known limits"), "{}", finished.stdout);
}
