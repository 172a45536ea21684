//! Which of a run's visits count, for what: the valid ones of a point, by block, and those that only the host has spoiled.

use super::{Analysis, scaling::throughput_rps};
use crate::model::{Purpose, Run, Severity, Turn, Visited};

/// Whether a visit puts a verdict to the test.
pub(super) fn is_test(visited: &Visited) -> bool {
    visited.change.is_some_and(|change| change.purpose == Purpose::Test)
}

/// Throughput of a turn in each block: of its last visit that is valid.
pub(super) fn by_block(run: &Run, analysis: &Analysis, turn: Turn, blocks: usize) -> Vec<Option<f64>> {
    visited_by_block(run, analysis, turn, blocks).into_iter().map(|visited| throughput_rps(visited?)).collect()
}

/// The last visit of a turn in each block that is valid and answered something.
pub(super) fn visited_by_block<'a>(
    run: &'a Run,
    analysis: &Analysis,
    turn: Turn,
    blocks: usize,
) -> Vec<Option<&'a Visited>> {
    let is_measured = |visited: &&Visited| throughput_rps(visited).is_some_and(|rps| rps > 0.0);
    let of_block = |block| {
        let visits = run.visited.iter().filter(|it| it.block == block && it.turn() == turn && analysis.is_valid(it));
        visits.rev().find(is_measured)
    };
    (0..blocks).map(of_block).collect()
}

/// A point's valid visits.
pub(super) fn visits<'a>(run: &'a Run, analysis: &Analysis, point: usize) -> Vec<&'a Visited> {
    let turn = Turn::plain(point);
    run.visited.iter().filter(|it| it.turn() == turn && analysis.is_valid(it)).collect()
}

/// Visits that only the host is to blame for.
pub(super) fn spoiled(run: &Run, analysis: &Analysis) -> Vec<usize> {
    let is_spoiled = |place: &usize| {
        let findings = analysis.of_visit(&run.visited[*place]);
        findings.map(|finding| finding.severity).max() == Some(Severity::Spoiled)
    };
    (0..run.visited.len()).filter(is_spoiled).collect()
}
