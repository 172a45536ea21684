//! The reporters and the run folder, over a fixture run; `browser` opens the reports in real Chromium.

mod browser;
mod csv;
mod fixture;
mod html;
mod store;
mod text;
