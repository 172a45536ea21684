//! The reporters, over a fixture run; `browser` opens the reports in real Chromium.

mod browser;
mod compare;
mod csv;
#[path = "../shared/csv_form.rs"]
mod csv_form;
mod files;
mod fixture;
mod gates;
mod html;
mod load_tool;
mod secrets;
mod study;
mod study_fixture;
mod text;
