//! Patterns of paths: `services.*.volumes.*`, where `*` is any one key or item.

use super::node::{Content, Node};

/// Does something at each node that a pattern fits; its path is given besides.
pub(super) fn at_each(root: &mut Node, pattern: &str, act: &mut dyn FnMut(&mut Node, &[String])) {
    let segments: Vec<&str> = pattern.split('.').collect();
    descend(root, &segments, &mut Vec::new(), act);
}

fn descend(node: &mut Node, segments: &[&str], path: &mut Vec<String>, act: &mut dyn FnMut(&mut Node, &[String])) {
    let Some((segment, rest)) = segments.split_first() else { return act(node, path) };
    let mut step = |name: String, child: &mut Node| {
        path.push(name);
        descend(child, rest, path, act);
        path.pop();
    };
    match &mut node.content {
        Content::Map(map) if *segment == "*" => {
            map.iter_mut().for_each(|(name, child)| step(name.clone(), child));
        }
        Content::Map(map) => {
            if let Some(child) = map.get_mut(*segment) {
                step((*segment).to_owned(), child);
            }
        }
        Content::List(items) if *segment == "*" => {
            items.iter_mut().enumerate().for_each(|(index, child)| step(index.to_string(), child));
        }
        _ => {}
    }
}

/// Whether a pattern fits a path.
pub(super) fn fits(pattern: &str, path: &[String]) -> bool {
    let mut segments = pattern.split('.');
    path.iter().all(|name| segments.next().is_some_and(|segment| segment == "*" || segment == name))
        && segments.next().is_none()
}
