//! B beside A, setting by setting: throughput and percentiles, each change with its interval, what is claimed of several
//! settings corrected by Holm, and all of them pooled. Two sides of one study are paired by their blocks; two runs are not
//! paired, as block 3 of one has nothing to do with block 3 of the other.

use super::{
    Analysis,
    stats::{ALPHA, Estimate, Geometric, Interval, Judgement, LEVEL, holm},
    visits::visited_by_block,
};
use crate::model::{Histogram, LoadResult, PhaseKind, Point, Run, Turn, Visited};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// B beside A.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Contrast {
    /// The settings that both have, in A's order.
    pub points: Vec<ContrastPoint>,
    /// All settings together, each of the same weight; of what was measured in at least one of them.
    pub pooled: Vec<Pooled>,
}

/// A setting that both have.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ContrastPoint {
    /// As A has it.
    pub point: Point,
    /// Throughput, then percentiles.
    pub changes: Vec<Contrasted>,
}

/// One measure of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Contrasted {
    /// What is measured.
    pub measure: Measure,
    /// A's: throughput as the mean of logs over its valid visits, a percentile of all their answers together; requests a
    /// second, or microseconds.
    pub a: Option<f64>,
    /// B's.
    pub b: Option<f64>,
    /// Valid visits of A.
    pub a_visits: usize,
    /// Valid visits of B.
    pub b_visits: usize,
    /// B's over A's; absent below two visits of either, or two pairs.
    #[serde(serialize_with = "as_interval")]
    #[schemars(with = "Option<Interval>")]
    pub ratio: Option<Geometric>,
    /// How probable such a difference is where there is none, adjusted for the number of settings by Holm.
    pub p_value: Option<f64>,
}

/// One measure over all settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Pooled {
    /// What is measured.
    pub measure: Measure,
    /// The geometric mean of the settings' ratios of B over A.
    #[serde(serialize_with = "as_interval")]
    #[schemars(with = "Interval")]
    pub ratio: Geometric,
    /// How many settings are in it.
    pub points: usize,
}

fn as_interval<'a, S: Serializer>(ratio: impl Into<Option<&'a Geometric>>, to: S) -> Result<S::Ok, S::Error> {
    ratio.into().map(|ratio| ratio.interval(LEVEL)).serialize(to)
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Successful answers a second.
    Throughput,
    /// Of latencies from when a request was sent.
    P50,
    /// The same.
    P95,
    /// The same.
    P99,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Throughput, Self::P50, Self::P95, Self::P99];

    fn percent(self) -> Option<f64> {
        match self {
            Self::Throughput => None,
            Self::P50 => Some(50.0),
            Self::P95 => Some(95.0),
            Self::P99 => Some(99.0),
        }
    }

    /// Of one visit.
    fn of(self, load: &LoadResult) -> Option<f64> {
        let value = match self.percent() {
            None => load.throughput_rps(),
            Some(percent) => load.latency().supported_percentile_us(percent)? as f64,
        };
        (value > 0.0).then_some(value)
    }

    /// Of several together: percentiles are never averaged.
    fn of_all(self, loads: &[&LoadResult]) -> Option<f64> {
        if let Some(percent) = self.percent() {
            let mut all = Histogram::default();
            loads.iter().for_each(|load| all.merge(&load.latency()));
            return all.supported_percentile_us(percent).map(|us| us as f64);
        }
        let logs: Vec<f64> = loads.iter().filter_map(|load| Some(self.of(load)?.ln())).collect();
        (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp())
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Throughput => "throughput",
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
        })
    }
}

impl Contrast {
    /// The two sides of a study; `None` where it has only one.
    pub fn of_sides(run: &Run, analysis: &Analysis) -> Option<Self> {
        run.plan.ab.as_ref()?;
        let settings = run.plan.points.len() / 2;
        let blocks = run.visited.iter().map(|it| it.block + 1).max()?;
        let of = |point| visited_by_block(run, analysis, Turn::plain(point), blocks);
        let point = |at: usize| {
            ContrastPoint::of(
                &run.plan.points[at],
                &Visits::Paired(of(at).into_iter().zip(of(at + settings)).collect()),
            )
        };
        Some(Self::from((0..settings).map(point).collect::<Vec<_>>()))
    }

    /// Whether B is worse than `limit` allows: of all settings together, or of one that is so by itself, with Holm's
    /// adjustment.
    pub fn judge(&self, limit: &ChangeLimit) -> Judgement {
        match self.pooled(limit.measure) {
            _ if self.worse(limit).next().is_some() => Judgement::Worse,
            Some(pooled) => limit.judge(&pooled.ratio),
            None => Judgement::Inconclusive,
        }
    }

    /// The settings that are worse by themselves.
    pub fn worse(&self, limit: &ChangeLimit) -> impl Iterator<Item = &ContrastPoint> {
        let of = |point: &ContrastPoint| point.change(limit.measure)?.ratio;
        let compared: Vec<_> = self.points.iter().filter_map(|point| Some((point, of(point)?))).collect();
        let p_values: Vec<f64> = compared.iter().map(|(_, ratio)| limit.p_worse(ratio)).collect();
        compared.into_iter().zip(holm(&p_values)).filter(|(_, p_value)| *p_value < ALPHA).map(|((point, _), _)| point)
    }

    /// A measure over all settings.
    pub fn pooled(&self, measure: Measure) -> Option<&Pooled> {
        self.pooled.iter().find(|pooled| pooled.measure == measure)
    }
}

impl From<Vec<ContrastPoint>> for Contrast {
    fn from(mut points: Vec<ContrastPoint>) -> Self {
        let mut pooled = Vec::new();
        for measure in Measure::ALL {
            let ratios: Vec<Geometric> = points.iter().filter_map(|point| point.change(measure)?.ratio).collect();
            let p_values: Vec<f64> = ratios.iter().map(|ratio| ratio.p_differs(1.0)).collect();
            let changes = points.iter_mut().flat_map(|point| &mut point.changes);
            let compared = changes.filter(|change| change.measure == measure && change.ratio.is_some());
            compared.zip(holm(&p_values)).for_each(|(change, p_value)| change.p_value = Some(p_value));
            let all = Geometric::pooled(&ratios);
            pooled.extend(all.map(|ratio| Pooled { measure, ratio, points: ratios.len() }));
        }
        Self { points, pooled }
    }
}

/// A setting's valid visits.
pub(super) enum Visits<'a> {
    /// A's and B's of each block.
    Paired(Vec<(Option<&'a Visited>, Option<&'a Visited>)>),
    /// A's, and B's.
    Apart(Vec<&'a Visited>, Vec<&'a Visited>),
}

impl ContrastPoint {
    pub(super) fn of(point: &Point, visits: &Visits) -> Self {
        let changes = Measure::ALL.iter().map(|measure| Contrasted::of(*measure, visits));
        Self { point: point.clone(), changes: changes.filter(|change| change.a.or(change.b).is_some()).collect() }
    }

    /// One of its measures.
    pub fn change(&self, measure: Measure) -> Option<&Contrasted> {
        self.changes.iter().find(|change| change.measure == measure)
    }
}

impl Contrasted {
    fn of(measure: Measure, visits: &Visits) -> Self {
        let (of_a, of_b): (Vec<&Visited>, Vec<&Visited>) = match visits {
            Visits::Paired(blocks) => {
                (blocks.iter().filter_map(|(a, _)| *a).collect(), blocks.iter().filter_map(|(_, b)| *b).collect())
            }
            Visits::Apart(a, b) => (a.clone(), b.clone()),
        };
        let each =
            |visits: &[&Visited]| -> Vec<f64> { visits.iter().filter_map(|it| measure.of(target(it)?)).collect() };
        let all = |visits: &[&Visited]| {
            measure.of_all(&visits.iter().filter_map(|it| target(it)).collect::<Vec<&LoadResult>>())
        };
        let ratio = match visits {
            Visits::Paired(blocks) => {
                let of = |visited: Option<&Visited>| measure.of(target(visited?)?);
                let pairs: Vec<_> = blocks.iter().filter_map(|(a, b)| Some((of(*b)?, of(*a)?))).collect();
                Geometric::paired(&pairs)
            }
            Visits::Apart(..) => Geometric::unpaired(&each(&of_b), &each(&of_a)),
        };
        let (a, b) = (all(&of_a), all(&of_b));
        // A percentile is that of all answers together, and how much it varies is told by its visits.
        let merged = a.zip(b).filter(|_| measure.percent().is_some()).map(|(a, b)| (b / a).ln());
        let ratio =
            ratio.map(|ratio| merged.map_or(ratio, |value| Geometric::of_log(Estimate { value, ..ratio.log() })));
        Self { measure, a, b, a_visits: of_a.len(), b_visits: of_b.len(), ratio, p_value: None }
    }
}

fn target(visited: &Visited) -> Option<&LoadResult> {
    visited.phase(PhaseKind::Target).map(|phase| &phase.load)
}

/// How much worse B may be: `throughput < -3%`, `p99 > +10%`.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeLimit {
    measure: Measure,
    /// What is left of A's at the limit: 0.97.
    ratio: f64,
    text: String,
}

impl ChangeLimit {
    fn judge(&self, ratio: &Geometric) -> Judgement {
        if self.measure == Measure::Throughput {
            ratio.judge(self.ratio)
        } else {
            ratio.inverse().judge(self.ratio.recip())
        }
    }

    fn p_worse(&self, ratio: &Geometric) -> f64 {
        if self.measure == Measure::Throughput { ratio.p_below(self.ratio) } else { ratio.p_above(self.ratio) }
    }
}

impl FromStr for ChangeLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a change to fail at: use 'throughput < -3%' or 'p99 > +10%'");
        let mut parts = Measure::ALL.iter().filter_map(|measure| {
            let sign = if *measure == Measure::Throughput { '<' } else { '>' };
            Some((*measure, text.trim().strip_prefix(&measure.to_string())?.trim_start().strip_prefix(sign)?))
        });
        let (measure, change) = parts.next().ok_or_else(wrong)?;
        let percent: f64 = change.trim().strip_suffix('%').and_then(|it| it.trim().parse().ok()).ok_or_else(wrong)?;
        match measure {
            Measure::Throughput if percent > -100.0 && percent <= 0.0 => {}
            Measure::Throughput => {
                return Err(format!("`{text}`: a change to fail at is above -100 % and not above 0 %"));
            }
            _ if percent >= 0.0 && percent.is_finite() => {}
            _ => return Err(format!("`{text}`: a latency to fail at is a number of percent above A's, 0 % or more")),
        }
        Ok(Self { measure, ratio: 1.0 + percent / 100.0, text: text.trim().to_owned() })
    }
}

impl fmt::Display for ChangeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(measure: Measure, b_over_a: f64, spread: f64, n: usize) -> Contrasted {
        let off = |at: usize| 1.0 + spread * (at as f64 - (n as f64 - 1.0) / 2.0);
        let values = |mean: f64| (0..n).map(|at| mean * off(at)).collect::<Vec<f64>>();
        let (of_a, of_b) = (values(100.0), values(100.0 * b_over_a));
        let ratio = Geometric::unpaired(&of_b, &of_a);
        Contrasted {
            measure,
            a: Some(100.0),
            b: Some(100.0 * b_over_a),
            a_visits: n,
            b_visits: n,
            ratio,
            p_value: None,
        }
    }

    fn contrast(changes: Vec<Contrasted>) -> Contrast {
        let point: Point = serde_json::from_value(serde_json::json!({
            "workers": 1, "limits": {}, "load": { "kind": "closed", "users": 1, "spawn_rate_per_s": 1.0 }
        }))
        .unwrap();
        let points = changes.into_iter().map(|change| ContrastPoint { point: point.clone(), changes: vec![change] });
        Contrast::from(points.collect::<Vec<_>>())
    }

    fn limit(text: &str) -> ChangeLimit {
        text.parse().unwrap()
    }

    #[test]
    fn all_settings_together_decide() {
        let judged = |b_over_a, spread| {
            contrast(vec![change(Measure::Throughput, b_over_a, spread, 5); 3]).judge(&limit("throughput < -3%"))
        };
        assert_eq!(judged(0.90, 0.01), Judgement::Worse);
        assert_eq!(judged(1.00, 0.01), Judgement::NotWorse);
        assert_eq!(judged(0.97, 0.01), Judgement::Inconclusive);
        assert_eq!(judged(0.90, 0.20), Judgement::Inconclusive);
    }

    #[test]
    fn a_latency_is_worse_where_it_is_longer() {
        let judged = |b_over_a| contrast(vec![change(Measure::P99, b_over_a, 0.01, 5); 3]).judge(&limit("p99 > +10%"));
        assert_eq!(judged(1.20), Judgement::Worse);
        assert_eq!(judged(1.10), Judgement::Inconclusive);
        assert_eq!(judged(1.00), Judgement::NotWorse);
        assert_eq!(judged(0.50), Judgement::NotWorse);
    }

    #[test]
    fn one_setting_that_is_much_worse_is_not_hidden_by_others() {
        let of = |b_over_a| change(Measure::Throughput, b_over_a, 0.01, 5);
        let contrast = contrast(vec![of(1.05), of(1.05), of(1.05), of(0.85)]);
        let limit_3 = limit("throughput < -3%");
        assert_eq!(limit_3.judge(&contrast.pooled[0].ratio), Judgement::NotWorse);
        assert_eq!(contrast.judge(&limit_3), Judgement::Worse);
        assert_eq!(contrast.worse(&limit_3).collect::<Vec<_>>(), [&contrast.points[3]]);
        assert_eq!(contrast.judge(&limit("throughput < -20%")), Judgement::NotWorse);
    }

    #[test]
    fn single_visits_say_nothing_nor_does_what_was_not_measured() {
        let single = contrast(vec![change(Measure::Throughput, 0.5, 0.0, 1)]);
        assert_eq!((single.pooled.len(), single.judge(&limit("throughput < -3%"))), (0, Judgement::Inconclusive));
        let only_rps = contrast(vec![change(Measure::Throughput, 0.5, 0.01, 5); 2]);
        assert_eq!(only_rps.judge(&limit("p99 > 10%")), Judgement::Inconclusive);
    }

    #[test]
    fn a_limit_is_a_loss() {
        assert_eq!((limit("throughput < -3%").ratio, limit("throughput<-25 %").ratio), (0.97, 0.75));
        assert_eq!((limit("throughput < 0%").ratio, limit("p99 > +10%").ratio, limit("p50>0%").ratio), (1.0, 1.1, 1.0));
        for (text, why) in [
            ("throughput < -3", "is not a change to fail at"),
            ("throughput > -3%", "is not a change to fail at"),
            ("p99 < -3%", "is not a change to fail at"),
            ("p90 > 3%", "is not a change to fail at"),
            ("throughput < x%", "is not a change to fail at"),
            ("throughput < 3%", "is above -100 % and not above 0 %"),
            ("throughput < -100%", "is above -100 % and not above 0 %"),
            ("throughput < nan%", "is above -100 % and not above 0 %"),
            ("p99 > -3%", "0 % or more"),
            ("p99 > inf%", "0 % or more"),
        ] {
            let error = text.parse::<ChangeLimit>().unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
