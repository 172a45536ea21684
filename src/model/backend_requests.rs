//! How many requests a target makes of its backend.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Requests that a target makes of its backend for each one that it gets: a number, or `any`. In JSON it is its text.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub enum BackendRequests {
    /// So many on average, 0 or more.
    Each(f64),
    /// It is not known beforehand.
    Any,
}

/// A target that hands each request on.
impl Default for BackendRequests {
    fn default() -> Self {
        Self::Each(1.0)
    }
}

impl fmt::Display for BackendRequests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Each(number) => number.fmt(f),
            Self::Any => f.write_str("any"),
        }
    }
}

impl FromStr for BackendRequests {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "any" {
            return Ok(Self::Any);
        }
        let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
        number.map(Self::Each).ok_or_else(|| {
            format!("`{text}` is neither a number of requests at the backend for each one sent, such as 1, nor `any`")
        })
    }
}

impl TryFrom<String> for BackendRequests {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<BackendRequests> for String {
    fn from(requests: BackendRequests) -> Self {
        requests.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_or_any() {
        for (text, meant) in
            [("1", BackendRequests::Each(1.0)), ("0.5", BackendRequests::Each(0.5)), ("any", BackendRequests::Any)]
        {
            assert_eq!((text.parse(), meant.to_string().as_str()), (Ok(meant), text));
        }
        for wrong in ["-1", "nan", "inf", "many", ""] {
            assert!(wrong.parse::<BackendRequests>().is_err_and(|why| why.contains(wrong)), "{wrong}");
        }
    }
}
