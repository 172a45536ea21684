//! The summary of a run as GitHub-flavoured Markdown: `report.md`, and what goes into a job's summary.

use super::{
    summary::{Badge, Summary, summary},
    table::{Column, Table},
};
use crate::{analyse::Analysis, model::Run};

/// `report.md`.
pub fn render(run: &Run, analysis: &Analysis) -> String {
    let summary = summary(run, analysis);
    let mut blocks = head(&summary);
    let facts = facts(&summary);
    // What was found comes first, where there is an answer.
    let (before, after) = if summary.answer.is_empty() { (Some(facts), None) } else { (None, Some(facts)) };
    blocks.extend(before);
    for table in &summary.tables {
        blocks.push(format!("## {}", escaped(&table.title)));
        blocks.push(draw(table));
    }
    if let Some(facts) = after {
        blocks.push("## How it was measured".to_owned());
        blocks.push(facts);
    }
    if !summary.findings.is_empty() {
        blocks.push("## Warnings".to_owned());
        let bullet = |text: &str| format!("- {}", escaped(text));
        blocks.push(lines(summary.findings.iter().map(|finding| bullet(&finding.text))));
    }
    blocks.push("## How to read it".to_owned());
    blocks.push(lines(summary.notes.iter().map(|note| format!("- {}", escaped(note)))));
    blocks.join("\n\n") + "\n"
}

fn head(summary: &Summary) -> Vec<String> {
    let badge = match summary.badge {
        Badge::Valid => Badge::Valid.text().to_owned(),
        bad => format!("**{}**", bad.text()),
    };
    let answer = (!summary.answer.is_empty()).then(|| lines(summary.answer.iter().map(bullet)));
    let title = [format!("# {}", escaped(&summary.title)), format!("{} ({badge})", escaped(&summary.headline))];
    title.into_iter().chain(answer).collect()
}

fn facts(summary: &Summary) -> String {
    lines([format!("- id: {}", escaped(&summary.id))].into_iter().chain(summary.facts.iter().map(bullet)))
}

fn bullet((name, text): &(String, String)) -> String {
    format!("- {}: {}", escaped(name), escaped(text))
}

fn draw(table: &Table) -> String {
    let rule = |column: &Column| if column.numeric { "---:" } else { "---" }.to_owned();
    let head = line(table.columns.iter().map(|column| escaped(&column.title)));
    let rules = line(table.columns.iter().map(rule));
    let rows = table.rows.iter().map(|row| line(row.cells.iter().map(|cell| escaped(cell))));
    lines([head, rules].into_iter().chain(rows))
}

fn line(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
}

fn lines(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().collect::<Vec<_>>().join("\n")
}

/// Text that Markdown shows as it is: no markup, link, image or HTML comes of it.
///
/// Source: GitHub Flavored Markdown Spec, "Backslash escapes" and "Entity references".
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' => safe.extend(['\\', character]),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_stays_a_cell() {
        assert_eq!(escaped("a|b <img src=x> [c](d) `e`"), "a\\|b &lt;img src=x&gt; \\[c\\](d) \\`e\\`");
    }

    #[test]
    fn a_table_is_github_s() {
        let mut table = Table::new("t", ["name", "#count"]);
        table.row(["a|b", "1"]);
        assert_eq!(draw(&table), "| name | count |\n| --- | ---: |\n| a\\|b | 1 |");
    }
}
