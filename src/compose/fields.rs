//! A cursor over the YAML value that knows its path, and reads Compose's spellings of a type. Every problem names the
//! path it is at.

use crate::units;
use serde_yaml::{Mapping, Value};
use std::collections::BTreeMap;

/// What is wrong, and at which path.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) path: Vec<String>,
    pub(super) what: String,
}

/// A value at its path.
pub(super) struct Field<'a> {
    value: &'a Value,
    path: Vec<String>,
}

/// A mapping whose keys are taken one by one.
pub(super) struct Keys<'a> {
    mapping: &'a Mapping,
    path: Vec<String>,
}

/// What the names of our own labels begin with.
const RESERVED: [&str; 2] = ["dev.vscale.", "com.docker.compose."];

const NULL: &Value = &Value::Null;

impl<'a> Field<'a> {
    pub(super) fn new(value: &'a Value) -> Self {
        Self { value, path: Vec::new() }
    }

    /// The field under `key`, for naming it; null where there is none.
    pub(super) fn child(&self, key: &str) -> Field<'a> {
        at(self.value.get(key).unwrap_or(NULL), &self.path, key)
    }

    pub(super) fn problem(&self, what: impl Into<String>) -> Problem {
        Problem { path: self.path.clone(), what: what.into() }
    }

    pub(super) fn is_null(&self) -> bool {
        self.value.is_null()
    }

    pub(super) fn is_mapping(&self) -> bool {
        self.value.is_mapping()
    }

    pub(super) fn is_sequence(&self) -> bool {
        self.value.is_sequence()
    }

    /// A mapping with no other keys than `known` and `x-*`.
    pub(super) fn keys(&self, known: &[&str]) -> Result<Keys<'a>, Problem> {
        let mapping = self.value.as_mapping().ok_or_else(|| self.problem("must be a mapping"))?;
        for (key, value) in mapping {
            let name = key.as_str().ok_or_else(|| self.problem("its keys must be names"))?;
            if !known.contains(&name) && !name.starts_with("x-") {
                return Err(at(value, &self.path, name).problem("not supported"));
            }
        }
        Ok(Keys { mapping, path: self.path.clone() })
    }

    /// A mapping of names to anything.
    pub(super) fn entries(&self) -> Result<Vec<(String, Field<'a>)>, Problem> {
        let mapping = self.value.as_mapping().ok_or_else(|| self.problem("must be a mapping"))?;
        let entry = |(key, value): (&'a Value, &'a Value)| {
            let name = scalar(key).ok_or_else(|| self.problem("its keys must be names"))?;
            Ok((name.clone(), at(value, &self.path, &name)))
        };
        mapping.iter().map(entry).collect()
    }

    pub(super) fn items(&self) -> Result<Vec<Field<'a>>, Problem> {
        let items = self.value.as_sequence().ok_or_else(|| self.problem("must be a list"))?;
        Ok(items.iter().enumerate().map(|(index, value)| at(value, &self.path, &index.to_string())).collect())
    }

    /// A string, number or boolean, as text.
    pub(super) fn string(&self) -> Result<String, Problem> {
        scalar(self.value).ok_or_else(|| self.problem("must be a string"))
    }

    pub(super) fn boolean(&self) -> Result<bool, Problem> {
        self.value.as_bool().ok_or_else(|| self.problem("must be true or false"))
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

    pub(super) fn strings(&self) -> Result<Vec<String>, Problem> {
        self.items()?.iter().map(Field::string).collect()
    }

    /// A string or a list of them.
    pub(super) fn one_or_more(&self) -> Result<Vec<String>, Problem> {
        if self.is_sequence() { self.strings() } else { Ok(vec![self.string()?]) }
    }

    /// A mapping, or a list of `NAME=value`; a name alone is dropped where it has no value.
    pub(super) fn pairs(&self) -> Result<BTreeMap<String, String>, Problem> {
        if self.is_mapping() {
            let with_value = self.entries()?.into_iter().filter(|(_, field)| !field.is_null());
            return with_value.map(|(name, field)| Ok((name, field.string()?))).collect();
        }
        let pair = |text: String| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(self.strings()?.into_iter().filter_map(pair).collect())
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

    /// A command: a list of words, or a line that is split as a shell would.
    pub(super) fn command(&self) -> Result<Vec<String>, Problem> {
        if self.is_sequence() {
            return self.strings();
        }
        let line = self.string()?;
        split_words(&line).ok_or_else(|| self.problem(format!("`{line}`: a quote is not closed")))
    }
}

impl<'a> Keys<'a> {
    /// The field of that name, unless it is absent or null.
    pub(super) fn take(&mut self, name: &str) -> Option<Field<'a>> {
        self.mapping.get(name).filter(|value| !value.is_null()).map(|value| at(value, &self.path, name))
    }

    pub(super) fn required(&mut self, name: &str) -> Result<Field<'a>, Problem> {
        let missing = || Problem { path: self.path.clone(), what: format!("`{name}` is missing") };
        self.mapping
            .get(name)
            .filter(|value| !value.is_null())
            .map(|value| at(value, &self.path, name))
            .ok_or_else(missing)
    }
}

fn at<'a>(value: &'a Value, path: &[String], name: &str) -> Field<'a> {
    Field { value, path: path.iter().cloned().chain([name.to_owned()]).collect() }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// Words of a line, with single and double quotes and backslashes; `None` for a quote that is not closed.
fn split_words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        inner => word.push(inner),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => word.push(chars.next()?),
                        inner => word.push(inner),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

pub(super) fn duration<S: serde::Serializer>(us: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{}us", us.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::split_words;

    #[test]
    fn lines_are_split_as_a_shell_would() {
        let words = |line| split_words(line).map(|words| words.join("|"));
        assert_eq!(words(r#"a  "b \"c" 'd e'f '' \ g"#).as_deref(), Some(r#"a|b "c|d ef|| g"#));
        assert_eq!(words("'open"), None);
    }
}
