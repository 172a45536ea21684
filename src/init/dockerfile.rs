//! What a Dockerfile tells of the server in it: the port that its last stage exposes, and how its command takes a number of
//! workers, where it is a well-known one.

use super::Workers;
use std::collections::BTreeMap;

/// As far as it is understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dockerfile {
    /// That the last stage exposes, each once.
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

impl Dockerfile {
    /// Reads `EXPOSE`, `ENV`, `ARG`, `ENTRYPOINT` and `CMD` of the last stage; all else says nothing here.
    pub fn read(text: &str) -> Self {
        let mut read = Self::default();
        let mut variables = BTreeMap::new();
        let (mut entrypoint, mut command) = (String::new(), String::new());
        for line in instructions(text) {
            let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
            match name.to_ascii_uppercase().as_str() {
                "FROM" => {
                    read = Self::default();
                    (entrypoint, command) = (String::new(), String::new());
                }
                "ARG" | "ENV" => variables.extend(assignments(rest)),
                "EXPOSE" => {
                    for word in rest.split_whitespace() {
                        let port = substituted(word, &variables);
                        let port = port.strip_suffix("/tcp").unwrap_or(&port).parse().ok();
                        read.ports.extend(port.filter(|port| !read.ports.contains(port)));
                    }
                }
                "ENTRYPOINT" => entrypoint = rest.to_owned(),
                "CMD" => command = rest.to_owned(),
                _ => {}
            }
        }
        read.workers = Workers::of_command(&format!("{entrypoint} {command}"));
        read
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
        let has_flag = |flag: &&str| words.iter().any(|word| word == flag || word.starts_with(&format!("{flag}=")));
        match of_server {
            Some((_, env, process, flags)) if !flags.iter().any(has_flag) => {
                Workers { env: Some((*env).into()), process: Some((*process).into()) }
            }
            _ => Workers::default(),
        }
    }
}

/// Lines that are continued are one; comments are none.
fn instructions(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (part, continues) = line.strip_suffix('\\').map_or((line, false), |part| (part, true));
        match lines.last_mut().filter(|_| goes_on) {
            Some(last) => last.extend([" ", part.trim()]),
            None => lines.push(part.trim().to_owned()),
        }
        goes_on = continues;
    }
    lines
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
        Dockerfile::read(text).ports
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
        assert_eq!(ports("FROM a\nEXPOSE $UNKNOWN 70000 8000-8010"), Vec::<u16>::new());
        assert_eq!(ports(""), Vec::<u16>::new());
    }

    #[test]
    fn servers_that_are_known() {
        let workers = |command: &str| Dockerfile::read(&format!("FROM x\n{command}")).workers;
        let gunicorn = Workers { env: Some("WEB_CONCURRENCY".into()), process: Some("gunicorn".into()) };
        assert_eq!(workers("CMD [\"gunicorn\", \"-b\", \"0.0.0.0:8000\", \"app:app\"]"), gunicorn);
        assert_eq!(workers("ENTRYPOINT [\"/venv/bin/gunicorn\"]\nCMD [\"app:app\"]"), gunicorn);
        assert_eq!(workers("CMD exec uvicorn app:app --host 0.0.0.0").process.as_deref(), Some("uvicorn|spawn_main"));
        for told in
            ["CMD gunicorn -w 4 app:app", "CMD [\"uvicorn\",\"--workers=4\",\"a:a\"]", "CMD node gunicorn.js", ""]
        {
            assert_eq!(workers(told), Workers::default(), "{told}");
        }
    }
}
