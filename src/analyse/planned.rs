//! What the plan itself says against what it will give.

use super::gates::found;
use crate::model::{CountBy, CpuSet, Finding, Gate, Plan, Scope};

/// Findings that hold whatever is measured.
pub(super) fn findings(plan: &Plan) -> Vec<Finding> {
    let scope = Scope::default();
    let of_target = Scope { container: Some(plan.roles.target.clone()), ..Scope::default() };
    let mut findings = Vec::new();
    findings.extend(shared(plan).map(|who| found(Gate::CpusApart, &scope, who)));
    if plan.workers.as_ref().is_some_and(|workers| workers.count == CountBy::None) {
        findings.push(Finding { measured: None, ..found(Gate::WorkersProved, &of_target, 0.0) });
    }
    let cpus = plan.placement().target.len() as f64;
    let quotas = plan.points.iter().filter_map(|point| point.limits.quota_cores());
    if let Some(quota) = quotas.reduce(f64::max).filter(|quota| *quota > cpus) {
        findings.push(Finding { limit: Some(cpus.into()), ..found(Gate::QuotaWithinCpus, &of_target, quota) });
    }
    let workers = plan.points.iter().filter(|_| plan.proves_workers()).map(|point| f64::from(point.workers));
    if let Some(workers) = workers.reduce(f64::max).filter(|workers| *workers > cpus) {
        findings.push(Finding { limit: Some(cpus.into()), ..found(Gate::CpuForEachWorker, &of_target, workers) });
    }
    findings
}

/// In words, who shares CPUs with whom; `None` where all are apart.
fn shared(plan: &Plan) -> Option<String> {
    let placement = plan.placement();
    let helper = |name: &str| if plan.roles.is_backend(name) { "backend".to_owned() } else { name.to_owned() };
    let roles = [("load generator".to_owned(), &placement.generator)].into_iter();
    let roles = roles.chain(plan.helpers().map(|(name, cpus)| (helper(name), cpus)));
    let roles: Vec<_> = roles.chain([("target".to_owned(), &placement.target)]).collect();
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
