//! From files to one tree, in Compose's order: each file interpolated, brought into canonical form, `include` and `extends`
//! resolved, and merged over what is there.

use super::{
    canonical::{absolute_paths, canonical, clean},
    dotenv,
    fields::{Problem, Problems},
    files,
    interpolate::{Env, Variables, interpolate},
    merge::{identify, merge},
    node::{Content, Mapping, Mark, Node, Place},
    workers::Workers,
    yaml,
};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// Services that extend each other, or files that include each other, at most so deep.
const MAX_DEPTH: usize = 32;
/// Nodes of all services together, after each that is extended was copied.
const MAX_NODES: usize = 2_000_000;
/// What files may share.
const SECTIONS: [&str; 5] = ["services", "networks", "volumes", "secrets", "configs"];

/// What has been read so far.
#[derive(Default)]
pub(super) struct Loader {
    /// By the number in a place.
    pub(super) files: Vec<PathBuf>,
    pub(super) problems: Problems,
    pub(super) unset: RefCell<BTreeSet<String>>,
    /// Whether a file could not be read, or not what it extends or includes: what is missing in the rest says nothing then.
    pub(super) is_incomplete: Cell<bool>,
    copied: usize,
    /// A file that is none, and its text.
    given: Option<(PathBuf, String)>,
    /// Files whose text was read before their variables are known.
    parsed: BTreeMap<PathBuf, Vec<Node>>,
}

/// Where a file stands, and what it may use.
#[derive(Clone, Copy)]
struct Scope<'a> {
    folder: &'a Path,
    env: Env<'a>,
    workers: &'a Workers,
    depth: usize,
}

impl Loader {
    /// One for which `text` is what the file of this name holds.
    pub(super) fn given(name: &Path, text: String) -> Self {
        Self { given: Some((name.to_owned(), text)), ..Self::default() }
    }

    /// Whether the files say what the workers are; the last that speaks of it counts.
    pub(super) fn tells_workers(&mut self, paths: &[PathBuf]) -> bool {
        let mut tells = false;
        for path in paths {
            let documents = self.parse(path, Place::default());
            let mut said = documents.iter().filter_map(|document| document.get("x-vscale")?.get("workers"));
            tells = said.next_back().map_or(tells, |said| !said.is_null() && said.mark != Mark::Reset);
            self.parsed.insert(path.clone(), documents);
        }
        tells
    }

    /// The files, merged.
    pub(super) fn load(&mut self, paths: &[PathBuf], folder: &Path, env: Env<'_>, workers: &Workers) -> Node {
        let scope = Scope { folder, env, workers, depth: 0 };
        let mut root = self.merged(paths, Place::default(), scope);
        root.without_resets();
        root
    }

    /// The `.env` files of a project, over which stands what `env` has.
    pub(super) fn dot_env(&mut self, paths: &[PathBuf], env: Env<'_>) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for path in paths {
            let at = self.number(path);
            let lookup = |name: &str| env(name).or_else(|| all.get(name).cloned());
            let read = match files::read(path) {
                Ok(text) => dotenv::parse(&text, &lookup, &self.unset).map_err(|flaw| (flaw.line, flaw.what)),
                Err(error) => Err((0, error.to_string())),
            };
            match read {
                Ok(found) => all.extend(found),
                Err((line, what)) => {
                    let column = usize::from(line > 0);
                    self.complain(Place { file: at, line, column }, &[], what);
                }
            }
        }
        all
    }

    fn number(&mut self, path: &Path) -> usize {
        self.files.push(path.to_owned());
        self.files.len() - 1
    }

    fn complain(&self, place: Place, path: &[&str], what: impl Into<String>) {
        self.is_incomplete.set(true);
        let path = path.iter().map(|name| (*name).to_owned()).collect();
        self.problems.push(Problem { place, path, what: what.into() });
    }

    fn merged(&mut self, paths: &[PathBuf], asked: Place, scope: Scope<'_>) -> Node {
        let mut root = Node::new(asked, Content::Map(Mapping::new()));
        for path in paths {
            for mut document in self.documents(path, asked, scope) {
                self.include(&mut document, scope);
                self.extend(&mut document, path, scope);
                if root.place == Place::default() {
                    root.place = document.place;
                }
                merge(&mut root, document, &mut Vec::new(), &self.problems);
                identify(&mut root);
            }
        }
        root
    }

    /// A file's documents as they are written. A file that cannot be read is told where it was asked for.
    fn parse(&mut self, path: &Path, asked: Place) -> Vec<Node> {
        let given = self.given.as_ref().filter(|(name, _)| name == path).map(|(_, text)| text.clone());
        let text = match given.map_or_else(|| files::read(path), Ok) {
            Ok(text) => text,
            Err(error) => {
                let named = format!("{}: {error}", path.display());
                let (place, what) = match asked.line {
                    0 => (Place { file: self.number(path), ..Place::default() }, error.to_string()),
                    _ => (asked, named),
                };
                self.complain(place, &[], what);
                return Vec::new();
            }
        };
        let file = self.number(path);
        let mut documents = match yaml::parse(&text, file) {
            Ok(documents) => documents,
            Err(flaw) => {
                self.complain(flaw.place, &[], flaw.what);
                return Vec::new();
            }
        };
        documents.retain(|document| !document.is_null());
        for document in documents.iter_mut().filter(|document| document.as_map().is_none()) {
            let place = Place { file, ..Place::default() };
            self.complain(place, &[], "not a mapping of `services:` and `x-vscale:`");
            *document = Node::new(place, Content::Map(Mapping::new()));
        }
        documents
    }

    /// The same, interpolated and in canonical form.
    fn documents(&mut self, path: &Path, asked: Place, scope: Scope<'_>) -> Vec<Node> {
        let mut documents = self.parsed.remove(path).unwrap_or_else(|| self.parse(path, asked));
        for document in &mut documents {
            let variables = Variables { env: scope.env, unset: &self.unset };
            replace_variables(document, &mut Vec::new(), &variables, scope.workers, &self.problems);
            canonical(document, &self.problems);
            absolute_paths(document, scope.folder, (scope.env)("HOME").as_deref());
        }
        documents
    }

    /// Adds what `include` names; what both have must be the same.
    fn include(&mut self, document: &mut Node, scope: Scope<'_>) {
        let Some(Content::List(includes)) =
            document.as_map_mut().and_then(|map| map.remove("include")).map(|node| node.content)
        else {
            return;
        };
        for include in includes {
            if scope.depth >= MAX_DEPTH {
                self.complain(include.place, &["include"], "files include each other without an end");
                return;
            }
            let strings = |key: &str| -> Vec<PathBuf> {
                let Some(Content::List(items)) = include.get(key).map(|node| &node.content) else { return Vec::new() };
                items.iter().filter_map(Node::as_text).map(|path| clean(&scope.folder.join(path)).into()).collect()
            };
            let paths = strings("path");
            let Some(first) = paths.first() else {
                self.complain(include.place, &["include"], "needs the `path` of a compose file");
                continue;
            };
            let named = include.get("project_directory").and_then(Node::as_text);
            let folder = match named {
                Some(folder) => PathBuf::from(clean(&scope.folder.join(folder))),
                None => first.parent().unwrap_or(Path::new("/")).to_owned(),
            };
            let mut env_files = strings("env_file");
            if env_files.is_empty() {
                env_files.extend(Some(folder.join(".env")).filter(|path| path.is_file()));
            }
            let variables = self.dot_env(&env_files, scope.env);
            let env = |name: &str| (scope.env)(name).or_else(|| variables.get(name).cloned());
            let inner = Scope { folder: &folder, env: &env, depth: scope.depth + 1, ..scope };
            let included = self.merged(&paths, include.place, inner);
            self.import(document, included);
        }
    }

    fn import(&self, document: &mut Node, included: Node) {
        let (Some(map), Content::Map(mut included)) = (document.as_map_mut(), included.content) else { return };
        for section in SECTIONS {
            let Some(Content::Map(things)) = included.remove(section).map(|node| node.content) else { continue };
            let own =
                map.entry(section.into()).or_insert_with(|| Node::new(Place::default(), Content::Map(Mapping::new())));
            if own.is_null() {
                own.content = Content::Map(Mapping::new());
            }
            let Some(own) = own.as_map_mut() else { continue };
            for (name, node) in things {
                match own.get(&name) {
                    Some(other) if *other != node => {
                        let what = "is in an included file too, and not the same: override it by `include: [{ path: [a, b] }]`";
                        self.complain(other.place, &[section, &name], what);
                    }
                    _ => {
                        own.insert(name, node);
                    }
                }
            }
        }
    }

    /// Puts what services extend under what they say themselves.
    fn extend(&mut self, document: &mut Node, path: &Path, scope: Scope<'_>) {
        let Some(services) = document.as_map_mut().and_then(|map| map.get_mut("services")).and_then(Node::as_map_mut)
        else {
            return;
        };
        let extending: Vec<String> = services
            .iter()
            .filter(|(_, service)| service.get("extends").is_some())
            .map(|(name, _)| name.clone())
            .collect();
        for name in extending {
            let mut chain = Vec::new();
            if let Some(whole) = self.extended(&name, services, path, scope, &mut chain) {
                services.insert(name, whole);
            }
        }
    }

    /// A service with all that it extends; `chain` has those that led here.
    fn extended(
        &mut self,
        name: &str,
        services: &Mapping,
        path: &Path,
        scope: Scope<'_>,
        chain: &mut Vec<(PathBuf, String)>,
    ) -> Option<Node> {
        let mut own = services.get(name)?.clone();
        self.copied += size(&own);
        let Some(extends) = own.as_map_mut().and_then(|map| map.remove("extends")) else { return Some(own) };
        let at = ["services", name, "extends"];
        let here = (path.to_owned(), name.to_owned());
        if chain.contains(&here) || chain.len() >= MAX_DEPTH || self.copied > MAX_NODES {
            let way: Vec<&str> = chain.iter().map(|(_, name)| name.as_str()).chain([name]).collect();
            let what = if chain.contains(&here) {
                format!("it extends itself: {}", way.join(" -> "))
            } else {
                "too much is extended".into()
            };
            self.complain(extends.place, &at, what);
            return None;
        }
        chain.push(here);
        let Some(base) = extends.get("service").and_then(Node::as_text) else {
            self.complain(extends.place, &at, "needs the `service` that is extended");
            return None;
        };
        let mut whole = match extends.get("file").and_then(Node::as_text) {
            None if !services.contains_key(base) => {
                self.complain(extends.place, &at, format!("no service `{base}` is defined"));
                return None;
            }
            None => self.extended(base, services, path, scope, chain)?,
            Some(file) => {
                let file = PathBuf::from(file);
                let folder = file.parent().unwrap_or(Path::new("/")).to_owned();
                let inner = Scope { folder: &folder, ..scope };
                let mut root = Node::new(extends.place, Content::Map(Mapping::new()));
                for document in self.documents(&file, extends.place, inner) {
                    merge(&mut root, document, &mut Vec::new(), &self.problems);
                }
                let Some(others) = root.get("services").and_then(Node::as_map).filter(|all| all.contains_key(base))
                else {
                    self.complain(extends.place, &at, format!("no service `{base}` in {}", file.display()));
                    return None;
                };
                self.extended(base, others, &file, inner, chain)?
            }
        };
        let place = own.place;
        merge(&mut whole, own, &mut vec!["services".into(), name.into()], &self.problems);
        whole.place = place;
        Some(whole)
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.content {
        Content::Map(map) => map.values().map(size).sum::<usize>(),
        Content::List(items) => items.iter().map(size).sum(),
        _ => 0,
    }
}

/// Replaces the variables of every value; of keys none.
fn replace_variables(
    node: &mut Node,
    path: &mut Vec<String>,
    variables: &Variables<'_>,
    workers: &Workers,
    problems: &Problems,
) {
    match &mut node.content {
        Content::Text(text) if text.contains('$') => match interpolate(text, variables) {
            Ok(whole) => *text = workers.fill_in(whole, path),
            Err(what) => problems.push(Problem { place: node.place, path: path.clone(), what }),
        },
        Content::Map(map) => {
            for (name, child) in map {
                path.push(name.clone());
                replace_variables(child, path, variables, workers, problems);
                path.pop();
            }
        }
        Content::List(items) => {
            for (index, child) in items.iter_mut().enumerate() {
                path.push(index.to_string());
                replace_variables(child, path, variables, workers, problems);
                path.pop();
            }
        }
        _ => {}
    }
}
