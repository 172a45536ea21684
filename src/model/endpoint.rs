//! Where a service answers, and how it is known to be ready.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Where a service answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Endpoint {
    /// TCP port in its container.
    pub port: u16,
    /// What is spoken there.
    #[serde(default, skip_serializing_if = "is_default")]
    pub scheme: Scheme,
    /// What goes before the path of every request of the load: empty, or `/api`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub path: String,
    /// What shows that it is ready.
    pub ready: Ready,
}

/// What is spoken at an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// HTTP/1.1 over TCP.
    #[default]
    Http,
    /// The same over TLS. Without `x-vscale.ca` any certificate will do.
    Https,
}

/// What shows that a service is ready. In JSON it is its text: `/health`, `/health 401`, `/health any`, `tcp`, `healthcheck`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub enum Ready {
    /// A path answers a GET, with one of these statuses.
    Answers(String, Statuses),
    /// A connection is taken.
    Connects,
    /// The check that the compose file, or its image, has for it succeeds; and then a connection is taken.
    Healthy,
}

/// Statuses of answers: `2xx`, `any`, or a list of them: `200,401`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Statuses {
    /// 200 to 299.
    #[default]
    Success,
    /// Whatever it is.
    Any,
    /// One of these.
    These(Vec<u16>),
}

impl Endpoint {
    /// Its URL, as whoever can reach `host` has it; without a path.
    pub fn origin(&self, host: &str) -> String {
        format!("{}://{host}:{}", self.scheme, self.port)
    }

    /// Where it is polled until it is ready: a URL of its scheme, or `tcp://...` where a connection is enough.
    pub fn ready_url(&self, host: &str) -> String {
        match &self.ready {
            Ready::Answers(path, _) => self.origin(host) + path,
            Ready::Connects | Ready::Healthy => format!("tcp://{host}:{}", self.port),
        }
    }
}

impl Statuses {
    /// Whether this is one of them.
    pub fn has(&self, status: u16) -> bool {
        match self {
            Self::Success => (200..=299).contains(&status),
            Self::Any => true,
            Self::These(list) => list.contains(&status),
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

impl FromStr for Scheme {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            _ => Err(format!("`{text}` is neither http nor https")),
        }
    }
}

const TCP: &str = "tcp";
const HEALTHCHECK: &str = "healthcheck";

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answers(path, Statuses::Success) => f.write_str(path),
            Self::Answers(path, statuses) => write!(f, "{path} {statuses}"),
            Self::Connects => f.write_str(TCP),
            Self::Healthy => f.write_str(HEALTHCHECK),
        }
    }
}

impl FromStr for Ready {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (path, statuses) = text.split_once(' ').unwrap_or((text, ""));
        match path {
            TCP if statuses.is_empty() => Ok(Self::Connects),
            HEALTHCHECK if statuses.is_empty() => Ok(Self::Healthy),
            _ => {
                let statuses = if statuses.is_empty() { Statuses::Success } else { statuses.parse()? };
                checked_path(path)
                    .map(|path| Self::Answers(path, statuses))
                    .map_err(|wrong| format!("{wrong}; or use `{TCP}` (a connection is taken) or `{HEALTHCHECK}`"))
            }
        }
    }
}

/// A path as a request may have it.
///
/// # Errors
/// Says what a path is.
pub fn checked_path(path: &str) -> Result<String, String> {
    let is_path = path.starts_with('/') && !path.chars().any(|c| c.is_whitespace() || c.is_control());
    if is_path { Ok(path.to_owned()) } else { Err(format!("`{path}` is not a path such as /health")) }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => f.write_str("2xx"),
            Self::Any => f.write_str("any"),
            Self::These(list) => f.write_str(&list.iter().map(u16::to_string).collect::<Vec<_>>().join(",")),
        }
    }
}

impl FromStr for Statuses {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let status = |text: &str| text.trim().parse().ok().filter(|status| (100..=599).contains(status));
        match text {
            "2xx" => Ok(Self::Success),
            "any" => Ok(Self::Any),
            list => list.split(',').map(status).collect::<Option<_>>().map(Self::These).ok_or_else(|| {
                format!("`{text}` is neither a status from 100 to 599, nor a list of them, nor `2xx`, nor `any`")
            }),
        }
    }
}

impl TryFrom<String> for Ready {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Ready> for String {
    fn from(ready: Ready) -> Self {
        ready.to_string()
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_that_a_service_is_ready_is_a_text() {
        let answers = |statuses| Ready::Answers("/health".into(), statuses);
        for (text, meant) in [
            ("/health", answers(Statuses::Success)),
            ("/health 200,401", answers(Statuses::These(vec![200, 401]))),
            ("/health any", answers(Statuses::Any)),
            ("tcp", Ready::Connects),
            ("healthcheck", Ready::Healthy),
        ] {
            assert_eq!((text.parse(), meant.to_string().as_str()), (Ok(meant), text));
        }
        for wrong in ["health", "/a b", "/a\t", "tcp 200", "/health 99", "/health 200;201", ""] {
            assert!(wrong.parse::<Ready>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_endpoint_of_an_earlier_run_is_plain_http() {
        let endpoint: Endpoint =
            serde_json::from_str(r#"{"port":8080,"ready":"/v1/health"}"#).expect("it was written so");
        assert_eq!(endpoint.ready_url("mock"), "http://mock:8080/v1/health");
        assert_eq!(serde_json::to_string(&endpoint).expect("plain data"), r#"{"port":8080,"ready":"/v1/health"}"#);
        let tls = Endpoint { scheme: Scheme::Https, ready: Ready::Connects, ..endpoint };
        assert_eq!((tls.origin("a"), tls.ready_url("a")), ("https://a:8080".into(), "tcp://a:8080".into()));
    }

    #[test]
    fn statuses_that_count() {
        let has = |text: &str, status| text.parse::<Statuses>().expect("statuses").has(status);
        assert!(has("2xx", 204) && !has("2xx", 301) && has("any", 500) && has("401", 401) && !has("401", 200));
    }
}
