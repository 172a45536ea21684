//! The four patterns by which the benchmark that this one follows lets a person read its curves: whether they are seen, and
//! whether what limits the target is what they say.

use super::{Kind, limits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A point as a person reads it off a report.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PointRead {
    /// Its workers.
    pub workers: u32,
    /// Successful answers a second.
    pub throughput_rps: f64,
    /// Median latency.
    pub latency_p50_us: Option<f64>,
    /// Share of the requests that failed.
    pub failure_ratio: Option<f64>,
    /// CPU used, of the CPUs that the target may run on.
    pub cpu_ratio: Option<f64>,
}

/// A rule of thumb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// "Good vertical scaling": throughput grows as workers do, latency stays, nothing fails.
    GoodScaling,
    /// "CPU-bound": throughput grows and then stays, latency grows, CPUs are full.
    CpuBound,
    /// "I/O-bound": throughput hardly grows, latency grows much.
    IoBound,
    /// "GIL": throughput stays from two to four workers on.
    Gil,
}

/// What there is to say of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Its pattern is not there.
    NotSeen,
    /// Its pattern cannot be looked for: something that it names was not read.
    NotRead,
    /// The pattern is there, and the evidence says the same.
    Holds,
    /// The pattern is there, and the evidence says something else.
    OtherwiseLimited(Kind),
    /// The pattern is there, and the evidence does not tell.
    Open,
}

/// A rule with its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleOfThumb {
    /// Which.
    pub rule: Rule,
    /// What there is to say.
    pub answer: Answer,
}

/// All four, by points of at least two worker counts, what limits the last of them, and how throughput grows over them.
pub fn rules_of_thumb(points: &[PointRead], limit: Kind, growth: Option<Kind>) -> Option<[RuleOfThumb; 4]> {
    let seen = Seen::of(points)?;
    let io = [Kind::BackendBound, Kind::PoolBound, Kind::DiskBound, Kind::NetworkBound, Kind::MemoryBound];
    let by_limit = |says: &[Kind]| match limit {
        kind if says.contains(&kind) => Answer::Holds,
        Kind::Inconclusive => Answer::Open,
        kind => Answer::OtherwiseLimited(kind),
    };
    let is_linear = if growth == Some(Kind::Linear) { Answer::Holds } else { Answer::Open };
    let rules = [
        (Rule::GoodScaling, seen.good_scaling(), is_linear),
        (Rule::CpuBound, seen.cpu_bound(), by_limit(&[Kind::CpuBound])),
        (Rule::IoBound, seen.io_bound(), by_limit(&io)),
        // Each worker process has an interpreter of its own: its lock holds back the threads of one worker, never the others.
        (Rule::Gil, Some(seen.stays_early()), by_limit(&[Kind::WorkerSaturated])),
    ];
    Some(rules.map(|(rule, seen, answer)| {
        let answer = match seen {
            None => Answer::NotRead,
            Some(false) => Answer::NotSeen,
            Some(true) => answer,
        };
        RuleOfThumb { rule, answer }
    }))
}

/// What a person sees from the first point to the last.
struct Seen {
    points: Vec<PointRead>,
    /// Throughput at the last over that at the first.
    speed_up: f64,
    times_workers: f64,
    /// Median latency at the last over that at the first.
    times_latency: Option<f64>,
}

impl Seen {
    fn of(points: &[PointRead]) -> Option<Self> {
        let mut points = points.to_vec();
        points.sort_by_key(|point| point.workers);
        let (first, last) = (*points.first()?, *points.last()?);
        if first.workers == last.workers || first.throughput_rps <= 0.0 {
            return None;
        }
        Some(Self {
            speed_up: last.throughput_rps / first.throughput_rps,
            times_workers: f64::from(last.workers) / f64::from(first.workers),
            times_latency: last.latency_p50_us.zip(first.latency_p50_us).map(|(last, first)| last / first),
            points,
        })
    }

    fn good_scaling(&self) -> Option<bool> {
        let grows = self.speed_up >= limits::THUMB_LINEAR * self.times_workers;
        let failed: Option<Vec<f64>> = self.points.iter().map(|point| point.failure_ratio).collect();
        let nothing_failed = failed?.iter().all(|ratio| *ratio == 0.0);
        Some(grows && nothing_failed && self.times_latency? <= limits::THUMB_STABLE)
    }

    fn cpu_bound(&self) -> Option<bool> {
        let is_full = self.points.last()?.cpu_ratio? >= limits::NEAR;
        let grew = self.speed_up >= limits::THUMB_STABLE;
        Some(is_full && grew && self.stays(self.points.len() - 2) && self.times_latency? > limits::THUMB_STABLE)
    }

    fn io_bound(&self) -> Option<bool> {
        Some(self.speed_up < limits::THUMB_HARDLY && self.times_latency? >= limits::THUMB_MUCH)
    }

    fn stays_early(&self) -> bool {
        let early = self.points.iter().position(|point| (2..=4).contains(&point.workers));
        early.is_some_and(|at| at + 1 < self.points.len() && self.stays(at))
    }

    /// Whether the last point does hardly more than the one at `at`.
    fn stays(&self, at: usize) -> bool {
        let rps = |point: &PointRead| point.throughput_rps;
        self.points.last().is_some_and(|last| rps(last) < limits::THUMB_STABLE * rps(&self.points[at]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(workers: u32, throughput_rps: f64, p50_us: f64, cpu: f64) -> PointRead {
        PointRead {
            workers,
            throughput_rps,
            latency_p50_us: Some(p50_us),
            failure_ratio: Some(0.0),
            cpu_ratio: Some(cpu),
        }
    }

    fn answers(points: &[PointRead], limit: Kind, growth: Option<Kind>) -> [Answer; 4] {
        rules_of_thumb(points, limit, growth).unwrap().map(|rule| rule.answer)
    }

    #[test]
    fn linear_growth_is_good_scaling() {
        let points = [point(1, 100.0, 10.0, 0.2), point(2, 195.0, 10.5, 0.4)];
        let seen = answers(&points, Kind::WorkerSaturated, Some(Kind::Linear));
        assert_eq!(seen, [Answer::Holds, Answer::NotSeen, Answer::NotSeen, Answer::NotSeen]);
        assert_eq!(answers(&points, Kind::WorkerSaturated, None)[0], Answer::Open);
        let failing = points.map(|point| PointRead { failure_ratio: Some(0.01), ..point });
        assert_eq!(answers(&failing, Kind::WorkerSaturated, None)[0], Answer::NotSeen);
    }

    #[test]
    fn a_plateau_is_what_the_evidence_says_it_is() {
        let full = [point(1, 100.0, 10.0, 0.5), point(2, 190.0, 11.0, 0.95), point(4, 195.0, 21.0, 0.99)];
        assert_eq!(
            answers(&full, Kind::CpuBound, None),
            [Answer::NotSeen, Answer::Holds, Answer::NotSeen, Answer::OtherwiseLimited(Kind::CpuBound)]
        );
        let idle = full.map(|point| PointRead { cpu_ratio: Some(0.3), ..point });
        let of_backend = Answer::OtherwiseLimited(Kind::BackendBound);
        assert_eq!(
            answers(&idle, Kind::BackendBound, None),
            [Answer::NotSeen, Answer::NotSeen, Answer::NotSeen, of_backend]
        );
    }

    #[test]
    fn throughput_that_hardly_grows_while_latency_does() {
        let flat = [point(1, 160.0, 50.0, 0.1), point(2, 161.0, 100.0, 0.1)];
        assert_eq!(answers(&flat, Kind::BackendBound, None)[2], Answer::Holds);
        assert_eq!(answers(&flat, Kind::Serialised, None)[2], Answer::OtherwiseLimited(Kind::Serialised));
        assert_eq!(answers(&flat, Kind::Inconclusive, None)[2], Answer::Open);
    }

    #[test]
    fn what_was_not_read_and_what_is_no_curve() {
        let blind = [point(1, 100.0, 10.0, 0.5), point(2, 190.0, 11.0, 0.9)].map(|point| PointRead {
            latency_p50_us: None,
            cpu_ratio: None,
            ..point
        });
        let not_read = Answer::NotRead;
        assert_eq!(answers(&blind, Kind::CpuBound, None), [not_read, not_read, Answer::NotSeen, Answer::NotSeen]);
        assert_eq!(rules_of_thumb(&[point(2, 1.0, 1.0, 1.0)], Kind::CpuBound, None), None);
    }
}
