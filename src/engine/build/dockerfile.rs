//! A Dockerfile, read as far as we must: what only BuildKit can do, which arguments it declares, and the places where it
//! names an image or a context, so that another can be put there. What is replaced keeps its line, so the builder's words
//! still fit the file.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// What the controller offers under this name to a COPY that names it: the host's CA bundle.
pub(super) const CA_FILE: &str = "host-ca.crt";
/// Flags of instructions that the classic builder does not know.
const BUILDKIT_FLAGS: [(&str, &[&str]); 3] = [
    ("RUN", &["--mount", "--network", "--security", "--device"]),
    ("COPY", &["--link", "--chmod", "--parents", "--exclude"]),
    ("ADD", &["--link", "--chmod", "--exclude", "--checksum", "--keep-git-dir", "--unpack"]),
];
/// Arguments that BuildKit alone gives a value.
const PLATFORM_ARGS: [&str; 8] = [
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
];

/// A Dockerfile's instructions.
pub(super) struct Dockerfile {
    text: String,
    /// `# syntax=`: the image that reads the file.
    syntax: Option<String>,
    instructions: Vec<Instruction>,
}

struct Instruction {
    /// Its first line and how many it has; a heredoc's body is not among them.
    line: usize,
    lines: usize,
    keyword: String,
    /// All after the keyword, on one line.
    rest: String,
    has_heredoc: bool,
}

impl Instruction {
    fn words(&self) -> impl Iterator<Item = &str> {
        self.rest.split_ascii_whitespace()
    }

    fn flags(&self) -> impl Iterator<Item = &str> {
        self.words().take_while(|word| word.starts_with("--"))
    }

    /// Its flags, and what follows them.
    fn split_flags(&self) -> (&str, &str) {
        let mut rest = self.rest.as_str();
        while rest.starts_with("--") {
            rest = rest.trim_start_matches(|c: char| !c.is_ascii_whitespace()).trim_start();
        }
        self.rest.split_at(self.rest.len() - rest.len())
    }

    /// Whether it copies the CA bundle out of the context.
    fn copies_ca(&self) -> bool {
        self.is("COPY") && !self.flags().any(|flag| flag.starts_with("--from=")) && self.words().any(is_ca)
    }

    fn is(&self, keyword: &str) -> bool {
        self.keyword.eq_ignore_ascii_case(keyword)
    }
}

impl Dockerfile {
    pub(super) fn parse(text: &str) -> Self {
        let (mut escape, mut syntax) = ('\\', None);
        for line in text.trim_start_matches('\u{feff}').lines() {
            let directive = line.trim().strip_prefix('#').and_then(|line| line.split_once('='));
            let Some((name, value)) = directive else { break };
            match name.trim().to_ascii_lowercase().as_str() {
                "escape" if value.trim() == "`" => escape = '`',
                "syntax" => syntax = Some(value.trim().to_owned()),
                "escape" | "check" => {}
                _ => break,
            }
        }
        let instructions = instructions(text, escape);
        Self { text: text.to_owned(), syntax, instructions }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The first line that the classic builder cannot read, and what in it.
    pub(super) fn needs_buildkit(&self) -> Option<(usize, String)> {
        if self.syntax.is_some() {
            return Some((1, "# syntax=".into()));
        }
        self.instructions.iter().find_map(|one| {
            let known = BUILDKIT_FLAGS.iter().find(|(keyword, _)| one.is(keyword)).map_or(&[][..], |(_, flags)| flags);
            let name = |flag: &str| flag.split('=').next().unwrap_or_default().to_owned();
            let flag = one.flags().map(name).find(|flag| known.contains(&flag.as_str()));
            let platform = one.is("FROM").then(|| one.flags().find(|flag| flag.starts_with("--platform=$"))).flatten();
            let argument = one.is("ARG").then(|| one.words().find(|word| PLATFORM_ARGS.contains(word))).flatten();
            let heredoc = one.has_heredoc.then_some("<<");
            let what = flag.or_else(|| platform.or(argument).or(heredoc).map(str::to_owned))?;
            Some((one.line, format!("{} {what}", one.keyword.to_ascii_uppercase())))
        })
    }

    /// The first line with a heredoc, where nothing says that a newer reader is to be fetched.
    pub(super) fn bare_heredoc(&self) -> Option<usize> {
        self.instructions.iter().find(|one| one.has_heredoc && self.syntax.is_none()).map(|one| one.line)
    }

    /// Whether it has an `ARG` of this name.
    pub(super) fn declares(&self, argument: &str) -> bool {
        let args = self.instructions.iter().filter(|one| one.is("ARG"));
        args.flat_map(Instruction::words).any(|word| word.split('=').next() == Some(argument))
    }

    /// Whether a `COPY` of it asks for the host's CA bundle, and the context has no file of that name.
    pub(super) fn wants_ca(&self, context: &Path) -> bool {
        self.instructions.iter().any(Instruction::copies_ca) && !context.join(CA_FILE).exists()
    }

    /// The images that it names, as far as arguments say: bases, sources of `COPY --from`, and what reads the file.
    pub(super) fn images(&self, args: &BTreeMap<String, String>) -> BTreeSet<String> {
        let mut known = BTreeMap::new();
        let (mut stages, mut images) = (BTreeSet::from(["scratch".to_owned()]), BTreeSet::new());
        images.extend(self.syntax.clone());
        for one in &self.instructions {
            let (flags, rest) = one.split_flags();
            let mut words = rest.split_ascii_whitespace();
            if one.is("ARG") && stages.len() == 1 {
                for (name, default) in words.map(|word| word.split_once('=').unwrap_or((word, ""))) {
                    known.insert(name.to_owned(), args.get(name).map_or(default, String::as_str).to_owned());
                }
            } else if one.is("FROM") {
                let image = words.next().and_then(|word| filled(word, &known));
                images.extend(image.filter(|image| !stages.contains(&image.to_ascii_lowercase())));
                stages.insert(words.nth(1).unwrap_or_default().to_ascii_lowercase());
            } else if one.is("COPY") {
                let from = flags.split_ascii_whitespace().find_map(|flag| flag.strip_prefix("--from="));
                let is_stage =
                    |name: &str| stages.contains(&name.to_ascii_lowercase()) || name.parse::<usize>().is_ok();
                images.extend(from.filter(|name| !is_stage(name) && !name.contains('$')).map(str::to_owned));
            }
        }
        images
    }

    /// The same, with an image in place of each context named so: in `FROM`, `COPY --from` and `RUN --mount=...,from=`.
    pub(super) fn with_contexts(self, images: &BTreeMap<String, String>) -> Self {
        self.replaced(|one| {
            let image = |name: &str| images.get(name).map(String::as_str);
            let mut place = 0;
            let word = |word: &str| -> String {
                place += usize::from(!word.starts_with("--"));
                if one.is("FROM") && place == 1 {
                    return image(word).unwrap_or(word).to_owned();
                }
                let of = |prefix: &str, part: &str| image(part.strip_prefix(prefix)?).map(|it| format!("{prefix}{it}"));
                if one.is("COPY") {
                    return of("--from=", word).unwrap_or_else(|| word.to_owned());
                }
                if !word.starts_with("--mount=") {
                    return word.to_owned();
                }
                let parts = word.split(',').map(|part| of("from=", part).unwrap_or_else(|| part.to_owned()));
                parts.collect::<Vec<_>>().join(",")
            };
            // A command's own spaces are its own: only the flags before it are looked at.
            let (head, tail) = match one.keyword.to_ascii_uppercase().as_str() {
                "RUN" => one.split_flags(),
                "FROM" | "COPY" => (one.rest.as_str(), ""),
                _ => return None,
            };
            let words = head.split_ascii_whitespace().map(word);
            let words: Vec<String> =
                words.chain([tail.to_owned()].into_iter().filter(|tail| !tail.is_empty())).collect();
            Some(format!("{} {}", one.keyword, words.join(" ")))
        })
    }

    /// The same, with the CA bundle taken from `image`, by itself: so it is not part of the context, and `COPY . .` does not
    /// take it.
    pub(super) fn with_ca(self, image: &str) -> Self {
        self.replaced(|one| {
            if !one.copies_ca() {
                return None;
            }
            let flags: Vec<&str> = one.flags().collect();
            let named: Vec<&str> = one.words().skip(flags.len()).collect();
            let (target, sources) = named.split_last()?;
            let copy = |more: &[&str], sources: &[&str]| {
                [&[one.keyword.as_str()], more, &flags, sources, &[*target]].concat().join(" ")
            };
            let from = format!("--from={image}");
            let ca = copy(&[&from], &[CA_FILE]);
            let others: Vec<&str> = sources.iter().copied().filter(|word| !is_ca(word)).collect();
            Some(if others.is_empty() { ca } else { format!("{}\n{ca}", copy(&[], &others)) })
        })
    }

    /// Replaces whole instructions.
    fn replaced(self, other: impl Fn(&Instruction) -> Option<String>) -> Self {
        let mut lines: Vec<String> = self.text.lines().map(str::to_owned).collect();
        for one in self.instructions.iter().rev() {
            if let Some(text) = other(one) {
                let blank = one.lines.saturating_sub(1 + text.matches('\n').count());
                let range = one.line - 1..one.line - 1 + one.lines;
                lines.splice(range, [text].into_iter().chain((0..blank).map(|_| String::new())));
            }
        }
        Self::parse(&(lines.join("\n") + "\n"))
    }
}

/// A word with `$NAME`, `${NAME}` and `${NAME:-default}` filled in; `None` for other forms and for what is not set.
fn filled(word: &str, known: &BTreeMap<String, String>) -> Option<String> {
    let Some((before, after)) = word.split_once('$') else { return Some(word.to_owned()) };
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (name, default, rest) = match after.strip_prefix('{') {
        Some(braced) => {
            let (inside, rest) = braced.split_once('}')?;
            let (name, default) = inside.split_once(":-").unwrap_or((inside, ""));
            (name, default, rest)
        }
        None => {
            let (name, rest) = after.split_at(after.find(|c| !is_of_name(c)).unwrap_or(after.len()));
            (name, "", rest)
        }
    };
    let value = known.get(name).map(String::as_str).filter(|value| !value.is_empty()).unwrap_or(default);
    if value.is_empty() || !name.chars().all(is_of_name) {
        return None;
    }
    Some(format!("{before}{value}{}", filled(rest, known)?))
}

/// `host-ca.crt`, or a pattern with the same beginning, which is how a file is asked for that may not be there.
fn is_ca(word: &str) -> bool {
    let word = word.strip_prefix("./").unwrap_or(word);
    let literal = word.split(['*', '?', '[']).next().unwrap_or_default();
    word == CA_FILE || (literal.len() < word.len() && literal.starts_with("host-ca") && CA_FILE.starts_with(literal))
}

fn instructions(text: &str, escape: char) -> Vec<Instruction> {
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let first = at;
        let mut joined = String::new();
        loop {
            let line = lines[at].trim();
            at += 1;
            let is_comment = line.starts_with('#') || line.is_empty();
            let goes_on = line.ends_with(escape);
            if !is_comment {
                joined.push_str(line.trim_end_matches(escape));
                joined.push(' ');
            }
            // Within an instruction, comments and empty lines are passed over.
            let is_over = !goes_on && (!is_comment || joined.is_empty());
            if is_over || at == lines.len() {
                break;
            }
        }
        let Some((keyword, rest)) = joined.trim().split_once([' ', '\t']).filter(|_| !joined.trim().is_empty()) else {
            continue;
        };
        let taken = at - first;
        let mut has_heredoc = false;
        if ["RUN", "COPY", "ADD"].iter().any(|name| keyword.eq_ignore_ascii_case(name)) {
            for delimiter in rest.split_ascii_whitespace().filter_map(heredoc) {
                if let Some(end) = lines[at..].iter().position(|line| line.trim_start_matches('\t') == delimiter) {
                    has_heredoc = true;
                    at += end + 1;
                }
            }
        }
        let (keyword, rest) = (keyword.to_owned(), rest.trim().to_owned());
        found.push(Instruction { line: first + 1, lines: taken, keyword, rest, has_heredoc });
    }
    found
}

/// The delimiter of a word such as `<<EOF`, `<<-"EOF"`, `3<<EOF`.
fn heredoc(word: &str) -> Option<&str> {
    let word = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let word = word.strip_prefix('-').unwrap_or(word);
    let name = ['"', '\''].iter().find_map(|&quote| word.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(word);
    (!name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(text: &str) -> Option<(usize, String)> {
        Dockerfile::parse(text).needs_buildkit()
    }

    #[test]
    fn what_only_buildkit_can_do_is_named_with_its_line() {
        for text in [
            "FROM debian\nRUN echo --mount=x\nCOPY --chown=1:1 a b\n",
            "# RUN --mount=type=cache\nFROM --platform=linux/amd64 debian\n",
            "FROM debian\nRUN echo $((1<<2)) <<EOF \\\n && true\n",
            "FROM debian\nARG TARGET\nCOPY --from=x a b\n",
        ] {
            assert_eq!(needs(text), None, "{text}");
        }
        for (text, line, what) in [
            ("FROM debian\n# why\nRUN --mount=type=cache,target=/x \\\n  make\n", 3, "RUN --mount"),
            ("FROM debian\n\nrun \\\n  # why\n\n  --network=none true\n", 3, "RUN --network"),
            ("FROM debian\nCOPY --chown=1 --chmod=644 a b\n", 2, "COPY --chmod"),
            ("FROM debian\nADD --checksum=sha256:1 http://x /x\n", 2, "ADD --checksum"),
            ("FROM debian\nRUN <<EOF\nRUN --mount=x\nEOF\n", 2, "RUN <<"),
            ("FROM debian\nCOPY <<-\"X\" /a\n\ta\n\tX\n", 2, "COPY <<"),
            ("# syntax=docker/dockerfile:1\nFROM debian\n", 1, "# syntax="),
            ("FROM --platform=$BUILDPLATFORM debian\n", 1, "FROM --platform=$BUILDPLATFORM"),
            ("FROM debian\nARG TARGETARCH\n", 2, "ARG TARGETARCH"),
            ("# escape=`\nFROM debian\nCOPY C:\\ D:\\\nRUN `\n --mount=x y\n", 4, "RUN --mount"),
        ] {
            assert_eq!(needs(text), Some((line, what.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_heredoc_needs_a_reader_that_knows_it() {
        assert_eq!(Dockerfile::parse("FROM a\nRUN <<E\nx\nE\n").bare_heredoc(), Some(2));
        assert_eq!(Dockerfile::parse("# syntax=docker/dockerfile:1\nFROM a\nRUN <<E\nx\nE\n").bare_heredoc(), None);
    }

    #[test]
    fn an_argument_is_found_where_it_is_declared() {
        let declares = |text: &str| Dockerfile::parse(text).declares("BASE_IMAGE");
        assert!(declares("# x\nARG BASE_IMAGE=python:3.12-slim\nFROM ${BASE_IMAGE}\n"));
        assert!(declares("arg A=1 BASE_IMAGE\n"));
        assert!(!declares("FROM debian\n# ARG BASE_IMAGE\nARG BASE_IMAGE_2\n"));
    }

    #[test]
    fn contexts_are_replaced_wherever_one_is_named() {
        let text = "FROM src AS build\nFROM debian AS src2\nCOPY --from=src \\\n  --chown=1 /a /src\nRUN --mount=type=bind,from=src,target=/x  cp  'a  b' --from=src\nCOPY src src\n";
        let images = BTreeMap::from([("src".to_owned(), "vscale/context:1".to_owned())]);
        let expected = "FROM vscale/context:1 AS build\nFROM debian AS src2\nCOPY --from=vscale/context:1 --chown=1 /a /src\n\nRUN --mount=type=bind,from=vscale/context:1,target=/x cp  'a  b' --from=src\nCOPY src src\n";
        assert_eq!(Dockerfile::parse(text).with_contexts(&images).text(), expected);
    }

    #[test]
    fn the_images_that_a_dockerfile_names_are_found() {
        let text = "# syntax=docker/dockerfile:1\nARG V=3.12\nARG BASE\nFROM python:${V}-slim AS Build\nFROM --platform=x $BASE\nFROM build AS two\nFROM ${OTHER:-debian} AS three\nFROM $UNSET\nFROM scratch\nARG V=9\nCOPY --from=build a b\nCOPY --from=0 a b\nCOPY --from=busybox:1 a b\n";
        let args = BTreeMap::from([("BASE".to_owned(), "base:1".to_owned())]);
        let images: Vec<String> = Dockerfile::parse(text).images(&args).into_iter().collect();
        assert_eq!(images, ["base:1", "busybox:1", "debian", "docker/dockerfile:1", "python:3.12-slim"]);
    }

    #[test]
    fn the_ca_bundle_comes_from_an_image_of_its_own() {
        for (line, expected) in [
            ("COPY host-ca.crt /etc/ssl/", "COPY --from=ca host-ca.crt /etc/ssl/"),
            ("COPY --chown=1:1 ./host-ca.crt* /x", "COPY --from=ca --chown=1:1 host-ca.crt /x"),
            ("COPY uv.lock host-ca.cr[t] ./", "COPY uv.lock ./\nCOPY --from=ca host-ca.crt ./"),
            ("COPY . .", "COPY . ."),
            ("COPY host-ca* /", "COPY --from=ca host-ca.crt /"),
            ("COPY * /", "COPY * /"),
            ("COPY --from=x host-ca.crt /", "COPY --from=x host-ca.crt /"),
        ] {
            let dockerfile = Dockerfile::parse(&format!("FROM a\n{line}\n"));
            assert_eq!(dockerfile.wants_ca(Path::new("/nowhere")), line != expected, "{line}");
            assert_eq!(dockerfile.with_ca("ca").text(), format!("FROM a\n{expected}\n"));
        }
    }
}
