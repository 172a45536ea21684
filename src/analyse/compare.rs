//! Two runs beside each other. They are not paired, as block 3 of one has nothing to do with block 3 of the other, and
//! whatever the machine did from one to the other is in their difference.

use super::{
    Analysis,
    scaling::throughput_rps,
    stats::{ALPHA, Geometric, Judgement, holm},
};
use crate::model::{Limit, Origin, Plan, Point, Run, Visited};
use serde::Serialize;
use serde_json::Value;

/// A second run, B, beside a first one, A.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The settings that both have, in A's order.
    pub points: Vec<ComparedPoint>,
    /// The geometric mean of the points' ratios, each of the same weight; `None` where no point has one.
    pub pooled: Option<Geometric>,
    /// Settings of A that B has not, then of B that A has not.
    pub apart: (usize, usize),
    /// What else is not the same in both.
    pub differences: Vec<Difference>,
}

/// A setting that both runs have, whatever CPUs the target was on.
#[derive(Clone, Debug, PartialEq)]
pub struct ComparedPoint {
    /// As A has it.
    pub point: Point,
    /// Throughput of A's valid visits, in requests a second.
    pub a_rps: Vec<f64>,
    /// Of B's.
    pub b_rps: Vec<f64>,
    /// B's throughput over A's; `None` below two valid visits in either.
    pub ratio: Option<Geometric>,
    /// How probable such a difference is where there is none, adjusted for the number of points by Holm.
    pub p_value: Option<f64>,
}

/// A key that is not the same in both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// As in `run.json`: `origin.hosts[0].facts.kernel`.
    pub key: String,
    /// A's value; `None` where it has none.
    pub a: Option<String>,
    /// B's.
    pub b: Option<String>,
}

impl Comparison {
    /// `None` where the runs have no point in common.
    pub fn of(a: &Run, b: &Run) -> Option<Self> {
        let (of_a, of_b) = (settings(&a.plan), settings(&b.plan));
        let common: Vec<&Point> = of_a.iter().filter(|setting| of_b.contains(setting)).collect();
        if common.is_empty() {
            return None;
        }
        let (a_analysis, b_analysis) = (Analysis::of(a), Analysis::of(b));
        let mut points: Vec<ComparedPoint> = common
            .iter()
            .map(|setting| {
                ComparedPoint::of(setting, valid_rps(a, &a_analysis, setting), valid_rps(b, &b_analysis, setting))
            })
            .collect();
        let ratios: Vec<Geometric> = points.iter().filter_map(|point| point.ratio).collect();
        let p_values: Vec<f64> = ratios.iter().map(|ratio| ratio.p_differs(1.0)).collect();
        let compared = points.iter_mut().filter(|point| point.ratio.is_some());
        compared.zip(holm(&p_values)).for_each(|(point, p_value)| point.p_value = Some(p_value));
        let apart = (of_a.len() - common.len(), of_b.len() - common.len());
        Some(Self { points, pooled: Geometric::pooled(&ratios), apart, differences: differences(a, b) })
    }

    /// Whether B's throughput is below `limit` times A's: of all points together, or of one that is so by itself, with Holm's
    /// adjustment.
    pub fn judge(&self, limit: f64) -> Judgement {
        match self.pooled {
            _ if self.worse(limit).next().is_some() => Judgement::Worse,
            Some(pooled) => pooled.judge(limit),
            None => Judgement::Inconclusive,
        }
    }

    /// The points that are below `limit` by themselves.
    pub fn worse(&self, limit: f64) -> impl Iterator<Item = &ComparedPoint> {
        let compared = self.points.iter().filter_map(|point| Some((point, point.ratio?)));
        let p_values: Vec<f64> = compared.clone().map(|(_, ratio)| ratio.p_below(limit)).collect();
        compared.zip(holm(&p_values)).filter(|(_, p_value)| *p_value < ALPHA).map(|((point, _), _)| point)
    }
}

impl ComparedPoint {
    fn of(point: &Point, a_rps: Vec<f64>, b_rps: Vec<f64>) -> Self {
        let ratio = Geometric::unpaired(&b_rps, &a_rps);
        Self { point: point.clone(), a_rps, b_rps, ratio, p_value: None }
    }
}

/// A plan's points, each once, and without the CPUs that its host happens to have for them.
fn settings(plan: &Plan) -> Vec<Point> {
    let mut settings: Vec<Point> = Vec::new();
    for point in &plan.points {
        let setting = setting(point);
        if !settings.contains(&setting) {
            settings.push(setting);
        }
    }
    settings
}

fn setting(point: &Point) -> Point {
    let mut point = point.clone();
    point.limits.take(&[Limit::Cpuset]);
    point
}

fn valid_rps(run: &Run, analysis: &Analysis, of: &Point) -> Vec<f64> {
    let is_of = |visited: &&Visited| visited.change.is_none() && setting(run.point(visited)) == *of;
    let visits = run.visited.iter().filter(is_of);
    visits.filter(|visited| analysis.is_valid(visited)).filter_map(throughput_rps).collect()
}

/// What differs in where two runs ran and in what they were to do, but for their points, of which each is compared.
pub fn differences(a: &Run, b: &Run) -> Vec<Difference> {
    let without_points = |plan: &Plan| Plan { points: Vec::new(), blocks: Vec::new(), ..plan.clone() };
    let mut found = origins(&a.origin, &b.origin);
    walk("plan", &json(&without_points(&a.plan)), &json(&without_points(&b.plan)), &mut found);
    found
}

/// The same of where they ran, and with what; their arguments aside.
pub fn origins(a: &Origin, b: &Origin) -> Vec<Difference> {
    let without_arguments = |origin: &Origin| json(&Origin { arguments: Vec::new(), ..origin.clone() });
    let mut found = Vec::new();
    walk("origin", &without_arguments(a), &without_arguments(b), &mut found);
    found
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("what is written as a run's file can be written")
}

/// The leaves that differ; lists of unlike length, as a whole.
fn walk(key: &str, a: &Value, b: &Value, found: &mut Vec<Difference>) {
    match (a, b) {
        (Value::Object(of_a), Value::Object(of_b)) => {
            let only_in_b = of_b.keys().filter(|name| !of_a.contains_key(*name));
            for name in of_a.keys().chain(only_in_b) {
                let value = |of: &serde_json::Map<String, Value>| of.get(name).cloned().unwrap_or_default();
                walk(&format!("{key}.{name}"), &value(of_a), &value(of_b), found);
            }
        }
        (Value::Array(of_a), Value::Array(of_b)) if of_a.len() == of_b.len() => {
            let pairs = of_a.iter().zip(of_b).enumerate();
            pairs.for_each(|(at, (a, b))| walk(&format!("{key}[{at}]"), a, b, found));
        }
        _ if a == b => {}
        _ => found.push(Difference { key: key.to_owned(), a: in_words(a), b: in_words(b) }),
    }
}

fn in_words(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(list) => Some(format!("{} of them", list.len())),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn point(n: usize, b_over_a: f64, spread: f64) -> ComparedPoint {
        let rps = |mean: f64| (0..n).map(|at| mean * (1.0 + spread * (at as f64 - (n as f64 - 1.0) / 2.0))).collect();
        let of: Point = serde_json::from_value(json!({
            "workers": 1, "limits": {}, "load": { "kind": "closed", "users": 1, "spawn_rate_per_s": 1.0 }
        }))
        .unwrap();
        ComparedPoint::of(&of, rps(100.0), rps(100.0 * b_over_a))
    }

    fn comparison(points: Vec<ComparedPoint>) -> Comparison {
        let ratios: Vec<Geometric> = points.iter().filter_map(|point| point.ratio).collect();
        Comparison { points, pooled: Geometric::pooled(&ratios), apart: (0, 0), differences: vec![] }
    }

    #[test]
    fn all_points_together_decide() {
        let judged = |b_over_a, spread| comparison(vec![point(5, b_over_a, spread); 3]).judge(0.97);
        assert_eq!(judged(0.90, 0.01), Judgement::Worse);
        assert_eq!(judged(1.00, 0.01), Judgement::NotWorse);
        assert_eq!(judged(0.97, 0.01), Judgement::Inconclusive);
        assert_eq!(judged(0.90, 0.20), Judgement::Inconclusive);
    }

    #[test]
    fn one_point_that_is_much_worse_is_not_hidden_by_others() {
        let mut points = vec![point(5, 1.05, 0.01); 3];
        points.push(point(5, 0.85, 0.01));
        let comparison = comparison(points);
        assert!(comparison.pooled.unwrap().judge(0.97) == Judgement::NotWorse, "{:?}", comparison.pooled);
        assert_eq!(comparison.judge(0.97), Judgement::Worse);
        assert_eq!(comparison.worse(0.97).collect::<Vec<_>>(), [&comparison.points[3]]);
        assert_eq!(comparison.judge(0.80), Judgement::NotWorse);
    }

    #[test]
    fn single_visits_say_nothing() {
        let comparison = comparison(vec![point(1, 0.5, 0.0)]);
        assert_eq!((comparison.pooled, comparison.judge(0.97)), (None, Judgement::Inconclusive));
    }

    #[test]
    fn differences_are_named_by_their_keys() {
        let a = json!({"same": 1, "kernel": "6.1", "cpus": [{"id": 0}], "gone": true, "list": [1, 2]});
        let b = json!({"same": 1, "kernel": "6.2", "cpus": [{"id": 3}], "new": "x", "list": [1]});
        let mut found = Vec::new();
        walk("x", &a, &b, &mut found);
        let texts: Vec<_> = found.iter().map(|it| (it.key.as_str(), it.a.as_deref(), it.b.as_deref())).collect();
        assert_eq!(
            texts,
            [
                ("x.kernel", Some("6.1"), Some("6.2")),
                ("x.cpus[0].id", Some("0"), Some("3")),
                ("x.gone", Some("true"), None),
                ("x.list", Some("2 of them"), Some("1 of them")),
                ("x.new", None, Some("x")),
            ]
        );
    }
}
