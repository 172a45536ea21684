//! Limits as version 2 wrote them: the quota in CPUs, and `null` for one that there is not.

use crate::{
    limits::DEFAULT_PERIOD_US,
    model::{CpuSet, Limit, LimitRow, LimitValue, Limits},
};
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct CgroupLimits {
    pub(super) cpu_quota_cores: Option<f64>,
    pub(super) cpu_period_us: Option<u64>,
    pub(super) cpuset: Option<CpuSet>,
    pub(super) memory_bytes: Option<u64>,
}

/// Of one container, at each place.
#[derive(Deserialize)]
pub(super) struct LimitsWritten {
    pub(super) service: String,
    pub(super) asked: CgroupLimits,
    engine: CgroupLimits,
    inside: Option<CgroupLimits>,
    cpus_allowed: Option<CpuSet>,
}

const LIMITS: [Limit; 5] = [Limit::Cpuset, Limit::Affinity, Limit::CpuQuotaUs, Limit::CpuPeriodUs, Limit::MemoryBytes];

impl CgroupLimits {
    /// `null` was not asked for.
    pub(super) fn as_asked(&self, period_us: u64) -> Limits {
        let mut limits = Limits::default();
        limits.set(Limit::Cpuset, self.cpuset.clone().map(LimitValue::Cpus));
        limits.set(Limit::CpuQuotaUs, self.quota_us(period_us));
        limits.set(Limit::CpuPeriodUs, self.cpu_period_us.map(LimitValue::Number));
        limits.set(Limit::MemoryBytes, self.memory_bytes.map(LimitValue::Number));
        limits
    }

    /// `null` is no limit.
    fn as_engine_says(&self) -> Limits {
        let cpuset = self.cpuset.clone().map_or(LimitValue::Unlimited, LimitValue::Cpus);
        self.as_seen_inside().with(Limit::Cpuset, cpuset)
    }

    /// `null` is no limit, but for the CPUs: there are always some, and they could not be read.
    pub(super) fn as_seen_inside(&self) -> Limits {
        self.as_asked(self.period_us())
            .with(Limit::CpuQuotaUs, self.quota_us(self.period_us()).unwrap_or(LimitValue::Unlimited))
            .with(Limit::MemoryBytes, self.memory_bytes.map_or(LimitValue::Unlimited, LimitValue::Number))
    }

    fn quota_us(&self, period_us: u64) -> Option<LimitValue> {
        self.cpu_quota_cores.map(|cores| LimitValue::Number((cores * period_us as f64).round() as u64))
    }

    fn period_us(&self) -> u64 {
        self.cpu_period_us.unwrap_or(DEFAULT_PERIOD_US)
    }
}

impl LimitsWritten {
    /// The period that the container was found to have: nobody asked for one.
    pub(super) fn period_us(&self) -> u64 {
        let inside = self.inside.as_ref().and_then(|limits| limits.cpu_period_us);
        self.engine.cpu_period_us.or(inside).unwrap_or(DEFAULT_PERIOD_US)
    }

    /// A row for each limit of which something is known.
    pub(super) fn into_rows(self) -> Vec<LimitRow> {
        let of_processes = |cpus: Option<CpuSet>, mut limits: Limits| {
            limits.set(Limit::Affinity, cpus.map(LimitValue::Cpus));
            limits
        };
        let asked = of_processes(self.asked.cpuset.clone(), self.asked.as_asked(self.period_us()));
        let engine = self.engine.as_engine_says();
        let inside = self.inside.as_ref().map_or_else(Limits::default, CgroupLimits::as_seen_inside);
        let inside = of_processes(self.cpus_allowed, inside);
        let row = |limit| {
            let [asked, engine, inside] = [&asked, &engine, &inside].map(|limits| limits.get(limit).cloned());
            let is_known = asked.is_some() || engine.is_some() || inside.is_some();
            is_known.then(|| LimitRow { container: self.service.clone(), limit, asked, engine, inside })
        };
        LIMITS.into_iter().filter_map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(written: &str, limit: Limit) -> [Option<LimitValue>; 3] {
        let written: LimitsWritten = serde_json::from_str(written).unwrap();
        let row = written.into_rows().into_iter().find(|row| row.limit == limit);
        row.map(|row| [row.asked, row.engine, row.inside]).unwrap_or_default()
    }

    #[test]
    fn null_is_not_asked_and_no_limit() {
        let none = r#"{"cpu_quota_cores":null,"cpu_period_us":null,"cpuset":null,"memory_bytes":null}"#;
        let written =
            format!(r#"{{"service":"a","asked":{none},"engine":{none},"inside":{none},"cpus_allowed":null}}"#);
        let unlimited = Some(LimitValue::Unlimited);
        for limit in [Limit::CpuQuotaUs, Limit::MemoryBytes] {
            assert_eq!(row(&written, limit), [None, unlimited.clone(), unlimited.clone()], "{limit:?}");
        }
        assert_eq!(row(&written, Limit::Cpuset), [None, unlimited, None]);
        assert_eq!(row(&written, Limit::Affinity), [None, None, None]);
    }

    #[test]
    fn a_quota_in_cpus_is_one_in_its_own_period() {
        let limits = |cores: &str, period: &str| {
            format!(r#"{{"cpu_quota_cores":{cores},"cpu_period_us":{period},"cpuset":"0","memory_bytes":null}}"#)
        };
        let (asked, set, dropped) = (limits("0.5", "null"), limits("0.5", "10000"), limits("null", "100000"));
        let written = |engine: &str, inside: &str| {
            format!(r#"{{"service":"a","asked":{asked},"engine":{engine},"inside":{inside},"cpus_allowed":"0"}}"#)
        };
        let number = |number| Some(LimitValue::Number(number));
        assert_eq!(row(&written(&set, "null"), Limit::CpuQuotaUs), [number(5000), number(5000), None]);
        let unlimited = Some(LimitValue::Unlimited);
        assert_eq!(row(&written(&set, &dropped), Limit::CpuQuotaUs), [number(5000), number(5000), unlimited]);
        assert_eq!(row(&written(&set, &set), Limit::CpuPeriodUs), [None, number(10_000), number(10_000)]);
    }
}
