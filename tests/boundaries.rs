//! The layers of ARCHITECTURE.md: which folder of `src/` may use which. Reads the `use crate::` lines.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Imports that must never exist: folder (or file) of `src/`, and what it may not use. `*` is everything.
const FORBIDDEN: [(&str, &[&str]); 16] = [
    ("model", &["*"]),
    ("plan", &["engine", "run", "store", "cli", "load", "mock"]),
    ("analyse", &["engine", "run", "store", "cli", "load", "mock"]),
    ("measure", &["engine", "run", "store", "cli", "load", "mock"]),
    ("report", &["engine", "run", "store", "cli", "load", "mock"]),
    ("run", &["cli", "report"]),
    ("store", &["report"]),
    ("engine", &["run", "store", "report", "cli"]),
    ("load", &["engine", "run", "report", "cli"]),
    ("load_tools", &["engine", "run", "store", "report", "cli", "load", "mock"]),
    ("mock", &["engine", "run", "report", "cli"]),
    ("app", &["engine", "run", "store", "report", "cli", "load", "mock"]),
    ("probe", &["engine", "run", "report", "cli"]),
    ("init", &["engine", "run", "store", "report", "cli", "load", "mock", "plan"]),
    ("limits", &["engine", "run", "store", "report", "cli", "load", "mock", "probe"]),
    ("events", &["engine", "run", "store", "report", "cli", "load", "mock", "probe"]),
];

/// Every file below `src/`.
fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("it is there") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

/// The part of the crate that a file belongs to: its folder below `src/`, or its own name.
fn part(file: &Path) -> String {
    let first = file.components().nth(1).expect("below src/").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// What a text uses of `root` (`crate::`, `super::`): `a` and `b` of `use crate::{a::X, b::{Y, Z}};`, and of `crate::a::f()`
/// outside of comments.
fn used(text: &str, root: &str) -> Vec<String> {
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let mut parts = Vec::new();
    for (at, _) in code.match_indices(root) {
        let rest = &code[at + root.len()..];
        match rest.strip_prefix('{') {
            Some(list) => parts.extend(first_names(list)),
            None => parts.push(leading_name(rest)),
        }
    }
    parts
}

/// The first name of each entry of a list that ends with the brace that closes it.
fn first_names(list: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut depth, mut is_start) = (0, true);
    for (at, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => is_start = true,
            c if is_start && !c.is_whitespace() => {
                names.push(leading_name(&list[at..]));
                is_start = false;
            }
            _ => {}
        }
    }
    names
}

fn leading_name(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn no_layer_uses_one_that_it_must_not_know() {
    let mut wrong = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for file in sources() {
        let part = part(&file);
        let Some((_, forbidden)) = FORBIDDEN.iter().find(|(name, _)| *name == part) else { continue };
        let text = fs::read_to_string(&file).expect("readable");
        for used in used(&text, "crate::").into_iter().filter(|used| *used != part) {
            *seen.entry(part.clone()).or_default() += 1;
            if forbidden.contains(&"*") || forbidden.contains(&used.as_str()) {
                wrong.push(format!("{}: uses crate::{used}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "ARCHITECTURE.md forbids:\n{}", wrong.join("\n"));
    // A test that reads nothing would find nothing.
    assert!(seen["run"] > 10 && seen["engine"] > 5 && seen["report"] > 10, "{seen:?}");
}

/// The module that a file is: its path without `.rs`, or its folder's.
fn module(file: &Path) -> PathBuf {
    let is_folders = file.file_name().is_some_and(|name| name == "mod.rs");
    if is_folders { file.parent().expect("below src/").to_owned() } else { file.with_extension("") }
}

#[test]
fn files_of_a_folder_use_each_other_in_one_direction() {
    let uses = |file: PathBuf| {
        let (module, text) = (module(&file), fs::read_to_string(&file).expect("readable"));
        // What stands above tests is the file itself.
        let text = text.split("#[cfg(test)]").next().expect("even of nothing");
        let beside = module.parent().expect("below src/").to_owned();
        (module, used(text, "super::").into_iter().map(|name| beside.join(name)).collect::<Vec<_>>())
    };
    let mut modules: BTreeMap<PathBuf, Vec<PathBuf>> = sources().into_iter().map(uses).collect();
    assert!(modules.values().flatten().filter(|used| modules.contains_key(*used)).count() > 100, "it reads nothing");
    // Who uses nothing that is still there is taken away, until nobody is left, or a circle.
    loop {
        let is_left: Vec<PathBuf> = modules.keys().cloned().collect();
        modules.retain(|_, uses| uses.iter().any(|used| is_left.contains(used)));
        if modules.len() == is_left.len() {
            break;
        }
    }
    assert!(modules.is_empty(), "in circles, or above them: {:?}", modules.keys());
}

#[test]
fn only_the_engine_names_bollard() {
    let named = sources().into_iter().filter(|file| part(file) != "engine").find(|file| {
        let text = fs::read_to_string(file).expect("readable");
        text.lines().any(|line| line.contains("bollard::") && !line.trim_start().starts_with("//"))
    });
    assert_eq!(named, None);
}

#[test]
fn only_the_output_writes_to_stdout_or_may_fail_to_write_to_stderr() {
    let prints = |text: &str| ["println!(", "print!(", "dbg!("].iter().any(|macro_call| text.contains(macro_call));
    let code = |file: &PathBuf| {
        let text = fs::read_to_string(file).expect("readable");
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    };
    // These macros panic where nothing can be written: a closed pipe, a full disk, a terminal that is gone.
    let found: Vec<_> = sources().into_iter().filter(|file| prints(&code(file))).collect();
    assert_eq!(found, Vec::<PathBuf>::new());
    assert!(prints("eprintln!(\"x\")") && !prints("fingerprint(1)"));
}

#[test]
fn imports_are_found_in_any_form() {
    let text = "use crate::{\n    a::{B, C},\n    d,\n};\nuse crate::e::F;\n// crate::g\nlet x = crate::h::i();\n";
    assert_eq!(used(text, "crate::"), ["a", "d", "e", "h"]);
}
