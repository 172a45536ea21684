//! From a result to what a person or another program reads. Pure: values in, text out, no files, no Docker, no clock;
//! the same result gives the same bytes. [`crate::store`] puts the text into files.
//!
//! What is said is decided once, in [`summary`], as [`table::Table`]s; [`terminal`], [`markdown`] and [`html`] differ
//! only in how it looks. Text that comes from a server or a container passes [`crate::text::plain`] on its way into a table.

mod axis;
mod cells;
mod chart;
mod charts;
pub mod clocks;
mod csv_text;
mod details;
pub mod html;
pub mod load_csv;
pub mod load_text;
pub mod locust;
pub mod markdown;
pub mod scaling;
pub mod summary;
pub mod table;
pub mod terminal;
mod timeline;
