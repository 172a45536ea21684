//! `.dockerignore`: which files of a context stay out of it. The rules are the Docker documentation's: the last pattern that
//! matches a path, or a folder above it, decides; `!` takes back in; `**` stands for any number of folders.

use regex_lite::Regex;
use std::path::{Component, Path};

/// The patterns of one file, in order.
#[derive(Default)]
pub(super) struct Ignore(Vec<Pattern>);

struct Pattern {
    /// Normalised, without its `!`.
    text: String,
    /// What it matches comes back in.
    exception: bool,
    regex: Regex,
}

impl Ignore {
    /// Reads the lines of a file. The error says in which line what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut patterns = Vec::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
            let line = line.trim();
            let (exception, pattern) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest.trim()));
            let wrong = |why: &str| format!("line {}: `{line}`: {why}", index + 1);
            if line.is_empty() {
                continue;
            }
            if pattern.is_empty() {
                return Err(wrong("an exception to nothing"));
            }
            let text = cleaned(pattern);
            let regex = regex(&text).ok_or_else(|| wrong("not a pattern"))?;
            patterns.push(Pattern { text, exception, regex });
        }
        Ok(Self(patterns))
    }

    /// Whether a path of the context, with `/` between its names, stays out.
    pub(super) fn excludes(&self, path: &str) -> bool {
        let above = path.match_indices('/').map(|(at, _)| &path[..at]);
        let places: Vec<&str> = above.chain([path]).collect();
        self.0.iter().fold(false, |excluded, pattern| {
            let decides = pattern.exception == excluded && places.iter().any(|place| pattern.regex.is_match(place));
            if decides { !pattern.exception } else { excluded }
        })
    }

    /// Whether an exception could bring back something below a folder that stays out, so that one has to look.
    pub(super) fn may_include_below(&self, folder: &str) -> bool {
        let mut exceptions = self.0.iter().filter(|pattern| pattern.exception);
        exceptions.any(|pattern| {
            // As far as both go, each name is the folder's, or may be; `**` may be any number of them.
            let names = pattern.text.split('/').take_while(|name| !name.contains("**"));
            let mut both = names.zip(folder.split('/'));
            both.all(|(name, of_folder)| name == of_folder || name.contains(['*', '?', '[', '\\']))
        })
    }
}

/// Without `.`, `..`, doubled and leading or trailing slashes, as a path from the context's root.
fn cleaned(pattern: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for component in Path::new(pattern).components() {
        match component {
            Component::Normal(name) => names.extend(name.to_str()),
            Component::ParentDir if names.last().is_some_and(|last| *last != "..") => _ = names.pop(),
            Component::ParentDir if !pattern.starts_with('/') => names.push(".."),
            _ => {}
        }
    }
    if names.is_empty() { ".".into() } else { names.join("/") }
}

fn regex(pattern: &str) -> Option<Regex> {
    let mut regex = String::from("^");
    let mut rest = pattern.chars().peekable();
    let mut class = false;
    while let Some(character) = rest.next() {
        match character {
            '*' if !class && rest.next_if_eq(&'*').is_some() => {
                rest.next_if_eq(&'/');
                regex.push_str(if rest.peek().is_none() { ".*" } else { "(.*/)?" });
            }
            '*' if !class => regex.push_str("[^/]*"),
            '?' if !class => regex.push_str("[^/]"),
            '[' if !class => {
                class = true;
                regex.push('[');
            }
            ']' if class => {
                class = false;
                regex.push(']');
            }
            '^' | '-' if class => regex.push(character),
            '\\' => regex.push_str(&escaped(rest.next()?)),
            other => regex.push_str(&escaped(other)),
        }
    }
    if class {
        return None;
    }
    Regex::new(&(regex + "$")).ok()
}

fn escaped(character: char) -> String {
    regex_lite::escape(&character.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_pattern_that_matches_decides() {
        // Patterns; what stays out; what enters.
        let table: [(&str, &[&str], &[&str]); 22] = [
            ("", &[], &["a", "a/b"]),
            ("# a\n\n  \n", &[], &["a", "# a"]),
            ("\u{feff}a", &["a"], &["b"]),
            ("a", &["a", "a/b", "a/b/c"], &["b", "b/a", "ab"]),
            ("a/", &["a", "a/b"], &["b/a"]),
            ("/a", &["a"], &["b/a"]),
            ("./a/../b", &["b"], &["a"]),
            ("*", &["a", ".hidden", "a/b"], &[]),
            ("*.md", &["x.md", ".md"], &["x.mdx", "d/x.md"]),
            ("*/temp*", &["d/temporary", "d/temp/x"], &["temp", "d/e/temp"]),
            ("temp?", &["tempa", "temp1/x"], &["temp", "temp12", "temp/"]),
            ("**/*.go", &["x.go", "d/x.go", "d/e/x.go"], &["x.gox"]),
            ("**/node_modules", &["node_modules/x", "d/node_modules"], &["my_node_modules"]),
            ("a/**", &["a/b", "a/b/c"], &["a", "b"]),
            ("a/**/z", &["a/z", "a/b/z", "a/b/c/z"], &["a/zz", "z"]),
            ("*.md\n!README.md", &["x.md"], &["README.md"]),
            ("*.md\n!README*.md\nREADME-secret.md", &["x.md", "README-secret.md"], &["README.md"]),
            ("!README.md\n*.md", &["README.md"], &["a"]),
            ("*\n!src\n!src/**", &["a"], &["src", "src/x", "src/d/x"]),
            ("src\n! src/keep", &["src/x"], &["src/keep", "src/keep/x"]),
            ("[ab].t[^x]t\nv\\*", &["a.tyt", "v*"], &["c.tyt", "a.txt", "vv"]),
            ("a+(b)$|{1}.x", &["a+(b)$|{1}.x"], &["aab1.x", "a+(b)$|{1}yx"]),
        ];
        for (patterns, out, enter) in table {
            let ignore = Ignore::parse(patterns).expect("patterns");
            for path in out {
                assert!(ignore.excludes(path), "{patterns:?} lets {path:?} in");
            }
            for path in enter {
                assert!(!ignore.excludes(path), "{patterns:?} keeps {path:?} out");
            }
        }
    }

    #[test]
    fn a_folder_is_looked_into_only_for_an_exception_below_it() {
        let looks = |patterns: &str, folder: &str| Ignore::parse(patterns).expect("patterns").may_include_below(folder);
        assert!(!looks("*", "a"));
        assert!(looks("*\n!a/b", "a"));
        assert!(looks("*\n!a/b", "a/b/c"));
        assert!(!looks("*\n!a/b", "b"));
        assert!(looks("*\n!**/x", "b/c"));
        assert!(looks("*\n!*/x", "b"));
    }

    #[test]
    fn what_is_no_pattern_is_named_with_its_line() {
        for (text, error) in [
            ("a\n!", "line 2: `!`: an exception to nothing"),
            ("[a", "line 1: `[a`: not a pattern"),
            ("a\\", "line 1: `a\\`: not a pattern"),
        ] {
            assert_eq!(Ignore::parse(text).err().as_deref(), Some(error));
        }
    }
}
