//! Expected errors and the exit status that each kind ends with.

use std::path::{Path, PathBuf};

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An expected error: its text says what is wrong and where, and what to do where that is known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A flag's value, or flags that do not go together.
    #[error("{0}")]
    Usage(String),
    /// The compose file or what it names: the message starts with file and line where there is one.
    #[error("{0}")]
    Compose(String),
    /// The host or the engine cannot do what is asked.
    #[error("{0}")]
    Preflight(String),
    /// A container did not start or did not become ready.
    #[error("{0}")]
    Start(String),
    /// The engine refused a call, or did not answer it: an `EngineError`, which the engine's own module knows.
    #[error(transparent)]
    Engine(Box<dyn std::error::Error + Send + Sync>),
    /// Reading or writing a file.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Stopped by SIGINT, SIGTERM or SIGHUP.
    #[error("stopped by {}", signal_name(*.0))]
    Signal(i32),
    /// Whoever read stdout has left: said by the status alone, as a shell says it of a program that SIGPIPE ended.
    #[error("nobody reads stdout any more")]
    ClosedPipe,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// The process's exit status for this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Compose(_) => 2,
            Self::Preflight(_) => 3,
            Self::Start(_) => 4,
            Self::Engine(_) | Self::File { .. } | Self::Other(_) => 1,
            Self::Signal(number) => 128 + u8::try_from(*number).unwrap_or(0),
            Self::ClosedPipe => 141,
        }
    }

    /// For `map_err` on reading a file that a flag names.
    pub fn input(path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().display().to_string();
        move |source| Self::Usage(format!("{path}: {source}"))
    }

    /// For `map_err` on other file operations.
    pub fn file(path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::File { path, source }
    }
}

fn signal_name(number: i32) -> &'static str {
    match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        15 => "SIGTERM",
        _ => "a signal",
    }
}

/// Exit statuses of runs that measured something but must be looked at.
pub mod exit {
    use std::cmp::Reverse;

    /// All is well.
    pub const OK: u8 = 0;
    /// Measured, but a validity gate failed.
    pub const INVALID: u8 = 5;
    /// Measured, but the host was too busy to believe it.
    pub const BUSY: u8 = 8;
    /// Measured, but something is left in the engine.
    pub const LEFTOVERS: u8 = 6;
    /// More failed requests than `--max-failure-rate` allows.
    pub const FAILURES: u8 = 7;
    /// Measured, but a `--fail-if` holds; as k6 has it.
    pub const THRESHOLD: u8 = 99;

    /// Compared, but whether a `--fail-if` holds cannot be told.
    pub const INCONCLUSIVE: u8 = 98;

    /// Those that are no signal's, the one that says most first.
    const ORDER: [u8; 10] = [1, 2, 3, 4, INVALID, BUSY, LEFTOVERS, FAILURES, THRESHOLD, INCONCLUSIVE];

    /// The one to end with where several hold; the others are said in words.
    pub fn of_several(statuses: impl IntoIterator<Item = u8>) -> u8 {
        let weight = |status: &u8| match ORDER.iter().position(|it| it == status) {
            _ if *status == OK => 0,
            Some(place) => ORDER.len() - place,
            None => ORDER.len() + 1,
        };
        // Of several signals the first.
        let heaviest = statuses.into_iter().enumerate().max_by_key(|(at, status)| (weight(status), Reverse(*at)));
        heaviest.map_or(OK, |(_, status)| status)
    }

    #[cfg(test)]
    mod tests {
        use super::of_several;

        #[test]
        fn what_says_most_comes_first() {
            assert_eq!(of_several([]), 0);
            for (several, one) in [
                (vec![0, 0], 0),
                (vec![6, 130, 1], 130),
                (vec![143, 130], 143),
                (vec![6, 5, 4], 4),
                (vec![6, 5], 5),
                (vec![6, 8], 8),
                (vec![0, 7, 6, 99], 6),
                (vec![99, 7], 7),
                (vec![98, 99, 0], 99),
                (vec![0, 98], 98),
            ] {
                assert_eq!(of_several(several.clone()), one, "{several:?}");
            }
        }
    }
}
