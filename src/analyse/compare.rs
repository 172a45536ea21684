//! Two runs beside each other. They are not paired, as block 3 of one has nothing to do with block 3 of the other, and
//! whatever the machine did from one to the other is in their difference.

use super::{Analysis, Contrast, ContrastPoint, contrast::Visits};
use crate::model::{Limit, Origin, Plan, Point, Run, Visited};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// A second run, B, beside a first one, A.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Comparison {
    /// A's id.
    pub a: String,
    /// B's.
    pub b: String,
    /// The settings that both have, whatever CPUs the target was on.
    #[serde(flatten)]
    pub contrast: Contrast,
    /// Settings of A that B has not.
    pub only_in_a: usize,
    /// Settings of B that A has not.
    pub only_in_b: usize,
    /// What else is not the same in both.
    pub differences: Vec<Difference>,
}

/// A key that is not the same in both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
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
        let visits = |setting| Visits::Apart(valid(a, &a_analysis, setting), valid(b, &b_analysis, setting));
        let points: Vec<_> = common.iter().map(|setting| ContrastPoint::of(setting, &visits(setting))).collect();
        Some(Self {
            a: a.id.clone(),
            b: b.id.clone(),
            only_in_a: of_a.len() - common.len(),
            only_in_b: of_b.len() - common.len(),
            contrast: Contrast::from(points),
            differences: differences(a, b),
        })
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

fn valid<'a>(run: &'a Run, analysis: &Analysis, of: &Point) -> Vec<&'a Visited> {
    let is_of = |visited: &&Visited| visited.change.is_none() && setting(run.point(visited)) == *of;
    run.visited.iter().filter(is_of).filter(|visited| analysis.is_valid(visited)).collect()
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
