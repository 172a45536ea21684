//! `vscale bench`: each worker count visited once, in the order given.

use super::{
    load,
    measure::{described, job, measure},
};
use vscale::{cli::BenchArgs, error::Result, run::Todo};

/// Measures, and prints the table.
pub fn bench(args: &BenchArgs) -> Result<u8> {
    let run = &args.run;
    let project = described(&run.target, &run.files, &run.variables()?)?;
    let asked = args.asked(&project.vscale)?;
    load::warn_of_names(&asked.load.requests);
    let job = job(Todo::Plan(Box::new(asked)), project, &run.results, run.base_image.as_deref());
    measure(&job, run.progress, &run.load.fail_if)
}
