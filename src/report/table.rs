//! A table as a value: every reporter draws the same ones.

use crate::text::plain;
use serde::Serialize;

/// Rows of text under titled columns.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Table {
    /// What it shows, with the units that its columns do not name.
    pub title: String,
    /// From left to right.
    pub columns: Vec<Column>,
    /// From top to bottom.
    pub rows: Vec<Row>,
}

/// One column.
#[derive(Clone, Debug, Serialize)]
pub struct Column {
    /// At its head.
    pub title: String,
    /// Numbers align at the right, words at the left.
    pub numeric: bool,
}

/// One row.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// One a column.
    pub cells: Vec<String>,
    /// Whether it shows something that invalidates.
    pub bad: bool,
}

impl Table {
    /// An empty table; a column whose title starts with `#` is numeric, and the mark is not shown.
    pub fn new<S: AsRef<str>>(title: impl Into<String>, columns: impl IntoIterator<Item = S>) -> Self {
        let column = |title: S| {
            let title = title.as_ref();
            let number = title.strip_prefix('#');
            Column { title: plain(number.unwrap_or(title)), numeric: number.is_some() }
        };
        Self { title: title.into(), columns: columns.into_iter().map(column).collect(), rows: Vec::new() }
    }

    /// Adds a row; its cells are made harmless here, so that no reporter has to remember to.
    pub fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) -> &mut Row {
        self.rows.push(Row { cells: cells.into_iter().map(|cell| plain(cell.as_ref())).collect(), bad: false });
        self.rows.last_mut().expect("a row was pushed in the line above")
    }
}
