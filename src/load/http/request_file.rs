//! Reads the files that say what to send: requests and scenarios as JSON lines, and the lines of a data file.

use crate::{
    error::{Error, Result},
    model::{Capture, Expect, RequestTemplate},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, env, fs, os::unix::fs::FileTypeExt, path::Path};

/// What a file of requests says.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestFile {
    /// The steps of a scenario follow each other.
    pub requests: Vec<RequestTemplate>,
    /// What the environment gave for `{{env:NAME}}`.
    pub secrets: Vec<String>,
}

/// The requests of a file, as [`parse_requests`] reads them.
///
/// # Errors
/// [`Error::Usage`] names the file, and the line that cannot be understood.
pub fn read_request_file(path: &Path) -> Result<RequestFile> {
    parse_requests(path, &read_text(path)?, &|name| env::var(name).ok())
}

/// The lines of a file, for `{{line}}`.
///
/// # Errors
/// [`Error::Usage`] names the file.
pub fn read_data_file(path: &Path) -> Result<Vec<String>> {
    Ok(read_text(path)?.lines().map(str::to_owned).collect())
}

/// Of a file of any size, or of a pipe such as a shell's `<(...)`; a device may have no end.
fn read_text(path: &Path) -> Result<String> {
    let kind = path.metadata().map_err(Error::input(path))?.file_type();
    if kind.is_char_device() || kind.is_block_device() {
        return Err(Error::Usage(format!("{}: is a device, not a file", path.display())));
    }
    fs::read_to_string(path).map_err(Error::input(path))
}

/// A request of the file. What it leaves out is as in the default request, except the body, which is then empty.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// A string is sent as it is, anything else as JSON.
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    weight: Option<f64>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    expect: Option<String>,
    #[serde(default)]
    capture: BTreeMap<String, Capture>,
    #[serde(default)]
    cookies: bool,
    #[serde(default)]
    once: bool,
}

/// A line of the file that has several requests.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    steps: Vec<Value>,
    #[serde(default)]
    weight: Option<f64>,
}

/// Reads a JSON object from each line that is not empty: `method` (default: POST with a body, otherwise GET), `path`,
/// `headers`, `body`, `weight` (1), `name` (the path), and `expect` as in `--expect` (default: choices for completions,
/// otherwise the status 200).
///
/// `{"steps": [...], "weight": 1}` is a scenario: a user sends one request after the other, and starts over where one fails.
/// `capture` takes values out of an answer, which `{{name}}` stands for in the steps after it; with `cookies` a step sends and
/// keeps its user's, and one with `once` is left out where it has succeeded before. `{{env:NAME}}` in any text is what `env` says.
///
/// # Errors
/// [`Error::Usage`] names `path` and the line.
pub fn parse_requests(path: &Path, text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<RequestFile> {
    let mut file = RequestFile { requests: Vec::new(), secrets: Vec::new() };
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |why: String| Error::Usage(format!("{}:{}: {why}", path.display(), number + 1));
        let mut line: Map<String, Value> = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
        for value in line.values_mut() {
            fill_in(value, env, &mut file.secrets).map_err(wrong)?;
        }
        let requests =
            if line.contains_key("steps") { scenario(line) } else { request(line.into()).map(|one| vec![one]) };
        file.requests.extend(requests.map_err(wrong)?);
    }
    if file.requests.is_empty() {
        return Err(Error::Usage(format!("{}: holds no request", path.display())));
    }
    Ok(file)
}

fn scenario(line: Map<String, Value>) -> Result<Vec<RequestTemplate>, String> {
    let scenario: Scenario = serde_json::from_value(line.into()).map_err(|error| error.to_string())?;
    let weight = weight(scenario.weight)?;
    let mut requests = Vec::new();
    for (number, step) in scenario.steps.into_iter().enumerate() {
        let wrong = |why: String| format!("step {}: {why}", number + 1);
        if step.get("weight").is_some() {
            return Err(wrong("the weight is the scenario's, beside `steps`".into()));
        }
        requests.push(RequestTemplate { weight, follows: number > 0, ..request(step).map_err(wrong)? });
    }
    if requests.is_empty() { Err("a scenario without steps".into()) } else { Ok(requests) }
}

fn request(step: Value) -> Result<RequestTemplate, String> {
    let step: Step = serde_json::from_value(step).map_err(|error| error.to_string())?;
    let body = match step.body {
        None => String::new(),
        Some(Value::String(text)) => text,
        Some(json) => json.to_string(),
    };
    let path = step.path.unwrap_or_else(|| RequestTemplate::default().path);
    let expect = match step.expect {
        Some(text) => text.parse()?,
        None if path.ends_with("/completions") => Expect::default(),
        None => Expect::ok(),
    };
    Ok(RequestTemplate {
        method: step.method.unwrap_or_else(|| if body.is_empty() { "GET".into() } else { "POST".into() }),
        name: step.name.unwrap_or_else(|| path.clone()),
        path,
        headers: step.headers.into_iter().collect(),
        body,
        expect,
        weight: weight(step.weight)?,
        follows: false,
        once: step.once,
        capture: step.capture,
        cookies: step.cookies,
    })
}

fn weight(given: Option<f64>) -> Result<f64, String> {
    match given.unwrap_or(1.0) {
        weight if weight.is_finite() && weight > 0.0 => Ok(weight),
        _ => Err("the weight must be above 0".into()),
    }
}

/// Puts the variable's value in the place of each `{{env:NAME}}`, in every text.
fn fill_in(value: &mut Value, env: &dyn Fn(&str) -> Option<String>, secrets: &mut Vec<String>) -> Result<(), String> {
    match value {
        Value::String(text) => *text = filled_in(text, env, secrets)?,
        Value::Array(list) => list.iter_mut().try_for_each(|value| fill_in(value, env, secrets))?,
        Value::Object(map) => map.values_mut().try_for_each(|value| fill_in(value, env, secrets))?,
        _ => {}
    }
    Ok(())
}

fn filled_in(text: &str, env: &dyn Fn(&str) -> Option<String>, secrets: &mut Vec<String>) -> Result<String, String> {
    const OPENING: &str = "{{env:";
    let mut filled = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(OPENING) {
        let (before, inner) = rest.split_at(at);
        let (name, after) = inner[OPENING.len()..].split_once("}}").ok_or("there is no }} after {{env:")?;
        let value =
            env(name).ok_or_else(|| format!("the environment has no {name}, which {{{{env:{name}}}}} stands for"))?;
        filled.extend([before, &value]);
        secrets.push(value);
        rest = after;
    }
    Ok(filled + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<RequestTemplate>> {
        let env = |name: &str| (name == "APP_KEY").then(|| "k\"1".to_owned());
        parse_requests(Path::new("mix.jsonl"), text, &env).map(|file| file.requests)
    }

    #[test]
    fn a_device_is_not_read() {
        for device in ["/dev/zero", "/dev/null"] {
            let said = read_data_file(Path::new(device)).expect_err("a device").to_string();
            assert_eq!(said, format!("{device}: is a device, not a file"));
        }
    }

    #[test]
    fn defaults_and_names() {
        let text = r#"{"path": "/v1/models", "weight": 2}

            {"body": {"a": 1}, "name": "chat", "headers": {"X": "y"}}
            {"method": "PUT", "path": "/x", "body": "plain"}"#;
        let requests = read(text).unwrap();
        let brief: Vec<_> = requests
            .iter()
            .map(|it| (it.method.as_str(), it.path.as_str(), it.name.as_str(), it.body.as_str(), it.weight))
            .collect();
        assert_eq!(
            brief,
            [
                ("GET", "/v1/models", "/v1/models", "", 2.0),
                ("POST", "/v1/chat/completions", "chat", r#"{"a":1}"#, 1.0),
                ("PUT", "/x", "/x", "plain", 1.0),
            ]
        );
    }

    #[test]
    fn errors_name_file_and_line() {
        for (text, message) in [
            ("\n{", "mix.jsonl:2: "),
            ("{\"weight\": 0}", "mix.jsonl:1: the weight must be above 0"),
            ("{\"expect\": \"x\"}", "mix.jsonl:1: `x` is neither"),
            ("{\"pth\": \"/\"}", "mix.jsonl:1: unknown field `pth`"),
            ("\n", "mix.jsonl: holds no request"),
            ("[1]", "mix.jsonl:1: invalid type"),
            (r#"{"steps": []}"#, "mix.jsonl:1: a scenario without steps"),
            (r#"{"steps": [{}], "path": "/"}"#, "mix.jsonl:1: unknown field `path`"),
            (r#"{"steps": [{}, {"weight": 2}]}"#, "mix.jsonl:1: step 2: the weight is the scenario's"),
            (r#"{"steps": [{}, {"pth": "/"}]}"#, "mix.jsonl:1: step 2: unknown field `pth`"),
            (r#"{"capture": {"a": {"json": "id"}}}"#, "mix.jsonl:1: `id` is not a JSON pointer"),
            (r#"{"capture": {"a": {"xpath": "id"}}}"#, "mix.jsonl:1: unknown variant `xpath`"),
            (r#"{"path": "/{{env:NO}}"}"#, "mix.jsonl:1: the environment has no NO, which {{env:NO}} stands for"),
            (r#"{"path": "/{{env:NO"}"#, "mix.jsonl:1: there is no }} after {{env:"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
    #[test]
    fn the_steps_of_a_scenario_follow_each_other() {
        let login = r#"{"path": "/login", "body": {"key": "{{env:APP_KEY}}"}, "once": true, "cookies": true, "capture": {"token": {"json": "/data/token"}, "at": {"header": "Location"}}}"#;
        let ask = r#"{"path": "/ask", "headers": {"Authorization": "Bearer {{token}}"}}"#;
        let text = format!("{{\"weight\": 3, \"steps\": [{login}, {ask}]}}\n{{\"path\": \"/plain\"}}");
        let requests = read(&text).unwrap();
        let brief: Vec<_> = requests
            .iter()
            .map(|it| (it.path.as_str(), it.weight, it.follows, it.once, it.cookies, it.capture.len()))
            .collect();
        assert_eq!(
            brief,
            [
                ("/login", 3.0, false, true, true, 2),
                ("/ask", 3.0, true, false, false, 0),
                ("/plain", 1.0, false, false, false, 0)
            ]
        );
        assert_eq!(requests[0].body, r#"{"key":"k\"1"}"#);
        let kept = serde_json::to_string(&requests[0].capture).unwrap();
        assert_eq!(kept, r#"{"at":{"header":"Location"},"token":{"json":"/data/token"}}"#);
    }
}
