//! Load generators that are not ours: how each is told a load, and what its outputs say. An adapter a tool; pure: whoever
//! runs one puts files into its container, starts its command, and hands back what it wrote.
//!
//! What a tool does not tell stays absent ([`LoadTool::not_told`]); nothing is made up in its place.

mod k6;
mod locust;
mod oha;
mod request;
mod wrk;

pub use locust::IMAGE as LOCUST_IMAGE;

use crate::{
    error::{Error, Result},
    model::{LoadModel, LoadPlan, LoadProgress, LoadResult, LoadTool, LoadToolPlan, Until},
};
use std::collections::BTreeMap;

/// Where a tool's files lie in its container.
pub const FOLDER: &str = "vscale";
/// The folder in it that the tool may write to, whoever it runs as.
pub const OUT: &str = "out";

/// What a tool has written, and when it ran.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    /// Its stdout, line by line.
    pub lines: Vec<String>,
    /// The files asked for, by name; those that it did not write are missing.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Its start, in microseconds since 1970 UTC.
    pub started_unix_us: u64,
}

/// What differs from one tool to the next.
trait Adapter {
    /// Why a load cannot be told to it, in words that name what is asked for.
    fn refuses(&self, plan: &LoadToolPlan, load: &LoadPlan) -> Option<String>;

    /// Its arguments; the image's entry point is the tool itself.
    fn command(&self, plan: &LoadToolPlan, load: &LoadPlan) -> Vec<String>;

    /// What it needs beside the user's script: names and contents.
    fn files(&self, plan: &LoadToolPlan, load: &LoadPlan) -> Vec<(String, Vec<u8>)>;

    /// Names of the files that it writes to [`OUT`].
    fn writes(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether it keeps a warm-up and a window apart; else it is run once more before, for the warm-up.
    fn has_warm_up(&self) -> bool {
        false
    }

    /// Whether it has done all its work where it ends with this status.
    fn is_done(&self, exit_code: i64) -> bool {
        exit_code == 0
    }

    /// What a line of its stdout says of how it goes.
    fn progress(&self, _line: &str) -> Option<LoadProgress> {
        None
    }

    /// Whether a line of its stdout says that the counted window begins or ends.
    fn is_border(&self, _line: &str) -> bool {
        false
    }

    /// What it found; or what of its outputs is not as it should be.
    fn read(&self, load: &LoadPlan, outputs: &Outputs) -> Result<LoadResult, String>;
}

fn adapter(tool: LoadTool) -> &'static dyn Adapter {
    match tool {
        LoadTool::Locust => &locust::Locust,
        LoadTool::K6 => &k6::K6,
        LoadTool::Wrk => &wrk::Wrk,
        LoadTool::Oha => &oha::Oha,
    }
}

/// Whether a load can be told to a tool.
///
/// # Errors
/// [`Error::Usage`] names what cannot.
pub fn check(plan: &LoadToolPlan, load: &LoadPlan) -> Result<()> {
    let of_all = || {
        if !load.stages.is_empty() {
            return Some("stages are for our own load generator".to_owned());
        }
        if !matches!(load.until, Until::RunTime { .. }) {
            return Some("it needs a run time, and no number of iterations".to_owned());
        }
        if load.stream {
            return Some("streams are timed by our own load generator only".to_owned());
        }
        if !load.keep_alive {
            return Some("connections are kept as it keeps them: leave the flag out".to_owned());
        }
        match &load.model {
            LoadModel::Closed { think_time, .. } if !think_time.is_zero() => {
                Some("think times are for our own load generator, or for a script of its own".to_owned())
            }
            _ => None,
        }
    };
    match of_all().or_else(|| adapter(plan.tool).refuses(plan, load)) {
        Some(why) => Err(Error::Usage(format!("x-vscale.generator: {}: {why}", plan.tool))),
        None => Ok(()),
    }
}

/// A tool's arguments for a load.
pub fn command(plan: &LoadToolPlan, load: &LoadPlan) -> Vec<String> {
    let mut command = adapter(plan.tool).command(plan, load);
    command.retain(|argument| !argument.is_empty());
    command
}

/// Its arguments for what comes before the counted load, if it needs a run of its own for that.
pub fn warm_up(plan: &LoadToolPlan, load: &LoadPlan) -> Option<Vec<String>> {
    let us = load.warm_up.longest_us();
    let before = || LoadPlan { until: Until::RunTime { us }, ..load.clone() };
    (us > 0 && !adapter(plan.tool).has_warm_up()).then(|| command(plan, &before()))
}

/// All that is put into its container, by paths from the root: `script` is the user's.
pub fn files(plan: &LoadToolPlan, load: &LoadPlan, script: Option<&[u8]>) -> Vec<(String, Vec<u8>)> {
    let mut files = adapter(plan.tool).files(plan, load);
    files.extend(plan.script.clone().zip(script.map(<[u8]>::to_vec)));
    files.into_iter().map(|(name, content)| (format!("{FOLDER}/{name}"), content)).collect()
}

/// Paths of the files that it writes: name and path.
pub fn writes(tool: LoadTool) -> impl Iterator<Item = (&'static str, String)> {
    adapter(tool).writes().iter().map(|name| (*name, out(name)))
}

/// Whether it has done all its work where it ends with this status.
pub fn is_done(tool: LoadTool, exit_code: i64) -> bool {
    adapter(tool).is_done(exit_code)
}

/// What a line of its stdout says of how it goes.
pub fn progress(tool: LoadTool, line: &str) -> Option<LoadProgress> {
    adapter(tool).progress(line)
}

/// Whether a line of its stdout says that the counted window begins or ends; where none does, all of its load is counted.
pub fn is_border(tool: LoadTool, line: &str) -> bool {
    adapter(tool).is_border(line)
}

/// What it found.
///
/// # Errors
/// [`Error::Other`] says what of its outputs is not as it should be.
pub fn read(plan: &LoadToolPlan, load: &LoadPlan, outputs: &Outputs) -> Result<LoadResult> {
    let wrong = |why| Error::Other(format!("what {} wrote cannot be read: {why}", plan.tool));
    adapter(plan.tool).read(load, outputs).map_err(wrong)
}

fn path(name: &str) -> String {
    format!("/{FOLDER}/{name}")
}

fn out(name: &str) -> String {
    format!("/{FOLDER}/{OUT}/{name}")
}

/// Users of a closed loop, or the most at once of an open one.
fn users(load: &LoadPlan) -> u32 {
    load.max_in_flight()
}

fn window_s(load: &LoadPlan) -> f64 {
    load.window_us().unwrap_or_default() as f64 / 1e6
}

fn micros(seconds: f64) -> u64 {
    (seconds * 1e6).round().max(0.0) as u64
}
