//! Which turn comes next: the plan's blocks, then the blocks that a study wants besides, then those that put its verdict to the
//! test. What the host has spoiled comes once more at the end of its block.

use crate::{
    distribution::{random, uniform},
    model::{Plan, Turn, Visited, Wanted},
};

/// Block and turn of the next visit; `None` when all is done, or no further block fits into the budget.
pub(super) fn next(plan: &Plan, visited: &[Visited], wanted: &Wanted) -> Option<(usize, Turn)> {
    let block = visited.last().map_or(0, |last| last.block);
    let turns = turns(plan, wanted, block)?;
    let begin = visited.partition_point(|earlier| earlier.block < block);
    let in_block = &visited[begin..];
    if let Some(&turn) = turns.get(in_block.len()) {
        return Some((block, turn));
    }
    let is_first_time = |turn: Turn| in_block[turns.len()..].iter().all(|again| again.turn() != turn);
    let spoiled = wanted.spoiled.iter().filter_map(|&place| place.checked_sub(begin));
    let spoiled = spoiled.filter_map(|place| Some(in_block.get(place).filter(|_| place < turns.len())?.turn()));
    if let Some(turn) = spoiled.into_iter().find(|&turn| is_first_time(turn)) {
        return Some((block, turn));
    }
    let next = self::turns(plan, wanted, block + 1)?;
    fits(plan, visited, next.len()).then(|| (block + 1, next[0]))
}

/// The turns of a block; `None` beyond the last. Blocks that stand in no plan are in an order of their own, of the same seed.
fn turns(plan: &Plan, wanted: &Wanted, block: usize) -> Option<Vec<Turn>> {
    let curve = plan.blocks.len().max(wanted.blocks);
    let turns = match (plan.blocks.get(block), plan.blocks.first(), &wanted.trial) {
        (Some(turns), ..) => turns.clone(),
        (None, Some(first), _) if block < curve => shuffled(first.clone(), plan.study.as_ref()?.seed, block),
        (None, _, Some(trial)) if block < curve + trial.blocks => {
            shuffled(trial.turns.clone(), plan.study.as_ref()?.seed, block)
        }
        _ => return None,
    };
    Some(turns).filter(|turns| !turns.is_empty())
}

/// In random order, which depends on seed and block and on nothing else (R. A. Fisher, F. Yates, 1938).
pub(super) fn shuffled(mut turns: Vec<Turn>, seed: u64, block: usize) -> Vec<Turn> {
    turns.sort_by_key(|turn| turn.point);
    let mut random = random(seed, block as u64);
    for last in (1..turns.len()).rev() {
        turns.swap(last, (uniform(&mut random) * (last + 1) as f64) as usize);
    }
    turns
}

/// Whether a block of so many visits ends within the budget, if visits go on to take as long as they took on average.
fn fits(plan: &Plan, visited: &[Visited], turns: usize) -> bool {
    let (Some(first), Some(last)) = (visited.first(), visited.last()) else { return true };
    let Some(budget_us) = plan.study.as_ref().and_then(|study| study.budget_us) else { return true };
    let gone_us = last.started_unix_us.saturating_sub(first.started_unix_us) + last.took_us();
    // A run that was taken up again has gaps that are no visit's.
    let took_us: u64 = visited.iter().map(Visited::took_us).sum();
    let each_us = took_us / visited.len() as u64;
    gone_us.min(took_us) + each_us * turns as u64 <= budget_us
}
