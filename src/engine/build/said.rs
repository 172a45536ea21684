//! What a builder says, line by line: the classic one sends its steps' output in pieces as they were written, so that a line,
//! and an escape sequence in it, may come in several.

use crate::text::plain;
use std::collections::VecDeque;

/// Lines that an error shows.
const SHOWN_LINES: usize = 15;
/// A longer line is passed on in parts.
const LINE_LIMIT_BYTES: usize = 16 << 10;

pub(super) struct Said<'a> {
    progress: &'a mut dyn FnMut(&str),
    partial: String,
    last: VecDeque<String>,
}

impl<'a> Said<'a> {
    pub(super) fn new(progress: &'a mut dyn FnMut(&str)) -> Self {
        Self { progress, partial: String::new(), last: VecDeque::new() }
    }

    /// A piece of output, which may end within a line.
    pub(super) fn text(&mut self, piece: &str) {
        self.partial.push_str(piece);
        while let Some(end) = self.partial.find('\n') {
            let line: String = self.partial.drain(..=end).collect();
            self.line(&line);
        }
        if self.partial.len() > LINE_LIMIT_BYTES {
            self.end();
        }
    }

    /// A whole line: what a terminal would show of it in the end, without colours.
    pub(super) fn line(&mut self, line: &str) {
        let shown = plain(line.trim_end().rsplit('\r').next().unwrap_or_default());
        let shown = shown.trim_end();
        if shown.is_empty() {
            return;
        }
        (self.progress)(shown);
        self.last.push_back(shown.to_owned());
        if self.last.len() > SHOWN_LINES {
            self.last.pop_front();
        }
    }

    /// The last lines, for an error.
    pub(super) fn last_words(mut self) -> String {
        self.end();
        self.last.make_contiguous().join("\n  ")
    }

    fn end(&mut self) {
        let line = std::mem::take(&mut self.partial);
        self.line(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::Said;

    #[test]
    fn lines_are_whole_and_carry_no_escapes() {
        let mut lines = Vec::new();
        let mut progress = |line: &str| lines.push(line.to_owned());
        let mut said = Said::new(&mut progress);
        for piece in
            ["Step 1/2\n\u{1b}", "[1;37mbo", "ld\u{1b}[0m\n 10%\r 50%\r100%\r\n\n", "\u{1b}]0;title\u{7}en", "d"]
        {
            said.text(piece);
        }
        assert_eq!(said.last_words(), "Step 1/2\n  bold\n  100%\n  end");
        assert_eq!(lines, ["Step 1/2", "bold", "100%", "end"]);
    }

    #[test]
    fn an_error_shows_the_newest() {
        let mut progress = |_: &str| {};
        let mut said = Said::new(&mut progress);
        (0..100).for_each(|number| said.line(&number.to_string()));
        assert!(said.last_words().starts_with("85\n  86"));
    }
}
