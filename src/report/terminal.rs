//! The summary of a run for a terminal. How wide it is, and whether it may be coloured, the caller decides (a terminal,
//! `NO_COLOR`, `CLICOLOR_FORCE`); without colour there is no escape sequence in it.

use super::{
    layout::{self, Kind, wrapped},
    summary::{Badge, Summary, summary},
    table::Table,
};
use crate::{
    analyse::Analysis,
    model::Run,
    text::{columns, fitted},
};

/// Columns where no terminal says how many it has.
pub const WIDTH: usize = 100;

/// What is printed when a run is over, no line wider than `width`.
pub fn render(run: &Run, analysis: &Analysis, width: usize, colour: bool) -> String {
    let summary = summary(run, analysis);
    let paint = Paint { colour };
    let mut lines = head(&summary, width, paint);
    let facts = named(&summary.facts, width);
    // An answer and its numbers are to be on one screen.
    let (before, after) = if summary.answer.is_empty() { (facts, Vec::new()) } else { (Vec::new(), facts) };
    lines.extend(before);
    for table in &summary.tables {
        lines.push(String::new());
        lines.extend(draw(table, width, paint));
    }
    lines.push(String::new());
    if !after.is_empty() {
        lines.extend(after);
        lines.push(String::new());
    }
    lines.extend(remarks(&summary, width, paint));
    lines.extend(summary.notes.iter().flat_map(|note| wrapped(note, "", width)).map(|line| paint.dim(&line)));
    lines.push(String::new());
    lines.join("\n")
}

fn head(summary: &Summary, width: usize, paint: Paint) -> Vec<String> {
    let text = summary.badge.text();
    let badge = match summary.badge {
        Badge::Valid => paint.good(text),
        Badge::Behind | Badge::Unfinished => paint.warn(text),
        Badge::Busy | Badge::Invalid => paint.bad(text),
    };
    let id = fitted(&summary.id, width.saturating_sub(columns(text) + 2));
    let mut lines = vec![format!("{}  {badge}", paint.bold(id))];
    lines.extend(wrapped(&summary.headline, "", width));
    lines.extend(named(&summary.answer, width));
    lines
}

/// Names at the left, what there is to say of each beside it.
fn named(named: &[(String, String)], width: usize) -> Vec<String> {
    named.iter().flat_map(|(name, text)| wrapped(text, &format!("{name:<8}"), width)).collect()
}

fn remarks(summary: &Summary, width: usize, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    for finding in &summary.findings {
        let painted = |line: String| if finding.bad { paint.bad(&line) } else { paint.warn(&line) };
        lines.extend(wrapped(&finding.text, "warning: ", width).into_iter().map(painted));
    }
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

/// A table without colour.
pub fn draw_plain(table: &Table, width: usize) -> Vec<String> {
    draw(table, width, Paint { colour: false })
}

fn draw(table: &Table, width: usize, paint: Paint) -> Vec<String> {
    let painted = |line: layout::Line| match line.kind {
        Kind::Title => paint.bold(&line.text),
        Kind::Head => paint.dim(&line.text),
        Kind::Row => line.text,
        Kind::Bad => paint.bad(&line.text),
    };
    layout::table(table, width).into_iter().map(painted).collect()
}

/// ECMA-48 colours, or none.
#[derive(Clone, Copy)]
struct Paint {
    colour: bool,
}

impl Paint {
    fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    fn good(self, text: &str) -> String {
        self.wrap("32", text)
    }

    fn warn(self, text: &str) -> String {
        self.wrap("33", text)
    }

    fn bad(self, text: &str) -> String {
        self.wrap("31;1", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
