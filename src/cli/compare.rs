//! `vscale compare` and `vscale history`.

use crate::analyse::ChangeLimit;
use clap::Args;
use std::path::PathBuf;

/// `vscale compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// The folder of the run to compare with, under results/runs/
    #[arg(value_name = "RUN_A")]
    pub a: PathBuf,
    /// The folder of the run that is compared
    #[arg(value_name = "RUN_B")]
    pub b: PathBuf,
    /// End with 99 where B is worse by more: 'throughput < -3%', 'p99 > +10%'; with 98 where it cannot be told; may be
    /// repeated
    #[arg(long, value_name = "CONDITION")]
    pub fail_if: Vec<ChangeLimit>,
    /// Print JSON: `vscale schema compare` explains it
    #[arg(long)]
    pub json: bool,
}

/// `vscale history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Where runs are kept
    #[arg(value_name = "RESULTS_DIR", default_value = "results")]
    pub results: PathBuf,
    /// Say instead what differs between the hosts, images and plans of two runs
    #[arg(long, num_args = 2, value_names = ["RUN_A", "RUN_B"])]
    pub diff: Vec<String>,
}
