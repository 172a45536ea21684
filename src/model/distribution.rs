//! A random time as data: how long a mock takes, how long a user thinks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// A random time: one shape, or a mixture of several. In JSON it is its text.
///
/// | text | meaning |
/// |---|---|
/// | `10ms` | always 10 ms |
/// | `5ms..15ms` | uniform between the two |
/// | `exp 10ms` | exponential of this mean |
/// | `lognormal 10ms 0.5` | log-normal of this median; 0.5 is the standard deviation of the logarithm |
/// | `95% 10ms, 5% 200ms` | a mixture of any of these; the shares add up to 100 % |
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Distribution {
    /// Each with the share of it and all before it, 0 to 1; the last one's is 1.
    pub(crate) parts: Vec<(f64, Shape)>,
    /// As it was given.
    pub(crate) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    Constant(Duration),
    Uniform { low: Duration, high: Duration },
    Exponential { mean: Duration },
    LogNormal { median: Duration, sigma: f64 },
}

impl Distribution {
    /// Always zero.
    pub fn zero() -> Self {
        Self { parts: vec![(1.0, Shape::Constant(Duration::ZERO))], text: "0".into() }
    }

    /// The time that it always is, if it is one.
    pub fn constant(&self) -> Option<Duration> {
        match self.parts[..] {
            [(_, Shape::Constant(time))] => Some(time),
            _ => None,
        }
    }

    /// Whether every time is zero.
    pub fn is_zero(&self) -> bool {
        self.parts.iter().all(|(_, shape)| *shape == Shape::Constant(Duration::ZERO))
    }
}

/// Equal when they mean the same, however each was written.
impl PartialEq for Distribution {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Distribution> for String {
    fn from(distribution: Distribution) -> Self {
        distribution.text
    }
}
