//! The summary of a run for a terminal, at most [`WIDTH`] columns wide. Whether it may be coloured, the caller decides
//! (a terminal, `NO_COLOR`, `CLICOLOR_FORCE`); without colour there is no escape sequence in it.

use super::{
    summary::{Summary, summary},
    table::{Row, Table},
};
use crate::{analyse::Analysis, model::Run, text::shortened};

/// Columns that no line goes beyond.
pub const WIDTH: usize = 100;

const GAP: usize = 2;
const NARROWEST: usize = 6;

/// What is printed when a run is over.
pub fn render(run: &Run, analysis: &Analysis, colour: bool) -> String {
    let summary = summary(run, analysis);
    let paint = Paint { colour };
    let mut lines = head(&summary, paint);
    for table in &summary.tables {
        lines.push(String::new());
        lines.extend(draw(table, paint));
    }
    lines.push(String::new());
    lines.extend(remarks(&summary, paint));
    lines.extend(summary.notes.iter().flat_map(|note| wrapped(note, "")).map(|line| paint.dim(&line)));
    lines.push(String::new());
    lines.join("\n")
}

fn head(summary: &Summary, paint: Paint) -> Vec<String> {
    let badge = if summary.valid { paint.good("valid") } else { paint.bad("INVALID") };
    let mut lines = vec![format!("{}  {badge}", paint.bold(&shortened(&summary.id, WIDTH - 10)))];
    lines.extend(wrapped(&summary.headline, ""));
    for (name, value) in &summary.facts {
        let label = format!("{name:<8}");
        lines.extend(wrapped(value, &label));
    }
    lines
}

fn remarks(summary: &Summary, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    for finding in &summary.findings {
        let painted = |line: String| if finding.bad { paint.bad(&line) } else { paint.warn(&line) };
        lines.extend(wrapped(&finding.text, "warning: ").into_iter().map(painted));
    }
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

/// A table without colour.
pub fn draw_plain(table: &Table) -> Vec<String> {
    draw(table, Paint { colour: false })
}

fn draw(table: &Table, paint: Paint) -> Vec<String> {
    let widths = widths(table);
    let titles: Vec<&str> = table.columns.iter().map(|column| column.title.as_str()).collect();
    let mut lines = vec![paint.bold(&shortened(&table.title, WIDTH)), paint.dim(&aligned(&titles, table, &widths))];
    lines.extend(table.rows.iter().map(|row| {
        let line = aligned(&row.cells, table, &widths);
        if row.bad { paint.bad(&line) } else { line }
    }));
    lines
}

/// As wide as the widest cell of each column; the widest columns give way until all fit.
fn widths(table: &Table) -> Vec<usize> {
    let widest_cell = |index: usize| {
        let cell = |row: &Row| row.cells.get(index).map_or(0, |cell| cell.chars().count());
        table.rows.iter().map(cell).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = table
        .columns
        .iter()
        .enumerate()
        .map(|(index, column)| column.title.chars().count().max(widest_cell(index)))
        .collect();
    let gaps = GAP * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > WIDTH {
        match widths.iter_mut().max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            _ => break,
        }
    }
    widths
}

fn aligned<S: AsRef<str>>(cells: &[S], table: &Table, widths: &[usize]) -> String {
    let padded = cells.iter().zip(&table.columns).zip(widths).map(|((cell, column), &width)| {
        let cell = shortened(cell.as_ref(), width);
        if column.numeric { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
    });
    padded.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end().to_owned()
}

/// `text` after `label`, broken between words, the further lines set in by the label's width.
fn wrapped(text: &str, label: &str) -> Vec<String> {
    let room = WIDTH - label.chars().count();
    let mut lines = vec![String::new()];
    for word in text.split_whitespace().map(|word| shortened(word, room)) {
        let line = lines.last_mut().expect("there is one line from the start");
        if line.is_empty() {
            line.push_str(&word);
        } else if line.chars().count() + 1 + word.chars().count() <= room {
            line.push(' ');
            line.push_str(&word);
        } else {
            lines.push(word);
        }
    }
    let indent = " ".repeat(label.chars().count());
    lines
        .iter()
        .enumerate()
        .map(|(index, line)| format!("{}{line}", if index == 0 { label } else { &indent }))
        .collect()
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
