//! One file over another, both in canonical form: mappings by key, lists by what identifies an entry or one after the other,
//! a command whole. `!reset` takes away, `!override` replaces.

use super::{
    fields::{Problem, Problems},
    node::{Content, Mark, Node},
    patterns::{at_each, fits},
};
use std::collections::HashMap;

/// What is not merged but replaced.
const REPLACED: [&str; 4] =
    ["services.*.command", "services.*.entrypoint", "services.*.healthcheck.test", "services.*.ulimits.*"];

/// Values for which a name without a value is one too, and takes the place of what is below: the caller's, or none.
const NULLABLE: [&str; 7] = [
    "services.*.environment.*",
    "services.*.build.args.*",
    "services.*.build.additional_contexts.*",
    "services.*.labels.*",
    "services.*.sysctls.*",
    "networks.*.labels.*",
    "volumes.*.labels.*",
];

/// Lists in which an entry replaces the one before that has the same value under this key; without a key, the same text.
const IDENTIFIED: [(&str, &str); 19] = [
    ("services.*.cap_add", ""),
    ("services.*.cap_drop", ""),
    ("services.*.configs", "target"),
    ("services.*.devices", "target"),
    ("services.*.dns", ""),
    ("services.*.dns_opt", ""),
    ("services.*.dns_search", ""),
    ("services.*.env_file", "path"),
    ("services.*.expose", ""),
    ("services.*.extra_hosts", ""),
    ("services.*.group_add", ""),
    ("services.*.links", ""),
    ("services.*.networks.*.aliases", ""),
    ("services.*.ports", ""),
    ("services.*.profiles", ""),
    ("services.*.secrets", "target"),
    ("services.*.tmpfs", ""),
    ("services.*.volumes", "target"),
    ("networks.*.ipam.config", "subnet"),
];

/// Merges `over` over `base`, both at `path`.
pub(super) fn merge(base: &mut Node, over: Node, path: &mut Vec<String>, problems: &Problems) {
    let is_one_of = |patterns: &[&str]| patterns.iter().any(|pattern| fits(pattern, path));
    if is_one_of(&REPLACED)
        || (over.is_null() && is_one_of(&NULLABLE))
        || base.mark == Mark::Reset
        || over.mark != Mark::None
    {
        *base = over;
        return;
    }
    match (&mut base.content, over.content) {
        // Nothing is said, so nothing changes.
        (_, Content::Null) => {}
        (Content::Null, content) => *base = Node { content, ..*base },
        (Content::Map(base), Content::Map(over)) => {
            for (key, node) in over {
                path.push(key.clone());
                match base.get_mut(&key) {
                    Some(existing) => merge(existing, node, path, problems),
                    None => {
                        base.insert(key, node);
                    }
                }
                path.pop();
            }
        }
        (Content::List(base), Content::List(over)) => base.extend(over),
        (Content::Map(_) | Content::List(_), _) | (_, Content::Map(_) | Content::List(_)) => {
            let what = "is of another kind than in the file that this is merged over".into();
            problems.push(Problem { place: over.place, path: path.clone(), what });
        }
        (_, content) => *base = Node { content, place: over.place, mark: over.mark },
    }
}

/// Of entries that are the same thing the last one stays, where the first one stood.
pub(super) fn identify(root: &mut Node) {
    for (pattern, key) in IDENTIFIED {
        at_each(root, pattern, &mut |node, _| {
            let Content::List(items) = &mut node.content else { return };
            let mut places: HashMap<String, usize> = HashMap::new();
            let mut kept: Vec<Node> = Vec::new();
            for item in std::mem::take(items) {
                let name = if key.is_empty() { item.scalar() } else { item.get(key).and_then(Node::scalar) };
                // What has no name is another thing each time.
                let at = name.map_or(kept.len(), |name| *places.entry(name).or_insert(kept.len()));
                match kept.get_mut(at) {
                    Some(before) => *before = item,
                    None => kept.push(item),
                }
            }
            *items = kept;
        });
    }
}
