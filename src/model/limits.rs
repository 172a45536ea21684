//! The limits of a container: which there are, and the value of each at one place.

use super::CpuSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A limit that a container can have. How each is read, compared and shown stands in [`crate::limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// CPUs that its cgroup may use.
    Cpuset,
    /// CPUs that its processes may run on, all of them together: sched_setaffinity(2) of each.
    Affinity,
    /// CPU time in each period.
    CpuQuotaUs,
    /// Length of a quota's period.
    CpuPeriodUs,
    /// Memory, without swap.
    MemoryBytes,
    /// Swap beyond the memory.
    SwapBytes,
    /// Processes and threads.
    Pids,
}

/// What a limit is set to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(into = "Written", try_from = "Written")]
pub enum LimitValue {
    /// There is none.
    Unlimited,
    /// In the unit that the limit's name has.
    Number(u64),
    /// A set of CPUs.
    Cpus(CpuSet),
}

/// The limits of one container at one place: as asked for, as the engine has them, or as seen inside. One that is not
/// here was not asked for, or could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Limits(BTreeMap<Limit, LimitValue>);

impl Limits {
    /// Sets one; `None` leaves it as it is.
    pub fn set(&mut self, limit: Limit, value: Option<LimitValue>) {
        if let Some(value) = value {
            self.0.insert(limit, value);
        }
    }

    /// With one more.
    pub fn with(mut self, limit: Limit, value: LimitValue) -> Self {
        self.set(limit, Some(value));
        self
    }

    /// What this one is set to.
    pub fn get(&self, limit: Limit) -> Option<&LimitValue> {
        self.0.get(&limit)
    }

    /// What this one is set to, if to a number.
    pub fn number(&self, limit: Limit) -> Option<u64> {
        match self.get(limit) {
            Some(LimitValue::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// The set of CPUs, if there is one.
    pub fn cpuset(&self) -> Option<&CpuSet> {
        match self.get(Limit::Cpuset) {
            Some(LimitValue::Cpus(cpus)) => Some(cpus),
            _ => None,
        }
    }

    /// The quota over its period: CPUs; `None` without a quota.
    pub fn quota_cores(&self) -> Option<f64> {
        Some(self.number(Limit::CpuQuotaUs)? as f64 / self.number(Limit::CpuPeriodUs)? as f64)
    }

    /// Moves these limits out into a set of their own.
    pub fn take(&mut self, limits: &[Limit]) -> Self {
        Self(limits.iter().filter_map(|limit| self.0.remove_entry(limit)).collect())
    }

    /// All of both; where both have one, `over`'s counts.
    pub fn merged(&self, over: &Self) -> Self {
        Self(self.0.iter().chain(&over.0).map(|(limit, value)| (*limit, value.clone())).collect())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// By limit.
    pub fn iter(&self) -> impl Iterator<Item = (Limit, &LimitValue)> {
        self.0.iter().map(|(limit, value)| (*limit, value))
    }
}

/// One limit of one container: as asked for, as the engine has it, as it is seen inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LimitRow {
    /// Name of the container.
    pub container: String,
    /// Which limit.
    pub limit: Limit,
    /// `None` where none was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<LimitValue>,
    /// `None` where the engine does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<LimitValue>,
    /// `None` where it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<LimitValue>,
}

/// A limit in JSON: a number, a list of CPUs, or `unlimited`.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Written {
    Number(u64),
    Text(String),
}

const UNLIMITED: &str = "unlimited";

impl From<LimitValue> for Written {
    fn from(value: LimitValue) -> Self {
        match value {
            LimitValue::Unlimited => Self::Text(UNLIMITED.into()),
            LimitValue::Number(number) => Self::Number(number),
            LimitValue::Cpus(cpus) => Self::Text(cpus.into()),
        }
    }
}

impl TryFrom<Written> for LimitValue {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Number(number) => Ok(Self::Number(number)),
            Written::Text(text) if text == UNLIMITED => Ok(Self::Unlimited),
            Written::Text(text) => CpuSet::try_from(text).map(Self::Cpus),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_numbers_lists_and_a_word_in_json() {
        let limits = Limits::default()
            .with(Limit::Cpuset, LimitValue::Cpus([0, 2, 3].into_iter().collect()))
            .with(Limit::CpuQuotaUs, LimitValue::Number(50_000))
            .with(Limit::MemoryBytes, LimitValue::Unlimited);
        let json = serde_json::to_string(&limits).expect("plain data");
        assert_eq!(json, r#"{"cpuset":"0,2-3","cpu_quota_us":50000,"memory_bytes":"unlimited"}"#);
        assert_eq!(serde_json::from_str::<Limits>(&json).expect("what was written"), limits);
        assert!(serde_json::from_str::<Limits>(r#"{"cpuset":"some"}"#).is_err());
    }
}
