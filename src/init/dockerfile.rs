//! What a Dockerfile tells of the server in it: the ports that a stage exposes, and how its command takes a number of workers,
//! where it is a well-known one.

use super::Workers;
use std::collections::{BTreeMap, VecDeque};

/// As far as it is understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dockerfile {
    /// That the stage exposes, each once.
    pub ports: Vec<u16>,
    /// How many workers its command starts.
    pub workers: Workers,
}

/// Servers whose number of workers comes from a variable where no flag says it: a word of the command, the variable, what the
/// workers' command lines match, and the flags.
const SERVERS: [(&str, &str, &str, [&str; 2]); 2] = [
    ("gunicorn", "WEB_CONCURRENCY", "gunicorn", ["-w", "--workers"]),
    ("uvicorn", "WEB_CONCURRENCY", "uvicorn|spawn_main", ["--workers", "--reload"]),
];

/// What a stage has come to, line after line.
#[derive(Clone, Default)]
struct Stage {
    ports: Vec<u16>,
    variables: BTreeMap<String, String>,
    entrypoint: String,
    command: String,
    /// The command is that of the stage on which this one is built.
    is_command_inherited: bool,
}

impl Dockerfile {
    /// Reads `EXPOSE`, `ENV`, `ARG`, `ENTRYPOINT` and `CMD` of a stage, by its name, or of the last one, and of those it is built
    /// on; all else says nothing here.
    pub fn read(text: &str, wanted: Option<&str>) -> Self {
        let mut stages: BTreeMap<String, Stage> = BTreeMap::new();
        let (mut arguments, mut name, mut stage) = (BTreeMap::new(), None, Stage::default());
        for line in instructions(text) {
            let (instruction, rest) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
            let (instruction, rest) = (instruction.to_ascii_uppercase(), rest.trim());
            match (instruction.as_str(), &name) {
                ("FROM", _) => {
                    if let Some(before) = name.take() {
                        stages.insert(before, stage);
                    }
                    let words: Vec<String> = rest
                        .split_whitespace()
                        .filter(|word| !word.starts_with("--"))
                        .map(str::to_ascii_lowercase)
                        .collect();
                    let base = words.first().and_then(|base| stages.get(base));
                    stage = base.cloned().unwrap_or_default();
                    stage.is_command_inherited = true;
                    // Stages without a name have a number.
                    name = Some(words.get(2).cloned().unwrap_or_else(|| stages.len().to_string()));
                }
                // Those before the first stage are for the others to take.
                ("ARG", None) => arguments.extend(assignments(rest)),
                _ => stage.take(&instruction, rest, &arguments),
            }
        }
        let last = name.map(|name| (name, stage));
        stages.extend(last.clone());
        let chosen = match wanted {
            Some(wanted) => stages.remove(&wanted.to_ascii_lowercase()),
            None => last.map(|(_, stage)| stage),
        };
        let Stage { ports, entrypoint, command, .. } = chosen.unwrap_or_default();
        Self { ports, workers: Workers::of_command(&format!("{entrypoint} {command}")) }
    }
}

impl Stage {
    fn take(&mut self, instruction: &str, rest: &str, arguments: &BTreeMap<String, String>) {
        match instruction {
            "ENV" => self.variables.extend(assignments(rest)),
            "ARG" => {
                for word in rest.split_whitespace() {
                    let given = assignments(word)
                        .pop()
                        .or_else(|| arguments.get(word).map(|value| (word.to_owned(), value.clone())));
                    self.variables.extend(given);
                }
            }
            "EXPOSE" => {
                for word in rest.split_whitespace() {
                    let port = substituted(word.trim_matches(['"', '\'']), &self.variables);
                    let port = port.strip_suffix("/tcp").unwrap_or(&port).parse().ok();
                    self.ports.extend(port.filter(|port| !self.ports.contains(port)));
                }
            }
            "ENTRYPOINT" => {
                self.entrypoint = rest.to_owned();
                if self.is_command_inherited {
                    self.command.clear();
                }
            }
            "CMD" => (self.command, self.is_command_inherited) = (rest.to_owned(), false),
            _ => {}
        }
    }
}

impl Workers {
    /// How a command takes its number of workers, where it is a well-known server's and no flag in it says it.
    pub fn of_command(command: &str) -> Self {
        let words: Vec<&str> = command
            .split(|c: char| c.is_whitespace() || "[],\"'".contains(c))
            .filter(|word| !word.is_empty())
            .collect();
        let is_called = |name: &str| words.iter().any(|word| word.rsplit('/').next() == Some(name));
        let of_server = SERVERS.iter().find(|(name, ..)| is_called(name));
        // The value of a short flag may follow at once: `-w4`.
        let has_flag = |flag: &&str| match flag.starts_with("--") {
            true => words.iter().any(|word| word == flag || word.starts_with(&format!("{flag}="))),
            false => words.iter().any(|word| word.starts_with(flag)),
        };
        match of_server {
            Some((_, env, process, flags)) if !flags.iter().any(has_flag) => {
                Workers { env: Some((*env).into()), process: Some((*process).into()) }
            }
            _ => Workers::default(),
        }
    }
}

/// Lines that are continued are one; comments are none, and neither are here-documents.
fn instructions(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut goes_on = false;
    let mut ends: VecDeque<String> = VecDeque::new();
    for line in text.lines().map(str::trim) {
        if let Some(end) = ends.front() {
            if line == end {
                ends.pop_front();
            }
            continue;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (part, continues) = line.strip_suffix('\\').map_or((line, false), |part| (part, true));
        match lines.last_mut().filter(|_| goes_on) {
            Some(last) => last.extend([" ", part.trim()]),
            None => lines.push(part.trim().to_owned()),
        }
        goes_on = continues;
        if let Some(whole) = lines.last().filter(|_| !goes_on) {
            ends.extend(here_documents(whole));
        }
    }
    lines
}

/// What ends each here-document of an instruction that may have some: `RUN <<EOF cat <<-'TWO'`.
fn here_documents(instruction: &str) -> Vec<String> {
    let mut words = instruction.split_whitespace();
    if !words.next().is_some_and(|name| ["RUN", "COPY", "ADD"].iter().any(|known| name.eq_ignore_ascii_case(known))) {
        return Vec::new();
    }
    let end = |word: &str| {
        let name = word.split_once("<<")?.1.trim_start_matches('-').trim_matches(['"', '\'']);
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        is_name.then(|| name.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect())
    };
    words.filter_map(end).collect()
}

/// `NAME=value OTHER="value"`, and the old `NAME value`.
fn assignments(text: &str) -> Vec<(String, String)> {
    let unquoted = |value: &str| value.trim_matches(['"', '\'']).to_owned();
    match text.split_once(char::is_whitespace) {
        Some((name, value)) if !name.contains('=') => vec![(name.to_owned(), unquoted(value.trim()))],
        _ => text
            .split_whitespace()
            .filter_map(|word| word.split_once('='))
            .map(|(name, value)| (name.to_owned(), unquoted(value)))
            .collect(),
    }
}

/// `$NAME`, `${NAME}` and `${NAME:-default}` at the start of a word.
fn substituted(word: &str, variables: &BTreeMap<String, String>) -> String {
    let Some(rest) = word.strip_prefix('$') else { return word.to_owned() };
    let (name, after) = match rest.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
        Some(split) => split,
        None => rest.split_at(rest.find('/').unwrap_or(rest.len())),
    };
    let (name, default) = name.split_once(":-").unwrap_or((name, ""));
    variables.get(name).map_or(default, String::as_str).to_owned() + after
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(text: &str) -> Vec<u16> {
        Dockerfile::read(text, None).ports
    }

    #[test]
    fn ports_of_the_last_stage() {
        assert_eq!(
            ports("FROM a AS build\nEXPOSE 1\nFROM b\nexpose 8000/tcp \\\n  # two\n  8001 53/udp 8000"),
            [8000, 8001]
        );
        assert_eq!(
            ports("FROM a\nARG P=9000\nENV Q=\"9001\" R=9002\nENV S 9003\nEXPOSE $P ${Q}/tcp ${R:-1} $S ${T:-9004}"),
            [9000, 9001, 9002, 9003, 9004]
        );
        assert_eq!(ports("FROM a\nEXPOSE \"80\" '81/tcp'"), [80, 81]);
        assert_eq!(ports("FROM a\nEXPOSE $UNKNOWN 70000 8000-8010"), Vec::<u16>::new());
        assert_eq!(ports(""), Vec::<u16>::new());
    }

    #[test]
    fn variables_are_those_of_the_stage_and_of_what_it_is_built_on() {
        assert_eq!(ports("ARG P=1\nFROM a\nEXPOSE $P"), Vec::<u16>::new(), "it does not take it");
        assert_eq!(ports("ARG P=1\nFROM a\nARG P\nEXPOSE $P"), [1]);
        assert_eq!(ports("ARG P=1\nFROM a\nARG P=2 Q=3\nEXPOSE $P $Q"), [2, 3]);
        assert_eq!(ports("FROM a\nENV P=1\nFROM b\nEXPOSE $P"), Vec::<u16>::new(), "of another stage");
        assert_eq!(ports("FROM a AS Base\nENV P=1\nEXPOSE 2\nFROM --platform=x base\nEXPOSE $P"), [2, 1]);
        assert_eq!(ports("FROM a\nEXPOSE 1\nFROM 0\nEXPOSE 2"), [1, 2], "by its number");
    }

    #[test]
    fn a_stage_by_its_name() {
        let text = "FROM a AS prod\nEXPOSE 80\nCMD gunicorn a:a\nFROM prod AS dev\nEXPOSE 81\nENTRYPOINT [\"node\"]";
        let read = |stage: Option<&str>| Dockerfile::read(text, stage);
        assert_eq!(read(Some("PROD")).ports, [80]);
        assert_eq!(read(Some("prod")).workers.process.as_deref(), Some("gunicorn"));
        assert_eq!((read(None).ports, read(None).workers), (vec![80, 81], Workers::default()));
        assert_eq!(read(Some("other")), Dockerfile::default());
    }

    #[test]
    fn here_documents_are_no_instructions() {
        let text = "FROM a\nRUN <<EOF cat <<-'TWO' > x\nEXPOSE 1\nEOF\nCMD gunicorn\n\tTWO\nCOPY <<\"E\" /x\nFROM b\nE\nRUN a << 2\nEXPOSE 80";
        assert_eq!(Dockerfile::read(text, None), Dockerfile { ports: vec![80], workers: Workers::default() });
    }

    #[test]
    fn servers_that_are_known() {
        let workers = |command: &str| Dockerfile::read(&format!("FROM x\n{command}"), None).workers;
        let gunicorn = Workers { env: Some("WEB_CONCURRENCY".into()), process: Some("gunicorn".into()) };
        assert_eq!(workers("CMD [\"gunicorn\", \"-b\", \"0.0.0.0:8000\", \"app:app\"]"), gunicorn);
        assert_eq!(workers("ENTRYPOINT [\"/venv/bin/gunicorn\"]\nCMD [\"app:app\"]"), gunicorn);
        assert_eq!(workers("CMD exec uvicorn app:app --host 0.0.0.0").process.as_deref(), Some("uvicorn|spawn_main"));
        for told in [
            "CMD gunicorn -w 4 app:app",
            "CMD gunicorn -w4 app:app",
            "CMD [\"uvicorn\",\"--workers=4\",\"a:a\"]",
            "CMD node gunicorn.js",
            "",
        ] {
            assert_eq!(workers(told), Workers::default(), "{told}");
        }
    }
}
