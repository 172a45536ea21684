//! `vscale bench`: what is measured, and the one place where its flags become what the plan is made of.

use super::{RunFlags, parse_period};
use crate::{
    compose::Vscale,
    error::Result,
    plan::{Asked, Quota},
    units,
};
use clap::Args;
use std::time::Duration;

/// `vscale bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Worker counts of the server, visited in this order: 4, or 1,2,4
    #[arg(long, default_value = "1", value_delimiter = ',', value_parser = units::parse_workers, allow_hyphen_values = true)]
    #[arg(help_heading = "Server", value_name = "N[,N...]")]
    pub workers: Vec<u32>,
    /// CPU quotas of the server, in CPUs, each with every worker count; applied once it is ready: 1.5, or 0.25,0.5,1
    #[arg(long, value_delimiter = ',', value_parser = units::parse_cores, allow_hyphen_values = true)]
    #[arg(help_heading = "Server", value_name = "CPUS[,CPUS...]")]
    pub cpus: Vec<f64>,
    /// Period of that quota [default: the compose file's, or the engine's own 100ms]
    #[arg(long, value_parser = parse_period, help_heading = "Server", value_name = "TIME")]
    pub cpu_period: Option<Duration>,
    /// How, and in what
    #[command(flatten)]
    pub run: RunFlags,
}

impl BenchArgs {
    /// What the flags ask for, and where they do not say, the compose file.
    ///
    /// # Errors
    /// Those of [`RunFlags::asked`].
    pub fn asked(&self, file: &Vscale) -> Result<Asked> {
        Ok(Asked {
            workers: self.workers.clone(),
            quotas: self.cpus.iter().copied().map(Quota::Whole).collect(),
            period_us: self.cpu_period.map(|period| period.as_micros() as u64),
            ..self.run.asked(file)?
        })
    }
}
