//! Shows on stderr what happens, as lines that stay and one live line that is written over, or as JSON lines.

use super::columns_of;
use crate::{
    cli::ProgressArg,
    events::Event,
    report::{
        layout::wrapped,
        progress::{Line, line},
    },
    text::{fitted_words, plain},
};
use std::{
    io::{IsTerminal, Write, stderr},
    time::{Duration, Instant},
};

/// At most four updates a second on a terminal; elsewhere, where nothing can be written over, a line every 10 s.
const TTY_INTERVAL: Duration = Duration::from_millis(250);
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Tty,
    Plain,
    Json,
    Quiet,
}

/// What is shown, and since when.
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
            ProgressArg::Json => Mode::Json,
            ProgressArg::Quiet => Mode::Quiet,
            ProgressArg::Auto if stderr().is_terminal() => Mode::Tty,
            ProgressArg::Auto => Mode::Plain,
        };
        Self { mode, start: Instant::now(), live_since: Instant::now(), live_shown: false }
    }

    /// Something has happened.
    pub fn tell(&mut self, event: &Event) {
        if self.mode == Mode::Json {
            self.json(event);
        } else {
            match line(event) {
                Line::Step(text) => self.step(&text),
                Line::Live(text) => self.live(&text),
            }
        }
    }

    /// A step begins: a line that stays.
    pub fn step(&mut self, text: &str) {
        if matches!(self.mode, Mode::Tty | Mode::Plain) {
            let clear = if self.live_shown { "\r\x1b[K" } else { "" };
            let label = format!("{:6.1} s  ", self.start.elapsed().as_secs_f64());
            // Where nothing is shown on a screen, a line stays a line.
            let width = if self.mode == Mode::Tty { columns_of(stderr()) } else { usize::MAX };
            let _ = writeln!(stderr(), "{clear}{}", wrapped(&plain(text), &label, width).join("\n"));
        }
        self.live_shown = false;
        self.live_since = Instant::now();
    }

    /// How the step goes: shown now and then.
    pub fn live(&mut self, text: &str) {
        let (interval, begin, end) = match self.mode {
            Mode::Tty => (TTY_INTERVAL, "\r\x1b[K", ""),
            Mode::Plain => (PLAIN_INTERVAL, "", "\n"),
            Mode::Json | Mode::Quiet => return,
        };
        if self.live_since.elapsed() >= interval {
            let line = format!("{:6.1} s    {}", self.start.elapsed().as_secs_f64(), plain(text));
            // The last column stays free: a cursor beyond it may be on the next line already.
            let line = if self.mode == Mode::Tty { fitted_words(&line, columns_of(stderr()) - 1) } else { line };
            let _ = write!(stderr(), "{begin}{line}{end}");
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

    /// The event with the time since the start.
    fn json(&self, event: &Event) {
        if let Ok(serde_json::Value::Object(mut line)) = serde_json::to_value(event) {
            line.insert("after_us".into(), (self.start.elapsed().as_micros() as u64).into());
            // Who reads it may have left.
            let _ = writeln!(stderr(), "{}", serde_json::Value::Object(line));
        }
    }
}
