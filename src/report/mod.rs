//! From a run and what follows from it to what a person or another program reads. Pure: values in, text out, no disk, no
//! Docker, no clock; the same run gives the same bytes. [`files()`] says which text is in which file; who calls it writes.
//!
//! What is said is decided once, in [`summary`] and [`findings`], as [`table::Table`]s and sentences; [`terminal`],
//! [`markdown`] and [`html`] differ only in how it looks. Text that comes from a server or a container passes
//! [`crate::text::plain`] on its way there.

mod axes;
mod axis;
pub mod calibration;
mod cells;
mod chart;
mod charts;
mod clocks;
pub mod compare_text;
pub mod containers_csv;
pub mod contrast_text;
mod csv_text;
mod details;
mod file_names;
mod files;
pub mod findings;
mod headline;
pub mod history_text;
pub mod html;
mod json;
pub mod layout;
pub mod load_csv;
pub mod load_text;
pub mod locust;
pub mod markdown;
pub mod progress;
pub mod scaling_csv;
pub mod schema;
mod strokes;
mod study;
mod study_charts;
mod study_growth;
mod study_tables;
pub mod summary;
pub mod table;
mod tables;
pub mod terminal;
mod timeline;
pub mod timeseries_csv;
pub mod verdict_text;
mod words;
mod workers;

pub use file_names::newest;
pub use files::files;
