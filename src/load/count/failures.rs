//! Counts failures by request, kind and message, in bounded memory whatever the server sends.

use crate::model::{FailureGroup, FailureKind};
use std::collections::HashMap;

/// Most different failures; all further ones count as [`OTHER`].
const MAX_GROUPS: usize = 1000;
const MAX_MESSAGE_CHARS: usize = 500;
const OTHER: &str = "(other)";

/// Keys hold the request's number.
#[derive(Debug, Default)]
pub struct FailureTable {
    groups: HashMap<Key, Seen>,
}

type Key = (usize, FailureKind, String);

#[derive(Clone, Copy, Debug)]
struct Seen {
    occurrences: u64,
    first_unix_us: u64,
    last_unix_us: u64,
}

impl FailureTable {
    pub fn add(&mut self, request: usize, kind: FailureKind, message: &str, unix_us: u64) {
        let message = message.chars().take(MAX_MESSAGE_CHARS).collect();
        self.count((request, kind, message), Seen { occurrences: 1, first_unix_us: unix_us, last_unix_us: unix_us });
    }

    pub fn merge(&mut self, other: Self) {
        other.groups.into_iter().for_each(|(key, seen)| self.count(key, seen));
    }

    /// The most frequent first; of equally frequent ones, the earliest first. `names` gives a request's method and name.
    pub fn into_groups<'a>(self, names: impl Fn(usize) -> (&'a str, &'a str)) -> Vec<FailureGroup> {
        let group = |((request, kind, error), seen): (Key, Seen)| FailureGroup {
            method: names(request).0.to_owned(),
            name: names(request).1.to_owned(),
            kind,
            error,
            occurrences: seen.occurrences,
            first_seen_unix_us: seen.first_unix_us,
            last_seen_unix_us: seen.last_unix_us,
        };
        let mut groups: Vec<_> = self.groups.into_iter().map(group).collect();
        groups.sort_by(|a, b| {
            let by_count = b.occurrences.cmp(&a.occurrences);
            by_count.then(a.first_seen_unix_us.cmp(&b.first_seen_unix_us)).then_with(|| a.error.cmp(&b.error))
        });
        groups
    }

    fn count(&mut self, mut key: Key, new: Seen) {
        if self.groups.len() >= MAX_GROUPS && !self.groups.contains_key(&key) {
            key.2 = OTHER.to_owned();
        }
        let seen = self.groups.entry(key).or_insert(Seen { occurrences: 0, ..new });
        seen.occurrences += new.occurrences;
        seen.first_unix_us = seen.first_unix_us.min(new.first_unix_us);
        seen.last_unix_us = seen.last_unix_us.max(new.last_unix_us);
    }
}

/// The part of a body that fits into a message.
pub fn body_text(body: &[u8]) -> String {
    // A character takes at most four bytes.
    String::from_utf8_lossy(&body[..body.len().min(4 * MAX_MESSAGE_CHARS)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grouped_and_merged() {
        let (mut table, mut other) = (FailureTable::default(), FailureTable::default());
        table.add(0, FailureKind::Reset, "a", 5);
        table.add(0, FailureKind::Status, "b", 3);
        other.add(0, FailureKind::Status, "b", 9);
        table.merge(other);
        let groups = table.into_groups(|_| ("POST", "/"));
        let brief: Vec<_> = groups
            .iter()
            .map(|group| (group.error.as_str(), group.occurrences, group.first_seen_unix_us, group.last_seen_unix_us))
            .collect();
        assert_eq!(brief, [("b", 2, 3, 9), ("a", 1, 5, 5)]);
    }

    #[test]
    fn bounded() {
        let mut table = FailureTable::default();
        for number in 0..3000 {
            table.add(0, FailureKind::Status, &format!("{number} {}", body_text("ä".repeat(9000).as_bytes())), 0);
        }
        let groups = table.into_groups(|_| ("POST", "/"));
        assert_eq!(groups.len(), MAX_GROUPS + 1);
        assert_eq!((groups[0].error.as_str(), groups[0].occurrences), (OTHER, 2000));
        assert!(groups.iter().all(|group| group.error.chars().count() <= MAX_MESSAGE_CHARS));
    }
}
