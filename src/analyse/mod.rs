//! What follows from a run: findings against believing it, and how throughput grows. Pure; nothing of it is stored
//! among what was measured, so that it can be made again, and better, from a run's folder.

mod attest;
pub mod compare;
mod confirm;
mod consistent;
mod contrast;
mod costs;
mod curves;
pub mod fit;
pub mod gates;
mod growth;
mod helpers;
mod host;
mod load;
mod memory;
mod planned;
mod scaling;
pub mod stats;
mod study;
mod study_point;
pub mod verdict;
mod visits;
mod wanted;

pub use confirm::{Confirmation, Outcome, Prediction, prediction};
pub use contrast::{ChangeLimit, Contrast, ContrastPoint, Contrasted, Measure, Pooled};
pub use costs::{BackendCost, overhead_p50_us, target_cpu_per_request_us};
pub use curves::{Over, StudyCurve, With};
pub use load::{load_findings, why_no_baseline};
pub use scaling::{Scaled, ScaledPoint, Scaling, median};
pub use study::Study;
pub use study_point::{Percentiles, StudyPoint};
pub use wanted::wanted;

use crate::{
    measure::WorkerCounter,
    model::{Finding, Run, Scope, Severity, Visited},
};

/// What follows from a run.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// The plan's first, then each visit's in its order.
    pub findings: Vec<Finding>,
    /// Growth over the points.
    pub scaling: Scaling,
}

impl Analysis {
    /// Of all that was visited.
    pub fn of(run: &Run) -> Self {
        let mut findings = planned::findings(&run.plan);
        let workers = WorkerCounter::of(&run.plan).ok().filter(|_| run.plan.proves_workers());
        for visited in &run.visited {
            if let Some(cut_short) = attest::cut_short(run, visited) {
                findings.push(cut_short);
                continue;
            }
            let before = findings.len();
            findings.extend(attest::findings(visited, &run.plan.roles.target, workers.as_ref()));
            for phase in &visited.phases {
                let scope = Scope { visit: Some(visited.id.clone()), phase: Some(phase.kind), ..Scope::default() };
                findings.extend(load::phase_findings(&run.plan, phase, &scope));
            }
            findings.extend(load::no_baseline(visited));
            findings.extend(load::headroom(run, visited));
            findings.extend(helpers::findings(run, visited));
            findings.extend(consistent::findings(visited));
            findings.extend(memory::findings(run, visited));
            findings.extend(host::findings(run, visited));
            blame_the_host(&mut findings[before..]);
        }
        findings.extend(growth::baseline(run));
        let scaling = Scaling::of(run, &|visited| is_valid(&findings, visited));
        findings.extend(growth::speed_ups(run, &scaling));
        Self { findings, scaling }
    }

    /// Whether a visit measured what it says it measured.
    pub fn is_valid(&self, visited: &Visited) -> bool {
        is_valid(&self.findings, visited)
    }

    /// Whether there is a visit, and nothing found invalidates any.
    pub fn is_run_valid(&self, run: &Run) -> bool {
        !run.visited.is_empty() && self.findings.iter().all(|finding| !finding.invalidates())
    }

    /// The worst that was found, if anything was.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// A visit's findings.
    pub fn of_visit<'a>(&'a self, visited: &'a Visited) -> impl Iterator<Item = &'a Finding> {
        self.findings.iter().filter(|finding| finding.scope.visit.as_deref() == Some(&visited.id))
    }
}

/// Takes a visit's findings that a busy host brings about for the host's doing, where it was busy.
fn blame_the_host(of_visit: &mut [Finding]) {
    if of_visit.iter().all(|finding| finding.severity != Severity::Spoiled) {
        return;
    }
    for finding in of_visit.iter_mut().filter(|finding| gates::COMES_OF_A_BUSY_HOST.contains(&finding.gate)) {
        finding.severity = finding.severity.min(Severity::Spoiled);
    }
}

fn is_valid(findings: &[Finding], visited: &Visited) -> bool {
    visited.is_whole()
        && findings
            .iter()
            .all(|it| !it.invalidates() || it.scope.visit.as_deref().is_some_and(|visit| visit != visited.id))
}
