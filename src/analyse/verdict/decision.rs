//! Which setting to run: the smallest one that is as good as the best, by test and not by eye; a range where the visits do not
//! tell. Takes plain numbers of each point by block.

use super::limits;
use crate::{
    analyse::stats::{self, Geometric, holm},
    model::{Drive, Side},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A point that may be chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// What it is.
    pub setting: Choice,
    /// Throughput of each block; absent where its visit is not valid.
    pub throughput_rps: Vec<Option<f64>>,
    /// Whether it keeps the limit that was set for latency; absent where none was, or it cannot be told.
    pub meets_slo: Option<bool>,
}

/// A setting with what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Choice {
    /// Its place in the plan.
    pub point: usize,
    /// Workers.
    pub workers: u32,
    /// CPUs that all of them have together: the quota, or else the CPUs they may run on.
    pub cpus: Option<f64>,
    /// Memory that a worker takes.
    pub worker_memory_bytes: Option<f64>,
    /// How it is driven, where the study varies that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drive: Option<Drive>,
    /// Which side it is of, where there are two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
}

/// How one throughput compares with another, by paired blocks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ratio {
    /// The mean.
    pub estimate: f64,
    /// One-sided 95 % lower bound.
    pub low: f64,
    /// One-sided 95 % upper bound.
    pub high: f64,
}

/// What to run, and what that rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// Absent where no setting keeps the limit for latency.
    pub chosen: Option<Chosen>,
    /// Points that do not keep it.
    pub beyond_slo: Vec<usize>,
    /// Points of which it cannot be told.
    pub slo_unknown: Vec<usize>,
    /// Settings of the same CPUs, compared.
    pub equal_cpus: Vec<EqualCpus>,
    /// Whether more workers do more where the CPUs stay the same.
    pub workers: WorkersLever,
}

/// The setting to run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Chosen {
    /// The smallest that is shown to be as good as the best.
    pub setting: Choice,
    /// Its throughput, the mean of logs over blocks.
    pub throughput_rps: f64,
    /// The best.
    pub best: Choice,
    /// And its throughput.
    pub best_rps: f64,
    /// Chosen over best; absent where it is the best.
    pub of_best: Option<Ratio>,
    /// Smaller settings that may be as good and were shown neither to be nor not to be, the smallest first.
    pub undecided: Vec<Choice>,
}

/// Settings with the same CPUs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EqualCpus {
    /// CPUs that each of them has.
    pub cpus: f64,
    /// The best of them.
    pub best: Choice,
    /// And its throughput.
    pub best_rps: f64,
    /// The others, each over the best.
    pub others: Vec<Other>,
}

/// A setting beside a better one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Other {
    /// What it is.
    pub setting: Choice,
    /// Its throughput over the better one's; absent with fewer than two blocks.
    pub of_best: Option<Ratio>,
}

/// Whether more workers do more on the same CPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WorkersLever {
    /// Not varied on the same CPUs.
    NotTried,
    /// Shown: the fewest do as well as any, within a twentieth.
    NotTheLever,
    /// Shown: the fewest do worse than that.
    Lever,
    /// Neither is shown.
    Undecided,
}

/// What to run of `candidates`, of which those that were not measured are left out; `None` where none was.
pub fn decide(candidates: &[Candidate], has_slo: bool) -> Option<Decision> {
    let mut measured: Vec<&Candidate> = candidates.iter().filter(|candidate| candidate.rps().is_some()).collect();
    measured.sort_by(|a, b| size(a).partial_cmp(&size(b)).unwrap_or(std::cmp::Ordering::Equal));
    if measured.is_empty() {
        return None;
    }
    let points = |meets: Option<bool>| {
        let those = measured.iter().filter(|candidate| has_slo && candidate.meets_slo == meets);
        those.map(|candidate| candidate.setting.point).collect()
    };
    let eligible: Vec<&Candidate> =
        measured.iter().copied().filter(|candidate| !has_slo || candidate.meets_slo == Some(true)).collect();
    let groups = equal_cpus(&measured);
    Some(Decision {
        chosen: chosen(&eligible),
        beyond_slo: points(Some(false)),
        slo_unknown: points(None),
        equal_cpus: groups.iter().filter_map(|group| compared(group)).collect(),
        workers: workers_lever(&groups),
    })
}

/// Of settings in the order of their size.
fn chosen(candidates: &[&Candidate]) -> Option<Chosen> {
    let best = best(candidates)?;
    let others: Vec<&Candidate> = candidates.iter().copied().filter(|other| other.setting != best.setting).collect();
    let ratios: Vec<_> = others.iter().map(|other| pairs(other, best)).collect();
    let standing = standings(&ratios);
    let is_smaller = |other: &Candidate, than: &Candidate| size(other) < size(than);
    let as_good = others.iter().zip(&standing).filter(|(_, standing)| **standing == Standing::AsGood);
    let chosen = as_good.map(|(other, _)| *other).find(|other| is_smaller(other, best)).unwrap_or(best);
    let undecided = others.iter().zip(&standing).filter(|(_, standing)| **standing == Standing::Undecided);
    let undecided = undecided.filter(|(other, _)| is_smaller(other, chosen)).map(|(other, _)| other.setting).collect();
    let of_best = if chosen.setting == best.setting { None } else { ratio(&pairs(chosen, best)) };
    Some(Chosen {
        setting: chosen.setting,
        throughput_rps: chosen.rps()?,
        best: best.setting,
        best_rps: best.rps()?,
        of_best,
        undecided,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    AsGood,
    Worse,
    Undecided,
}

/// How each ratio stands to [`limits::AS_GOOD`], all of them claimed at once.
fn standings(ratios: &[Vec<(f64, f64)>]) -> Vec<Standing> {
    let corrected = |p_value: fn(&Geometric, f64) -> f64| {
        // What cannot be told is no evidence.
        let p = |pairs: &Vec<_>| Geometric::paired(pairs).map_or(1.0, |ratio| p_value(&ratio, limits::AS_GOOD));
        holm(&ratios.iter().map(p).collect::<Vec<f64>>())
    };
    let (as_good, worse) = (corrected(Geometric::p_above), corrected(Geometric::p_below));
    let is_shown = |p: f64| p < 1.0 - limits::LEVEL;
    let standing = |(as_good, worse): (f64, f64)| match (is_shown(as_good), is_shown(worse)) {
        (true, _) => Standing::AsGood,
        (_, true) => Standing::Worse,
        _ => Standing::Undecided,
    };
    as_good.into_iter().zip(worse).map(standing).collect()
}

/// Settings of the same CPUs and several worker counts, each group with the fewest workers first.
fn equal_cpus<'a>(candidates: &[&'a Candidate]) -> Vec<Vec<&'a Candidate>> {
    let mut groups: Vec<Vec<&Candidate>> = Vec::new();
    for &candidate in candidates {
        let Some(cpus) = candidate.setting.cpus else { continue };
        let is_same = |other: f64| (other - cpus).abs() <= limits::SAME * cpus;
        let is_alike = |other: &Choice| other.drive == candidate.setting.drive && other.cpus.is_some_and(is_same);
        match groups.iter_mut().find(|group| is_alike(&group[0].setting)) {
            Some(group) => group.push(candidate),
            None => groups.push(vec![candidate]),
        }
    }
    groups.retain(|group| group.iter().any(|one| one.setting.workers != group[0].setting.workers));
    groups
}

fn compared(group: &[&Candidate]) -> Option<EqualCpus> {
    let best = best(group)?;
    let others = group.iter().filter(|other| other.setting != best.setting);
    let other = |other: &&Candidate| Other { setting: other.setting, of_best: ratio(&pairs(other, best)) };
    Some(EqualCpus {
        cpus: best.setting.cpus?,
        best: best.setting,
        best_rps: best.rps()?,
        others: others.map(other).collect(),
    })
}

/// In each group, the fewest workers against all others.
fn workers_lever(groups: &[Vec<&Candidate>]) -> WorkersLever {
    let lever = |group: &Vec<&Candidate>| {
        let fewest = group[0];
        let more = group.iter().filter(|one| one.setting.workers > fewest.setting.workers);
        let ratios: Vec<_> = more.map(|more| pairs(fewest, more)).collect();
        let standings = standings(&ratios);
        if standings.contains(&Standing::Worse) {
            WorkersLever::Lever
        } else if standings.iter().all(|standing| *standing == Standing::AsGood) {
            WorkersLever::NotTheLever
        } else {
            WorkersLever::Undecided
        }
    };
    let levers: Vec<WorkersLever> = groups.iter().map(lever).collect();
    let first_of = |wanted| levers.iter().copied().find(|lever| *lever == wanted);
    first_of(WorkersLever::Lever)
        .or(first_of(WorkersLever::Undecided))
        .or(levers.first().copied())
        .unwrap_or(WorkersLever::NotTried)
}

fn best<'a>(candidates: &[&'a Candidate]) -> Option<&'a Candidate> {
    candidates.iter().copied().max_by(|a, b| a.rps().unwrap_or(0.0).total_cmp(&b.rps().unwrap_or(0.0)))
}

/// Blocks in which both were measured.
fn pairs(a: &Candidate, b: &Candidate) -> Vec<(f64, f64)> {
    stats::pairs(&a.throughput_rps, &b.throughput_rps)
}

fn ratio(pairs: &[(f64, f64)]) -> Option<Ratio> {
    let ratio = Geometric::paired(pairs)?;
    Some(Ratio { estimate: ratio.value(), low: ratio.lower(limits::LEVEL), high: ratio.upper(limits::LEVEL) })
}

/// CPUs first, then workers, then what is asked of them.
fn size(candidate: &Candidate) -> (f64, u32, f64) {
    let asked = match candidate.setting.drive {
        Some(Drive::Users(users) | Drive::UsersPerWorker(users)) => f64::from(users),
        Some(Drive::RateRps(rate)) => rate,
        None => 0.0,
    };
    (candidate.setting.cpus.unwrap_or(0.0), candidate.setting.workers, asked)
}

impl Candidate {
    /// The mean of logs over its blocks; `None` without a block in which anything succeeded.
    fn rps(&self) -> Option<f64> {
        let logs: Vec<f64> =
            self.throughput_rps.iter().flatten().filter(|rps| **rps > 0.0).map(|rps| rps.ln()).collect();
        (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Visits of five blocks about a mean, each as far off as said; blocks have a drift that pairs take out.
    fn candidate(point: usize, workers: u32, cpus: f64, rps: f64, spread: f64) -> Candidate {
        let noise = [0.3, -1.0, 0.8, -0.6, 0.5];
        let turn = |block: usize| noise[(block * 2 + point) % 5] * spread;
        let throughput_rps =
            (0..5).map(|block| Some(rps * (1.0 + 0.03 * block as f64) * (1.0 + turn(block)))).collect();
        let setting = Choice { point, workers, cpus: Some(cpus), worker_memory_bytes: None, drive: None, side: None };
        Candidate { setting, throughput_rps, meets_slo: None }
    }

    fn decided(candidates: &[Candidate]) -> Decision {
        decide(candidates, false).unwrap()
    }

    #[test]
    fn the_smallest_that_is_as_good() {
        let points =
            [candidate(0, 1, 1.0, 100.0, 0.01), candidate(1, 2, 2.0, 196.0, 0.01), candidate(2, 4, 4.0, 200.0, 0.01)];
        let chosen = decided(&points).chosen.unwrap();
        assert_eq!((chosen.setting.point, chosen.best.point, chosen.undecided.len()), (1, 2, 0));
        let of_best = chosen.of_best.unwrap();
        assert!(of_best.low > 0.95 && of_best.low < of_best.estimate && of_best.high < 1.05, "{of_best:?}");
    }

    #[test]
    fn a_range_where_the_visits_do_not_tell() {
        let points = [candidate(0, 1, 1.0, 190.0, 0.05), candidate(1, 2, 2.0, 200.0, 0.05)];
        let chosen = decided(&points).chosen.unwrap();
        assert_eq!((chosen.setting.point, chosen.of_best), (1, None));
        assert_eq!(chosen.undecided.iter().map(|it| it.point).collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn one_block_decides_nothing() {
        let mut points = [candidate(0, 1, 1.0, 100.0, 0.0), candidate(1, 2, 2.0, 200.0, 0.0)];
        for point in &mut points {
            point.throughput_rps.truncate(1);
        }
        let chosen = decided(&points).chosen.unwrap();
        assert_eq!((chosen.setting.point, chosen.undecided.len()), (1, 1));
    }

    #[test]
    fn a_limit_for_latency_is_kept_first() {
        let mut points = vec![
            candidate(0, 1, 1.0, 100.0, 0.01),
            candidate(1, 2, 2.0, 200.0, 0.01),
            candidate(2, 4, 4.0, 400.0, 0.01),
            candidate(3, 8, 8.0, 800.0, 0.01),
        ];
        for (point, meets) in points.iter_mut().zip([Some(true), Some(true), Some(false), None]) {
            point.meets_slo = meets;
        }
        let decision = decide(&points, true).unwrap();
        assert_eq!(decision.chosen.unwrap().setting.point, 1);
        assert_eq!((decision.beyond_slo, decision.slo_unknown), (vec![2], vec![3]));
        points.truncate(3);
        points.drain(..2);
        let decision = decide(&points, true).unwrap();
        assert_eq!((decision.chosen, decision.beyond_slo), (None, vec![2]));
    }

    #[test]
    fn the_same_cpus_in_other_shares() {
        let points =
            [candidate(0, 1, 1.0, 100.0, 0.01), candidate(1, 2, 1.0, 90.0, 0.01), candidate(2, 4, 1.0, 80.0, 0.01)];
        let decision = decided(&points);
        let [group] = &decision.equal_cpus[..] else { panic!("{:?}", decision.equal_cpus) };
        assert_eq!((group.best.workers, group.cpus, group.others.len()), (1, 1.0, 2));
        assert!(group.others.iter().all(|other| other.of_best.unwrap().high < 0.95));
        assert_eq!((decision.workers, decision.chosen.unwrap().setting.point), (WorkersLever::NotTheLever, 0));
    }

    #[test]
    fn whether_workers_are_the_lever() {
        let of = |second: f64, spread: f64, cpus: f64| {
            decided(&[candidate(0, 1, 2.0, 100.0, spread), candidate(1, 2, cpus, second, spread)]).workers
        };
        assert_eq!(of(190.0, 0.01, 2.0), WorkersLever::Lever);
        assert_eq!(of(102.0, 0.01, 2.0), WorkersLever::NotTheLever);
        assert_eq!(of(105.0, 0.03, 2.0), WorkersLever::Undecided);
        assert_eq!(of(190.0, 0.01, 4.0), WorkersLever::NotTried);
    }

    #[test]
    fn what_was_not_measured_is_no_candidate() {
        let mut dead = candidate(0, 1, 1.0, 100.0, 0.0);
        dead.throughput_rps = vec![None, Some(0.0)];
        assert_eq!(decide(&[dead.clone()], false), None);
        let chosen = decided(&[dead, candidate(1, 2, 2.0, 100.0, 0.01)]).chosen.unwrap();
        assert_eq!((chosen.setting.point, chosen.undecided.len()), (1, 0));
    }
}
