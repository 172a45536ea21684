//! Canonical form: Compose's short spellings of a thing become the long one, so that merging and reading know one form each.
//! What has no such spelling is left as it is: reading says what is wrong with it.

use super::{
    fields::{Problem, Problems},
    node::{Content, Mapping, Node, Place},
    patterns::at_each,
    words,
};
use std::path::Path;

type Rewrite = fn(&mut Node) -> Result<(), String>;

/// What is rewritten, the outer before the inner.
const RULES: [(&str, Rewrite); 44] = [
    ("include", list),
    ("include.*", |node| short(node, "path")),
    ("include.*.path", list),
    ("include.*.env_file", list),
    ("services.*.extends", |node| short(node, "service")),
    ("services.*.build", |node| short(node, "context")),
    ("services.*.build.args", pairs),
    ("services.*.build.labels", pairs),
    ("services.*.build.additional_contexts", pairs),
    ("services.*.build.secrets.*", |node| file_mount(node, "")),
    ("services.*.command", command),
    ("services.*.entrypoint", command),
    ("services.*.environment", pairs),
    ("services.*.env_file", list),
    ("services.*.env_file.*", |node| short(node, "path")),
    ("services.*.labels", pairs),
    ("services.*.annotations", pairs),
    ("services.*.deploy.labels", pairs),
    ("services.*.sysctls", pairs),
    ("services.*.depends_on", depends_on),
    ("services.*.networks", names),
    ("services.*.extra_hosts", hosts),
    ("services.*.dns", list),
    ("services.*.dns_search", list),
    ("services.*.dns_opt", list),
    ("services.*.tmpfs", list),
    ("services.*.volumes.*", volume),
    ("services.*.secrets.*", |node| file_mount(node, "/run/secrets/")),
    ("services.*.configs.*", |node| file_mount(node, "/")),
    ("services.*.devices.*", device),
    ("services.*.gpus", gpus),
    ("services.*.gpus.*.count", all_is_minus_one),
    ("services.*.gpus.*.options", pairs),
    ("services.*.deploy.resources.reservations.devices.*.count", all_is_minus_one),
    ("services.*.deploy.resources.reservations.devices.*.options", pairs),
    ("services.*.ulimits.*", ulimit),
    ("services.*.healthcheck.test", test),
    ("networks.*", external),
    ("networks.*.labels", pairs),
    ("volumes.*", external),
    ("volumes.*.labels", pairs),
    ("secrets.*", external),
    ("configs.*", external),
    ("configs.*.labels", pairs),
];

/// Brings a file into canonical form.
pub(super) fn canonical(root: &mut Node, problems: &Problems) {
    for (pattern, rewrite) in RULES {
        at_each(root, pattern, &mut |node, path| {
            if let Err(what) = rewrite(node) {
                problems.push(Problem { place: node.place, path: path.to_vec(), what });
            }
        });
    }
}

/// A text is a mapping with that one key.
fn short(node: &mut Node, key: &'static str) -> Result<(), String> {
    if node.as_text().is_some() {
        *node = Node { mark: node.mark, ..Node::map(node.place, [(key, node.clone())]) };
    }
    Ok(())
}

/// A secret or config, which has its own name in `folder` where no other is given.
fn file_mount(node: &mut Node, folder: &str) -> Result<(), String> {
    short(node, "source")?;
    let place = node.place;
    let Some(map) = node.as_map_mut() else { return Ok(()) };
    let filled = |key: &str| map.get(key).and_then(Node::as_text).filter(|text| !text.is_empty());
    let name = filled("target").or_else(|| filled("source"));
    if let Some(name) = name.filter(|name| !name.starts_with('/')) {
        let target = Node::text(place, format!("{folder}{name}"));
        map.insert("target".into(), target);
    }
    Ok(())
}

/// One thing is a list of it.
fn list(node: &mut Node) -> Result<(), String> {
    if node.as_text().is_some() {
        node.content = Content::List(vec![Node::new(node.place, std::mem::take(&mut node.content))]);
    }
    Ok(())
}

/// `NAME=value` each, or `NAME`, as a mapping; the last of a name counts.
fn pairs(node: &mut Node) -> Result<(), String> {
    let Content::List(items) = &node.content else { return Ok(()) };
    let mut map = Mapping::new();
    for item in items {
        let text = item.as_text().ok_or("must be a list of `NAME=value`")?;
        let (name, content) = match text.split_once('=') {
            Some((name, value)) => (name, Content::Text(value.to_owned())),
            None => (text, Content::Null),
        };
        map.insert(name.to_owned(), Node { mark: item.mark, ..Node::new(item.place, content) });
    }
    node.content = Content::Map(map);
    Ok(())
}

/// A list of names is a mapping of them to nothing.
fn names(node: &mut Node) -> Result<(), String> {
    with_names(node, |place| Node::new(place, Content::Null))
}

fn depends_on(node: &mut Node) -> Result<(), String> {
    with_names(node, |place| Node::map(place, [("condition", Node::text(place, "service_started"))]))
}

fn with_names(node: &mut Node, value: fn(Place) -> Node) -> Result<(), String> {
    let Content::List(items) = &node.content else { return Ok(()) };
    let mut map = Mapping::new();
    for item in items {
        let name = item.as_text().ok_or("must be a list of names")?;
        map.insert(name.to_owned(), Node { mark: item.mark, ..value(item.place) });
    }
    node.content = Content::Map(map);
    Ok(())
}

fn command(node: &mut Node) -> Result<(), String> {
    let Some(line) = node.as_text() else { return Ok(()) };
    let words = words::split(line)?;
    node.content = Content::List(words.into_iter().map(|word| Node::text(node.place, word)).collect());
    Ok(())
}

/// A line is for a shell.
fn test(node: &mut Node) -> Result<(), String> {
    if let Some(line) = node.as_text() {
        let items = ["CMD-SHELL", line].map(|word| Node::text(node.place, word));
        node.content = Content::List(items.into());
    }
    Ok(())
}

/// `name:address` each, as the engine takes them.
fn hosts(node: &mut Node) -> Result<(), String> {
    let place = node.place;
    let host = |place: Place, name: &str, address: &str| {
        let address = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
        Node::text(place, format!("{name}:{address}"))
    };
    let mut hosts = Vec::new();
    match &node.content {
        Content::Map(map) => {
            for (name, value) in map {
                let several = if let Content::List(items) = &value.content {
                    items.as_slice()
                } else {
                    std::slice::from_ref(value)
                };
                for address in several {
                    hosts.push(host(value.place, name, address.as_text().ok_or("must be names with addresses")?));
                }
            }
        }
        Content::List(items) => {
            for item in items {
                let text = item.as_text().ok_or("must be a list of `name=address`")?;
                let (name, address) = text
                    .split_once('=')
                    .or_else(|| text.split_once(':'))
                    .filter(|(name, address)| !name.is_empty() && !address.is_empty())
                    .ok_or_else(|| format!("`{text}` is not `name=address`"))?;
                hosts.push(host(item.place, name, address));
            }
        }
        _ => return Ok(()),
    }
    *node = Node { mark: node.mark, ..Node::new(place, Content::List(hosts)) };
    Ok(())
}

fn ulimit(node: &mut Node) -> Result<(), String> {
    if let Some(number) = node.scalar() {
        let both = ["soft", "hard"].map(|key| (key, Node::new(node.place, Content::Number(number.clone()))));
        *node = Node { mark: node.mark, ..Node::map(node.place, both) };
    }
    Ok(())
}

fn gpus(node: &mut Node) -> Result<(), String> {
    if node.as_text() == Some("all") {
        let all = Node::map(node.place, [("count", Node::new(node.place, Content::Number("-1".into())))]);
        node.content = Content::List(vec![all]);
    }
    Ok(())
}

fn all_is_minus_one(node: &mut Node) -> Result<(), String> {
    if node.as_text() == Some("all") {
        node.content = Content::Number("-1".into());
    }
    Ok(())
}

/// `source[:target[:permissions]]`.
fn device(node: &mut Node) -> Result<(), String> {
    let Some(text) = node.as_text() else { return Ok(()) };
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, permissions) = match parts[..] {
        [source] => (source, source, "rwm"),
        [source, target] => (source, target, "rwm"),
        [source, target, permissions] => (source, target, permissions),
        _ => return Err(format!("`{text}` is not source:target:permissions")),
    };
    let entries = [("source", source), ("target", target), ("permissions", permissions)];
    *node = Node::map(node.place, entries.map(|(key, value)| (key, Node::text(node.place, value))));
    Ok(())
}

/// `external: { name: X }`, the old form, is `external: true` and `name: X`.
fn external(node: &mut Node) -> Result<(), String> {
    let Some(map) = node.as_map_mut() else { return Ok(()) };
    let Some(external) = map.get("external").filter(|external| external.as_map().is_some()) else { return Ok(()) };
    let (place, name) = (external.place, external.get("name").cloned());
    map.insert("external".into(), Node::new(place, Content::Bool(true)));
    if let Some(name) = name {
        map.entry("name".into()).or_insert(name);
    }
    Ok(())
}

/// `[source:]target[:options]`.
fn volume(node: &mut Node) -> Result<(), String> {
    const PROPAGATIONS: [&str; 6] = ["private", "rprivate", "shared", "rshared", "slave", "rslave"];
    let place = node.place;
    let Some(text) = node.as_text() else { return Ok(()) };
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match parts[..] {
        [target] => (None, target, ""),
        [source, target] => (Some(source), target, ""),
        [source, target, options] => (Some(source), target, options),
        _ => return Err(format!("`{text}` is not source:target:options")),
    };
    if source == Some("") || target.is_empty() || (parts.len() == 3 && options.is_empty()) {
        return Err(format!("`{text}`: nothing stands between the colons"));
    }
    let flag = |truth| Node::new(place, Content::Bool(truth));
    let is_path = source.is_some_and(|source| source.starts_with(['.', '/', '~']));
    let kind = if is_path { "bind" } else { "volume" };
    let mut map = Mapping::new();
    let mut of_kind = Mapping::new();
    if is_path {
        of_kind.insert("create_host_path".into(), flag(true));
    }
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" | "rw" => {
                map.insert("read_only".into(), flag(option == "ro"));
            }
            "nocopy" if !is_path => {
                of_kind.insert("nocopy".into(), flag(true));
            }
            "z" | "Z" if is_path => {
                of_kind.insert("selinux".into(), Node::text(place, option));
            }
            _ if is_path && PROPAGATIONS.contains(&option) => {
                of_kind.insert("propagation".into(), Node::text(place, option));
            }
            // Means something on a Mac only.
            "cached" | "delegated" | "consistent" => {}
            _ => {
                return Err(format!(
                    "`{option}` is no option of a {kind} mount: ro, rw, {}",
                    if is_path { "z, Z, or a propagation such as rprivate" } else { "nocopy" }
                ));
            }
        }
    }
    map.insert("type".into(), Node::text(place, kind));
    map.insert("target".into(), Node::text(place, target));
    map.extend(source.map(|source| ("source".to_owned(), Node::text(place, source))));
    map.insert(kind.into(), Node::new(place, Content::Map(of_kind)));
    node.content = Content::Map(map);
    Ok(())
}

/// Where paths of the host stand, which start at the folder of the file that has them.
const PATHS: [&str; 7] = [
    "services.*.build.context",
    "services.*.build.additional_contexts.*",
    "services.*.env_file.*.path",
    "services.*.volumes.*",
    "secrets.*.file",
    "configs.*.file",
    "services.*.extends.file",
];

/// Makes the paths of a file of `folder` absolute, so that files of several folders can be merged.
pub(super) fn absolute_paths(root: &mut Node, folder: &Path, home: Option<&str>) {
    for pattern in PATHS {
        at_each(root, pattern, &mut |node, _| {
            let node = match &mut node.content {
                Content::Map(map) if map.get("type").and_then(Node::as_text) == Some("bind") => map.get_mut("source"),
                Content::Map(_) => None,
                _ => Some(node),
            };
            if let Some(node) = node
                && let Some(text) = node.as_text()
                && !text.is_empty()
                && !text.contains("://")
            {
                node.content = Content::Text(absolute(text, folder, home));
            }
        });
    }
}

fn absolute(text: &str, folder: &Path, home: Option<&str>) -> String {
    let expanded = match (text.strip_prefix('~'), home) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => format!("{home}{rest}"),
        _ => text.to_owned(),
    };
    clean(&folder.join(expanded))
}

/// Without `.` and `..`, as Compose has it.
pub(super) fn clean(path: &Path) -> String {
    use std::path::{Component, PathBuf};
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean.display().to_string()
}
