//! `${WORKERS}` in a file that says what its workers are: in commands and environments it stands until a visit fills in its
//! number, everywhere else the number that the file is read for stands in its place.

use crate::model::WORKERS_VARIABLE;
use std::cell::Cell;

/// Keys of a service in which a visit fills in the number.
const FILLED_IN_LATER: [&str; 2] = ["command", "environment"];

/// The number that files are read for; none where `${WORKERS}` is a variable like others.
#[derive(Debug, Default)]
pub(super) struct Workers {
    count: Option<u32>,
    was_filled_in: Cell<bool>,
}

impl Workers {
    pub(super) fn of(count: Option<u32>) -> Self {
        Self { count, ..Self::default() }
    }

    /// What a variable stands for, if it is this one.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.count.filter(|_| format!("${{{name}}}") == WORKERS_VARIABLE).map(|_| WORKERS_VARIABLE.to_owned())
    }

    /// A text at its path, with the number in it, unless a visit fills it in.
    pub(super) fn fill_in(&self, text: String, path: &[String]) -> String {
        let is_later = |key: &String| FILLED_IN_LATER.contains(&key.as_str());
        match self.count {
            Some(count) if text.contains(WORKERS_VARIABLE) => {
                if path.first().is_some_and(|section| section == "services") && path.get(2).is_some_and(is_later) {
                    return text;
                }
                self.was_filled_in.set(true);
                text.replace(WORKERS_VARIABLE, &count.to_string())
            }
            _ => text,
        }
    }

    /// The number, if it made a difference.
    pub(super) fn used(&self) -> Option<u32> {
        self.count.filter(|_| self.was_filled_in.get())
    }
}
