//! Compose files as one YAML value, and the way back from a path to file, line and column.

use super::{
    fields::{Field, Problem},
    interpolate::interpolate,
};
use crate::error::{Error, Result};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Mapping, Value};
use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

/// A larger file is no compose file.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The merged files, and their texts for error messages.
pub(super) struct Document {
    value: Value,
    texts: Vec<(PathBuf, String)>,
}

impl Document {
    /// Interpolates and merges files, which have been read.
    pub(super) fn of(texts: &[(PathBuf, String)], env: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let mut document = Self { value: Value::Mapping(Mapping::new()), texts: Vec::new() };
        for (file, text) in texts {
            let shown = file.display();
            let mut value: Value = serde_yaml::from_str(text).map_err(|error| syntax_error(file, &error))?;
            value.apply_merge().map_err(|error| syntax_error(file, &error))?;
            if !value.is_mapping() {
                return Err(Error::Compose(format!("{shown}: not a mapping of `services:` and `x-vscale:`")));
            }
            document.texts.push((file.clone(), text.clone()));
            interpolate_all(&mut value, &mut Vec::new(), env).map_err(|problem| document.locate(&problem))?;
            merge(&mut document.value, value);
        }
        Ok(document)
    }

    /// The whole.
    pub(super) fn root(&self) -> Field<'_> {
        Field::new(&self.value)
    }

    /// A problem with the place that it is at, in the last file that has it.
    pub(super) fn locate(&self, problem: &Problem) -> Error {
        let deepest = |(file, text): &(PathBuf, String)| {
            (0..=problem.path.len())
                .rev()
                .find_map(|depth| Some((depth, file.clone(), position(text, &problem.path[..depth])?)))
        };
        let found = self.texts.iter().rev().filter_map(deepest).max_by_key(|(depth, ..)| *depth);
        let place =
            found.map_or_else(String::new, |(_, file, (line, column))| format!("{}:{line}:{column}: ", file.display()));
        let path = problem.path.join(".");
        Error::Compose(if path.is_empty() {
            format!("{place}{}", problem.what)
        } else {
            format!("{place}{path}: {}", problem.what)
        })
    }
}

/// A compose file's text.
pub(super) fn read(file: &Path) -> Result<(PathBuf, String)> {
    let wrong = |why: String| Error::Compose(format!("{}: {why}", file.display()));
    let size = fs::metadata(file).map_err(|error| wrong(error.to_string()))?.len();
    if size > MAX_FILE_BYTES {
        return Err(wrong(format!("{size} bytes: a compose file has at most {MAX_FILE_BYTES}")));
    }
    let text = fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    Ok((file.to_owned(), text))
}

fn syntax_error(file: &Path, error: &serde_yaml::Error) -> Error {
    let place = error.location().map_or_else(String::new, |at| format!(":{}:{}", at.line(), at.column()));
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    Error::Compose(format!("{}{place}: {what}", file.display()))
}

fn interpolate_all(
    value: &mut Value,
    path: &mut Vec<String>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<(), Problem> {
    match value {
        Value::String(text) if text.contains('$') => {
            let whole = interpolate(text, env).map_err(|what| Problem { path: path.clone(), what })?;
            // What a variable stands for is typed as if it had been written there: `${PORT}` may be a number.
            *value = match serde_yaml::from_str(&whole) {
                Ok(plain @ (Value::Bool(_) | Value::Number(_) | Value::Null)) if text.starts_with('$') => plain,
                _ => Value::String(whole),
            };
        }
        Value::Mapping(mapping) => {
            for (key, value) in mapping.iter_mut() {
                path.push(key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned));
                interpolate_all(value, path, env)?;
                path.pop();
            }
        }
        Value::Sequence(items) => {
            for (index, value) in items.iter_mut().enumerate() {
                path.push(index.to_string());
                interpolate_all(value, path, env)?;
                path.pop();
            }
        }
        _ => {}
    }
    Ok(())
}

/// Mappings are merged by key; anything else of `over` replaces what `base` has.
fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Mapping(base), Value::Mapping(over)) => {
            for (key, value) in over {
                match base.get_mut(&key) {
                    Some(existing) => merge(existing, value),
                    None => {
                        base.insert(key, value);
                    }
                }
            }
        }
        (base, over) => *base = over,
    }
}

/// Line and column of the node at `path`: values carry no positions, so the text is read again by a visitor that
/// follows the path and fails on purpose where it ends; the parser's error then says where that was.
fn position(text: &str, path: &[String]) -> Option<(usize, usize)> {
    let found = Seek(path).deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
    if !found.to_string().contains(FOUND) {
        return None;
    }
    found.location().map(|at| (at.line(), at.column()))
}

const FOUND: &str = "vscale: this is the place";

struct Seek<'a>(&'a [String]);

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FOUND)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((wanted, rest)) = self.0.split_first() else { return Err(A::Error::custom(FOUND)) };
        while let Some(is_wanted) = map.next_key_seed(Key { wanted, is_last: rest.is_empty() })? {
            if is_wanted {
                map.next_value_seed(Seek(rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Some((wanted, rest)) = self.0.split_first() else { return Err(A::Error::custom(FOUND)) };
        let wanted: usize = wanted.parse().map_err(|_| A::Error::custom("not here"))?;
        for _ in 0..wanted {
            items.next_element::<IgnoredAny>()?;
        }
        items.next_element_seed(Seek(rest))?;
        Ok(())
    }
}

/// Whether a key is the wanted one; if that is the last of the path, it is the place.
struct Key<'a> {
    wanted: &'a str,
    is_last: bool,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key that is a name")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<bool, E> {
        match key == self.wanted {
            true if self.is_last => Err(E::custom(FOUND)),
            is_wanted => Ok(is_wanted),
        }
    }
}
