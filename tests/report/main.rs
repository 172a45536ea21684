//! The reporters and the run folder, over a fixture run; `browser` opens the reports in real Chromium.

mod browser;
mod csv;
#[path = "../shared/csv_form.rs"]
mod csv_form;
mod fixture;
mod html;
mod store;
mod text;
