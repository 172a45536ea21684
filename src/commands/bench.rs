//! `vscale bench`: each worker count visited once, in the order given.

use super::{
    load,
    measure::{described, job, measure},
};
use crate::{cli::BenchArgs, error::Result, run::Todo};

/// Measures, and prints the table.
pub fn bench(args: &BenchArgs) -> Result<u8> {
    let run = &args.run;
    let variables = run.variables()?;
    let read = |workers| described(&run.target, &run.files, &variables, workers);
    let project = read(args.workers.first().copied().unwrap_or(1))?;
    let asked = args.asked(&project.vscale)?;
    let project = project.for_counts(&asked.workers, &read)?;
    load::warn_of_names(&asked.load.requests);
    let job = job(Todo::Plan(Box::new(asked)), project, &run.results, run.base_image.as_deref());
    measure(&job, run.progress, &run.load.fail_if)
}
