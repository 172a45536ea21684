//! What a person sees on stderr while a run goes on: a line a step, and one live line that is written over.

use crate::{cli::ProgressArg, text::plain};
use std::{
    io::{IsTerminal, Write, stderr},
    time::{Duration, Instant},
};

/// At most four updates a second on a terminal; elsewhere, where nothing can be written over, a line every 10 s.
const TTY_INTERVAL: Duration = Duration::from_millis(250);
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);
const LINE_CHARS: usize = 100;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Tty,
    Plain,
    Quiet,
}

/// Progress on stderr.
pub struct Progress {
    mode: Mode,
    start: Instant,
    live_since: Instant,
    live_shown: bool,
}

impl Progress {
    /// As asked for; `Auto` looks whether stderr is a terminal.
    pub fn new(asked: ProgressArg) -> Self {
        let mode = match asked {
            ProgressArg::Tty => Mode::Tty,
            ProgressArg::Plain => Mode::Plain,
            ProgressArg::Quiet => Mode::Quiet,
            ProgressArg::Auto if stderr().is_terminal() => Mode::Tty,
            ProgressArg::Auto => Mode::Plain,
        };
        Self { mode, start: Instant::now(), live_since: Instant::now(), live_shown: false }
    }

    /// A step begins: a line that stays.
    pub fn step(&mut self, text: &str) {
        if self.mode != Mode::Quiet {
            let clear = if self.live_shown { "\r\x1b[K" } else { "" };
            let _ = writeln!(stderr(), "{clear}{:6.1} s  {}", self.start.elapsed().as_secs_f64(), plain(text));
        }
        self.live_shown = false;
        self.live_since = Instant::now();
    }

    /// How the step goes: shown now and then.
    pub fn live(&mut self, text: &str) {
        let (interval, begin, end) = match self.mode {
            Mode::Tty => (TTY_INTERVAL, "\r\x1b[K", ""),
            Mode::Plain => (PLAIN_INTERVAL, "", "\n"),
            Mode::Quiet => return,
        };
        if self.live_since.elapsed() >= interval {
            let text: String = plain(text).chars().take(LINE_CHARS).collect();
            let _ = write!(stderr(), "{begin}{:6.1} s    {text}{end}", self.start.elapsed().as_secs_f64());
            let _ = stderr().flush();
            self.live_shown = self.mode == Mode::Tty;
            self.live_since = Instant::now();
        }
    }

    /// Wipes the live line before something else is printed.
    pub fn clear(&mut self) {
        if self.live_shown {
            let _ = write!(stderr(), "\r\x1b[K");
            self.live_shown = false;
        }
    }
}
