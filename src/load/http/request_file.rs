//! Reads a mix of requests: JSON lines, a request each.

use super::{Expect, RequestTemplate};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The texts of the files that say what to send; the controller hands them as a line of JSON to a load generator in a
/// container, which sees no file of the host.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RequestTexts {
    /// The request file's path and text.
    requests: Option<(String, String)>,
    /// The data file's text.
    data: Option<String>,
}

impl RequestTexts {
    /// As the files are now.
    ///
    /// # Errors
    /// [`Error::Usage`] names the file that cannot be read.
    pub fn read(request_file: Option<&Path>, data_file: Option<&Path>) -> Result<Self> {
        let read = |path: &Path| fs::read_to_string(path).map_err(Error::input(path));
        let requests = request_file.map(|path| Ok((path.display().to_string(), read(path)?))).transpose()?;
        Ok(Self { requests, data: data_file.map(read).transpose()? })
    }

    /// The requests; `None` where no file has any.
    ///
    /// # Errors
    /// Those of [`read_request_file`].
    pub fn templates(&self) -> Result<Option<Vec<RequestTemplate>>> {
        self.requests.as_ref().map(|(path, text)| read_request_file(Path::new(path), text)).transpose()
    }

    /// What `{{line}}` stands for, in turn.
    pub fn lines(&self) -> Vec<String> {
        self.data.iter().flat_map(|text| text.lines()).map(str::to_owned).collect()
    }
}

/// A line. What is left out is as in the default request, except the body: none.
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

/// The requests of a file's text: one JSON object a line with `method` (POST with a body, otherwise GET), `path`,
/// `headers`, `body`, `weight` (1), `name` (the path) and `expect` (as `--expect` has it; without one, completions must
/// have choices and anything else the status 200); empty lines are skipped.
///
/// # Errors
/// [`Error::Usage`] names `path` and the line.
pub fn read_request_file(path: &Path, text: &str) -> Result<Vec<RequestTemplate>> {
    let mut requests = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |why: String| Error::Usage(format!("{}:{}: {why}", path.display(), number + 1));
        let line: Line = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
        if line.weight.is_some_and(|weight| !weight.is_finite() || weight <= 0.0) {
            return Err(wrong("the weight must be above 0".into()));
        }
        let body = match line.body {
            None => Vec::new(),
            Some(Value::String(text)) => text.into_bytes(),
            Some(json) => json.to_string().into_bytes(),
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
        read_request_file(Path::new("mix.jsonl"), text)
    }

    #[test]
    fn defaults_and_names() {
        let text = r#"{"path": "/v1/models", "weight": 2}

            {"body": {"a": 1}, "name": "chat", "headers": {"X": "y"}}
            {"method": "PUT", "path": "/x", "body": "plain"}"#;
        let requests = read(text).unwrap();
        let brief: Vec<_> = requests
            .iter()
            .map(|it| (it.method.as_str(), it.path.as_str(), it.name.as_str(), it.body.as_slice(), it.weight))
            .collect();
        assert_eq!(
            brief,
            [
                ("GET", "/v1/models", "/v1/models", &b""[..], 2.0),
                ("POST", "/v1/chat/completions", "chat", br#"{"a":1}"#, 1.0),
                ("PUT", "/x", "/x", b"plain", 1.0),
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
