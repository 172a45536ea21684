//! Text laid out in columns of a terminal: sentences broken between words, and tables that fit. A table that is too wide has
//! its titles and words broken into lines; if that is not enough, its columns are drawn in several blocks, one below the
//! other. Nothing is left out, and nothing is broken within a word that fits.

use super::table::{Column, Row, Table};
use crate::text::{columns, fitted};

const GAP: usize = 2;

/// A line of a table, and what is on it.
pub struct Line {
    /// As wide as there is room, at most.
    pub text: String,
    /// What to make of it.
    pub kind: Kind,
}

/// What a line of a table is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The table's title.
    Title,
    /// Titles of columns.
    Head,
    /// A row.
    Row,
    /// A row that shows something that invalidates.
    Bad,
}

/// `text` after `label`, broken between words, the further lines set in by the label's width.
pub fn wrapped(text: &str, label: &str, width: usize) -> Vec<String> {
    let indent = " ".repeat(columns(label));
    let lines = words(text, width.saturating_sub(indent.len()).max(1));
    let start = |index: usize| if index == 0 { label } else { &indent };
    lines.iter().enumerate().map(|(index, line)| format!("{}{line}", start(index))).collect()
}

/// The whole table, at most `width` wide.
pub fn table(table: &Table, width: usize) -> Vec<Line> {
    let titles = words(&table.title, width).into_iter().map(|text| Line { text, kind: Kind::Title });
    let blocks = blocks(table, width);
    titles.chain(blocks.iter().flat_map(|block| draw(table, block, width))).collect()
}

/// Lines of at most `width` columns; a word that is wider by itself is broken.
fn words(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is one line from the start");
        let used = columns(line);
        if used == 0 {
            *line = word.to_owned();
        } else if used + 1 + columns(word) <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
        while let Some(line) = lines.last_mut().filter(|line| columns(line) > width) {
            let kept = fitted(line, width).len().max(line.chars().next().map_or(0, char::len_utf8));
            let rest = line.split_off(kept);
            lines.push(rest);
        }
    }
    lines
}

/// What a column cannot be narrower than, and what it would like to have.
#[derive(Clone, Copy)]
struct Room {
    least: usize,
    most: usize,
}

impl Room {
    fn of(table: &Table, index: usize, width: usize) -> Self {
        let widest_word = |text: &str| text.split_whitespace().map(columns).max().unwrap_or(0);
        let column = &table.columns[index];
        let cells = || table.rows.iter().filter_map(|row| row.cells.get(index));
        let most = cells().map(|cell| columns(cell)).max().unwrap_or(0).max(columns(&column.title));
        let least = if column.numeric {
            cells().map(|cell| columns(cell)).max().unwrap_or(0)
        } else {
            cells().map(|cell| widest_word(cell)).max().unwrap_or(0)
        };
        Self { least: least.max(widest_word(&column.title)).min(width), most: most.min(width) }
    }
}

/// Which columns stand beside each other: all, or the leading words with as many numbers as fit, block by block.
fn blocks(table: &Table, width: usize) -> Vec<Vec<usize>> {
    let least: Vec<usize> = (0..table.columns.len()).map(|index| Room::of(table, index, width).least).collect();
    let total = |block: &[usize]| block.iter().map(|&index| least[index] + GAP).sum::<usize>().saturating_sub(GAP);
    let all: Vec<usize> = (0..least.len()).collect();
    if total(&all) <= width {
        return vec![all];
    }
    let mut keys: Vec<usize> = all.iter().copied().take_while(|&index| !table.columns[index].numeric).take(2).collect();
    // Something must say what a row is about.
    if keys.is_empty() {
        keys.push(0);
    }
    while total(&keys) > width / 2 && keys.len() > 1 {
        keys.pop();
    }
    let mut blocks = vec![keys.clone()];
    for index in all.into_iter().skip(keys.len()) {
        let block = blocks.last_mut().expect("there is one from the start");
        block.push(index);
        if total(block) > width && block.len() > keys.len() + 1 {
            block.pop();
            blocks.push([keys.as_slice(), &[index]].concat());
        }
    }
    blocks
}

fn draw(table: &Table, block: &[usize], width: usize) -> Vec<Line> {
    let widths = widths(table, block, width);
    let parts = || block.iter().copied().zip(widths.iter().copied());
    let titles = parts().map(|(index, width)| words(&table.columns[index].title, width)).collect();
    let mut lines: Vec<Line> =
        aligned(titles, table, block, &widths, true).map(|text| Line { text, kind: Kind::Head }).collect();
    for row in &table.rows {
        let cell = |row: &Row, index: usize, width| words(row.cells.get(index).map_or("", String::as_str), width);
        let cells = parts().map(|(index, width)| cell(row, index, width)).collect();
        let kind = if row.bad { Kind::Bad } else { Kind::Row };
        lines.extend(aligned(cells, table, block, &widths, false).map(|text| Line { text, kind }));
    }
    lines
}

/// The least of each, and what is left over to those that want more, from left to right.
fn widths(table: &Table, block: &[usize], width: usize) -> Vec<usize> {
    let rooms: Vec<Room> = block.iter().map(|&index| Room::of(table, index, width)).collect();
    let mut widths: Vec<usize> = rooms.iter().map(|room| room.least).collect();
    let gaps = GAP * widths.len().saturating_sub(1);
    let mut free = width.saturating_sub(widths.iter().sum::<usize>() + gaps);
    for (own, room) in widths.iter_mut().zip(&rooms) {
        let more = (room.most - room.least).min(free);
        *own += more;
        free -= more;
    }
    // Only where there is no room for a single number beside its row's name.
    while widths.iter().sum::<usize>() + gaps > width {
        match widths.iter_mut().max() {
            Some(widest) if *widest > 1 => *widest -= 1,
            _ => break,
        }
    }
    widths
}

/// Cells of several lines beside each other, titles at the bottom, rows at the top.
fn aligned<'a>(
    cells: Vec<Vec<String>>,
    table: &'a Table,
    block: &'a [usize],
    widths: &'a [usize],
    at_bottom: bool,
) -> impl Iterator<Item = String> + 'a {
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    (0..height).map(move |line| {
        let text = |cell: &Vec<String>| {
            let skipped = if at_bottom { height - cell.len() } else { 0 };
            line.checked_sub(skipped).and_then(|line| cell.get(line)).cloned().unwrap_or_default()
        };
        let padded = cells.iter().zip(block).zip(widths);
        let padded = padded.map(|((cell, &index), &width)| pad(&text(cell), &table.columns[index], width));
        padded.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end().to_owned()
    })
}

fn pad(text: &str, column: &Column, width: usize) -> String {
    let spaces = " ".repeat(width.saturating_sub(columns(text)));
    if column.numeric { spaces + text } else { text.to_owned() + &spaces }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drawn(of: &Table, width: usize) -> Vec<String> {
        table(of, width).into_iter().map(|line| line.text).collect()
    }

    fn example() -> Table {
        let mut table =
            Table::new("Times by level", ["level", "load on", "#requests/s", "#added to p50", "#CPU a request"]);
        table.row(["w1", "baseline", "42,325", "403 us", "12 us"]);
        table.row(["w1", "target", "289", "47.6 ms", "3.46 ms"]);
        table
    }

    #[test]
    fn what_fits_is_on_one_line() {
        let lines = [
            "Times by level",
            "level  load on   requests/s  added to p50  CPU a request",
            "w1     baseline      42,325        403 us          12 us",
            "w1     target           289       47.6 ms        3.46 ms",
        ];
        assert_eq!(drawn(&example(), 80), lines);
    }

    #[test]
    fn titles_are_broken_before_columns_are_drawn_below_each_other() {
        let lines = [
            "Times by level",
            "                         added to    CPU a",
            "level  load on   requests/s       p50  request",
        ];
        assert_eq!(drawn(&example(), 46)[2], lines[2]);
        let narrow = drawn(&example(), 30);
        assert_eq!(narrow[1], "level  load on   requests/s");
        assert_eq!(narrow.iter().filter(|line| line.contains("baseline")).count(), 3);
        assert!(narrow.iter().any(|line| line.contains("3.46 ms")), "{narrow:?}");
    }

    #[test]
    fn words_of_cells_are_broken_into_lines() {
        let mut table = Table::new("Failures", ["#occurrences", "error"]);
        table.row(["12", "HTTP 503: the server is busy, come back later"]);
        assert_eq!(
            drawn(&table, 40),
            [
                "Failures",
                "occurrences  error",
                "         12  HTTP 503: the server is",
                "             busy, come back later"
            ]
        );
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_there_is_room_and_every_word_that_fits_stays_whole(
            width in 20usize..120,
            rows in proptest::collection::vec(proptest::collection::vec("[a-zü界]{1,9}( [a-z]{1,9}){0,3}", 6), 1..4),
        ) {
            let mut table = Table::new("A title of some words", ["name", "#one", "#two", "words", "#three of it", "#four"]);
            rows.iter().for_each(|row| { table.row(row); });
            let lines = drawn(&table, width);
            for line in &lines {
                prop_assert!(columns(line) <= width, "{line}");
            }
            for row in &rows {
                for cell in row {
                    // A number is never broken, so there must be room for it beside its row's name.
                    if columns(cell) + GAP + 9 <= width / 2 {
                        for word in cell.split(' ') {
                            prop_assert!(lines.iter().any(|line| line.contains(word)), "{word} in {lines:#?}");
                        }
                    }
                }
            }
        }
    }
}
