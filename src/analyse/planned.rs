//! What the plan itself says against what it will give.

use super::gates::found;
use crate::model::{CpuSet, Finding, Gate, Placement, Plan, Scope};

/// Findings that hold whatever is measured.
pub(super) fn findings(plan: &Plan) -> Vec<Finding> {
    let scope = Scope::default();
    let of_target = Scope { container: Some(plan.roles.target.clone()), ..Scope::default() };
    let mut findings = Vec::new();
    let placements = plan.hosts.iter().filter_map(|host| shared(&host.placement));
    findings.extend(placements.map(|who| found(Gate::CpusApart, &scope, who)));
    let cpus = plan.placement().target.len() as f64;
    let quotas = plan.points.iter().filter_map(|point| point.limits.quota_cores());
    if let Some(quota) = quotas.reduce(f64::max).filter(|quota| *quota > cpus) {
        findings.push(Finding { limit: Some(cpus.into()), ..found(Gate::QuotaWithinCpus, &of_target, quota) });
    }
    let workers = plan.points.iter().map(|point| f64::from(point.workers));
    if let Some(workers) = workers.reduce(f64::max).filter(|workers| *workers > cpus) {
        findings.push(Finding { limit: Some(cpus.into()), ..found(Gate::CpuForEachWorker, &of_target, workers) });
    }
    findings
}

/// In words, which roles share CPUs; `None` where they are apart.
fn shared(placement: &Placement) -> Option<String> {
    let roles =
        [("load generator", &placement.generator), ("backend", &placement.backend), ("target", &placement.target)];
    let mut pairs = Vec::new();
    for (index, (name, cpus)) in roles.iter().enumerate() {
        for (other_name, other) in &roles[index + 1..] {
            let both: CpuSet = cpus.shared_with(other);
            if !both.is_empty() {
                pairs.push(format!("{name} and {other_name} share CPU {both}"));
            }
        }
    }
    (!pairs.is_empty()).then(|| pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_shares_with_whom() {
        let cpus = |text: &str| text.parse().expect("a list");
        let placed = |generator, backend, target| {
            shared(&Placement {
                generator: cpus(generator),
                backend: cpus(backend),
                target: cpus(target),
                reason: String::new(),
            })
        };
        assert_eq!(placed("0", "1", "2-3"), None);
        assert_eq!(placed("0", "0", "1").as_deref(), Some("load generator and backend share CPU 0"));
    }
}
