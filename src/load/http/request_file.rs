//! Reads the files that say what to send: requests as JSON lines, and the lines of a data file.

use crate::{
    error::{Error, Result},
    model::{Expect, RequestTemplate},
};
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path};

/// The requests of a file, as [`parse_requests`] reads them.
///
/// # Errors
/// [`Error::Usage`] names the file, and the line that cannot be understood.
pub fn read_request_file(path: &Path) -> Result<Vec<RequestTemplate>> {
    parse_requests(path, &fs::read_to_string(path).map_err(Error::input(path))?)
}

/// The lines of a file, for `{{line}}`.
///
/// # Errors
/// [`Error::Usage`] names the file.
pub fn read_data_file(path: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(path).map_err(Error::input(path))?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// A line of the file. What it leaves out is as in the default request, except the body, which is then empty.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
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
}

/// Reads a JSON object from each line that is not empty: `method` (default: POST with a body, otherwise GET), `path`,
/// `headers`, `body`, `weight` (1), `name` (the path), and `expect` as in `--expect` (default: choices for completions,
/// otherwise the status 200).
///
/// # Errors
/// [`Error::Usage`] names `path` and the line.
pub fn parse_requests(path: &Path, text: &str) -> Result<Vec<RequestTemplate>> {
    let mut requests = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |why: String| Error::Usage(format!("{}:{}: {why}", path.display(), number + 1));
        let line: Line = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
        if line.weight.is_some_and(|weight| !weight.is_finite() || weight <= 0.0) {
            return Err(wrong("the weight must be above 0".into()));
        }
        let body = match line.body {
            None => String::new(),
            Some(Value::String(text)) => text,
            Some(json) => json.to_string(),
        };
        let path = line.path.unwrap_or_else(|| RequestTemplate::default().path);
        let expect = match line.expect {
            Some(text) => text.parse().map_err(wrong)?,
            None if path.ends_with("/completions") => Expect::default(),
            None => Expect::ok(),
        };
        requests.push(RequestTemplate {
            method: line.method.unwrap_or_else(|| if body.is_empty() { "GET".into() } else { "POST".into() }),
            name: line.name.unwrap_or_else(|| path.clone()),
            path,
            headers: line.headers.into_iter().collect(),
            body,
            expect,
            weight: line.weight.unwrap_or(1.0),
        });
    }
    if requests.is_empty() {
        return Err(Error::Usage(format!("{}: holds no request", path.display())));
    }
    Ok(requests)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<RequestTemplate>> {
        parse_requests(Path::new("mix.jsonl"), text)
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
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
