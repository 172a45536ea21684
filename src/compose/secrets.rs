//! The compose file as others may see it, and what in it they may not. Names decide: every value below a key that says so, every
//! secret flag in a list of arguments.

use super::{FileSource, files};
use crate::redact::Redactor;
use serde_yaml::Value;

impl FileSource {
    /// Has `redactor` learn what a secret is.
    pub(super) fn learn(&self, redactor: &mut Redactor) {
        match self {
            Self::File(path) => {
                if let Ok(text) = files::read(path) {
                    redactor.learn_secret(text.trim());
                }
            }
            Self::Environment((_, value)) => redactor.learn_secret(value),
            Self::Content(text) => redactor.learn_secret(text.trim()),
        }
    }
}

/// Has `redactor` learn every secret in `value`.
pub(super) fn learn(redactor: &mut Redactor, name: &str, value: &Value) {
    match value {
        Value::String(text) => redactor.learn_named(name, text),
        Value::Sequence(items) => match strings(items) {
            Some(arguments) => redactor.learn_arguments(&arguments),
            None => items.iter().for_each(|item| learn(redactor, name, item)),
        },
        Value::Mapping(mapping) => {
            mapping.iter().for_each(|(key, value)| learn(redactor, key.as_str().unwrap_or_default(), value));
        }
        _ => {}
    }
}

/// Replaces every secret in `value`.
pub(super) fn redact(redactor: &Redactor, name: &str, value: &mut Value) {
    match value {
        Value::String(text) => *text = redactor.named(name, text),
        Value::Sequence(items) => match strings(items) {
            Some(arguments) => *items = redactor.arguments(&arguments).into_iter().map(Value::String).collect(),
            None => items.iter_mut().for_each(|item| redact(redactor, name, item)),
        },
        Value::Mapping(mapping) => {
            for (key, value) in mapping.iter_mut() {
                redact(redactor, key.as_str().unwrap_or_default(), value);
            }
        }
        _ => {}
    }
}

/// Doubles dollars, so that what is shown reads as what it is.
pub(super) fn escape(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace('$', "$$"),
        Value::Sequence(items) => items.iter_mut().for_each(escape),
        Value::Mapping(mapping) => mapping.values_mut().for_each(escape),
        _ => {}
    }
}

/// `None` unless all are strings.
fn strings(items: &[Value]) -> Option<Vec<String>> {
    items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}
