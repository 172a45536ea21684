//! A cursor over a compose file's nodes that knows its path, and reads Compose's spellings of a type. Every problem names the
//! place and the path that it is at; all of them are collected, so that they can be told at once.

use super::node::{Content, Mapping, Node, Place};
use crate::units;
use serde::Serializer;
use std::{cell::RefCell, collections::BTreeMap, time::Duration};

/// What is wrong, and where.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) place: Place,
    pub(super) path: Vec<String>,
    pub(super) what: String,
}

/// All that is wrong.
#[derive(Debug, Default)]
pub(super) struct Problems(RefCell<Vec<Problem>>);

/// A value at its path.
#[derive(Clone)]
pub(super) struct Field<'a> {
    node: &'a Node,
    path: Vec<String>,
    problems: &'a Problems,
}

/// A mapping whose keys are taken one by one.
pub(super) struct Keys<'a> {
    field: Field<'a>,
    map: &'a Mapping,
}

/// What the names of our own labels begin with.
const RESERVED: [&str; 2] = ["dev.vscale.", "com.docker.compose."];

impl Problems {
    pub(super) fn push(&self, problem: Problem) {
        self.0.borrow_mut().push(problem);
    }

    /// The value, or a problem more.
    pub(super) fn keep<T>(&self, outcome: Result<T, Problem>) -> Option<T> {
        outcome.map_err(|problem| self.push(problem)).ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// By place; of several at one path the first.
    pub(super) fn into_sorted(self) -> Vec<Problem> {
        let mut problems = self.0.into_inner();
        problems.sort_by(|a, b| (a.place, &a.path).cmp(&(b.place, &b.path)));
        problems.dedup_by(|a, b| a.place == b.place && a.path == b.path);
        problems
    }
}

impl<'a> Field<'a> {
    pub(super) fn new(node: &'a Node, problems: &'a Problems) -> Self {
        Self { node, path: Vec::new(), problems }
    }

    /// The field under `key`, for naming it; where there is none, it stands where this stands.
    pub(super) fn child(&self, key: &str) -> Field<'a> {
        self.at(self.node.get(key).unwrap_or(self.node), key)
    }

    /// The item at `index`; the list itself where there is none.
    pub(super) fn item(&self, index: usize) -> Field<'a> {
        let item = if let Content::List(items) = &self.node.content { items.get(index) } else { None };
        self.at(item.unwrap_or(self.node), &index.to_string())
    }

    fn at(&self, node: &'a Node, name: &str) -> Field<'a> {
        let path = self.path.iter().cloned().chain([name.to_owned()]).collect();
        Field { node, path, problems: self.problems }
    }

    pub(super) fn node(&self) -> &'a Node {
        self.node
    }

    pub(super) fn path(&self) -> &[String] {
        &self.path
    }

    /// The last name of its path.
    pub(super) fn name(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    pub(super) fn problem(&self, what: impl Into<String>) -> Problem {
        Problem { place: self.node.place, path: self.path.clone(), what: what.into() }
    }

    /// Tells a problem and goes on.
    pub(super) fn complain(&self, what: impl Into<String>) {
        self.problems.push(self.problem(what));
    }

    /// The value; if it cannot be had, a problem more.
    pub(super) fn keep<T>(&self, outcome: Result<T, Problem>) -> Option<T> {
        self.problems.keep(outcome)
    }

    pub(super) fn is_null(&self) -> bool {
        self.node.is_null()
    }

    pub(super) fn is_mapping(&self) -> bool {
        self.node.as_map().is_some()
    }

    pub(super) fn is_sequence(&self) -> bool {
        matches!(self.node.content, Content::List(_))
    }

    /// A mapping with no other keys than `known` and `x-*`; what others there are is told.
    pub(super) fn keys(&self, known: &[&str]) -> Result<Keys<'a>, Problem> {
        let keys = self.any_keys()?;
        for name in keys.map.keys().filter(|name| !known.contains(&name.as_str()) && !name.starts_with("x-")) {
            self.child(name).unknown(known);
        }
        Ok(keys)
    }

    /// Complains of a key that means nothing; perhaps another of these was meant.
    pub(super) fn unknown<'k>(&self, known: impl IntoIterator<Item = &'k &'k str>) {
        const ALIKE: f64 = 0.85;
        let likeness = |known: &&str| strsim::jaro_winkler(known, self.name());
        let alike = known.into_iter().filter(|known| likeness(known) > ALIKE);
        match alike.max_by(|a, b| likeness(a).total_cmp(&likeness(b))) {
            Some(meant) => self.complain(format!("not supported; is `{meant}` meant?")),
            None => self.complain("not supported"),
        }
    }

    /// A mapping, whatever its keys.
    pub(super) fn any_keys(&self) -> Result<Keys<'a>, Problem> {
        let map = self.node.as_map().ok_or_else(|| self.problem("must be a mapping"))?;
        Ok(Keys { field: self.clone(), map })
    }

    /// A mapping of names to anything.
    pub(super) fn entries(&self) -> Result<Vec<(String, Field<'a>)>, Problem> {
        let map = self.node.as_map().ok_or_else(|| self.problem("must be a mapping"))?;
        Ok(map.iter().map(|(name, node)| (name.clone(), self.at(node, name))).collect())
    }

    pub(super) fn items(&self) -> Result<Vec<Field<'a>>, Problem> {
        let Content::List(items) = &self.node.content else { return Err(self.problem("must be a list")) };
        Ok(items.iter().enumerate().map(|(index, node)| self.at(node, &index.to_string())).collect())
    }

    /// A mapping whose every value is read so; what cannot be is told.
    pub(super) fn map_of<T>(
        &self,
        read: impl Fn(&Field<'a>) -> Result<T, Problem>,
    ) -> Result<BTreeMap<String, T>, Problem> {
        let kept = |(name, field): (String, Field<'a>)| Some((name, self.keep(read(&field))?));
        Ok(self.entries()?.into_iter().filter_map(kept).collect())
    }

    /// A list whose every item is read so; what cannot be is told.
    pub(super) fn list_of<T>(&self, read: impl Fn(&Field<'a>) -> Result<T, Problem>) -> Result<Vec<T>, Problem> {
        Ok(self.items()?.iter().filter_map(|item| self.keep(read(item))).collect())
    }

    /// A string, number or boolean, as text.
    pub(super) fn string(&self) -> Result<String, Problem> {
        self.node.scalar().ok_or_else(|| self.problem("must be a string"))
    }

    /// A string, and no number: where Compose wants `"1000"` and not `1000`.
    pub(super) fn text(&self) -> Result<String, Problem> {
        match &self.node.content {
            Content::Text(text) => Ok(text.clone()),
            Content::Number(text) => Err(self.problem(format!("must be a string: put {text} into quotes"))),
            _ => Err(self.problem("must be a string")),
        }
    }

    /// With the words of YAML 1.1 too, which Compose takes.
    pub(super) fn boolean(&self) -> Result<bool, Problem> {
        match &self.node.content {
            Content::Bool(truth) => Ok(*truth),
            Content::Text(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "y" | "yes" | "on" => Ok(true),
                "false" | "n" | "no" | "off" => Ok(false),
                _ => Err(self.problem("must be true or false")),
            },
            _ => Err(self.problem("must be true or false")),
        }
    }

    pub(super) fn integer(&self) -> Result<i64, Problem> {
        let text = self.string()?;
        text.parse().map_err(|_| self.problem(format!("`{text}` is not a whole number")))
    }

    pub(super) fn parsed<T>(&self, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, Problem> {
        parse(&self.string()?).map_err(|what| self.problem(what))
    }

    pub(super) fn bytes(&self) -> Result<u64, Problem> {
        self.parsed(units::parse_bytes)
    }

    /// Go's durations: `1m30s`.
    pub(super) fn duration_us(&self) -> Result<u64, Problem> {
        let text = self.text()?;
        let us = go_duration(&text).map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        us.ok_or_else(|| self.problem(format!("`{text}` is not a duration such as 1m30s")))
    }

    /// One of these words.
    pub(super) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, Problem> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        let names = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        found.ok_or_else(|| self.problem(format!("`{text}` is none of {}", names())))
    }

    pub(super) fn strings(&self) -> Result<Vec<String>, Problem> {
        self.list_of(Field::text)
    }

    /// Values by name; one without a value is empty.
    pub(super) fn pairs(&self) -> Result<BTreeMap<String, String>, Problem> {
        self.map_of(|field| if field.is_null() { Ok(String::new()) } else { field.string() })
    }

    /// Labels; those that Compose's tools and ours go by cannot be chosen.
    pub(super) fn labels(&self) -> Result<BTreeMap<String, String>, Problem> {
        let labels = self.pairs()?;
        match labels.keys().find(|name| RESERVED.iter().any(|prefix| name.starts_with(prefix))) {
            Some(name) => {
                Err(self.problem(format!("`{name}` is set by vscale: what a run made is found and removed by it")))
            }
            None => Ok(labels),
        }
    }
}

impl<'a> Keys<'a> {
    /// The field of that name, unless it is absent or null.
    pub(super) fn take(&mut self, name: &str) -> Option<Field<'a>> {
        self.map.get(name).filter(|node| !node.is_null()).map(|node| self.field.at(node, name))
    }

    pub(super) fn required(&mut self, name: &str) -> Result<Field<'a>, Problem> {
        self.take(name).ok_or_else(|| self.field.problem(format!("`{name}` is missing")))
    }

    /// What stands under that name; what cannot be read is told, and a key without a value too: Compose does not take it.
    pub(super) fn get<T>(&self, name: &str, read: impl FnOnce(&Field<'a>) -> Result<T, Problem>) -> Option<T> {
        let field = self.field.at(self.map.get(name)?, name);
        if field.is_null() {
            field.complain("has no value: leave the key out, or give it one");
            return None;
        }
        field.keep(read(&field))
    }

    /// The same, where an empty text is as good as no key: what `"${NAME:-}"` gives.
    pub(super) fn filled<T>(&self, name: &str, read: impl FnOnce(&Field<'a>) -> Result<T, Problem>) -> Option<T> {
        self.get(name, |field| if field.node.as_text() == Some("") { Ok(None) } else { read(field).map(Some) })
            .flatten()
    }

    /// The same, where nothing means nothing.
    pub(super) fn or_default<T: Default>(&self, name: &str, read: impl FnOnce(&Field<'a>) -> Result<T, Problem>) -> T {
        self.get(name, read).unwrap_or_default()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.map.keys().map(String::as_str)
    }

    pub(super) fn field(&self, name: &str) -> Field<'a> {
        self.field.child(name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }
}

/// Go's `ParseDuration`, without a sign: numbers with a unit each.
fn go_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        seconds += number
            * match &rest[..end] {
                "ns" => 1e-9,
                "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
        rest = &rest[end..];
    }
    Duration::try_from_secs_f64(seconds).ok().filter(|_| !text.is_empty())
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
pub(super) fn is_false(truth: &bool) -> bool {
    !truth
}

/// A duration as Compose reads it.
#[allow(clippy::ref_option, reason = "serde wants it so")]
pub(super) fn duration<S: Serializer>(us: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format!("{}us", us.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::go_duration;

    #[test]
    fn durations_are_gos() {
        let ms = |text| go_duration(text).map(|time| time.as_millis());
        assert_eq!(["1m30s", "1.5s", "0", "500ms", "1h"].map(ms), [90_000, 1_500, 0, 500, 3_600_000].map(Some));
        assert_eq!(["", "5", "s", "1d", "-1s", "1s1", "1..s"].map(ms), [None; 7]);
    }
}
