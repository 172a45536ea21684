//! What the visits of a study so far ask for besides the blocks of its plan.

use super::Analysis;
use crate::model::{Run, Severity, Wanted};

/// Nothing, where the run is no study.
pub fn wanted(run: &Run) -> Wanted {
    if run.plan.study.is_none() {
        return Wanted::default();
    }
    let analysis = Analysis::of(run);
    let is_spoiled = |place: &usize| {
        let findings = analysis.of_visit(&run.visited[*place]);
        findings.map(|finding| finding.severity).max() == Some(Severity::Spoiled)
    };
    Wanted { spoiled: (0..run.visited.len()).filter(is_spoiled).collect(), ..Wanted::default() }
}
