//! Which turn comes next: the plan's blocks, then the blocks that a study wants besides, then its trials. What the host has
//! spoiled comes once more at the end of its block.

use crate::{
    distribution::{random, uniform},
    model::{Plan, Turn, Visited, Wanted},
};

/// Block and turn of the next visit; `None` when all is done, or no further block fits into the budget.
pub(super) fn next(plan: &Plan, visited: &[Visited], wanted: &Wanted) -> Option<(usize, Turn)> {
    let block = visited.last().map_or(0, |last| last.block);
    let turns = turns(plan, wanted, block)?;
    let in_block = whole(visited, block);
    if let Some(&turn) = turns.get(in_block.len()) {
        return Some((block, turn));
    }
    if let Some(turn) = again(&in_block, turns.len(), wanted).next() {
        return Some((block, turn));
    }
    let next = self::turns(plan, wanted, block + 1)?;
    fits(plan, visited, next.len()).then(|| (block + 1, next[0]))
}

/// The visits of a block that were not cut short, each with its place in the run: one that was comes once more.
fn whole(visited: &[Visited], block: usize) -> Vec<(usize, &Visited)> {
    visited.iter().enumerate().filter(|(_, earlier)| earlier.block == block && earlier.is_whole()).collect()
}

/// Of a block of so many turns, those that the host has spoiled and that did not come again yet.
fn again(in_block: &[(usize, &Visited)], turns: usize, wanted: &Wanted) -> impl Iterator<Item = Turn> {
    let (first, repeated) = in_block.split_at(turns.min(in_block.len()));
    let spoiled = first.iter().filter(|(place, _)| wanted.spoiled.contains(place)).map(|(_, visited)| visited.turn());
    spoiled.filter(|turn| repeated.iter().all(|(_, other)| other.turn() != *turn))
}

/// How many visits are still to come, as far as it is known, and how long they take, if each takes as long as they took on
/// average.
pub fn left(plan: &Plan, visited: &[Visited], wanted: &Wanted) -> (usize, u64) {
    let Some(last) = visited.last() else { return (plan.blocks.iter().map(Vec::len).sum(), 0) };
    let in_block = whole(visited, last.block);
    let turns_here = turns(plan, wanted, last.block).map_or(0, |turns| turns.len());
    let ahead = turns_here.saturating_sub(in_block.len()) + again(&in_block, turns_here, wanted).count();
    let further = (last.block + 1..).map_while(|block| turns(plan, wanted, block));
    let count = ahead + further.map(|turns| turns.len()).sum::<usize>();
    let took_us: u64 = visited.iter().map(Visited::took_us).sum();
    let left_us = count as u64 * (took_us / visited.len() as u64);
    let budget_us = plan.study.as_ref().and_then(|study| study.budget_us);
    (count, budget_us.map_or(left_us, |budget_us| left_us.min(budget_us.saturating_sub(took_us))))
}

/// The turns of a block; `None` beyond the last. Blocks that stand in no plan are in an order of their own, of the same seed.
fn turns(plan: &Plan, wanted: &Wanted, block: usize) -> Option<Vec<Turn>> {
    let curve = plan.blocks.len().max(wanted.blocks);
    let turns = match plan.blocks.get(block) {
        Some(turns) => turns.clone(),
        None if block < curve => in_order(plan, plan.blocks.first()?, block)?,
        None => in_order(plan, trial(wanted, block - curve)?, block)?,
    };
    Some(turns).filter(|turns| !turns.is_empty())
}

/// The turns of that block of all trials' blocks.
fn trial(wanted: &Wanted, block: usize) -> Option<&[Turn]> {
    let mut blocks = wanted.trials.iter().flat_map(|trial| std::iter::repeat_n(&trial.turns[..], trial.blocks));
    blocks.nth(block)
}

fn in_order(plan: &Plan, turns: &[Turn], block: usize) -> Option<Vec<Turn>> {
    Some(shuffled(plan, turns, plan.study.as_ref()?.seed, block))
}

/// In random order, which depends on seed and block and on nothing else (R. A. Fisher, F. Yates, 1938).
/// The sides of a setting, where there are two, are visited one after the other.
pub(super) fn shuffled(plan: &Plan, turns: &[Turn], seed: u64, block: usize) -> Vec<Turn> {
    let mut turns = turns.to_vec();
    turns.sort_by_key(|turn| turn.point);
    let mut random = random(seed, block as u64);
    for last in (1..turns.len()).rev() {
        turns.swap(last, (uniform(&mut random) * (last + 1) as f64) as usize);
    }
    if plan.ab.is_some() {
        let order = turns.clone();
        turns.sort_by_key(|turn| order.iter().position(|first| plan.setting(first.point) == plan.setting(turn.point)));
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
