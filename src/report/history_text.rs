//! What `vscale history` prints: a line a run.

use super::{
    cells::{self, NONE, or_none},
    summary::Badge,
    table::Table,
    terminal,
};
use crate::{analyse::Analysis, model::Run, units::format_utc};

/// What a run's line needs of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The run's, or its folder's name.
    pub id: String,
    /// What was read of it; where it could not be read, why.
    pub read: Result<Told, String>,
}

/// What is told of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Microseconds since 1970 UTC.
    pub started_unix_us: u64,
    /// The plan's name.
    pub name: String,
    /// How many points were visited.
    pub points: usize,
    /// The highest of the points' median throughputs.
    pub best_rps: Option<f64>,
    /// Whether it is to be believed.
    pub badge: Badge,
}

impl Told {
    /// Of a run.
    pub fn of(run: &Run) -> Self {
        let analysis = Analysis::of(run);
        let points = &analysis.scaling.points;
        Self {
            started_unix_us: run.started_unix_us,
            name: run.plan.name.clone(),
            points: points.len(),
            best_rps: points.iter().filter_map(|point| point.median.throughput_rps).reduce(f64::max),
            badge: Badge::of(run, &analysis),
        }
    }
}

/// Newest first, no line wider than `width`.
pub fn render(mut entries: Vec<Entry>, width: usize) -> String {
    let started = |entry: &Entry| entry.read.as_ref().map_or(0, |told| told.started_unix_us);
    entries.sort_by(|a, b| started(b).cmp(&started(a)).then_with(|| b.id.cmp(&a.id)));
    let mut table =
        Table::new("Runs, newest first", ["run", "began (UTC)", "name", "#points", "#best requests/s", "is"]);
    for entry in entries {
        match entry.read {
            Ok(told) => table.row([
                entry.id,
                format_utc(told.started_unix_us),
                told.name,
                told.points.to_string(),
                or_none(told.best_rps, cells::rps),
                told.badge.text().to_owned(),
            ]),
            Err(why) => table.row([entry.id.as_str(), NONE, NONE, NONE, NONE, &why]),
        };
    }
    terminal::draw_plain(&table, width).join("\n")
}
